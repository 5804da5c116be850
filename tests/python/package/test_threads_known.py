"""The threads that run methods are threads as Python knows them: named, joined with nothing, traced, able to start processes."""

import multiprocessing
import os
import sys
import threading

from corps import Conc, Corps, create_Concs, create_Corps
from gate import gates
from helpers import wait_until

THREADS = 6
traced = set()
one = threading.Lock()


def trace(frame, event, arg):
    """What coverage and debuggers do."""
    if frame.f_code.co_name == 'told':
        traced.add(threading.get_ident())


if __name__ != '__main__':      # in Envs
    threading.settrace(trace)


def child(queue):
    threading.Thread(target=queue.put, args=(os.getppid(),)).start()


class Worker(Conc):
    def told(self, gate):
        """What its thread is; and it stays there, so that each of several Workers has another one."""
        gate.wait()
        thread = threading.current_thread()
        return {'name': thread.name, 'ident': thread.ident == threading.get_ident(), 'alive': thread.is_alive(),
                'native': thread.native_id == threading.get_native_id(), 'daemon': thread.daemon,
                'dummy': isinstance(thread, threading._DummyThread), 'inherited': threading.Thread().daemon,
                'listed': thread in threading.enumerate(),
                'traced': threading.get_ident() in traced or thread is threading.main_thread()}

    def process(self, gate):
        gate.wait()
        context = multiprocessing.get_context('fork')
        queue = context.SimpleQueue()
        # One at a time: start also reaps the children of other threads, and who joins one that is just being reaped so gets no exit
        # code (CPython: Popen.poll of multiprocessing.popen_fork takes ECHILD for "still running").
        with one:
            process = context.Process(target=child, args=(queue,))
            process.start()
            process.join(60)
            return process.exitcode, not queue.empty() and queue.get() == os.getpid()

    def count(self):
        return threading.active_count()


class Service(Corps):
    def __init__(self):
        super().__init__()
        self.workers = create_Concs(Worker, Num=THREADS)

    def told(self, gate):
        return [future.Ret for future in [worker.told(gate) for worker in self.workers]]

    def processes(self, gate):
        return [future.Ret for future in [worker.process(gate) for worker in self.workers]]

    def count(self):
        return self.workers[0].count().Ret


def together(method):
    """What a method answers that has all Workers come to a gate before one of them goes on."""
    with gates() as (gate,):
        future = method(gate)
        gate.wait_for_arrivals(THREADS)
    return future.Ret


def main():
    with create_Corps(Service, ConfigDicts=[{'NumEnvs': 1}]) as service:
        told = together(service.told)
        assert len({thread['name'] for thread in told}) == THREADS, told
        for thread in told:
            name = thread.pop('name')
            assert name.startswith('corps-') and not name.startswith('Dummy'), name
            assert thread == {'ident': True, 'alive': True, 'native': True, 'daemon': False, 'dummy': False, 'inherited': False,
                              'listed': True, 'traced': True}, (name, thread)
        ended = together(service.processes)
        assert ended == [(0, True)] * THREADS, ended
        assert wait_until(lambda: service.count().Ret <= 3)              # those that are too many have gone
    print('OK')


if __name__ == '__main__':
    sys.exit(main())
