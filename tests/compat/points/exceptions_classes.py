"""The six exception classes: their relations, constructors, fields and pickles."""

import pickle

from Exceptions import (AsyncAttributeError, AsyncExecutionError, AsyncLocalException, AsyncLocalMaxRetries,
                        AsyncRemoteException, AsyncRemoteMaxRetries)

if __name__ == '__main__':
    assert issubclass(AsyncLocalException, Exception)
    assert issubclass(AsyncLocalMaxRetries, AsyncLocalException)
    assert issubclass(AsyncRemoteException, Exception)
    assert not issubclass(AsyncRemoteException, AsyncLocalException)
    assert not issubclass(AsyncLocalException, AsyncRemoteException)
    assert issubclass(AsyncAttributeError, AsyncExecutionError)
    for kind in (AsyncRemoteException, AsyncExecutionError, AsyncRemoteMaxRetries, AsyncAttributeError):
        assert issubclass(kind, AsyncRemoteException)
        error = kind('ValueError', ValueError(5), 'the traceback')
        for again in (error, pickle.loads(pickle.dumps(error))):
            assert type(again) is kind
            assert again.TypeName == 'ValueError'
            assert type(again.Value) is ValueError and again.Value.args == (5,)
            assert again.TracebackStrings == 'the traceback'
            assert again.args[0] == 'ValueError' and len(again.args) == 3 and again.args[2] == 'the traceback'
            assert 'the traceback' in str(again)
    for kind in (AsyncLocalException, AsyncLocalMaxRetries):
        assert pickle.loads(pickle.dumps(kind('text', 1))).args == ('text', 1)
        assert kind().args == ()
    print('OK')
