"""Arguments and results of many MiB travel, also when several are under way at a time."""

from Future import wait_all
from Workers import create_Corps
from team import Team

SIZES = (0, 1, 4095, 65536, 65537, 1 << 20, (16 << 20) + 3)


class BigTeam(Team):

    def run(self):
        for worker in self.workers:
            for size in SIZES:
                value = bytes([size % 251]) * size
                assert worker.echo(value).Ret == value, size
            values = [bytes([number]) * (2 << 20) for number in range(8)]
            futures = [worker.echo(value) for value in values]
            wait_all(futures)
            assert [future.Ret for future in futures] == values
        return True


if __name__ == '__main__':
    corps = create_Corps(BigTeam, ConfigDicts=[{'NumEnvs': 2}])
    assert corps.run().Ret is True
    for size in SIZES:
        value = bytes([size % 251]) * size
        assert corps.echo([value]).Ret == [value], size
    corps.exit()
    print('OK')
