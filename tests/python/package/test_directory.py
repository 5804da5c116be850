"""Workers and Corps that are found by class, tag, Env; Workers that are deleted by their Names; calls of oneself."""

from corps import (AsyncExecutionError, Conc, Corps, Crash, Deadlock, LocType, WorkerLost, call_every, create_Concs, create_Corps, delete_Concs,
                   find_Corps, find_Workers)
from helpers import expect, wait_until


class Adder(Conc):
    def __init__(self, keeper=None):
        super().__init__()
        self.keeper, self.log = keeper, []

    def add(self, a, b):
        return a + b

    def cleanup(self):
        if self.keeper is not None:
            self.keeper.note('cleaned up').Ret

    def crash(self):
        raise Crash('on purpose')

    def delete_myself(self):
        refused = str(expect(ValueError, delete_Concs, self.my_Name()))
        delete_Concs(self.my_Name(), Timeout=0)
        return refused

    def note(self, text):
        self.log.append(text)
        return self.log

    def note_later(self):
        """What is asked of oneself comes later, and waiting for it never ends."""
        future = self.my_Self().note('later')
        self.log.append('sooner')
        return str(expect(Deadlock, lambda: future.Ret))


class Subtractor(Adder):
    pass


class Tagged(Conc):
    def __init__(self, Tag='own'):
        super().__init__()
        self.tag = Tag

    def tag_is(self):
        return self.tag


class Keeper(Conc):
    def __init__(self):
        super().__init__()
        self.notes = []

    def note(self, text):
        self.notes.append(text)

    def all(self):
        return self.notes


class Service(Corps):
    def make(self, cls, *args, **kwargs):
        return create_Concs(cls, *args, **kwargs)

    def find(self, *args, **kwargs):
        return find_Workers(*args, **kwargs)

    def delete(self, names, **kwargs):
        return delete_Concs(names, **kwargs)


def finding(service):
    adders = service.make(Adder, Num=4).Ret
    tagged = service.make(Subtractor, Num=2, Tag='spare', Restart='on_failure').Ret
    own = service.make(Tagged, Tag='mine', LocType=LocType.EnvId, LocVal=0).Ret[0]
    assert own.tag_is().Ret == 'mine'                   # a parameter of the __init__ is its own
    by_env = sorted(adders, key=lambda name: name.__corps_numbers__[1:])
    for found in (service.find(Adder).Ret, service.find('Adder').Ret, service.find(adders[0].__corps_class__).Ret,
                  find_Workers(Adder, Corps=service)):
        assert found == by_env and found[0].add(1, 2).Ret == 3, found
    assert set(service.find(Tag='spare').Ret) == set(tagged)
    assert service.find(Adder, Tag='spare').Ret == [] and service.find('Nothing').Ret == [] and service.find(Tag='mine').Ret == []
    assert service.find(Adder, Env=1).Ret == [name for name in by_env if name.__corps_numbers__[1] == 1]
    everything = service.find().Ret
    assert service in everything and set(adders + tagged) < set(everything) and len(everything) == 8, everything
    assert service in find_Workers(Service) and service in find_Workers('Service', Env=0)
    expect(IndexError, find_Workers, Adder, Env=7, Corps=service)
    expect(IndexError, find_Workers, Adder, Env=-1)
    for wrong in dict(cls_or_name=1), dict(Tag=1), dict(Env='0'), dict(Env=True), dict(Corps=1), dict(Corps=[1]):
        expect(TypeError, find_Workers, **wrong)
    expect(ValueError, find_Workers, Timeout=0)
    for wrong in 1, 'x' * 256, 'a\0b':
        expect(AsyncExecutionError, lambda: service.make(Adder, Tag=wrong).Ret)
    failed = tagged[0].crash()
    expect(AsyncExecutionError, lambda: failed.Ret)
    assert wait_until(lambda: set(service.find(Tag='spare').Ret) == set(tagged))    # made again, it has its tag again
    return adders, tagged


def finding_corps(service):
    assert service in find_Corps() and find_Corps('directory') == [service] and find_Corps('no such') == []
    with create_Corps(Service, NumEnvs=1, Tag='other') as other:
        assert find_Corps('other') == [other] and other in find_Corps()
        both = other.find(Adder, Corps=find_Corps()).Ret
        assert both == find_Workers(Adder) and len(both) == 4 and both[0].add(2, 2).Ret == 4
        assert other.find(Adder).Ret == []
    assert find_Corps('other') == []
    expect(WorkerLost, find_Workers, Corps=other)


def deleting(service, adders, tagged):
    keeper = service.make(Keeper).Ret[0]
    kept = service.make(Adder, keeper, Num=3, Restart='always', Tag='deleted').Ret
    timer = call_every(0.002, kept[0].add, 1, 2)
    delete_Concs(kept)
    assert keeper.all().Ret == ['cleaned up'] * 3
    assert service.find(Tag='deleted').Ret == []
    for name in kept:
        expect(WorkerLost, lambda: name.add(1, 2).Ret)
    assert wait_until(lambda: not timer.active) and isinstance(timer.error, WorkerLost), timer.error
    delete_Concs(kept)                                  # once more is no error
    service.delete(adders[:1]).Ret
    assert len(service.find(Adder).Ret) == 3
    assert 'own Worker' in adders[1].delete_myself().Ret
    assert wait_until(lambda: len(service.find(Adder).Ret) == 2)
    assert adders[2].exit().Ret is True
    assert service.find(Adder).Ret == [adders[3]]       # one that has ended by itself is not found either
    delete_Concs(tagged[0])                             # and its sibling is still looked after
    expect(AsyncExecutionError, lambda: tagged[1].crash().Ret)
    assert tagged[1].add(1, 1).Ret == 2
    beside = service.make(Adder, LocType=LocType.EnvId, LocVal=0).Ret[0]
    for names in service, [beside, service]:            # and nothing of its Env
        assert 'ends with the Corps' in str(expect(ValueError, delete_Concs, names))
    assert beside.add(1, 1).Ret == 2
    expect(TypeError, delete_Concs, [1])
    delete_Concs([])


def oneself(service):
    name = service.make(Adder).Ret[0]
    text = name.note_later().Ret
    assert 'never end' in text, text
    assert wait_until(lambda: name.log.Ret == ['sooner', 'later']), name.log.Ret
    assert name.my_Self().Ret == name


def main():
    with create_Corps(Service, NumEnvs=2, Tag='directory') as service:
        adders, tagged = finding(service)
        finding_corps(service)
        deleting(service, adders, tagged)
        oneself(service)


if __name__ == '__main__':
    main()
    print('OK')
