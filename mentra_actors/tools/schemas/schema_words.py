"""A JSON Schema in a few words for a model. The schema is valid; it may be hand-written."""

from collections.abc import Mapping
from itertools import islice

from mentra_actors.json_types import Json, JsonObject
from mentra_actors.tools.functions.argument_faults import cut, shown

__all__ = ["expectation", "kind", "parameters", "resolved", "tags_of"]

_ENUM_VALUES = 20
_FORMS = 8
_DEPTH = 4
_PATTERN_CHARS = 120
_REFERENCE_HOPS = 20
_BOUNDS = (
    ("minimum", "at least {}"),
    ("exclusiveMinimum", "above {}"),
    ("maximum", "at most {}"),
    ("exclusiveMaximum", "below {}"),
    ("multipleOf", "a multiple of {}"),
    ("minLength", "at least {} characters"),
    ("maxLength", "at most {} characters"),
    ("minItems", "at least {} items"),
    ("maxItems", "at most {} items"),
    ("minProperties", "at least {} fields"),
    ("maxProperties", "at most {} fields"),
)


def parameters(schema: Json) -> str:
    """What a tool with this input schema takes: each name, its kind, and whether it must be."""
    properties = schema.get("properties", {})
    required = schema.get("required", [])
    names = [
        f"`{name}` ({kind(part, schema)}, {'required' if name in required else 'optional'})"
        for name, part in properties.items()
    ]
    names += [f"`{name}` (any, required)" for name in required if name not in properties]
    if names:
        return ", ".join(names)
    return "no arguments" if schema.get("additionalProperties") is False else "any arguments"


def kind(schema: object, root: Json) -> str:
    """The types that a value may have, or the values themselves: `integer or null`."""
    return _kind(schema, root, _DEPTH)


def expectation(schema: object, root: Mapping[str, object]) -> str:
    """All that is expected of a value itself: its kind, bounds, pattern and format."""
    form = resolved(schema, root)
    words = [kind(form, root)]
    words += [_bound(text, form[name]) for name, text in _BOUNDS if name in form]
    if "pattern" in form:
        words.append(f"matching `{cut(str(form['pattern']), _PATTERN_CHARS)}`")
    if "format" in form:
        words.append(f"as {form['format']}")
    if form.get("uniqueItems") is True:
        words.append("all of them different")
    return ", ".join(words)


def resolved(schema: object, root: Mapping[str, object]) -> Json:
    """The schema that a `$ref` within `root` leads to; an empty one if it leads elsewhere."""
    for _ in range(_REFERENCE_HOPS):
        if not isinstance(schema, Mapping):
            return {}
        if "$ref" not in schema:
            return schema
        schema = _target(schema["$ref"], root)
    return {}


def tags_of(form: Json) -> JsonObject:
    """Properties of an object that may have one value only: they tell the forms apart."""
    tags: JsonObject = {}
    for name, part in form.get("properties", {}).items():
        if isinstance(part, Mapping) and "const" in part:
            tags[name] = part["const"]
        elif isinstance(part, Mapping) and len(part.get("enum", ())) == 1:
            tags[name] = part["enum"][0]
    return tags


def _kind(schema: object, root: Mapping[str, object], depth: int) -> str:
    form = resolved(schema, root)
    if "const" in form:
        return shown(form["const"])
    if "enum" in form:
        values = [shown(value) for value in islice(form["enum"], _ENUM_VALUES)]
        more = [f"… ({len(form['enum'])} values)"] if len(form["enum"]) > _ENUM_VALUES else []
        return "one of " + ", ".join(values + more)
    if "type" in form:
        types = form["type"]
        plain = types if isinstance(types, str) else " or ".join(types)
        return plain + _members(form) if plain == "object" and depth < _DEPTH else plain
    return _kind_of_forms(form, root, depth) or "any"


def _kind_of_forms(form: Json, root: Json, depth: int) -> str:
    forms = form.get("anyOf") or form.get("oneOf") or []
    if not depth or not forms:
        return ""
    kinds = [_kind(each, root, depth - 1) for each in islice(forms, _FORMS)]
    return " or ".join(dict.fromkeys(kinds)) + (" or …" if len(forms) > _FORMS else "")


def _members(form: Json) -> str:
    """The fields that an object must have, those that tell its form with their only value."""
    tags = tags_of(form)
    names = [
        f"`{name}` {shown(tags[name])}" if name in tags else f"`{name}`"
        for name in islice(form.get("required", []), _FORMS)
    ]
    return " with " + ", ".join(names) if names else ""


def _bound(text: str, value: object) -> str:
    words = text.format(shown(value))
    return words.removesuffix("s") if value == 1 else words


def _target(reference: object, root: Mapping[str, object]) -> object:
    if not isinstance(reference, str) or not reference.startswith("#"):
        return {}
    target: object = root
    for step in reference.removeprefix("#").split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if not isinstance(target, Mapping) or name not in target:
            return {}
        target = target[name]
    return target
