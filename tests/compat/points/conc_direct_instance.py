"""An instance made directly is an ordinary object; self.method() inside a Conc is an ordinary call."""

from Conc import Conc
from Corps import Corps
from Workers import create_Concs, create_Corps


class Calculator(Conc):

    def __init__(self, start=1):
        super().__init__()
        self.value = start

    def add(self, x):
        self.value += x
        return self.value

    def add_twice(self, x):
        self.add(x)
        return self.add(x)


class CalculatorCorps(Corps):

    def run(self):
        plain = Calculator(10)
        assert plain.add_twice(1) == 12
        worker = create_Concs(Calculator, 10)[0]
        assert worker.add_twice(1).Ret == 12
        return True


if __name__ == '__main__':
    assert Calculator(5).add(2) == 7
    corps = create_Corps(CalculatorCorps, ConfigDicts=[{'NumEnvs': 1}])
    assert corps.run().Ret is True
    corps.exit()
    print('OK')
