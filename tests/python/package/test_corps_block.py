"""The with block of a Corps ends all of it before it goes on; tags, Envs, addresses, numbers of this process."""

import os

from corps import (Conc, Corps, LocType, MajorStatus, create_Concs, create_Corps, my_EnvId, my_EnvStatus, my_Host,
                   my_Ip, my_Port)
from helpers import is_alive


class Worker(Conc):
    def where(self):
        return my_EnvId(), os.getpid(), os.getsid(0), my_EnvStatus(), my_Port()


class Service(Corps):
    def __init__(self, count=0, *, word='none'):
        super().__init__()
        self.given = count, word
        self.workers = create_Concs(Worker, LocType=LocType.PerEnv)

    def pids(self):
        return [worker.where().Ret[1] for worker in self.workers]

    def about(self):
        return self.my_Tag(), self.given, self.my_Class(), repr(self), self.my_Mgr(), my_EnvId()

    def check_envs(self):
        found = [worker.where().Ret for worker in self.workers]
        assert [env for env, *_ in found] == [0, 1, 2]
        assert {status for _, _, _, status, _ in found} == {MajorStatus.Running}
        return {port for *_, port in found}


def main():
    assert my_EnvId() == -1 and my_Port() is None and my_EnvStatus() == MajorStatus.Nonexistent
    assert my_Host() and str(my_Ip()) == '127.0.0.1'
    ports = set()
    for number in range(3):
        with create_Corps(Service, number, word='w', Tag='tag {}'.format(number),
                          ConfigDicts=[{'NumEnvs': 3}]) as service:
            pids = service.pids().Ret
            assert len(set(pids)) == 3 and all(is_alive(pid) for pid in pids) and os.getpid() not in pids
            tag, given, kind, text, manager, env = service.about().Ret
            assert (tag, given, kind, manager, env) == ('tag {}'.format(number), (number, 'w'), 'Service', None, 0)
            assert text.startswith('ExtCorps ' + tag)
            ports |= service.check_envs().Ret
        assert not any(is_alive(pid) for pid in pids), pids
    assert len(ports) == 3
    print('OK')


if __name__ == '__main__':
    main()
