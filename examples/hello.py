"""One Worker in a process of its own, and one call.

Build:  nothing
Run:    python3 hello.py
Prints:
    hello, world, from another process
"""

import os

from corps import Corps, create_Corps


class Greeter(Corps):                       # a Corps is a Worker too: its front
    def greet(self, whom, caller):
        return f'hello, {whom}, from {"the same" if caller == os.getpid() else "another"} process'


if __name__ == '__main__':                  # every Env imports this file; what shall run once stands here
    with create_Corps(Greeter, NumEnvs=1) as greeter:
        future = greeter.greet('world', os.getpid())    # gives a Future at once
        print(future.Ret)                               # waits for the reply, or raises what the method raised
