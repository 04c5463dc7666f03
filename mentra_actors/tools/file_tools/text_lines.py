"""Text files line by line, in bounded memory and time, and cancellable."""

import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import BinaryIO

import anyio.from_thread

from mentra_actors.tools.tool_errors import ToolError

__all__ = [
    "LINE_CHARS",
    "MAX_LINE_BYTES",
    "Line",
    "NotText",
    "OutOfTime",
    "WorkBudget",
    "cut",
    "stop_if_cancelled",
    "text_lines",
]

LINE_CHARS = 500
"""Characters of a line that a model is shown."""
MAX_LINE_BYTES = 64 * 1024
"""Bytes of a line that are read; the rest of it is skipped."""
_LOOK_UP_READS = 1_024
"""After how many reads the budget is looked at."""


class NotText(ToolError):
    """A file turned out not to be UTF-8 text."""


class OutOfTime(ToolError):
    """The budget of a call is spent."""


@dataclass(slots=True)
class WorkBudget:
    """Seconds that a call may work; also notices when the call was cancelled."""

    seconds: float
    started: float = field(default_factory=time.monotonic)

    def is_spent(self) -> bool:
        """True when the time is over.

        Raises:
            asyncio.CancelledError (of the loop's library): the call was cancelled.
        """
        stop_if_cancelled()
        return time.monotonic() - self.started > self.seconds


@dataclass(frozen=True, slots=True)
class Line:
    """One line without its end; `number` counts from 1."""

    number: int
    text: str


def stop_if_cancelled() -> None:
    """End the work when the call that this worker thread runs for was cancelled.

    Raises:
        asyncio.CancelledError (of the loop's library): it was.
    """
    with suppress(RuntimeError):  # outside of a worker thread nothing can be cancelled
        anyio.from_thread.check_cancelled()


def text_lines(
    file: BinaryIO, budget: WorkBudget, *, first: int = 1, last: int = sys.maxsize
) -> Iterator[Line]:
    """Lines of a file; those before `first` and after `last` come without their text.

    Never holds more than one line, and reads nothing that was not asked for.

    Raises:
        NotText: a line from `first` to `last` holds NUL or is not UTF-8.
        OutOfTime: the budget is spent.
    """
    number = 0
    is_cut = False
    while raw := _next_line(file, budget, after_cut=is_cut):
        number += 1
        is_cut = _is_cut(raw)
        text = _decoded(raw, number) if first <= number <= last else ""
        yield Line(number, text)
        if number % _LOOK_UP_READS == 0:
            _require_time(budget)


def cut(text: str) -> str:
    """A line as a model is shown it: at most 500 characters and, if there are more, `…`."""
    return text if len(text) <= LINE_CHARS else f"{text[:LINE_CHARS]}…"


def _next_line(file: BinaryIO, budget: WorkBudget, *, after_cut: bool) -> bytes:
    rest_reads = 0
    while after_cut:
        rest = file.readline(MAX_LINE_BYTES)
        after_cut = bool(rest) and not rest.endswith(b"\n")
        rest_reads += 1
        if rest_reads % _LOOK_UP_READS == 0:
            _require_time(budget)
    return file.readline(MAX_LINE_BYTES)


def _is_cut(raw: bytes) -> bool:
    return len(raw) == MAX_LINE_BYTES and not raw.endswith(b"\n")


def _require_time(budget: WorkBudget) -> None:
    if budget.is_spent():
        raise OutOfTime(f"reading was stopped after {budget.seconds:g} s")


def _decoded(raw: bytes, number: int) -> str:
    if b"\0" in raw:
        raise NotText("it is binary")
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        if not (_is_cut(raw) and error.end == len(raw)):
            raise NotText(f"line {number} is not UTF-8 text") from error
        text = raw[: error.start].decode()
    plain = text.removesuffix("\n").removesuffix("\r")
    return plain.removeprefix("\ufeff") if number == 1 else plain
