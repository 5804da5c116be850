# expect-stdout: OK
"""Globals of the main program are finalized at its end as they are without Corps, whatever Corps knows of its classes."""

import importlib.util
import os
import sys

from helpers import run_python, script

PROGRAM = '''
    import atexit, os, sys, threading
    from corps import Corps, Name, create_Corps

    class Service(Corps):
        def back(self, thing):
            return thing

    class Told:
        def __init__(self, text):
            self.text = text
        def __del__(self):
            os.write(1, ('end of %s\\n' % self.text).encode())

    class Sent:
        made = 1

    def function():
        return file                  # all globals of this program can be reached from it

    def done(future):
        return file

    if __name__ == '__main__':
        how, serializer, path = sys.argv[1:]
        file = open(path, 'w')
        file.write('complete\\n')
        alone, cycle = Told('alone'), Told('cycle')
        cycle.cycle = cycle
        atexit.register(lambda: print('late:', future.Ret.made if how != 'none' else 1, flush=True))
        if how == 'none':
            thread = threading.Thread(target=int)
            thread.start()
            thread.join()
        else:
            service = create_Corps(Service, ConfigDicts=[{'NumEnvs': 1}], Serializer=serializer)
            assert service.back(function).Ret is function
            future = service.back(Sent())     # read after the last of our own functions of atexit
            if serializer != 'pickle':
                made = {'__name__': 'made'}
                exec('class Made:\\n    def f(self): return 1', made)
                assert service.back(made['Made']()).Ret.f() == 1
            unread = service.back([1])
            later = service.back(2)
            later.add_done_callback(done)
            later.Ret
            name = type('Late', (), {'__del__': lambda self, call=service.back: call(1)})()
        if how == 'exited':
            service.__exit__(None, None, None)
'''


def check(path, output, expected, *arguments):
    """Run it. Of its two objects those must be finalized that `expected` names; returns whose end was told."""
    if os.path.exists(output):
        os.unlink(output)
    status, out, err = run_python(path, *arguments)
    lines = out.splitlines()
    assert status == 0 and lines[0] == 'late: 1', (arguments, status, out, err)
    told = sorted(lines[1:])
    assert expected is None or told == expected, (arguments, out, err)
    with open(output) as file:
        assert file.read() == 'complete\n', arguments
    if arguments[0] != 'none':
        assert 'RuntimeError' in err or 'WorkerLost' in err, (arguments, err)  # of the call in __del__
        assert err.count('Error') + err.count('Lost') <= 2, (arguments, err)
    return told


def main():
    with script(PROGRAM) as path:
        output = os.path.join(os.path.dirname(path), 'output')
        expected = check(path, output, None, 'none', 'auto', output)
        if expected != ['end of alone', 'end of cycle']:  # 3.13t keeps all functions and modules for ever, once there was a thread
            assert not getattr(sys, '_is_gil_enabled', lambda: True)(), expected
            print('note: this Python itself finalizes only', expected, 'of a program that had a thread')
        for serializer in 'auto', 'pickle', 'dill', 'cloudpickle':
            if serializer in ('dill', 'cloudpickle') and importlib.util.find_spec(serializer) is None:
                print('note: without', serializer, 'which is not installed')
                continue
            for how in 'open', 'exited':
                check(path, output, expected, how, serializer, output)
    print('OK')


if __name__ == '__main__':
    main()
