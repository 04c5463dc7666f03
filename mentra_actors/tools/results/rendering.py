"""What a model is told of a result: rendered as text."""

import dataclasses
from collections.abc import Iterable, Iterator
from types import NoneType
from typing import Any, NamedTuple

import msgspec

from mentra_actors.domain.content import Attachment, FileBlock, ImageBlock
from mentra_actors.domain.storable import as_stored, encodable
from mentra_actors.domain.tool_call import ToolOutcome
from mentra_actors.tools.contract import ToolError, ToolOutput

__all__ = [
    "Rendered",
    "error_words",
    "named_words_of",
    "outcome_text",
    "render_failure",
    "render_result",
    "rough_size",
]


MAX_RESULT_SIZE = 32 * 1024 * 1024
"""Characters of a text, and roughly those of data as JSON: more of a result is not kept."""
_MAX_DETAILS_CHARS = 4 * 1024 * 1024
"""Details stand on the log itself."""
_MAX_ATTACHED_BYTES = 256 * 1024 * 1024
_PART_SIZE = 8
"""So many characters a number is counted as, and whatever else has no length."""
_WITHOUT_PARTS = frozenset({str, int, float, bool, bytes, NoneType})
_MAX_DEPTH = 1_000
"""What is nested deeper cannot be written as JSON."""


class _Unserialisable(Exception):
    def __init__(self, value: object, reason: str) -> None:
        super().__init__(f"a value of type '{type(value).__name__}' as JSON ({reason})")


def outcome_text(value: object) -> str:
    """The text of a returned value: a string as it is, None as "(no output)", else JSON.

    Raises:
        TypeError: the value cannot be written as JSON.
    """
    try:
        return _text_of(value)
    except _Unserialisable as error:
        raise TypeError(f"cannot write {error}") from error


class Rendered(NamedTuple):
    """The outcome of a call, whole. `is_text` is false if its content is data written as JSON."""

    outcome: ToolOutcome
    is_text: bool = True
    unknown: str = ""


def render_result(value: object, *, tool_name: str) -> Rendered:
    """The outcome of a call that returned `value`, whole: pass it to `limit_outcome`.

    A value that JSON cannot carry gives an error for the model that names the tool and the type.
    So does data above `MAX_RESULT_SIZE`; of a text above it the middle is left out, which is said.
    """
    output = _output(value)
    is_text, is_error = isinstance(output.content, str | None), output.is_error
    is_lost = False
    try:
        content = _text_of(output.content)
    except _Unserialisable as error:
        content = (
            f"Tool '{tool_name}' ran, but its result is lost: it returned {error}. "
            "It should return a string, a ToolOutput or JSON data."
        )
        is_text = is_error = is_lost = True
    try:
        shown = _attached(output)
    except (TypeError, ValueError) as error:
        content, shown = f"Tool '{tool_name}' ran, but its attachments are lost: {error}", ()
        is_text = is_error = is_lost = True
    outcome = ToolOutcome(
        content=content,
        is_error=is_error,
        details=_details_of(output.details),
        mail=output.mail,
        terminate=output.terminate,
        has_run=is_lost,
        attachments=shown,
        compaction=output.compaction,
        unwritten=output.unwritten,
    )
    return Rendered(outcome, is_text=is_text)


class _Counted(NamedTuple):
    """A value of which the parts are being counted; `size` has one entry, which grows."""

    value: Any
    parts: Iterator[object]
    size: list[int]


def rough_size(value: object, *, most: int) -> int:
    """How many characters a result has as JSON, roughly; some number above `most` if it has more.

    Takes as long as the value has parts, of which each is counted once, however often it occurs.
    Some milliseconds for a `most` of 50,000; on any thread. What is nested too deeply is not
    looked at: it cannot be written as JSON.
    """
    known: dict[int, _Counted] = {}
    inside = [_Counted(None, iter((value,)), [0])]
    while True:
        counted = inside[-1]
        for one in counted.parts:
            counted.size[0] += _own_size(one)
            parts = None if type(one) in _WITHOUT_PARTS else _parts_of(one)
            if parts is not None and id(one) in known:
                counted.size[0] += known[id(one)].size[0]
            elif parts is not None and len(inside) < _MAX_DEPTH:
                inside.append(_Counted(one, parts, [0]))
                break
            if counted.size[0] > most:
                return counted.size[0]
        else:
            inside.pop()
            if not inside:
                return counted.size[0]
            known[id(counted.value)] = counted
            inside[-1].size[0] += counted.size[0]


def _own_size(value: object) -> int:
    kind = type(value)
    if kind is int or kind is float:
        return _PART_SIZE
    return _PART_SIZE + (len(value) if isinstance(value, str | bytes | bytearray) else 0)


def _parts_of(value: object) -> Iterator[object] | None:
    """What is in a value, or None if nothing is."""
    match value:
        case dict():
            return (part for pair in value.items() for part in pair)
        case list() | tuple() | set() | frozenset():
            return iter(value)
        case msgspec.Struct():
            return _fields_of(value, value.__struct_fields__)
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return _fields_of(value, (field.name for field in dataclasses.fields(value)))
        case _:
            return None


def _fields_of(value: object, names: Iterable[str]) -> Iterator[object]:
    return (getattr(value, name, None) for name in names)


def _attached(output: ToolOutput) -> tuple[Attachment, ...]:
    """What is to be looked at, checked.

    Raises:
        TypeError, ValueError: it is no such thing, or too much of it.
    """
    shown = as_stored(tuple(output.attachments), tuple[Attachment, ...], "attachments")
    total = sum(len(one.data) for one in shown)
    if total > _MAX_ATTACHED_BYTES:
        raise ValueError(f"{total:,} bytes are more than {_MAX_ATTACHED_BYTES:,}")
    return shown


def _output(value: object) -> ToolOutput:
    """What a tool has returned; an image or a document alone is shown with a word to it."""
    if isinstance(value, ToolOutput):
        return value
    if isinstance(value, ImageBlock | FileBlock):
        named = "an image" if isinstance(value, ImageBlock) else value.name or "a document"
        return ToolOutput(content=f"({named} is attached)", attachments=(value,))
    return ToolOutput(content=value)


def render_failure(error: Exception, *, tool_name: str) -> ToolOutcome:
    """The outcome of a call that raised: a `ToolError`'s own text, else what was raised."""
    words = error_words(error)
    if isinstance(error, ToolError) and words:
        text = words
    elif isinstance(error, ToolError):
        text = f"Tool '{tool_name}' failed."
    else:
        text = f"Tool '{tool_name}' failed: {named_words_of(error)}"
    return ToolOutcome(content=encodable(text), is_error=True)


def error_words(error: BaseException) -> str:
    """What an error says of itself, as text that can be stored.

    Never raises, whatever its class does in `__str__`.
    """
    try:
        return encodable(str.__str__(str(error)))
    except BaseException:  # noqa: BLE001 - a broken error is still an error
        return "(it cannot say what)"


def named_words_of(error: BaseException) -> str:
    """The same, after what kind of error it is; for errors that were not meant to be read."""
    return f"{type(error).__name__}: {error_words(error)}"


def _text_of(value: object) -> str:
    if isinstance(value, str):
        return encodable(_without_middle(value))
    return "(no output)" if value is None else _json_of(value, MAX_RESULT_SIZE)


def _without_middle(text: str) -> str:
    """The text, or three quarters of what can be kept from its start and the rest from its end."""
    if len(text) <= MAX_RESULT_SIZE:
        return text
    tail = MAX_RESULT_SIZE // 4
    head = MAX_RESULT_SIZE - tail
    left_out = f"[{len(text) - MAX_RESULT_SIZE:,} characters of {len(text):,} are not kept]"
    return f"{text[:head]}\n{left_out}\n{text[-tail:]}"


def _json_of(value: object, most: int) -> str:
    try:
        if rough_size(value, most=most) > most:
            raise ValueError(f"it has more than {most:,} characters")
        return msgspec.json.encode(value).decode()
    except (TypeError, ValueError, OverflowError, RecursionError, RuntimeError) as error:
        raise _Unserialisable(value, str(error)) from error


def _details_of(details: object) -> str:
    if details is None:
        return ""
    try:
        return _json_of(details, _MAX_DETAILS_CHARS)
    except _Unserialisable as lost:
        return msgspec.json.encode({"details_lost": str(lost)}).decode()
