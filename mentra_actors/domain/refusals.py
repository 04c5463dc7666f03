"""What a type refuses, in words: where it stands, what belongs there, and what was found."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from mentra_actors.late_module import LateModule

if TYPE_CHECKING:
    from msgspec import inspect
else:
    inspect = LateModule("msgspec.inspect")

__all__ = ["refusal"]

_PLACE = re.compile(
    r"(?P<reason>.*?)(?: - at (?P<name>`key` in )?`\$\.?(?P<path>.*)`)?", re.DOTALL
)
_STEP = re.compile(r"\.?(?P<field>\w+)|\[(?:\d+|\.\.\.)\]")
_FOUND = re.compile(r"Expected `.*`, got `(?P<found>.*)`|Invalid (?:enum )?value (?P<value>.*)")
_KINDS = {
    "str": "a string",
    "int": "a whole number",
    "float": "a number",
    "bool": "True or False",
    "none": "None",
    "bytes": "bytes",
    "array": "a list",
}
_FOUND_KINDS = {**_KINDS, "bool": "a flag", "None": "None", "null": "None", "object": "a mapping"}
_COLLECTIONS = ("ListType", "VarTupleType", "TupleType", "SetType", "FrozenSetType")


def refusal(error: msgspec.ValidationError, kind: object) -> str:
    """Where a value does not fit into `kind`, what belongs there, and what stands there."""
    refused = _PLACE.fullmatch(str(error))
    if refused is None:
        return str(error)
    found = _FOUND.fullmatch(refused["reason"])
    path = refused["path"] or ""
    at = f"a name in `{path}`" if refused["name"] else f"`{path}`" if path else "it"
    words = ["a string"] if refused["name"] else _words(_type_at(kind, path))
    wanted = " or ".join(dict.fromkeys(words))
    if found is None or not wanted:
        return f"{at}: {refused['reason']}"
    told = found["value"] or _FOUND_KINDS.get(found["found"], found["found"])
    return f"{at} must be {wanted}, found {told}"


def _type_at(kind: object, path: str) -> object:
    """The type of what stands at a place, as msgspec sees it; None where nobody can tell."""
    at: object = inspect.type_info(kind)
    for step in _STEP.finditer(path):
        inner = (_inside(one, step["field"]) for one in _choices(at))
        at = next((one for one in inner if one is not None), None)
        if at is None:
            break
    return at


def _inside(at: object, field: str | None) -> object:
    if field is not None:
        fields = getattr(at, "fields", ())
        return next((one.type for one in fields if one.encode_name == field), None)
    for name in ("item_type", "value_type"):
        if hasattr(at, name):
            return getattr(at, name)
    return None


def _choices(at: object) -> Iterator[Any]:
    yield from getattr(at, "types", (at,))


def _words(at: Any) -> Iterator[str]:
    for one in _choices(at):
        name = type(one).__name__
        if name == "StructType":
            yield one.cls.__name__
        elif name == "LiteralType":
            yield from map(repr, one.values)
        elif name in _COLLECTIONS:
            yield "a list"
        elif name == "DictType":
            yield "a mapping"
        else:
            kind = name.removesuffix("Type").lower()
            yield from [_KINDS[kind]] if kind in _KINDS else []
