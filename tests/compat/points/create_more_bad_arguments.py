"""More mistakes: a Corps given to create_Concs, NoReply, wrong NumEnvs, lists that are none, odd waiting budgets."""

from Conc import Conc
from Corps import Corps
from Exceptions import AsyncExecutionError, AsyncLocalMaxRetries
from Future import wait_all, wait_next
from Workers import create_Concs, create_Corps
from gate import gates
from helpers import raised


class Simple(Conc):

    def get(self):
        return 1

    def slow(self, gate):
        gate.wait()


class BadCorps(Corps):

    def check(self):
        assert isinstance(raised(create_Concs, BadCorps), AttributeError)
        names = create_Concs(Simple, NoReply=True)    # the keyword is taken; the Conc is there nevertheless
        assert names[0].get().Ret == 1
        assert self.ConfigDicts == [{'NumEnvs': 2}] and self.ConfigFiles == []
        futures = [names[0].get()]
        assert wait_all(futures, MaxTries=1, InitDelay=5) is True
        with gates() as (gate,):
            assert isinstance(raised(wait_all, [names[0].slow(gate)], MaxTries=0), AsyncLocalMaxRetries)
        assert wait_all([]) is True and list(wait_next([])) == []
        assert isinstance(raised(wait_all, iter(futures)), TypeError)
        return True


if __name__ == '__main__':
    for wrong in ('many', None, 2.5):
        error = raised(create_Corps, BadCorps, ConfigDicts=[{'NumEnvs': wrong}])
        assert isinstance(error, AsyncExecutionError), (wrong, repr(error))
    assert isinstance(raised(create_Corps, BadCorps, ConfigDicts={'NumEnvs': 2}), AttributeError)
    corps = create_Corps(BadCorps, ConfigDicts=[{'NumEnvs': 2}])
    assert corps.check().Ret is True
    corps.exit()
    print('OK')
