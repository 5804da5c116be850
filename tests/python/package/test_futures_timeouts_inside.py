"""Time limits of waits inside methods hold, wherever the Worker that is waited for is and whatever it waits for."""

import time

from corps import (AsyncLocalMaxRetries, Conc, Corps, LocType, as_completed, create_Concs, create_Corps, wait_all,
                   wait_next)


class Worker(Conc):
    def later(self, seconds):
        time.sleep(seconds)

    def waits(self, other, seconds):
        return other.later(seconds).Ret


WAITS = {'result': lambda future: future.result(0.3), 'exception': lambda future: future.exception(0.3),
         'wait_all': lambda future: wait_all([future], 0.3, 0, 1),
         'wait_next': lambda future: list(wait_next([future], 0.3, 0, 1)),
         'as_completed': lambda future: list(as_completed([future], 0.3))}


class Service(Corps):
    def check(self, how, near, far, nested):
        """How long a wait of 0.3 s took that cannot succeed, and how it ended."""
        one, = create_Concs(Worker, LocType=LocType.EnvId, LocVal=near)
        two, = create_Concs(Worker, LocType=LocType.EnvId, LocVal=far)
        begin = time.monotonic()
        try:
            WAITS[how](one.waits(two, 1.0) if nested else one.later(1.0))
            end = 'done'
        except AsyncLocalMaxRetries:
            end = 'time over'
        return end, time.monotonic() - begin


def main():
    wrong = []
    with create_Corps(Service, ConfigDicts=[{'NumEnvs': 2}]) as service:
        for how, near, far, nested in [(how, 0, 1, True) for how in WAITS] + [
                ('result', 0, 0, False), ('result', 1, 1, False), ('result', 0, 0, True), ('result', 1, 0, True)]:
            end, seconds = service.check(how, near, far, nested).Ret
            if end != 'time over' or seconds > 0.7:
                wrong.append('{} of 0.3 s, Envs {} and {}, {}: {} after {:.2f} s'.format(
                    how, near, far, 'nested' if nested else 'direct', end, seconds))
    assert not wrong, '\n'.join(wrong)
    print('OK')


if __name__ == '__main__':
    main()
