"""Primes by an Executor, as many pages about concurrent.futures show it: one call a number, and map. Only the import differs.

Build:  nothing
Run:    python3 primes.py
Prints:
    1000000007: prime
    1000000021: prime
    1000000023: 3 divides it
    999966000289: 999983 divides it
    below 20000: 2262 primes, the last one 19997
"""

import math

from corps import Executor as ProcessPoolExecutor  # instead of: from concurrent.futures import ProcessPoolExecutor

NUMBERS = [1000000007, 1000000021, 1000000023, 999966000289]


def smallest_divisor(number):
    """Of an odd number above 1, other than itself; None: it is prime."""
    return next((divisor for divisor in range(3, math.isqrt(number) + 1, 2) if number % divisor == 0), None)


def is_prime(number):
    return number == 2 or (number > 2 and number % 2 == 1 and smallest_divisor(number) is None)


if __name__ == '__main__':
    with ProcessPoolExecutor() as executor:
        futures = {number: executor.submit(smallest_divisor, number) for number in NUMBERS}
        for number, future in futures.items():
            print(f'{number}:', 'prime' if future.result() is None else f'{future.result()} divides it')
        numbers = range(20000)
        primes = [number for number, prime in zip(numbers, executor.map(is_prime, numbers, chunksize=500)) if prime]
    print(f'below 20000: {len(primes)} primes, the last one {primes[-1]}')
