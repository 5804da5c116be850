"""ConcAddr and ExtAddr: fields, equality and printed form."""

from ConcAddr import ConcAddr, ExtAddr

if __name__ == '__main__':
    address = ConcAddr(0, 3, 1)         # manager's Env, number, Env where it lives
    assert (address.MgrEnvId, address.ConcId, address.LocEnvId) == (0, 3, 1)
    assert f'{address}' == 'L1:M0.3'
    assert address == ConcAddr(MgrEnvId=0, ConcId=3, LocEnvId=1)
    for other in (ConcAddr(1, 3, 1), ConcAddr(0, 4, 1), ConcAddr(0, 3, 0)):
        assert not address == other
        assert address != other
    external = ExtAddr(0, 2, 0, '127.0.0.1', 43210)
    assert f'{external}' == 'L0:M0.2@127.0.0.1:43210'
    assert (external.IpAddr, external.Port) == ('127.0.0.1', 43210)
    assert external == ExtAddr(0, 2, 0, '127.0.0.1', 43210)
    assert not external == ExtAddr(0, 2, 0, '127.0.0.1', 43211)
    print('OK')
