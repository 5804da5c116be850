"""A forked child of the script that ends by itself does not end its parent's Corps."""

import os
import sys

from corps import Corps, create_Corps


class Simple(Corps):

    def get(self):
        return 7


def main():
    corps = create_Corps(Simple, ConfigDicts=[{'NumEnvs': 2}])
    assert corps.get().Ret == 7
    child = os.fork()
    if child == 0:
        sys.exit(5)  # with all that is registered for the end
    assert os.WEXITSTATUS(os.waitpid(child, 0)[1]) == 5
    assert corps.get().Ret == 7
    assert corps.exit().Ret is True
    print('OK')


if __name__ == '__main__':
    main()
