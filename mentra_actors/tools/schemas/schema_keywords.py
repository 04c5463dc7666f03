"""The keywords of JSON Schema that we apply in our own way, for the sake of models and of time.

`required`, `properties` and `additionalProperties` give an error for each name, at its place.
`anyOf` and `oneOf` tell of the one form that was meant, not of all forms at once; and whether a
value fits a form is found out once. Without that a value of a recursive type, nested n deep in a
union of k forms, takes k^n steps. `$ref` counts steps, because what is left of such explosions
needs references; and it ends before the stack does, because there the library's Rust parts panic.

What one check has found out is in a context variable: checks in several threads do not meet.
"""

import inspect
import re
import sys
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from types import NoneType
from typing import Any

from mentra_actors.json_types import Json
from mentra_actors.tools.schemas.jsonschema_library import jsonschema_library
from mentra_actors.tools.schemas.schema_words import resolved, tags_of

__all__ = ["OWN_WORDS", "TooManySteps", "checking", "validator_class"]

MAX_STEPS = 10_000
"""References and forms that a check follows, whatever the size of the value; about a second."""
MAX_STEPS_A_MEMBER = 20
"""As many more for each value that is in the value."""

_MAX_FRAMES = 600
"""Of the whole stack; of a recursion limit below 1,000 as many thousandths, because calls that are
no frames take most of the rest. With a higher limit the stack of C would end first."""

_AMBIGUOUS = "fits more than one of the allowed forms, and must fit exactly one"
_FORBIDDEN = "no value is allowed here"
OWN_WORDS = frozenset({_AMBIGUOUS, _FORBIDDEN})
"""Messages of errors that say all by themselves."""

_TYPES: Mapping[str, type] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "null": NoneType,
}

Errors = Iterator[object]
Keyword = Callable[[Any, Any, Any, Json], Errors | None]


class TooManySteps(Exception):
    """A check was given up: it takes more steps than the size of the value explains."""


class _Run:
    def __init__(self, value: object, root: Mapping[str, object]) -> None:
        self.value = value
        self.root = root
        self.steps = 0
        self.allowed_steps = MAX_STEPS
        # by the identity of value and form; the value is kept, so that its identity stays its own
        self.fits: dict[tuple[int, int], tuple[object, bool]] = {}

    def step(self) -> None:
        _require_room()
        self.steps += 1
        if self.steps == MAX_STEPS:
            self.allowed_steps += MAX_STEPS_A_MEMBER * _members(self.value)
        if self.steps > self.allowed_steps:
            raise TooManySteps("it explodes")


_RUN: ContextVar[_Run] = ContextVar("run_of_schema_check")


def _require_room() -> None:
    frame, frames = inspect.currentframe(), 0
    while frame is not None:
        frame, frames = frame.f_back, frames + 1
    if frames > min(_MAX_FRAMES, _MAX_FRAMES * sys.getrecursionlimit() // 1_000):
        raise RecursionError("a value is nested too deeply to be checked")


@contextmanager
def checking(value: object, root: Mapping[str, object]) -> Iterator[None]:
    """In this block the errors of a value are looked for, by the keywords of `validator_class`."""
    token = _RUN.set(_Run(value, root))
    try:
        yield
    finally:
        _RUN.reset(token)


@cache
def validator_class() -> Any:
    """The validator of Draft 2020-12 with our keywords. Loads the library."""
    library = jsonschema_library("jsonschema.validators")
    draft = library.Draft202012Validator
    keywords: dict[str, Keyword] = {
        "required": _required,
        "properties": _properties,
        "additionalProperties": _additional_properties,
        "anyOf": _any_of,
        "oneOf": _one_of,
        "uniqueItems": _unique_items,
        "$ref": _counted(draft.VALIDATORS["$ref"]),
        "$dynamicRef": _counted(draft.VALIDATORS["$dynamicRef"]),
    }
    return library.extend(draft, keywords, type_checker=_JsonTypes())


class _JsonTypes:
    """The types of JSON, as the library asks for them. Its own table is in Rust, see above."""

    def is_type(self, value: object, name: str) -> bool:
        """Whether a decoded value is of the type; a number without fraction is an integer."""
        match name:
            case "integer":
                is_whole = isinstance(value, float) and value.is_integer()
                return is_whole or (isinstance(value, int) and not isinstance(value, bool))
            case "number":
                return isinstance(value, int | float) and not isinstance(value, bool)
            case _:
                return isinstance(value, _TYPES[name])


def _members(value: object) -> int:
    """How many values are in a value."""
    count, waiting = 0, [value]
    while waiting:
        parts = waiting.pop()
        if isinstance(parts, dict | list):
            count += len(parts)
            waiting.extend(parts.values() if isinstance(parts, dict) else parts)
    return count


def _error(message: str, **details: object) -> object:
    return jsonschema_library("jsonschema.exceptions").ValidationError(message, **details)


def _counted(keyword: Keyword) -> Keyword:
    def counted(
        validator: object, value: object, instance: object, schema: Mapping[str, object]
    ) -> Errors:
        _RUN.get().step()
        yield from keyword(validator, value, instance, schema) or ()

    return counted


def _required(
    _validator: object, names: Sequence[str], instance: object, _schema: object
) -> Errors:
    if isinstance(instance, dict):
        yield from (_error("missing", path=[name]) for name in names if name not in instance)


def _properties(
    validator: Any, parts: Mapping[str, object], instance: Any, _schema: Mapping[str, object]
) -> Errors:
    if not isinstance(instance, dict):
        return
    for name, part in parts.items():
        if name in instance and part is False:
            yield _error(_FORBIDDEN, path=[name])
        elif name in instance:
            yield from validator.descend(instance[name], part, path=name)


def _additional_properties(validator: Any, allowed: Any, instance: object, schema: Json) -> Errors:
    if not isinstance(instance, dict):
        return
    known = schema.get("properties", {})
    patterns = [re.compile(pattern) for pattern in schema.get("patternProperties", {})]
    for name, value in instance.items():
        if name in known or any(pattern.search(str(name)) for pattern in patterns):
            continue
        if allowed is False:
            yield _error("unknown", path=[name])
        else:
            yield from validator.descend(value, allowed, path=name)


def _unique_items(
    _validator: object, is_asked: object, instance: object, _schema: object
) -> Errors:
    """In linear time; the library compares each item with each other one."""
    if not is_asked or not isinstance(instance, list):
        return
    if len({_frozen(part) for part in instance}) < len(instance):
        yield _error("has equal items")


def _frozen(value: object) -> Hashable:
    """Equal for equal values of JSON: 1 is 1.0, and is not true."""
    if isinstance(value, dict):
        return ("object", frozenset((name, _frozen(part)) for name, part in value.items()))
    if isinstance(value, list):
        return ("array", tuple(_frozen(part) for part in value))
    return (isinstance(value, bool), value)


def _any_of(
    validator: object, forms: Sequence[object], instance: object, _schema: object
) -> Errors:
    if not any(_fits(validator, form, instance) for form in forms):
        yield from _errors_of_the_meant(validator, forms, instance)


def _one_of(
    validator: object, forms: Sequence[object], instance: object, _schema: object
) -> Errors:
    fitting = sum(_fits(validator, form, instance) for form in forms)
    if fitting == 0:
        yield from _errors_of_the_meant(validator, forms, instance)
    elif fitting > 1:
        yield _error(_AMBIGUOUS)


def _fits(validator: Any, form: Any, instance: Any) -> bool:
    run = _RUN.get()
    key = (id(instance), id(form))
    if key not in run.fits:
        run.step()
        fits = next(validator.descend(instance, form), None) is None
        run.fits[key] = (instance, fits)
    return run.fits[key][1]


def _errors_of_the_meant(validator: Any, forms: Sequence[object], instance: Any) -> Errors:
    """The errors of the form that the value comes closest to; one error if that is not plain."""
    root = _RUN.get().root
    ranks = [_closeness(validator, resolved(form, root), instance) for form in forms]
    best = max(ranks)
    closest = [form for form, rank in zip(forms, ranks, strict=True) if rank == best]
    if best > _OTHER_TYPE and len(closest) == 1:
        yield from validator.descend(instance, closest[0])
        return
    objects = [resolved(form, root) for form in closest]
    names = [name for name in tags_of(objects[0]) if _is_wrong_tag(name, objects, instance)]
    if len(names) == 1:
        tags = [tags_of(form)[names[0]] for form in objects]
        yield _error_of_tag(names[0], tags, instance)
    else:
        yield _error("fits none of the allowed forms")


_OTHER_TYPE, _OTHER_TAG, _SAME_TYPE, _SAME_TAG = range(4)


def _closeness(validator: Any, form: Json, instance: Any) -> int:
    types = form.get("type", [])
    names = [types] if isinstance(types, str) else types
    if names and not any(validator.is_type(instance, name) for name in names):
        return _OTHER_TYPE
    tags = tags_of(form)
    if not isinstance(instance, dict) or not tags.keys() & instance.keys():
        return _SAME_TYPE
    is_other = any(instance[name] != tag for name, tag in tags.items() if name in instance)
    return _OTHER_TAG if is_other else _SAME_TAG


def _is_wrong_tag(name: str, forms: Sequence[Json], instance: object) -> bool:
    """Whether each form has this tag and must have it, and the value has it not, or another."""
    if not isinstance(instance, dict) or any(name not in tags_of(form) for form in forms):
        return False
    if name not in instance:
        return all(name in form.get("required", ()) for form in forms)
    return all(tags_of(form)[name] != instance[name] for form in forms)


def _error_of_tag(name: str, tags: Sequence[object], instance: Mapping[str, object]) -> object:
    allowed = {"enum": tags}
    if name not in instance:
        return _error(
            "missing",
            path=[name],
            validator="required",
            validator_value=[name],
            instance=instance,
            schema={"properties": {name: allowed}},
        )
    return _error(
        "another tag",
        path=[name],
        validator="enum",
        validator_value=allowed["enum"],
        instance=instance[name],
        schema=allowed,
    )
