"""The exit of a Corps ends the Corps that it manages as their own exit would: the front's cleanup comes first, and can
still call its Concs and its own managed Corps."""

import os
import sys
import tempfile

from corps import Conc, Corps, LocType, create_Concs, create_Corps


def note(path, text):
    with open(path, 'a') as file:
        file.write(text + '\n')


class Worker(Conc):
    def __init__(self, path, name):
        super().__init__()
        self.path, self.name = path, name

    def ping(self):
        return 'pong'

    def cleanup(self):
        note(self.path, 'conc ' + self.name)


class Part(Corps):
    def __init__(self, path, name, depth=0):
        super().__init__()
        self.path, self.name = path, name
        self.workers = create_Concs(Worker, path, name, LocType=LocType.PerEnv)
        self.below = create_Corps(Part, path, name + '1', depth - 1, ConfigDicts=[{'NumEnvs': 2}]) if depth else None

    def ping(self):
        return 'pong'

    def cleanup(self):
        others = self.workers + ([self.below] if self.below is not None else [])
        try:
            text = ' '.join(other.ping().result(60) for other in others)
        except Exception as error:
            text = type(error).__name__
        note(self.path, 'corps {} {}'.format(self.name, text))


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'notes')
        for _ in range(3):
            open(path, 'w').close()
            with create_Corps(Part, path, 't', 2, ConfigDicts=[{'NumEnvs': 2}]):
                pass
            with open(path) as file:
                lines = file.read().split('\n')[:-1]
            expected = ['corps t pong pong pong', 'corps t1 pong pong pong', 'corps t11 pong pong']
            assert [line for line in lines if line.startswith('corps')] == expected, lines
            for name in ('t', 't1', 't11'):
                front = next(i for i, line in enumerate(lines) if line.startswith('corps {} '.format(name)))
                assert front < lines.index('conc ' + name), lines
    print('OK')


if __name__ == '__main__':
    sys.exit(main())
