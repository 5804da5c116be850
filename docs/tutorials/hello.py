"""A Corps, a few calls, Futures.

Run with:  python hello.py
"""

from corps import Corps, create_Corps


class Hello(Corps):
    """A Corps. It lives in a process of its own."""

    def __init__(self, greeting):
        super().__init__()
        self.greeting = greeting
        self.count = 0

    def greet(self, whom):
        self.count += 1
        return f'{self.greeting}, {whom}!'

    def divide(self, a, b):
        return a / b


def main():
    # By hand: create, call, exit.
    hello = create_Corps(Hello, 'Hello', ConfigDicts=[{'NumEnvs': 1}])
    future = hello.greet('world')   # a Future, at once
    print(future.Ret)               # waits for the result
    hello.exit()

    # As a context manager: the Corps has ended when the block is left.
    with create_Corps(Hello, 'Good morning', ConfigDicts=[{'NumEnvs': 1}]) as hello:
        futures = [hello.greet(whom) for whom in ('Ada', 'Grace', 'Barbara')]
        for future in futures:
            print(future.Ret)
        print('greeted:', hello.count.Ret)

        failing = hello.divide(1, 0)        # nothing is raised here
        try:
            failing.Ret
        except ZeroDivisionError as error:  # but here
            print('caught:', error.TypeName, '-', error.Value)


if __name__ == '__main__':
    main()
