"""What goes wrong, and is seen: a limit that passes, an answer given up, a method that raises, a Worker that dies.

Build:  nothing
Run:    python3 deadline.py
Prints:
    in time: 42
    too late, after a tenth of a second
    given up: True
    raised there, caught here: division by zero
    lost: the process was killed by SIGKILL
    the others go on: 42
To standard error goes what happened to the process, once.
"""

import os
import signal
import time
from concurrent.futures import CancelledError

from corps import CallTimeout, Conc, Corps, LocType, WorkerLost, create_Concs, create_Corps


class Worker(Conc):
    def think(self, seconds):
        time.sleep(seconds)
        return 42

    def divide(self, number):
        return number / 0

    def die(self):
        os.kill(os.getpid(), signal.SIGKILL)


class Service(Corps):
    def __init__(self):
        super().__init__()
        self.workers = create_Concs(Worker, LocType=LocType.PerEnv)

    def names(self):
        return self.workers


def main():
    service = create_Corps(Service, NumEnvs=3)
    _, first, second = service.names().Ret                  # in Env 0, which keeps the Corps together, 1 and 2

    print('in time:', first.think(0).result(timeout=60))
    late = first.think(0.5)
    try:
        late.result(timeout=0.1)
    except CallTimeout:
        print('too late, after a tenth of a second')        # `late` can still be waited for
    print('given up:', late.cancel())                       # the method runs on; nobody waits for it any more
    try:
        late.result()
    except CancelledError:
        pass
    try:
        first.divide(1).result()
    except ZeroDivisionError as error:                      # the same type as at the Worker, with its traceback
        print('raised there, caught here:', error.Value)
    try:
        first.die().result()
    except WorkerLost as error:
        print('lost: the process was killed by', 'SIGKILL' if 'SIGKILL' in str(error) else error)
    print('the others go on:', second.think(0).result())
    try:
        service.exit().result()
    except WorkerLost:
        pass                                                # it had lost one


if __name__ == '__main__':
    main()
