"""A Searcher counts the hits of an expression in some files."""

from Conc import Conc


class Searcher(Conc):

    def __init__(self):
        super().__init__()
        self.NumSearches = 0
        self.start()

    def search(self, Pattern, Paths):
        self.NumSearches += 1
        Counts = {}
        for Path in Paths:
            with open(Path, encoding='utf-8', errors='replace') as File:
                Count = sum(len(Pattern.findall(Line)) for Line in File)
            if Count:
                Counts[Path] = Count
        return Counts
