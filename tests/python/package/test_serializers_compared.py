# needs: pyfory
# needs: msgspec
# expect-stdout: OK
"""pyfory and msgspec, which the laboratory compares: a Corps runs over pyfory; msgspec, which is for data alone, says so."""

import datetime

from corps import Conc, Corps, create_Concs, create_Corps

DATA = {'text': 'żółw', 'numbers': [1, -2, 2.5, 2 ** 60], 'none': None, 'bytes': b'\x00\xff', 'large': b'x' * 100000}


class Echo(Conc):
    def echo(self, thing):
        return thing

    def fail(self):
        raise ValueError('as it should')


class Service(Corps):
    def __init__(self):
        super().__init__()
        self.worker = create_Concs(Echo)[0]

    def echo(self, thing):
        return self.worker.echo(thing).Ret

    def fail(self):
        return self.worker.fail().Ret


def refused(call):
    try:
        call()
    except Exception as error:
        return str(error)
    raise AssertionError('it was taken')


def main():
    with create_Corps(Service, ConfigDicts=[{'NumEnvs': 2}], Serializer='pyfory') as service:
        assert service.echo(DATA).Ret == DATA
        assert service.echo(datetime.date(2024, 2, 29)).Ret == datetime.date(2024, 2, 29)
        assert service.echo((1, {2})).Ret == (1, {2})
        assert 'as it should' in refused(lambda: service.fail().Ret)
    assert 'msgspec carries data alone' in refused(lambda: create_Corps(Service, ConfigDicts=[{'NumEnvs': 2}], Serializer='msgspec'))
    print('OK')


if __name__ == '__main__':
    main()
