"""Funcs: Workers made from functions.

Run with:  python funcs.py
"""

import collections
import math

from corps import Corps, LocType, create_Corps, create_Funcs, my_EnvId, wait_all


def is_prime(number):
    return number > 1 and all(number % divisor for divisor in range(2, math.isqrt(number) + 1))


def count_primes(first, last):
    """How many primes are there from first to last - 1?"""
    return sum(is_prime(number) for number in range(first, last))


class Calculator(Corps):

    def module_functions(self):
        """One Worker, two functions."""
        [primes] = create_Funcs(count_primes, is_prime)
        answers = primes(0, 100), primes.is_prime(97)   # the first function; one by its name
        return [answer.Ret for answer in answers]

    def lambdas(self):
        """Lambdas and closures travel too."""
        factor = 3
        [triple] = create_Funcs(lambda number: factor * number)
        return triple(14).Ret

    def parallel_map(self, function, items):
        """function of every item, on one Worker per Env."""
        workers = create_Funcs(function, LocType=LocType.PerEnv)
        answers = [workers[index % len(workers)](item) for index, item in enumerate(items)]
        wait_all(answers)
        for worker in workers:
            worker.exit()
        return [answer.Ret for answer in answers]


def main():
    with create_Corps(Calculator, ConfigDicts=[{'NumEnvs': 4}]) as calculator:
        print(calculator.module_functions().Ret)
        print(calculator.lambdas().Ret)
        print(calculator.parallel_map(lambda number: number ** 2, range(10)).Ret)

        thousands = [(first, first + 1000) for first in range(0, 20000, 1000)]
        counts = calculator.parallel_map(lambda bounds: count_primes(*bounds), thousands).Ret
        print('primes below 20000:', sum(counts))

        where = calculator.parallel_map(lambda _: my_EnvId(), range(20)).Ret
        print('calls per Env:', dict(sorted(collections.Counter(where).items())))


if __name__ == '__main__':
    main()
