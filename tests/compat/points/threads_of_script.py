"""Plain threads of a script may create Corps, call and wait."""

import threading

from Future import wait_all
from Workers import create_Corps
from team import Team

if __name__ == '__main__':
    corps = create_Corps(Team, ConfigDicts=[{'NumEnvs': 2}])
    results = []

    def work(number):
        futures = [corps.echo((number, index)) for index in range(20)]
        assert wait_all(futures) is True
        results.append([future.Ret for future in futures] == [(number, index) for index in range(20)])

    def work_with_own(number):
        own = create_Corps(Team, number, ConfigDicts=[{'NumEnvs': 1}])
        results.append(own.get_label().Ret == number)
        own.exit()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    threads += [threading.Thread(target=work_with_own, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 8, results
    corps.exit()
    print('OK')
