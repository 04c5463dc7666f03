"""Views to give away: whoever changes one in place changes nobody else's.

Views are values, and most cannot be changed. Of one that can be (a dict, a list, a struct that is
not frozen) the parts that can be are copied; all that cannot be is shared.
"""

import copy
from functools import cache
from types import NoneType
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

__all__ = ["unshared"]

V = TypeVar("V")

_ATOMS = frozenset((str, int, float, bool, bytes, NoneType))
_FIXED = (
    inspect.NoneType,
    inspect.BoolType,
    inspect.IntType,
    inspect.FloatType,
    inspect.StrType,
    inspect.BytesType,
    inspect.EnumType,
    inspect.LiteralType,
    inspect.DateTimeType,
    inspect.TimeDeltaType,
    inspect.UUIDType,
    inspect.DecimalType,
)


def unshared(value: V) -> V:
    """The same value, with nothing in it that can be changed and is somebody else's, too."""
    kind: object = type(value)
    if kind in _ATOMS or _is_fixed_class(kind):
        return value
    copied: Any = value
    if kind is dict:
        copied = {key: unshared(one) for key, one in copied.items()}
    elif kind is list:
        copied = [unshared(one) for one in copied]
    elif kind is tuple:
        copied = tuple(unshared(one) for one in copied)
    elif isinstance(value, msgspec.Struct):
        fields = {name: unshared(getattr(value, name)) for name in value.__struct_fields__}
        copied = msgspec.structs.replace(value, **fields)
    else:
        copied = copy.deepcopy(value)
    return copied  # type: ignore[no-any-return]


@cache
def _is_fixed_class(kind: type[object]) -> bool:
    """True for a frozen struct of which all fields are, by their types."""
    if not (issubclass(kind, msgspec.Struct) and kind.__struct_config__.frozen):
        return False
    try:
        return _is_fixed(inspect.type_info(kind), frozenset())
    except (TypeError, NameError):  # fields that msgspec cannot tell apart or find
        return False


def _is_fixed(kind: inspect.Type, within: frozenset[object]) -> bool:
    match kind:
        case inspect.StructType(cls=cls, fields=fields):
            if not cls.__struct_config__.frozen:
                return False
            return cls in within or all(_is_fixed(one.type, within | {cls}) for one in fields)
        case inspect.UnionType(types=types):
            return all(_is_fixed(one, within) for one in types)
        case inspect.VarTupleType(item_type=one) | inspect.FrozenSetType(item_type=one):
            return _is_fixed(one, within)
        case inspect.TupleType(item_types=types):
            return all(_is_fixed(one, within) for one in types)
        case _:
            return isinstance(kind, _FIXED)
