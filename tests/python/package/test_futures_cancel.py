"""cancel: who waits goes on with CancelledError; callbacks run; a method that has begun runs on, the Worker goes on."""

import threading
import time
from concurrent.futures import CancelledError

from corps import Corps, create_Corps, wait_all, wait_next
from gate import gates
from helpers import expect, wait_until


class Service(Corps):
    def __init__(self):
        super().__init__()
        self.count = 0

    def later(self, seconds):
        time.sleep(seconds)
        self.count += 1
        return self.count

    def held(self, gate):
        gate.wait()
        return self.later(0)


def check_waiters(service, gate):
    future = service.held(gate)
    errors, seen = [], []

    def wait():
        try:
            errors.append(future.result(60))
        except CancelledError as error:
            errors.append(error)

    threads = [threading.Thread(target=wait) for _ in range(4)]
    for thread in threads:
        thread.start()
    future.add_done_callback(lambda ready: seen.append(ready.cancelled()))
    time.sleep(0.1)
    assert future.cancel() is True
    for thread in threads:
        thread.join(60)
    assert not gate.is_open() and len(errors) == 4 and all(isinstance(error, CancelledError) for error in errors), errors
    assert wait_until(lambda: seen == [True]), seen
    return future


def check_state(future):
    assert future.done() and future.cancelled() and future.ret_ready() and 'cancelled' in repr(future)
    future.cancel()
    assert future.cancelled()
    expect(CancelledError, lambda: future.Ret)
    expect(CancelledError, future.result, 0)
    seen = []
    future.add_done_callback(seen.append)
    assert seen == [future]
    assert wait_all([future]) and list(wait_next([future])) == [0]


def main():
    with create_Corps(Service, ConfigDicts=[{'NumEnvs': 1}]) as service:
        with gates() as (gate,):
            future = check_waiters(service, gate)
        check_state(future)
        assert service.later(0).Ret == 2            # the cancelled one has run, its answer was dropped
        ready = service.later(0)
        assert ready.Ret == 3
        assert ready.cancel() is False and not ready.cancelled() and ready.Ret == 3
        many = [service.later(0) for _ in range(200)]
        cancelled = sum(future.cancel() for future in many)
        last = service.later(0).Ret                 # of the cancelled ones some had begun before
        assert 204 - cancelled <= last <= 204
        assert sum(future.cancelled() for future in many) == cancelled
        counts = [future.Ret for future in many if not future.cancelled()]
        assert counts == sorted(set(counts)) and all(3 < count < last for count in counts)
        service.later(0.3).cancel()                 # nobody holds this one any more
        del future, ready, many
        assert service.later(0).Ret in (last + 1, last + 2)
    print('OK')


if __name__ == '__main__':
    main()
