"""Boots that fail (an __init__ or the main program raises, an Env ends itself) are told soon and leave nothing."""

import os
import sys

from corps import AsyncExecutionError, AsyncLocalMaxRetries, Conc, Corps, create_Concs, create_Corps
from helpers import expect, run_python, script, wait_until


class Wrong(Corps):
    def __init__(self, how):
        super().__init__()
        if how == 'raise':
            raise LookupError('init')
        if how == 'end':
            os._exit(3)
        if how == 'exit':
            sys.exit(4)
        self.workers = create_Concs(WrongConc, how, Num=4)


class WrongConc(Conc):
    def __init__(self, how):
        super().__init__()
        if how == 'conc' and self.ConcAddr.LocEnvId == 1:
            raise OSError(28, 'disk full')
        if how == 'conc end' and self.ConcAddr.LocEnvId == 1:
            os._exit(3)


class NoSuper(Corps):
    def __init__(self):
        self.value = 5


def children():
    """The processes of this session but for this one and the template."""
    from helpers import session_of
    return session_of(os.getsid(0))


def check(how, kind):
    error = expect(kind, create_Corps, Wrong, how, ConfigDicts=[{'NumEnvs': 2}])
    assert 'was not ready' not in str(error), (how, error)      # told as it happened, not when time was up
    return error


RAISES = '''
import os
from corps import Corps, create_Corps
if __name__ != '__main__':
    {what}
class Service(Corps):
    pass
if __name__ == '__main__':
    try:
        create_Corps(Service, ConfigDicts=[{{'NumEnvs': 2}}])
    except Exception as error:
        print(type(error).__name__, error)
'''


def main():
    error = check('raise', LookupError)
    assert isinstance(error, AsyncExecutionError) and 'in __init__' in error.TracebackStrings
    count = len(children())
    check('exit', AsyncExecutionError)
    check('end', AsyncLocalMaxRetries)
    error = check('conc', AsyncExecutionError)
    assert 'disk full' in str(error)
    check('conc end', (AsyncExecutionError, AsyncLocalMaxRetries))
    assert wait_until(lambda: len(children()) <= count), children()
    for what, word in (("raise KeyError('at import')", 'at import'), ('os._exit(7)', ''), ('raise SystemExit(3)', ''),
                       ('import no_such_module', 'no_such_module')):
        with script(RAISES.format(what=what)) as path:
            status, out, err = run_python(path)
            assert status == 0 and word in out and out.strip(), (what, status, out, err)
    print('OK')


if __name__ == '__main__':
    main()
