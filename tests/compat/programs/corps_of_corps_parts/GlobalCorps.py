"""The one global Corps that all the others know by Name."""

import os

from Conc import Conc
from Corps import Corps
from Workers import create_Concs, LocType


class Prober(Conc):

    def __init__(self):
        super().__init__()
        self.start()

    def pid(self):
        return os.getpid()


class GlobalCorps(Corps):

    def __init__(self):
        super().__init__()
        self.Messages = []
        self.Probers = create_Concs(Prober, LocType=LocType.PerEnv)

    def report(self, Tag, Text):
        self.Messages.append((Tag, Text))
        return len(self.Messages)

    def messages(self):
        return self.Messages

    def pids(self):
        return [Prober.pid().Ret for Prober in self.Probers]
