# expect-stdout: OK
"""CORPS_UNPICKLE_ALLOW: what pickles may name; refused with a clear error, and the Worker is well afterwards."""

import collections
import datetime
import decimal
import os
import pickle
import types

from corps import Conc, Corps, LocType, create_Concs, create_Corps
from corps import _hooks


class Worker(Conc):
    def back(self, thing):
        return thing

    def text(self, thing):
        return repr(thing)


class Service(Corps):
    def __init__(self):
        super().__init__()
        self.workers = create_Concs(Worker, LocType=LocType.PerEnv)

    def names(self):
        return self.workers


class Evil:
    def __reduce__(self):
        return os.mkdir, (os.environ['CORPS_TEST_FOLDER'],)


def refused(call, words):
    try:
        answer = call()
    except Exception as error:
        assert words in str(error), (words, error)
        return
    raise AssertionError('%r came through' % (answer,))


def check(serializer):
    with create_Corps(Service, ConfigDicts=[{'NumEnvs': 2}], Serializer=serializer) as service:
        worker = service.names().Ret[1]
        assert worker.back({'a': [1, (2.5, None), b'x', {'s'}]}).Ret == {'a': [1, (2.5, None), b'x', {'s'}]}
        assert worker.text(datetime.date(2020, 2, 29)).Ret == 'datetime.date(2020, 2, 29)'
        assert worker.text(collections.OrderedDict(a=1)).Ret == repr(collections.OrderedDict(a=1))
        assert worker.back(worker).Ret == worker, 'Names travel whatever is allowed'
        refused(lambda: worker.text(decimal.Decimal(1)).Ret, 'decimal:Decimal is not in CORPS_UNPICKLE_ALLOW')
        refused(lambda: worker.text(types.SimpleNamespace(x=1)).Ret, 'types:SimpleNamespace is not in')
        refused(lambda: worker.text(Evil()).Ret, 'mkdir is not in')
        if serializer != 'pickle':
            refused(lambda: worker.text(lambda: 1).Ret, 'is not in')
        # What a failure carries is loaded like this too.
        error = _hooks.remote('REMOTE', 'KeyError', 'text', '', pickle.dumps(Evil()), '', True)
        assert isinstance(error, KeyError) and error.Value == 'text', error
        assert worker.text(1).Ret == '1'
        assert not os.path.exists(os.environ['CORPS_TEST_FOLDER'])


def main():
    import tempfile
    with tempfile.TemporaryDirectory() as folder:
        os.environ['CORPS_TEST_FOLDER'] = os.path.join(folder, 'made')
        os.environ['CORPS_UNPICKLE_ALLOW'] = 'datetime, collections:OrderedDict, __main__:Service, __main__:Worker'
        for serializer in ('pickle', 'auto'):
            check(serializer)
    print('OK')


if __name__ == '__main__':
    main()
