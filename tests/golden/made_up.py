"""One value of any stored class, the same each time; no field has its default."""

from enum import Enum
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import msgspec

__all__ = ["made_up"]

_PLAIN = {str: "text", int: 7, float: 1.5, bool: True, bytes: b"bytes"}


def made_up(kind):
    """A value of a field type or class."""
    while hasattr(kind, "__supertype__"):
        kind = kind.__supertype__
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is Any:
        return "anything"
    if kind in _PLAIN:
        return _PLAIN[kind]
    if origin is Literal:
        return arguments[-1]
    if origin in (Union, UnionType):
        return made_up(next(one for one in arguments if one is not NoneType))
    if origin is tuple:
        return (made_up(arguments[0]),)
    if origin is not None:
        return {made_up(arguments[0]): made_up(arguments[1])}
    if issubclass(kind, Enum):
        return list(kind)[-1]
    return kind(**{field.name: made_up(field.type) for field in msgspec.structs.fields(kind)})
