# needs: numpy
# needs: pandas
"""Objects of numpy and pandas, whose classes come from extension modules, arrive as they were."""

import datetime

import numpy as np
import pandas as pd

from corps import Corps, create_Corps

FRAME = pd.DataFrame({'a': [1, 2, 3], 'b': [1.5, None, 2.5], 'c': ['x', 'y', None]})


class Service(Corps):
    def back(self, thing):
        return thing

    def columns(self, frame):
        return list(frame.columns), int(frame['a'].sum())


def values():
    """Each with what must be equal of it."""
    yield FRAME, lambda frame: frame.to_dict('list').__repr__()
    yield FRAME['b'], lambda series: repr(series)
    yield FRAME.set_index(['a', 'c']), repr
    yield FRAME.groupby('a').sum(), repr
    yield FRAME.assign(t=pd.date_range('2026-01-01', periods=3, tz='UTC')), repr
    yield FRAME.astype({'c': 'category'}), repr
    yield pd.Index([1, 2]), repr
    yield pd.Timestamp('2026-01-01', tz='UTC'), repr
    yield pd.Timedelta(5, 's'), repr
    yield pd.Period('2026-01'), repr
    yield pd.Interval(0, 1), repr
    yield pd.NA, lambda thing: thing is pd.NA
    yield pd.NaT, lambda thing: thing is pd.NaT
    yield pd.array([1, None], dtype='Int64'), repr
    yield pd.DataFrame(np.zeros((300, 300))), lambda frame: float(frame.to_numpy().sum())
    yield np.random.default_rng(3), lambda generator: repr(generator.bit_generator.state)
    yield np.ma.array([1, 2], mask=[0, 1]), repr
    yield np.rec.array([(1, 'a')], dtype=[('x', 'i4'), ('y', 'U1')]), repr
    yield np.matrix([[1, 2]]), repr
    yield np.dtype([('x', 'f8')]), repr
    yield np.datetime64('2026-01-01'), repr
    yield np.array(['2026-01-01', 'NaT'], dtype='M8[D]'), repr
    yield np.poly1d([1, 2]), repr
    yield np.vectorize(abs), lambda function: list(function([-1, 2]))
    yield datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc), repr


def main():
    for serializer in ('auto', 'pickle'):
        with create_Corps(Service, NumEnvs=1, Serializer=serializer) as service:
            assert service.columns(FRAME).Ret == (['a', 'b', 'c'], 6)
            for value, told in values():
                got = service.back(value).Ret
                assert type(got) is type(value) and told(got) == told(value), (serializer, type(value), told(got), told(value))
    print('OK')


if __name__ == '__main__':
    main()
