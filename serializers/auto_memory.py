"""Arrays and memoryviews of one memory stay so: what is written through one shows in the others.

The first pass notes what is a view. Where two of a message overlap, or a view and what it is of, the message is written anew: the
memory once, from the first byte of them to the last, and each as a place in it.

This module is `_corps_auto_memory`.
"""
import struct
import sys

from _corps_auto_ctypes import is_ctypes

_CHECKS_MAX = 2000  # of pairs that lie in one stretch; with more they are taken to overlap
_WORK_MAX = 10000  # for one pair
_ALIGNED_BYTES = 16


# ---- what is where ----

def is_array(cls):
    """Is it numpy's array, or one that is pickled as it?"""
    numpy = sys.modules.get('numpy')
    ndarray = getattr(numpy, 'ndarray', None)
    return (ndarray is not None and issubclass(cls, ndarray) and not issubclass(cls, numpy.memmap)
            and cls.__reduce__ is ndarray.__reduce__ and cls.__reduce_ex__ is ndarray.__reduce_ex__)


def _root(view):
    """What holds the memory, as far as can be seen."""
    while True:
        kind = type(view)
        if isinstance(view, memoryview):
            of = view.obj
        elif is_array(kind) or kind.__module__.startswith('numpy.') and kind.__name__ == 'DummyArray':  # as_strided's
            of = view.base
        elif is_ctypes(kind):
            of = view._b_base_
        else:
            return view
        if of is None:
            return view
        view = of


def _address(view):
    """Of a memoryview's first item. Raises ImportError where there is no ctypes."""
    import ctypes

    class Buffer(ctypes.Structure):
        _fields_ = [('data', ctypes.c_void_p), ('owner', ctypes.c_void_p), ('rest', ctypes.c_ssize_t * 16)]
    buffer, strides_read_only = Buffer(), 0x18
    ctypes.pythonapi.PyObject_GetBuffer(ctypes.py_object(view), ctypes.byref(buffer), strides_read_only)
    address = buffer.data or 0
    ctypes.pythonapi.PyBuffer_Release(ctypes.byref(buffer))
    return address


class _Extent:
    """Where a view lies: its first item, and from which byte to which."""

    __slots__ = ('view', 'is_array', 'first', 'low', 'high')

    def __init__(self, view):
        self.view = view
        if is_ctypes(type(view)):
            view = memoryview(view)
        self.is_array = not isinstance(view, memoryview)
        self.first = view.__array_interface__['data'][0] if self.is_array else _address(view)
        self.low = self.high = self.first
        for count, stride in zip(view.shape, view.strides):
            if stride < 0:
                self.low += (count - 1) * stride
            else:
                self.high += (count - 1) * stride
        self.high += view.itemsize


def _extents(views):
    """Without those of nothing, and what could not be made there."""
    for view in views:
        if is_ctypes(type(view)):
            yield _Extent(view)
            continue
        if not view.nbytes or isinstance(view, memoryview) and not (
                view.c_contiguous or view.ndim == 1 and view.strides[0] % view.itemsize == 0):
            continue
        try:
            yield _Extent(view)
        except ImportError:
            pass


# ---- who shares ----

def _overlap(run):
    """Do two of these, which lie in one stretch, have a byte in common?"""
    if not all(extent.is_array for extent in run) or run[-1].high - run[0].low <= sum(extent.view.nbytes for extent in run):
        return True  # or the whole is no more than its parts
    numpy, checks = sys.modules['numpy'], 0
    too_hard = getattr(numpy, 'exceptions', numpy).TooHardError
    for i, one in enumerate(run):
        for other in run[i + 1:]:
            if other.low >= one.high:
                break
            checks += 1
            try:
                if checks > _CHECKS_MAX or numpy.shares_memory(one.view, other.view, max_work=_WORK_MAX):
                    return True
            except too_hard:
                return True
    return False


def _runs(extents):
    """Those that lie in one stretch, together."""
    run, high = [], 0
    for extent in sorted(extents, key=lambda extent: (extent.low, extent.high)):
        if run and extent.low >= high:
            yield run
            run = []
        high = max(high, extent.high) if run else extent.high
        run.append(extent)
    yield run


class _Bytes:
    """Memory as numpy takes it."""

    def __init__(self, holder, low, high):
        self.holder = holder
        self.__array_interface__ = {'data': (low, False), 'shape': (high - low,), 'typestr': '|u1', 'version': 3}


def _memory(root, low, high):
    """(these bytes as what can be pickled, where they begin)"""
    try:
        begin = _Extent(root if is_array(type(root)) else memoryview(root)).low
        low = max(begin, low // _ALIGNED_BYTES * _ALIGNED_BYTES)
    except (TypeError, ValueError):
        pass  # it does not say where it lies
    numpy = sys.modules.get('numpy')
    if numpy is not None:
        return numpy.asarray(_Bytes(root, low, high)), low
    import ctypes
    return bytearray(ctypes.string_at(low, high - low)), low


def _whole(root):
    """(what is in the message itself, where it begins); None when a view cannot be made of it."""
    try:
        view = memoryview(root)
    except (TypeError, ValueError):
        return None
    return (root, _Extent(view).low) if view.c_contiguous else None


def _share_objects(root, extents, shared):
    """Of arrays whose items are objects: each refers to the whole array."""
    if is_array(type(root)) and root.flags.forc:
        begin = _Extent(root).low
        for extent in extents:
            if extent.is_array and extent.view is not root and extent.view.dtype == root.dtype:
                shared[id(extent.view)] = root, extent.first - begin


def _share(root, in_message, extents, shared):
    if any(extent.is_array and extent.view.dtype.hasobject for extent in extents):
        for run in _runs(extents):
            if in_message or len(run) > 1 and _overlap(run):
                _share_objects(root, run, shared)
        return
    whole = _whole(root) if in_message and not is_array(type(root)) else None
    for run in _runs(extents):
        if whole is None and (len(run) < 2 or not _overlap(run)):
            continue
        memory, begin = whole or _memory(root, run[0].low, max(extent.high for extent in run))
        for extent in run:
            shared[id(extent.view)] = memory, extent.first - begin


def sharing(views, pickler):
    """{id of a view: (what holds its memory, the place of its first item there)} of those that share some; empty, as a rule."""
    by_root = {}
    for view in views:
        root = _root(view)
        if not isinstance(root, bytes):
            by_root.setdefault(id(root), (root, []))[1].append(view)
    shared, memo = {}, pickler.memo.copy() if by_root else {}
    for root, members in by_root.values():
        in_message = id(root) in memo
        if in_message and is_array(type(root)) and not any(member is root for member in members):
            members.append(root)
        if in_message or len(members) > 1:
            _share(root, in_message, list(_extents(members)), shared)
    return shared


# ---- how they travel ----

def reduce_array(state, array):
    if state.shared is None:
        state.views.append(array)
        return NotImplemented
    place = state.shared.get(id(array))
    if place is None:
        return NotImplemented
    return _array_in, (type(array), array.shape, array.dtype, *place, array.strides, array.flags.writeable)


def _array_in(cls, shape, dtype, memory, offset, strides, writeable):
    import numpy
    if dtype.hasobject:
        flat = memory.reshape(-1, order='A')
        array = numpy.lib.stride_tricks.as_strided(flat[offset // dtype.itemsize:], shape, strides).view(cls)
    else:
        array = numpy.ndarray.__new__(cls, shape, dtype, memory, offset, strides)
    if not writeable:
        array.flags.writeable = False
    return array


def _memoryview(data, readonly, form, shape):
    view = memoryview(data)
    if form != 'B' or len(shape) != 1:
        view = view.cast('B').cast(form, shape)
    return view.toreadonly() if readonly and not view.readonly else view


def _memoryview_in(memory, offset, readonly, form, shape, stride):
    whole = memoryview(memory).cast('B')
    if stride is None:
        count = struct.calcsize(form)
        for part in shape:
            count *= part
        view = whole[offset:offset + count].cast(form, shape)
    else:
        size = struct.calcsize(form)
        low = offset + min(0, (shape[0] - 1) * stride)
        steps = whole[low:low + (shape[0] - 1) * abs(stride) + size].cast(form)
        view = steps[::stride // size]
    return view.toreadonly() if readonly and not view.readonly else view


def reduce_memoryview(state, view):
    if state.shared is None:
        state.views.append(view)
    elif id(view) in state.shared:
        memory, offset = state.shared[id(view)]
        return _memoryview_in, (memory, offset, view.readonly, view.format, view.shape, None if view.c_contiguous else view.strides[0])
    whole = view.c_contiguous and type(view.obj) in (bytes, bytearray) and len(view.obj) == view.nbytes
    data = view.obj if whole else view.tobytes() if view.readonly else bytearray(view.tobytes())
    return _memoryview, (data, view.readonly, view.format, view.shape)
