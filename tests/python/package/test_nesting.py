"""Nesting: a chain of 100 Concs over 2 Envs, several chains at once, a ring that passes tokens with nested waits."""

from corps import Conc, Corps, create_Concs, create_Corps


class Link(Conc):
    def __init__(self):
        super().__init__()
        self.next = None
        self.count = 0

    def connect(self, other):
        self.next = other

    def down(self, n):
        return n if self.next is None else self.next.down(n + 1).Ret

    def down_twice(self, n):
        if self.next is None or n == 0:
            return 1
        futures = [self.next.down_twice(n - 1) for _ in range(2)]
        return sum(future.Ret for future in futures)

    def token(self, left):
        """Waits for the next one, which waits for the next one ... once around at most."""
        self.count += 1
        return self.count if left == 0 else self.next.token(left - 1).Ret

    def together(self, left, seen):
        return seen if left == 0 else self.next.together(left - 1, seen + [self.count]).Ret


class Service(Corps):
    def chain(self, count, ring):
        links = create_Concs(Link, Num=count)
        for link, following in zip(links, links[1:] + links[:1]):
            if ring or following != links[0]:
                link.connect(following).Ret
        return links


def main():
    with create_Corps(Service, ConfigDicts=[{'NumEnvs': 2}]) as service:
        links = service.chain(100, False).Ret
        assert links[0].down(0).result(60) == 99
        futures = [link.down(0) for link in links]
        assert [future.result(60) for future in futures] == [99 - i for i in range(100)]
        assert links[90].down_twice(8).result(60) == 256
        ring = service.chain(50, True).Ret
        for lap in range(1, 4):
            assert ring[0].token(49).result(60) == lap          # all 50 wait in each other
        futures = [link.token(25) for link in ring[:5]]         # several tokens, none of which closes a circle
        assert all(future.result(60) for future in futures)
        assert len(ring[0].together(49, []).result(60)) == 49
    print('OK')


if __name__ == '__main__':
    main()
