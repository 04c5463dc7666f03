"""The refusal of arguments for a tool whose input schema was written by hand."""

import math
from collections import deque
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, TypeAlias

from mentra_actors.tools.functions.argument_faults import (
    MAX_FAULTS,
    Fault,
    other_fault,
    path_text,
    refusal,
    shown,
    unexpected_value,
)
from mentra_actors.tools.schemas.schema_check import Found, SchemaCheck, schema_check
from mentra_actors.tools.schemas.schema_words import parameters

__all__ = ["faults_by_schema"]

Place: TypeAlias = "tuple[Place, Any] | None"
"""The steps to a value, the last one first: the arguments may be nested ten thousand deep."""


def faults_by_schema(tool_name: str, input_schema: str, arguments: Mapping[str, object]) -> str:
    """The text for the model on arguments that do not fit `input_schema`; "" if they fit.

    Never raises: what cannot be checked is refused. Pure computation, on any thread: some 0.1 ms,
    and up to some seconds for a megabyte of arguments. A `pattern` that takes exponential time is
    not guarded against.
    """
    try:
        check = schema_check(input_schema)
    except ValueError as error:
        broken = Fault("arguments", f"the tool itself is broken, its input_schema {error}")
        return refusal(tool_name, [broken], "nothing")
    found = _found(check, arguments)
    faults = list(dict.fromkeys(found.faults))
    if found.gave_up:
        faults.append(other_fault("arguments", f"they cannot be checked: {found.gave_up}"))
    if not faults:
        return ""
    takes, has_more = parameters(check.schema), len(faults) > MAX_FAULTS
    return refusal(tool_name, faults[:MAX_FAULTS], takes, has_more=has_more)


def _found(check: SchemaCheck, arguments: object) -> Found:
    if not isinstance(arguments, Mapping):
        return Found([unexpected_value("arguments", "object", arguments)])
    found = check.found_in(dict(arguments))
    unsendable = list(islice(_faults_as_json(arguments), MAX_FAULTS + 1))
    told = {fault.path for fault in unsendable}
    by_schema = [fault for fault in found.faults if fault.path not in told]
    return Found([*unsendable, *by_schema], "" if unsendable else found.gave_up)


def _faults_as_json(arguments: Mapping[Any, object]) -> Iterator[Fault]:
    """Names that are no strings and values that JSON has not, wherever they are."""
    waiting: deque[tuple[object, Place]] = deque([(arguments, None)])
    seen: set[int] = set()
    while waiting:
        value, place = waiting.popleft()
        if not isinstance(value, Mapping | list | tuple):
            yield from _faults_of_scalar(value, place)
        elif id(value) not in seen:
            seen.add(id(value))
            yield from _faults_of_names(value, place)
            steps = value.items() if isinstance(value, Mapping) else enumerate(value)
            waiting.extend((part, (place, step)) for step, part in steps)


def _faults_of_names(value: object, place: Place) -> Iterator[Fault]:
    if isinstance(value, Mapping):
        for name in value:
            if not isinstance(name, str):
                path = path_text(_steps((place, name)))
                yield other_fault(path, f"expected a string as name; got {shown(name)}")


def _faults_of_scalar(value: object, place: Place) -> Iterator[Fault]:
    if isinstance(value, float) and not math.isfinite(value):
        yield unexpected_value(path_text(_steps(place)), "a number that JSON has", value)
    elif not isinstance(value, str | int | float | None):
        yield unexpected_value(path_text(_steps(place)), "a value that JSON has", value)


def _steps(place: Place) -> list[object]:
    steps: list[object] = []
    while place is not None:
        place, step = place
        steps.append(step)
    return steps[::-1]
