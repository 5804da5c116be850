"""The Corps of the search service."""

from Corps import Corps
from Workers import create_Concs, LocType
from Future import wait_all
from search_service.Searcher import Searcher


class SearchCorps(Corps):

    def __init__(self, NumPerEnv):
        super().__init__()
        self.Searchers = create_Concs(Searcher, LocType=LocType.PerEnv, Num=NumPerEnv)

    def num_Searchers(self):
        return len(self.Searchers)

    def search(self, Pattern, Paths):
        Num = len(self.Searchers)
        FutRets = [self.Searchers[i].search(Pattern, Paths[i::Num]) for i in range(Num)]
        wait_all(FutRets)
        Found = {}
        for FutRet in FutRets:
            Found.update(FutRet.Ret)
        return Found
