"""What a model is told of a result: rendered as text."""

from typing import Any, NamedTuple

import msgspec

from mentra_actors.domain.content import Attachment, FileBlock, ImageBlock
from mentra_actors.domain.storable import as_stored, encodable
from mentra_actors.domain.tool_call import ToolOutcome
from mentra_actors.tools.contract import ToolError, ToolOutput

__all__ = [
    "Rendered",
    "named_words_of",
    "outcome_text",
    "render_failure",
    "render_result",
    "words_of",
]


class _Unserialisable(Exception):
    def __init__(self, value: Any, reason: str) -> None:
        super().__init__(f"a value of type '{type(value).__name__}' as JSON ({reason})")


def outcome_text(value: Any) -> str:
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


def render_result(value: Any, *, tool_name: str) -> Rendered:
    """The outcome of a call that returned `value`, whole: pass it to `limit_outcome`.

    A value that JSON cannot carry gives an error for the model that names the tool and the type.
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
        shown = as_stored(tuple(output.attachments), tuple[Attachment, ...], "attachments")
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
    )
    return Rendered(outcome, is_text=is_text)


def _output(value: Any) -> ToolOutput:
    """What a tool has returned; an image or a document alone is shown with a word to it."""
    if isinstance(value, ToolOutput):
        return value
    if isinstance(value, ImageBlock | FileBlock):
        named = "an image" if isinstance(value, ImageBlock) else value.name or "a document"
        return ToolOutput(content=f"({named} is attached)", attachments=(value,))
    return ToolOutput(content=value)


def render_failure(error: Exception, *, tool_name: str) -> ToolOutcome:
    """The outcome of a call that raised: a `ToolError`'s own text, else what was raised."""
    words = words_of(error)
    if isinstance(error, ToolError) and words:
        text = words
    elif isinstance(error, ToolError):
        text = f"Tool '{tool_name}' failed."
    else:
        text = f"Tool '{tool_name}' failed: {named_words_of(error)}"
    return ToolOutcome(content=encodable(text), is_error=True)


def words_of(error: BaseException) -> str:
    """What an error says of itself, as text that can be stored.

    Never raises, whatever its class does in `__str__`.
    """
    try:
        return encodable(str.__str__(str(error)))
    except BaseException:  # noqa: BLE001 - a broken error is still an error
        return "(it cannot say what)"


def named_words_of(error: BaseException) -> str:
    """The same, after what kind of error it is; for errors that were not meant to be read."""
    return f"{type(error).__name__}: {words_of(error)}"


def _text_of(value: Any) -> str:
    if isinstance(value, str):
        return encodable(value)
    if value is None:
        return "(no output)"
    try:
        return msgspec.json.encode(value).decode()
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise _Unserialisable(value, str(error)) from error


def _details_of(details: Any) -> str:
    if details is None:
        return ""
    try:
        return msgspec.json.encode(details).decode()
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        lost = str(_Unserialisable(details, str(error)))
        return msgspec.json.encode({"details_lost": lost}).decode()
