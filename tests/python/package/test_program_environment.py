# expect-stdout: OK
"""What is read of the environment once, when a process begins, holds in the Envs of the next Corps when the program changes it: the
time zone, and variables of the interpreter and the C library."""

import os
import sys
import time

from corps import Corps, create_Corps


class Service(Corps):
    def look(self):
        return time.tzname, time.strftime('%H %Z', time.localtime(0)), sys.flags.dont_write_bytecode, os.getppid()


def look(**options):
    with create_Corps(Service, NumEnvs=1, **options) as service:
        return service.look().Ret


if __name__ == '__main__':
    os.environ.pop('PYTHONDONTWRITEBYTECODE', None)
    *first, template = look()
    os.environ['TZ'] = 'XYZ-9'
    time.tzset()
    *second, same = look()
    assert second[:2] == [('XYZ', 'XYZ'), '09 XYZ'] and same == template, (second, same, template)
    assert first[:2] != second[:2]
    os.environ['PYTHONDONTWRITEBYTECODE'] = '1'
    *third, other = look()
    assert third[2] == 1 and other != template, (third, other, template)
    assert look()[3] == other
    print('OK')
