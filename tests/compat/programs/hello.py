"""Hello: create a Corps, make one call, print the result, exit."""

from Corps import Corps
from Workers import create_Corps


class HelloCorps(Corps):

    def __init__(self):
        super().__init__()

    def hello(self, Name):
        return f'Hello, {Name}, from {self.my_Tag()}'


if __name__ == '__main__':

    TheCorps = create_Corps(HelloCorps, Tag='Greeter', ConfigDicts=[{'NumEnvs': 2}])

    FutRet = TheCorps.hello('World')
    Ret = FutRet.Ret
    print(Ret)
    assert Ret == 'Hello, World, from Greeter'

    TheCorps.exit()
    print('OK')
