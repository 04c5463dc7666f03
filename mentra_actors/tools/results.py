"""What a model is told of a result: rendered as text, kept within a size."""

from collections.abc import Callable
from typing import Any

import msgspec

from mentra_actors.domain.tool_call import BlobRef, ToolOutcome
from mentra_actors.tools.contract import ToolError, ToolOutput

__all__ = [
    "MAX_CONTENT_BYTES",
    "MAX_CONTENT_LINES",
    "limit_outcome",
    "outcome_text",
    "render_failure",
    "render_result",
    "words_of",
]

MAX_CONTENT_BYTES = 50 * 1024
MAX_CONTENT_LINES = 2_000
_NOTICE_BYTES = 300
"""Room that is kept for the notice, so that a limited text is within the limit as a whole."""


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


def render_result(value: Any, *, tool_name: str) -> ToolOutcome:
    """The outcome of a call that returned `value`, whole: pass it to `limit_outcome`.

    A value that JSON cannot carry gives an error for the model that names the tool and the type.
    """
    output = value if isinstance(value, ToolOutput) else ToolOutput(content=value)
    try:
        content, is_error = _text_of(output.content), output.is_error
    except _Unserialisable as error:
        content = (
            f"Tool '{tool_name}' ran, but its result is lost: it returned {error}. "
            "It should return a string, a ToolOutput or JSON data."
        )
        is_error = True
    return ToolOutcome(
        content=content,
        is_error=is_error,
        details=_details_of(output.details),
        mail=output.mail,
    )


def render_failure(error: Exception, *, tool_name: str) -> ToolOutcome:
    """The outcome of a call that raised: a `ToolError`'s own text, else what was raised."""
    words = words_of(error)
    if isinstance(error, ToolError) and words:
        text = words
    elif isinstance(error, ToolError):
        text = f"Tool '{tool_name}' failed."
    else:
        text = f"Tool '{tool_name}' failed: {type(error).__name__}: {words}"
    return ToolOutcome(content=_encodable(text), is_error=True)


def words_of(error: BaseException) -> str:
    """What an error says of itself; never raises, whatever its class does in `__str__`."""
    try:
        return str.__str__(str(error))
    except Exception:  # noqa: BLE001 - a broken error is still an error
        return "(it cannot say what)"


def limit_outcome(outcome: ToolOutcome, *, keep: Callable[[bytes], str]) -> ToolOutcome:
    """`outcome` with a content of at most 50 KiB and 2,000 lines, the notice included.

    The head stays, on whole lines; only a first line that is too long by itself is cut, at a
    character. `keep` takes the whole text as UTF-8 and returns the digest under which it can be
    read again; it is called only when something is left out.
    """
    encoded = outcome.content.encode()
    lines = _line_count(encoded)
    if len(encoded) <= MAX_CONTENT_BYTES and lines <= MAX_CONTENT_LINES:
        return outcome
    head, shown = _head(encoded)
    digest = keep(encoded)
    notice = _notice(head, shown, lines, digest)
    return msgspec.structs.replace(
        outcome,
        content=f"{head}{notice}",
        spilled=BlobRef(digest=digest, size_bytes=len(encoded)),
    )


def _text_of(value: Any) -> str:
    if isinstance(value, str):
        return _encodable(value)
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


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _line_count(text: bytes) -> int:
    return text.count(b"\n") + (not text.endswith(b"\n"))


def _head(text: bytes) -> tuple[str, int]:
    """The part that is kept, and how many lines of it are whole; 0 when the first is cut."""
    room = text[: MAX_CONTENT_BYTES - _NOTICE_BYTES]
    lines = room.split(b"\n")
    whole = lines[: min(len(lines) - 1, MAX_CONTENT_LINES - 1)]
    if not whole:
        return room.decode(errors="ignore"), 0
    return b"\n".join(whole).decode() + "\n", len(whole)


def _notice(head: str, shown: int, lines: int, digest: str) -> str:
    if shown:
        counted = f"showing {shown} of {lines} lines"
        return f"[truncated: {counted}; full output kept as blob {digest}]"
    kept = len(head.encode())
    counted = f"showing 1 of {lines} lines, and of that one only the first {kept} bytes"
    return f"\n[truncated: {counted}; full output kept as blob {digest}]"
