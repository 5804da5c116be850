"""Logging in Envs: what the program configures holds, in its import or later; otherwise records have the program's format."""

import sys

from helpers import run_python, script

PROGRAM = """
import logging, sys
from corps import Corps, create_Corps
{on_import}

class Shouting(logging.Formatter):
    def format(self, record):
        return super().format(record).upper()

class Service(Corps):
    def log(self, level, text):
        logging.getLogger('worker').log(level, text)
        logging.log(level, text + ' again')

    def configure(self, **options):
        logging.basicConfig(**options)

    def add(self):
        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(logging.Formatter('added %(message)s'))
        logging.getLogger().addHandler(handler)

if __name__ == '__main__':
    {guarded}
    with create_Corps(Service, ConfigDicts=[dict(NumEnvs=1), {config}], Serializer={serializer!r}) as service:
        {before}
        service.log(logging.DEBUG, 'debug').Ret
        service.log(logging.WARNING, 'warning').Ret
"""


def check(wanted, on_import='', guarded='pass', config={}, before='pass', serializer='auto', stream='err'):
    """What two records, of a logger and of the root logger, look like."""
    text = PROGRAM.format(on_import=on_import, guarded=guarded, config=config, before=before, serializer=serializer)
    with script(text) as path:
        status, out, err = run_python(path)
    assert status == 0 and '' == (out if stream == 'err' else err), (wanted, out, err)
    assert (out if stream == 'out' else err).splitlines() == wanted, (wanted, out, err)


def main():
    ours = '%(levelno)s %(message)s'
    all_four = [text.format(n, word) for n, word in ((10, 'debug'), (30, 'warning')) for text in ('{} {}', '{} {} again')]
    graver = all_four[2:]
    check(all_four, config={'Logging_Format': ours, 'Logging_Level': 10})
    # The program's import, which Envs repeat.
    configure = "logging.basicConfig(level=10, format='%(levelno)s %(message)s', stream=sys.stdout)"
    check(all_four, on_import=configure, stream='out')
    check(all_four, on_import=configure, stream='out', config={'Logging_Format': '%(message)s', 'Logging_Level': 50})
    check(all_four, on_import='''import logging.config; logging.config.dictConfig(dict(version=1, formatters=dict(a=dict(
        format='%(levelno)s %(message)s')), handlers=dict(a={'class': 'logging.StreamHandler', 'formatter': 'a'}),
        root=dict(level=10, handlers=['a'])))''')
    # Later, in an Env.
    check(all_four, before="service.configure(level=10, format='{levelno} {message}', style='{').Ret")
    check(['added warning', 'added warning again'], before='service.add().Ret', stream='out')
    # Under the guard, so that only the program itself has it.
    check(all_four, guarded=configure, stream='out')
    check(all_four, guarded=configure, stream='out', serializer='msgpack')
    check(graver, guarded=configure, stream='out', config={'Logging_Level': 30})
    check([line.upper() for line in graver], guarded='''handler = logging.StreamHandler()
    handler.setFormatter(Shouting('{levelno} {message}', style='{'))
    logging.getLogger().addHandler(handler)''')
    # A file is the program's own: there only the format is taken.
    check(graver, guarded='''import os, tempfile; folder = tempfile.mkdtemp(); logging.basicConfig(level=10, format='%(levelno)s %(message)s',
        filename=os.path.join(folder, 'log')); os.remove(os.path.join(folder, 'log')); os.rmdir(folder)''')
    print('OK')


if __name__ == '__main__':
    sys.exit(main())
