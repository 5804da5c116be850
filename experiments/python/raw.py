"""Controls in Python, without the core: what a ping-pong costs that a program would write with the standard library.

raw:mp-pipe is multiprocessing.Pipe between two processes, raw:queue is queue.Queue between two threads. A message is
a tuple of number and payload, as a Python Conc gets it. raw:python starts interpreters, see lab_kills.py. raw.py
key=value … prints one JSON object, as lab_cell.py does.
"""

import multiprocessing
import os
import queue
import sys
import threading
from time import monotonic_ns as now_ns

import lab_kills
import lab_program
from lab_meter import PATIENCE_S, Message, Meter

_ALLOWED = sorted(os.sched_getaffinity(0))


def place(placement, side):
    """Puts the calling thread where that side belongs, as placement of Envs does."""
    if placement != 'unpinned':
        os.sched_setaffinity(0, {_ALLOWED[0 if placement == 'same' else side % len(_ALLOWED)]})


def answer(receive, send, placement):
    """The other side. None ends it."""
    place(placement, 1)
    message = receive()
    while message is not None:
        send(message)
        message = receive()


def answer_in_process(pipe, ours, placement):
    ours.close()  # or no end of file is ever seen
    try:
        answer(pipe.recv, pipe.send, placement)
    except (EOFError, KeyboardInterrupt):
        pass  # the measuring side has ended


def round_trip(meter, send, receive, timed):
    number = meter.next
    meter.next += 1
    begin = now_ns()
    send((number, meter.message.payload))
    reply = receive()
    took_ns = now_ns() - begin
    whole = not timed or meter.is_whole()
    if timed:
        meter.times_ns.append(took_ns)
        meter.total_ns += took_ns
        meter.messages += 1
        whole = whole or meter.enough()
    meter.message.check(number, reply, whole)


def measure(meter, send, receive):
    meter.warm_begin()
    while not meter.warm_enough():
        round_trip(meter, send, receive, False)
    meter.begin()
    while meter.go_on():
        meter.gap()
        round_trip(meter, send, receive, True)
    meter.end()


def in_processes(cell, meter):
    """Over multiprocessing.Pipe; its Connection pickles."""
    context = multiprocessing.get_context('fork')
    ours, theirs = context.Pipe()
    responder = context.Process(target=answer_in_process, args=(theirs, ours, cell['placement']), daemon=True)
    responder.start()
    theirs.close()
    place(cell['placement'], 0)
    meter.params['pids'] = [os.getpid(), responder.pid]
    measure(meter, ours.send, ours.recv)
    ours.send(None)
    responder.join(PATIENCE_S)


def in_threads(cell, meter):
    """Over queue.Queue; objects pass as they are."""
    there, back = queue.Queue(), queue.Queue()
    responder = threading.Thread(target=answer, args=(there.get, back.put, cell['placement']), daemon=True)
    responder.start()
    place(cell['placement'], 0)
    meter.params['pids'] = [os.getpid()]
    measure(meter, there.put, back.get)
    there.put(None)
    responder.join(PATIENCE_S)


def run(cell):
    params = lab_program.params_of(dict(cell, serializer='pickle'), [], [])
    if cell['workload'] == 'heal':
        meter = Meter(params)
        lab_kills.bare(meter, lambda side: place(cell['placement'], side))
        return meter.result('a message is one kill; latency is from SIGKILL until the next interpreter has written its first bytes into a pipe; '
                            'seconds is their sum')
    meter = Meter(params, Message(params))
    if cell['by_reference'] == '1':
        in_threads(cell, meter)
        what = 'objects pass by reference: nothing is serialized'
    else:
        in_processes(cell, meter)
        what = 'bytes on the wire: the pickle of number and payload, there and back'
    return meter.result('seconds is the sum of the round trips; checks and gaps between are left out', what)


if __name__ == '__main__':
    sys.exit(lab_program.main(sys.argv[1:], run))
