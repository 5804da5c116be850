"""What an installed package must be able to do, in the manner of a user's first program. Uses NumPy and a C compiler where they are.

    python smoke.py [--version V] [--inside FOLDER] [--transports NAME,NAME]

Run by the Python whose package it is, from any folder. The last line is OK; anything else is a failure.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile

import corps
from corps import Conc, Corps, WorkerLost, create_Concs, create_Corps, wait_all

C_WORKER = '''
#include <corps.h>
static enum corps_err add(struct corps_context *context, void *self, const struct corps_value *args, struct corps_value *result) {
    (void)context, (void)self;
    *result = corps_int(corps_value_item(args, 0)->integer + corps_value_item(args, 1)->integer);
    return CORPS_OK;
}
static const struct corps_method methods[] = {{"add", add}, {0}};
static const struct corps_class calc = {.name = "Calc", .methods = methods};
CORPS_API const struct corps_class *const corps_classes[] = {&calc, 0};
'''

FORGETFUL = '''
import sys
from corps import Corps, create_Corps
class Service(Corps):
    def answer(self):
        return 3
if __name__ == '__main__':
    sys.exit(create_Corps(Service).answer().Ret)
'''


class Adder(Conc):
    def add(self, a, b):
        return a + b

    def fail(self, text):
        raise ValueError(text)

    def apply(self, function, *args):
        return function(*args)

    def die(self):
        os.kill(os.getpid(), signal.SIGKILL)


class Service(Corps):
    def __init__(self, with_c=False):
        super().__init__()
        self.adders = create_Concs(Adder, Num=4)
        self.calcs = create_Concs('Calc', Num=2) if with_c else []

    def total(self, n):
        answers = [adder.add(i, n) for i, adder in enumerate(self.adders)]
        wait_all(answers)
        return sum(answer.Ret for answer in answers)

    def sums_in_c(self, a, b):
        return [calc.add(a, b).Ret for calc in self.calcs]

    def names(self):
        return self.adders


def fails(kind, call):
    """Does the call raise it?"""
    try:
        call()
    except kind:
        return True
    return False


def calls(transport, with_c):
    with create_Corps(Service, with_c, Transport=transport, NumEnvs=2) as service:
        assert service.total(10).Ret == 46
        adders = service.names().Ret
        assert fails(ValueError, lambda: adders[1].fail('of the Worker').Ret)
        assert adders[1].apply(lambda text: text * 2, 'by value').Ret == 'by valueby value'
        assert len(adders[1].add(b'x' * 3000000, b'y').Ret) == 3000001
        if with_c:
            assert service.sums_in_c(20, 22).Ret == [42, 42]
        calls_of_arrays(adders[1])
        call_from_child(adders[1])
        assert fails(WorkerLost, lambda: adders[1].die().Ret)


def calls_of_arrays(adder):
    try:
        import numpy
    except ImportError:
        return
    numbers = numpy.arange(100000.0)
    assert (adder.add(numbers, numbers).Ret == 2 * numbers).all()


def call_from_child(adder):
    pid = os.fork()
    if pid == 0:
        os._exit(0 if adder.add(1, 2).Ret == 3 else 1)
    assert os.waitpid(pid, 0)[1] == 0


def load_c_worker(folder):
    """A Worker in C, by the headers of the package alone; False without a compiler."""
    compiler = shutil.which('cc')
    if compiler is None:
        return False
    source, library = os.path.join(folder, 'calc.c'), os.path.join(folder, 'calc.so')
    with open(source, 'w') as file:
        file.write(C_WORKER)
    subprocess.run([compiler, '-Wall', '-Werror', '-shared', '-fPIC', '-I', corps.get_include(), source, '-o', library], check=True)
    corps.load_classes(library)
    return True


def says_what_it_is(folder, version):
    done = subprocess.run([sys.executable, '-m', 'corps', '--json'], cwd=folder, stdout=subprocess.PIPE, check=True)
    known = json.loads(done.stdout.decode())
    assert known['version'] == version == corps.__version__, known
    assert {'auto', 'pickle', 'msgpack'} <= {entry['name'] for entry in known['serializers'] if entry['available']}, known
    with open(os.path.join(known['include'], 'corps.h')) as header:
        assert f'#define CORPS_VERSION "{version}"' in header.read()
    return [entry['name'] for entry in known['transports'] if not {'intra', 'discards'} & set(entry['capabilities'])]


def ends_with_its_status(folder):
    program = os.path.join(folder, 'forgetful.py')
    with open(program, 'w') as file:
        file.write(FORGETFUL)
    done = subprocess.run([sys.executable, program], cwd=folder, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (3, b''), done


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--version', default=corps.__version__)
    parser.add_argument('--inside')
    parser.add_argument('--transports')
    options = parser.parse_args()
    if options.inside:
        where, inside = os.path.realpath(corps.__file__), os.path.realpath(options.inside)
        assert where.startswith(inside + os.sep), f'corps is {where}, not in {inside}'
    with tempfile.TemporaryDirectory(prefix='corps-smoke-') as folder:
        transports = says_what_it_is(folder, options.version)
        ends_with_its_status(folder)
        with_c = load_c_worker(folder)
        for transport in options.transports.split(',') if options.transports else transports:
            calls(transport, with_c)
            print('called over', transport)
    print('OK')


if __name__ == '__main__':
    main()
