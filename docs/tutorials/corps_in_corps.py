"""Corps that create Corps: managed ones end with their creator, unmanaged ones do not.

Run with:  python corps_in_corps.py
"""

from corps import Corps, WorkerLost, create_Corps

ONE_ENV = [{'NumEnvs': 1}]


class Store(Corps):

    def __init__(self):
        super().__init__()
        self.items = []

    def put(self, item):
        self.items.append(item)
        return len(self.items)

    def managed(self):
        """Has this Corps a manager?"""
        return self.my_Mgr() is not None


class Office(Corps):
    """Creates three Corps. Each of them has processes of its own."""

    def __init__(self):
        super().__init__()
        # Ext=False: a ContCorps, meant for this one alone.
        self.desk = create_Corps(Store, Tag='desk', Ext=False, ConfigDicts=ONE_ENV)
        # An ExtCorps. Managed=True is the default: it ends with this Corps.
        self.shelf = create_Corps(Store, Tag='shelf', ConfigDicts=ONE_ENV)
        # An ExtCorps that lives on.
        self.archive = create_Corps(Store, Tag='archive', Managed=False, ConfigDicts=ONE_ENV)

    def names(self):
        """Names travel, here to the program."""
        return self.desk, self.shelf, self.archive

    def file_away(self, item):
        return [store.put(item).Ret for store in (self.desk, self.shelf, self.archive)]


def main():
    office = create_Corps(Office, Tag='office', ConfigDicts=ONE_ENV)
    desk, shelf, archive = office.names().Ret
    with archive:   # exits at the end of the block, whatever happens
        with office:
            print('stored:', office.file_away('a letter').Ret)
            print('managed:', desk.managed().Ret, shelf.managed().Ret, archive.managed().Ret)
        # The office has ended here, and what it manages too.

        for name, store in (('desk', desk), ('shelf', shelf), ('archive', archive)):
            try:
                print(f'{name}: {store.put("another letter").Ret} items')
            except WorkerLost:
                print(f'{name}: has ended')


if __name__ == '__main__':
    main()
