"""numpy's objects, where numpy is installed."""
# needs: numpy
import numpy
# data: float64 = numpy.float64(1.5)
# data: dtype = numpy.dtype('int16')
# data: structured dtype = numpy.dtype([('a', 'i4'), ('b', 'f8')])
# data: ufunc = numpy.add

# case: array | data
def make():
    import numpy
    return numpy.arange(12.0).reshape(3, 4)

def check(a):
    import numpy
    return (a.dtype == 'float64' and numpy.array_equal(a, numpy.arange(12.0).reshape(3, 4))) or 'value: other items'

# case: structured array | data
def make():
    import numpy
    return numpy.array([(1, 2.5)], dtype=[('a', 'i4'), ('b', 'f8')])

def check(a):
    return a['b'][0] == 2.5 or 'value: another field'

# case: array of objects | data
def make():
    import numpy
    return numpy.array([1, 'two', None], dtype=object)

def check(a):
    return list(a) == [1, 'two', None] or 'value: other items'

# case: not contiguous array | data
def make():
    import numpy
    return numpy.arange(10)[::3]

def check(a):
    return list(a) == [0, 3, 6, 9] or 'value: other items'

# case: Fortran order | data
def make():
    import numpy
    return numpy.asfortranarray(numpy.arange(6).reshape(2, 3))

def check(a):
    if a.tolist() != [[0, 1, 2], [3, 4, 5]]:
        return 'value: other items'
    return a.flags.f_contiguous or 'type: another memory order'

# case: two views of one array | data
def make():
    import numpy
    a = numpy.zeros(4)
    return a, a[:2]

def check(pair):
    pair[0][0] = 5
    return pair[1][0] == 5 or 'sharing: two arrays instead of one'

# case: random generator of numpy | data
def make():
    import numpy
    g = numpy.random.default_rng(5)
    g.random()
    return g

def check(g):
    import numpy
    other = numpy.random.default_rng(5)
    other.random()
    return g.random() == other.random() or 'behaviour: another sequence'

# case: masked array | data
def make():
    import numpy
    return numpy.ma.array([1, 2], mask=[0, 1])

def check(a):
    return (a.sum(), bool(a.mask[1])) == (1, True) or 'value: another mask'

# case: the part before the array | data
def make():
    import numpy
    a = numpy.zeros((4, 4))
    return a[1], a, a[:, 2]

def check(three):
    three[0][2] = 5
    return (three[1][1, 2], three[2][1]) == (5, 5) or 'sharing: several arrays instead of one'

# case: two fields of a structured array | data
def make():
    import numpy
    a = numpy.zeros(3, dtype=[('a', 'i4'), ('b', 'f8')])
    return a['b'], a['a'], a

def check(three):
    three[0][1], three[1][1] = 2.5, 7
    return tuple(three[2][1]) == (7, 2.5) or 'sharing: several arrays instead of one'

# case: two parts of an array of objects | data
def make():
    import numpy
    a = numpy.array([1, [2], 'x'], dtype=object)
    return a[1:], a[:2]

def check(pair):
    pair[0][0] = 5
    return pair[1][1] == 5 or 'sharing: two arrays instead of one'

# case: read-only view of an array | data
def make():
    import numpy
    a = numpy.zeros(3)
    view = a[1:]
    view.flags.writeable = False
    return a, view

def check(pair):
    pair[0][1] = 5
    if pair[1].flags.writeable:
        return 'state: the view can be written'
    return pair[1][0] == 5 or 'sharing: two arrays instead of one'

# case: bytearray under an array | data
def make():
    import numpy
    data = bytearray(8)
    return data, numpy.frombuffer(data, 'u1')[2:]

def check(pair):
    pair[1][0] = 5
    return pair[0][2] == 5 or 'sharing: two memories instead of one'
