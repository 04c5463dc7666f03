"""JSON Schema of a msgspec type in the plain form that model providers accept."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

import msgspec

from mentra_actors.json_types import Json

__all__ = ["described", "flat_schema", "json_types"]

_DEFINITIONS = "#/$defs/"
_NAMED_SCHEMAS = frozenset({"properties", "$defs"})
_LITERALS = frozenset({"default", "enum", "const", "examples", "required"})


def flat_schema(named: type[object]) -> dict[str, object]:
    """Schema of a type with named fields: an object at the top, references inlined.

    `named` is a struct, a dataclass or a typed dict. Only types that contain themselves stay under
    `$defs`. The OpenAPI word `discriminator` and the type's own title are left out.

    Raises:
        TypeError: a field's type cannot be described as JSON.
    """
    (top,), components = msgspec.json.schema_components([named], ref_template="#/$defs/{name}")
    recursive = {name for name in components if name in _reachable(components[name], components)}
    schema = _inlined(components[_referenced(top)], components, recursive)
    schema.pop("title", None)
    kept = _reachable(schema, components) & recursive
    if kept:
        schema["$defs"] = {
            name: _inlined(components[name], components, recursive) for name in sorted(kept)
        }
    return schema


def described(schema: Json, descriptions: Mapping[str, str]) -> dict[str, object]:
    """`schema` with a description for each property that has none of its own."""
    properties = {
        name: {"description": descriptions[name], **property_schema}
        if name in descriptions
        else property_schema
        for name, property_schema in schema["properties"].items()
    }
    return {**schema, "properties": properties}


def json_types(schema: Json) -> AbstractSet[str]:
    """JSON types that a value may have; empty when it may have any."""
    if "anyOf" in schema:
        parts = [json_types(part) for part in schema["anyOf"]]
        return frozenset().union(*parts) if all(parts) else frozenset()
    return frozenset({schema["type"]}) if "type" in schema else frozenset()


def _referenced(schema: Mapping[str, object]) -> str:
    return str(schema["$ref"]).removeprefix(_DEFINITIONS)


def _children(schema: Json) -> list[Json]:
    found: list[object] = []
    for key, value in schema.items():
        if key in _NAMED_SCHEMAS:
            found.extend(value.values())
        elif key not in _LITERALS:
            found.extend(value if isinstance(value, list | tuple) else [value])
    return [child for child in found if isinstance(child, Mapping)]


def _reachable(schema: Mapping[str, object], components: Json) -> set[str]:
    found: set[str] = set()
    waiting = [schema]
    while waiting:
        node = waiting.pop()
        if "$ref" in node and _referenced(node) not in found:
            found.add(_referenced(node))
            waiting.append(components[_referenced(node)])
        waiting.extend(_children(node))
    return found


def _inlined(schema: Json, components: Json, recursive: AbstractSet[str]) -> dict[str, object]:
    if "$ref" in schema and _referenced(schema) not in recursive:
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        return {**_inlined(components[_referenced(schema)], components, recursive), **beside}
    plain: dict[str, object] = {}
    for key, value in schema.items():
        if key in _NAMED_SCHEMAS:
            plain[key] = {
                name: _inlined(child, components, recursive) for name, child in value.items()
            }
        elif key in _LITERALS:
            plain[key] = value
        elif key != "discriminator":
            plain[key] = _inlined_value(value, components, recursive)
    return plain


def _inlined_value(
    value: object, components: Mapping[str, object], recursive: AbstractSet[str]
) -> object:
    if isinstance(value, Mapping):
        return _inlined(value, components, recursive)
    if isinstance(value, list | tuple):
        return [_inlined_value(part, components, recursive) for part in value]
    return value
