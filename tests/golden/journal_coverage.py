"""Which fields of the stored events a journal has used, and which of their words.

A field that has nothing but its default in every golden journal can be dropped or re-meant, and
no test would see it. So each field must once say something else, and each word of a choice
(`Literal`, `Enum`, `bool`) must be said once.
"""

from enum import Enum
from typing import Literal, NamedTuple, get_args, get_origin

import msgspec

__all__ = ["Said", "said_in", "sayable"]


class Said(NamedTuple):
    """A field of a class, and one of its words if it is a choice; the name of a class alone."""

    kind: str
    field: str = ""
    word: str = ""

    def __str__(self):
        place = f"{self.kind}.{self.field}" if self.field else self.kind
        return f"{place} = {self.word}" if self.word else place


def sayable(event_types):
    """All that these classes, and those inside of their fields, could say."""
    found, known, waiting = set(), set(), list(event_types)
    while waiting:
        kind = waiting.pop()
        if kind in known:
            continue
        known.add(kind)
        found.add(Said(kind.__name__))
        for field in msgspec.structs.fields(kind):
            found.add(Said(kind.__name__, field.name))
            for part in _parts(field.type):
                found |= {Said(kind.__name__, field.name, word) for word in _words(part)}
                if isinstance(part, type) and issubclass(part, msgspec.Struct):
                    waiting.append(part)
    return found


def _parts(kind):
    """A type and all that it is made of, without its aliases."""
    while hasattr(kind, "__supertype__"):
        kind = kind.__supertype__
    inner = () if get_origin(kind) is Literal else get_args(kind)
    return [kind] * (not inner) + [part for one in inner for part in _parts(one)]


def _words(kind):
    if get_origin(kind) is Literal:
        return [repr(word) for word in get_args(kind)]
    if kind is bool:
        return ["False", "True"]
    is_enum = isinstance(kind, type) and issubclass(kind, Enum)
    return [repr(member.value) for member in kind] if is_enum else []


def said_in(events):
    """What these events say, and the values inside of them."""
    return {said for event in events for said in _said_by(event)}


def _said_by(value):
    if isinstance(value, msgspec.Struct):
        kind = type(value).__name__
        yield Said(kind)
        for field in msgspec.structs.fields(value):
            yield from _said_of(kind, field, getattr(value, field.name))
    elif isinstance(value, tuple | list):
        for one in value:
            yield from _said_by(one)


def _said_of(kind, field, value):
    if value is msgspec.UNSET:
        return
    is_default = field.default_factory is msgspec.NODEFAULT and value == field.default
    if field.default_factory is not msgspec.NODEFAULT:
        is_default = value == field.default_factory()
    if not is_default:
        yield Said(kind, field.name)
    words = {word for part in _parts(field.type) for word in _words(part)}
    for one in value if isinstance(value, tuple | list) else (value,):
        word = repr(one.value if isinstance(one, Enum) else one)
        if word in words:
            yield Said(kind, field.name, word)
    yield from _said_by(value)
