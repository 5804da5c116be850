"""Time limits of waits inside methods hold, wherever the Worker that is waited for is and whatever it waits for."""

from corps import (AsyncLocalMaxRetries, Conc, Corps, LocType, as_completed, create_Concs, create_Corps, wait_all,
                   wait_next)
from gate import gates


class Worker(Conc):
    def held(self, gate):
        gate.wait()

    def waits(self, other, gate):
        return other.held(gate).Ret


WAITS = {'result': lambda future: future.result(0.2), 'exception': lambda future: future.exception(0.2),
         'wait_all': lambda future: wait_all([future], 0.2, 0, 1),
         'wait_next': lambda future: list(wait_next([future], 0.2, 0, 1)),
         'as_completed': lambda future: list(as_completed([future], 0.2))}


class Service(Corps):
    def check(self, how, near, far, nested):
        """How a wait of 0.2 s ended that cannot succeed."""
        one, = create_Concs(Worker, LocType=LocType.EnvId, LocVal=near)
        two, = create_Concs(Worker, LocType=LocType.EnvId, LocVal=far)
        with gates() as (gate,):
            try:
                WAITS[how](one.waits(two, gate) if nested else one.held(gate))
                return 'done'
            except AsyncLocalMaxRetries:
                return 'time over'


def main():
    wrong = []
    with create_Corps(Service, ConfigDicts=[{'NumEnvs': 2}]) as service:
        for how, near, far, nested in [(how, 0, 1, True) for how in WAITS] + [
                ('result', 0, 0, False), ('result', 1, 1, False), ('result', 0, 0, True), ('result', 1, 0, True)]:
            end = service.check(how, near, far, nested).Ret
            if end != 'time over':
                wrong.append('{} of 0.2 s, Envs {} and {}, {}: {}'.format(how, near, far, 'nested' if nested else 'direct', end))
    assert not wrong, '\n'.join(wrong)
    print('OK')


if __name__ == '__main__':
    main()
