"""What the first message of a class made at run time costs: python first_of_class.py [ROUNDS]

Microseconds of a call whose argument is an instance of a class with three methods that the receiver has never seen, of a class that
it has, and of no class at all; medians of interleaved calls, for auto, and cloudpickle where it is installed. Encoding, transport
and decoding are in all three: what a class costs is the difference.
"""
import importlib.util
import statistics
import sys
import time

from corps import Corps, create_Corps


class Service(Corps):
    def take(self, thing):
        return thing is None or thing.get()


def new(number):
    class Thing:
        def __init__(self, number):
            self.number = number

        def get(self):
            return self.number + 1

        def times(self, other):
            return self.number * other
    return Thing(number)


def microseconds(service, thing):
    before = time.perf_counter()
    service.take(thing).Ret
    return 1e6 * (time.perf_counter() - before)


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    names = ['auto'] + [name for name in ('cloudpickle',) if importlib.util.find_spec(name) is not None]
    for name in names:
        with create_Corps(Service, NumEnvs=1, Serializer=name) as service:
            known = new(0)
            figures = {'a class that is new': [], 'a class that is known': [], 'None': []}
            for number in range(-20, rounds):
                for title, thing in zip(figures, (new(number), known, None)):
                    took = microseconds(service, thing)
                    if number >= 0:
                        figures[title].append(took)
            for title, values in figures.items():
                low, middle, high = statistics.quantiles(values, n=4)
                print(f'{name:12s} {title:24s} {middle:8.1f}   [{low:.1f} … {high:.1f}]')


if __name__ == '__main__':
    main()
