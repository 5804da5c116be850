"""Enumerations by value: by their metaclass, from their members.

This module is `_corps_auto_enums`.
"""
import enum
import itertools
import types

from _corps_auto_classes import attributes_of, fill_class
from _corps_auto_identity import made_here, module_of, once

_MACHINERY = ('__init__', '__new_member__', '_new_member_', '_use_args_')
_OF_MEMBERS = ('_value_', '_name_', '__objclass__', '_sort_order_')
_ENUM_MADE = frozenset(('_generate_next_value_', '_member_names_', '_member_map_', '_value2member_map_', '_member_type_',
                        '_value_repr_', '_hashable_values_', '_unhashable_values_', '_unhashable_values_map_', '__new__',
                        '__new_member__', '_new_member_', '_use_args_', '_boundary_', '_flag_mask_', '_all_bits_',
                        '_singles_mask_', '_inverted_', '_order_', '__doc__', '_missing_'))


@once
def _enum(bases, name, namespace, members, contents, options, number):
    """contents: what the built-in class of a member is made of, where the program's own __new__ or __init__ made it."""
    meta = type(bases[-1])
    made = meta.__prepare__(name, bases)
    if contents is not None:
        namespace = dict(namespace, __new__=_member_maker([value for _, value in members], contents), __init__=_ready)
        members = [(key, index) for index, (key, _) in enumerate(members)]
    for key, value in itertools.chain(namespace.items(), members):
        made[key] = value
    return meta.__new__(meta, name, bases, made, **options)


def _member_maker(values, contents):
    def make(cls, index):
        index = index[0] if isinstance(index, tuple) else index  # members that are tuples get theirs in one
        member = cls._member_type_.__new__(cls, *contents[index])
        member._value_ = values[index]
        return member
    return make


def _ready(member, *_):
    """A member's __init__ has run already, where it was made."""


def _fill_enum(cls, state):
    if cls in made_here:
        return
    attributes, machinery, later = state
    fill_class(cls, (None, attributes, ()))
    if machinery is not None:
        for name in _MACHINERY:
            if name in machinery:
                type.__setattr__(cls, name, machinery[name])
            elif name in vars(cls):
                type.__delattr__(cls, name)
    for name, found in later.items():
        cls.__members__[name].__dict__.update(found)


def reduce_enum(state, cls, number):
    made = set(_ENUM_MADE)
    names = list(cls.__members__)
    attributes = {name: value for name, value in attributes_of(cls).items() if name not in made and name not in names
                  and not isinstance(value, (types.DynamicClassAttribute, getattr(enum, 'property', types.DynamicClassAttribute)))
                  or name == '_missing_'}
    attributes = {name: value for name, value in attributes.items() if (name in vars(cls) or name == '__annotations__') and not (
        name in vars(enum.Flag) and vars(cls)[name] is vars(enum.Flag)[name])}
    early = {'__module__': module_of(state, cls), '__qualname__': cls.__qualname__}
    early.update({name: attributes.pop(name) for name in ('__new__', '__init__', '_missing_', '_ignore_') if name in attributes})
    members = [(name, member._value_) for name, member in cls.__members__.items()]
    contents, machinery = _contents_of_members(cls), None
    if contents is not None:
        machinery = {name: vars(cls)[name] for name in _MACHINERY if name in vars(cls)}
        early.pop('__init__', None)
    options = {'boundary': cls._boundary_} if getattr(cls, '_boundary_', None) is not None else {}
    later = {name: {key: value for key, value in member.__dict__.items() if key not in _OF_MEMBERS}
             for name, member in cls.__members__.items() if member._name_ == name}
    return (_enum, (cls.__bases__, cls.__name__, early, members, contents, options, number),
            (attributes, machinery, {name: found for name, found in later.items() if found}), None, None, _fill_enum)


def _contents_of_members(cls):
    """What __new__ of their built-in class takes, where the program's own methods make members; None: Enum's do."""
    new = getattr(cls, '_new_member_', None) or getattr(cls, '__new_member__', None)
    if not any(isinstance(method, types.FunctionType) and method.__module__ != 'enum' for method in (new, cls.__init__)):
        return None
    return [cls._member_type_.__getnewargs__(member) if hasattr(cls._member_type_, '__getnewargs__') else ()
            for member in cls.__members__.values()]
