"""Annotations of classes and functions, which Python 3.14 evaluates when somebody asks for them.

From then on a class with annotations has a function that makes them, over a cell that holds the namespace of the class itself.
Neither travels: the annotations do, as they are before 3.14, or as texts where they name what is not there (yet).

This module is `_corps_auto_annotations`.
"""
import sys

LAZY = sys.version_info >= (3, 14)
MADE = frozenset(('__annotate__', '__annotate_func__', '__annotations_cache__'))  # in a class's namespace
_VALUES = 1  # annotationlib.Format.VALUE


def _evaluate(annotate, owner):
    try:
        return annotate(_VALUES)
    except Exception:  # whatever an annotation does: most often it names what is defined later
        import annotationlib
        return annotationlib.call_annotate_function(annotate, annotationlib.Format.STRING, owner=owner)


def maker_of(names):
    """What makes a class's annotations, None: nothing, or they are there. (Its namespace.)"""
    return names.get('__annotate_func__') if LAZY and names.get('__annotations_cache__') is None else None


def of_class(cls, names):
    """Its own annotations, which its namespace does not hold under their name: without leaving any there. None: it has none
    of that kind."""
    maker = maker_of(names)
    return _evaluate(maker, cls) if maker is not None else names.get('__annotations_cache__')


def of_function(function):
    """A dict, or None."""
    if not LAZY:
        return getattr(function, '__annotations__', None)
    try:
        return function.__annotations__
    except Exception:
        return _evaluate(function.__annotate__, function)
