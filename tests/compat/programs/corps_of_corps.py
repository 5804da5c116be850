"""Corps of Corps: three levels of managers, each with two ExtCorps and two ContCorps, and one global ExtCorps."""

import os
import time

from Workers import create_Corps
from corps_of_corps_parts.MgrCorps import MgrCorps

NumLevels = 3


def is_alive(Pid):
    try:
        with open(f'/proc/{Pid}/stat') as File:
            return File.read().rpartition(')')[2].split()[0] != 'Z'
    except OSError:
        return False


def still_there(Pids):
    Limit = time.monotonic() + 60
    while any(is_alive(Pid) for Pid in Pids) and time.monotonic() < Limit:
        time.sleep(0.02)
    return [Pid for Pid in Pids if is_alive(Pid)]


def expected_identities():
    Expected = []
    for Level in range(1, NumLevels + 1):
        Expected.append((f'Mgr{Level}', Level, 2, 40 if Level == 1 else 39 + Level, 'ExtCorps'))
        Expected += [(f'Ext{Level}{i}', i, 2, 30, 'ExtCorps') for i in range(2)]
        Expected += [(f'Cont{Level}{i}', i, 1, 30, 'ContCorps') for i in range(2)]
    return Expected


if __name__ == '__main__':

    os.environ['NumEnvs'] = '2'
    TopMgr = create_Corps(MgrCorps, 1, NumLevels, Tag='Mgr1', ConfigFiles=['settings/ManagerConfig.py'])

    assert TopMgr.identities().Ret == expected_identities()
    assert TopMgr.managers_ok().Ret is True

    NumReports = TopMgr.report().Ret
    assert NumReports == 5 * NumLevels, NumReports
    Global = TopMgr.global_Name().Ret
    Messages = Global.messages().Ret
    assert sorted(Messages) == sorted((Tag, 'manager' if Tag.startswith('Mgr') else 'leaf')
                                      for Tag, *_ in expected_identities())

    # The result of exit() may be left unread
    Pids = TopMgr.pids().Ret
    assert len(set(Pids)) == NumLevels * (2 + 2 * 2 + 2 * 1)
    TopMgr.exit()
    assert still_there(Pids) == []

    # The global Corps is not managed, so it lives until it is told to exit
    assert len(Global.messages().Ret) == NumReports
    Pids = Global.pids().Ret
    Global.exit(NoReply=True)
    assert still_there(Pids) == []

    print(NumReports, 'Corps reported, and all of them have ended')
    print('OK')
