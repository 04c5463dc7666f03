"""What a model is told of a long result: its head and its tail, or a first window of it.

Without paging a text above the limits is cut in the middle. With paging the model gets a first
window and may ask for the next ones with `read_tool_result`. Data that is not text is never cut:
half a JSON document tells a lie, so it is kept whole and only named. The whole of everything is
kept as a blob.
"""

from collections.abc import Callable

import msgspec

from mentra_actors.domain.agent.profile import ToolResultPaging
from mentra_actors.domain.blob import BlobRef
from mentra_actors.domain.tool_call import ToolOutcome
from mentra_actors.tools.results.pages import first_page

__all__ = ["MAX_CONTENT_BYTES", "MAX_CONTENT_LINES", "ResultLimits", "limit_outcome"]

MAX_CONTENT_BYTES = 50 * 1024
MAX_CONTENT_LINES = 2_000
_NOTICE_BYTES = 400
"""Room that is kept for the notice, so that a limited text is within the limit as a whole."""
_REASON_BYTES = 200
"""So much of that room is for why the whole could not be kept."""
_TAIL_SHARE = 4
"""One part in four of the room is for the end of the text: there errors and totals stand."""


class ResultLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a result a model is told at once."""

    max_bytes: int = MAX_CONTENT_BYTES
    max_lines: int = MAX_CONTENT_LINES

    def __post_init__(self) -> None:
        if self.max_bytes < 2 * _NOTICE_BYTES or self.max_lines < 2:  # noqa: PLR2004 - head and tail
            raise ValueError(
                f"a result has at least {2 * _NOTICE_BYTES} bytes and 2 lines, "
                f"not {self.max_bytes} and {self.max_lines}"
            )


def limit_outcome(
    outcome: ToolOutcome,
    *,
    keep: Callable[[bytes], str],
    limits: ResultLimits = ResultLimits(),  # noqa: B008 - immutable
    paging: ToolResultPaging | None = None,
    call: str = "",
    is_text: bool = True,
) -> ToolOutcome:
    """`outcome` with a content within the limits, the notice included.

    `keep` takes the whole as UTF-8 and returns the digest under which it can be read again; it
    is called only when something is left out. `call` is the id under which the model may ask for
    more of a paged text. A failure to keep the whole is said in the text.
    """
    encoded = outcome.content.encode()
    lines = _line_count(encoded)
    most_bytes, most_lines = limits.max_bytes, limits.max_lines
    if paging is not None and is_text:  # windows are of bytes, however many lines they have
        most_bytes, most_lines = min(most_bytes, paging.threshold_bytes), lines
    if len(encoded) <= most_bytes and lines <= most_lines:
        return outcome
    spilled, kept_as = _kept(encoded, keep)
    if not is_text:
        content = f"[structured output of {len(encoded)} bytes; {kept_as}]"
    elif paging is not None and spilled is not None:
        content = first_page(outcome.content, paging.page_bytes, call)
    else:
        content = _head_and_tail(encoded, lines, limits, kept_as)
    return msgspec.structs.replace(outcome, content=content, spilled=spilled)


def _kept(encoded: bytes, keep: Callable[[bytes], str]) -> tuple[BlobRef | None, str]:
    try:
        digest = keep(encoded)
    except Exception as error:  # noqa: BLE001 - the call has happened: its result must be told
        why = f"{type(error).__name__}: {error}".encode(errors="replace")[:_REASON_BYTES]
        return None, f"the whole could not be kept ({why.decode(errors='ignore')})"
    return BlobRef(digest=digest, size_bytes=len(encoded)), f"full output kept as blob {digest}"


def _line_count(text: bytes) -> int:
    return text.count(b"\n") + (not text.endswith(b"\n"))


def _head_and_tail(text: bytes, lines: int, limits: ResultLimits, kept_as: str) -> str:
    room = limits.max_bytes - _NOTICE_BYTES
    tail_room, tail_lines = room // _TAIL_SHARE, limits.max_lines // _TAIL_SHARE
    if limits.max_lines > 2:  # noqa: PLR2004 - head and notice
        tail_lines = max(tail_lines, 1)
    head, head_count = _head(text, room - tail_room, limits.max_lines - tail_lines - 1)
    tail, tail_count = _tail(text, tail_room, tail_lines, len(head.encode()))
    shown = f"showing {max(head_count, 1) + tail_count} of {lines} lines"
    tail_shown = f" and {lines - tail_count + 1}-{lines}" if tail_count else ""
    if not head_count and not tail_count:
        shown += f", and of that one only the first {len(head)} characters"
    elif not head_count:
        shown += f": the first {len(head)} characters of line 1{tail_shown}"
    elif tail_count:
        shown += f": 1-{head_count}{tail_shown}"
    break_before = "" if head.endswith("\n") else "\n"
    break_after = "\n" if tail else ""
    return f"{head}{break_before}[truncated: {shown}; {kept_as}]{break_after}{tail}"


def _head(text: bytes, room: int, max_lines: int) -> tuple[str, int]:
    """The first whole lines that fit; of a first line that is too long, as much as fits, and 0."""
    lines = text[:room].split(b"\n")
    whole = lines[: min(len(lines) - 1, max_lines)]
    if not whole:
        return text[:room].decode(errors="ignore"), 0
    return b"\n".join(whole).decode() + "\n", len(whole)


def _tail(text: bytes, room: int, max_lines: int, head_bytes: int) -> tuple[str, int]:
    """The last whole lines that fit and are not in the head; nothing if there is none."""
    start = max(len(text) - room, head_bytes)
    part = text[start:]
    ends = part.endswith(b"\n")
    lines = part.removesuffix(b"\n").split(b"\n")
    if start > head_bytes:
        lines = lines[1:]  # it may have been cut
    kept = lines[-max_lines:]
    if not kept or not head_bytes or not max_lines:
        return "", 0
    return b"\n".join(kept).decode(errors="replace") + ("\n" if ends else ""), len(kept)
