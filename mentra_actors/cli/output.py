"""Where a command prints: people read tables and text, programs read JSON.

Standard output carries the answer of the command and nothing else; progress and remarks go to
standard error. Piped text has no colours, no frames and is never cut to a width; where COLUMNS
says how wide it may be, sentences are wrapped.
"""

import errno
import json
import os
import sys
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import msgspec
from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

__all__ = [
    "Output",
    "discard_output",
    "harmless",
    "local_moment",
    "local_second",
    "local_time",
    "naming_output",
    "plain_table",
    "print_text",
]

_NO_WIDTH = 1_000_000
_GAP = 2
"""Columns between those of a framed table."""
_LONG_WORD = 32
"""Longer words may break in a column that is wrapped: paths, for example."""
_CONTROLS = {
    code: "\N{REPLACEMENT CHARACTER}"
    for code in (*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A))
    if chr(code) not in "\t\n"
}
_JSON_ESCAPES = {code: f"\\u{code:04x}" for code in _CONTROLS}
"""What would steer a terminal and JSON lets through; in JSON it can only be within strings."""


class Output:
    """The two consoles of one command."""

    def __init__(self, *, as_json: bool, is_plain: bool = False) -> None:
        """With `is_plain` it writes as into a pipe, whatever is there."""
        self.as_json = as_json
        self.console = _console(is_terminal=not is_plain and sys.stdout.isatty(), is_error=False)
        self._is_piped = not self.console.is_terminal
        self.remarks = _console(is_terminal=not is_plain and sys.stderr.isatty(), is_error=True)

    @property
    def is_terminal(self) -> bool:
        """True when a person looks at standard output."""
        return self.console.is_terminal and not self.as_json

    def document(self, value: object) -> None:
        """One JSON document on standard output."""
        self.json_line(value, indent=2)

    def json_line(self, value: object, *, indent: int | None = None) -> None:
        """A value as JSON on standard output, flushed."""
        plain = msgspec.to_builtins(value, str_keys=True)
        print_text(_json_text(plain, indent) + "\n")

    def show(self, *renderables: RenderableType) -> None:
        """Something for people on standard output; of plain text, brackets are brackets."""
        with naming_output():
            for one in renderables:
                shown = Text(one) if isinstance(one, str) else one
                if self._is_piped and isinstance(shown, Text) and "\t" not in shown.plain:
                    self._write(harmless(shown.plain))
                else:
                    self.console.print(shown, highlight=False)

    def _write(self, text: str) -> None:
        """What the console would write into a pipe, in a tenth of its time."""
        self.console.file.write(f"{text}\n")
        self.console.file.flush()

    def show_line(self, line: Text) -> None:
        """One line: cut to the width of a terminal, whole elsewhere."""
        if self.is_terminal:
            line.truncate(self.console.width - 1, overflow="ellipsis")
        self.show(line)

    def show_hanging(self, line: Text, indent: int) -> None:
        """Text whose wrapped lines begin below the `indent`th column; whole without a width."""
        width = self.console.width if self.is_terminal else _asked_width()
        if width is None:
            self.show(line)
            return
        room = max(width - indent, 20)
        for part in line.split("\n", allow_blank=True):
            head, body = part[:indent], part[indent:]
            for piece in body.wrap(self.console, room) or [Text()]:
                self.show(Text.assemble(head, piece))
                head = Text(" " * indent)

    def remark(self, text: str, style: str = "dim") -> None:
        """A line beside the answer, on standard error; nothing with `--json`."""
        if not self.as_json:
            self.remarks.print(Text(text, style=style), highlight=False)

    def spinner(self, text: str) -> AbstractContextManager[Any]:
        """Shows that something takes a while, where a person looks at standard error."""
        if self.as_json or not self.remarks.is_terminal:
            return nullcontext()
        return self.remarks.status(text)

    def table(
        self,
        title: str,
        columns: Sequence[str],
        rows: Sequence[Sequence[Text]],
        *,
        wrapped: Collection[str] = (),
    ) -> None:
        """A table: framed on a terminal, aligned text elsewhere.

        Where a terminal has too little room the columns in `wrapped` are wrapped before others;
        where that is not enough each row is told in lines, so that no name breaks.
        """
        if not self.is_terminal:
            self.show(plain_table(columns, rows))
            return
        if _least_width(columns, rows, wrapped) > self.console.width:
            self._show_rows(title, columns, rows)
            return
        table = Table(
            title=title,
            title_justify="left",
            header_style="bold",
            box=SIMPLE_HEAD,
            padding=(0, 1),
            collapse_padding=True,
            pad_edge=False,
        )
        for place, column in enumerate(columns):
            is_whole = column not in wrapped if wrapped else _are_figures(rows, place)
            table.add_column(column, overflow="fold", no_wrap=is_whole)
        for row in rows:
            table.add_row(*row)
        self.show(table)

    def _show_rows(
        self, title: str, columns: Sequence[str], rows: Sequence[Sequence[Text]]
    ) -> None:
        """A row in lines: its first cell, and below it the others with the names of columns."""
        self.show(Text(title, style="italic"))
        for first, *others in rows:
            named = [
                Text.assemble((f"{column} ", "dim"), cell)
                for column, cell in zip(columns[1:], others, strict=True)
                if cell.plain
            ]
            self.show_hanging(first, 2)
            self.show_hanging(Text.assemble("  ", Text(" · ").join(named)), 2)


def print_text(text: str) -> None:
    """Put text on standard output as it is, at once."""
    with naming_output():
        sys.stdout.write(text)
        sys.stdout.flush()


@contextmanager
def naming_output() -> Iterator[None]:
    """A block that writes to standard output: an error of no file says that it was there."""
    try:
        yield
    except OSError as error:
        if error.errno is None or error.filename is not None:
            raise
        named = OSError(error.errno, error.strerror, "standard output")
        if error.errno != errno.EPIPE:
            named.add_note("What was printed is not whole: see to the place that it goes to.")
        raise named from error


def harmless(text: str) -> str:
    """A text in which no character is a command to a terminal, but for tabs and new lines."""
    return text.translate(_CONTROLS)


def plain_table(columns: Sequence[str], rows: Sequence[Sequence[Text]]) -> Text:
    """Aligned columns without a frame."""
    lines = [[Text(column) for column in columns], *rows]
    widths = [max(line[place].cell_len for line in lines) for place in range(len(columns))]
    figures = [_are_figures(rows, place) for place in range(len(columns))]
    text = Text()
    for line in lines:
        for cell, width, is_figure in zip(line, widths, figures, strict=True):
            room = " " * (width - cell.cell_len)
            text.append(room if is_figure else "").append_text(cell)
            text.append("  " if is_figure else f"{room}  ")
        text.rstrip()
        text.append("\n")
    text.rstrip()
    return text


def _least_width(
    columns: Sequence[str], rows: Sequence[Sequence[Text]], wrapped: Collection[str]
) -> int:
    """How wide a terminal must be for a framed table in which no word breaks."""
    least = 0
    for place, column in enumerate(columns):
        cells = [Text(column), *(row[place] for row in rows)]
        is_whole = column not in wrapped if wrapped else _are_figures(rows, place)
        words = [one for cell in cells for one in (cell.plain.splitlines() or [""])]
        if not is_whole:
            words = [word for line in words for word in line.split()]
        longest = max(map(cell_len, words), default=0)
        least += _GAP + (longest if is_whole else min(longest, _LONG_WORD))
    return least


def _are_figures(rows: Sequence[Sequence[Text]], place: int) -> bool:
    return bool(rows) and all(row[place].justify == "right" for row in rows)


def _json_text(plain: object, indent: int | None) -> str:
    """JSON in the letters it is about, where they can be written; else escaped."""
    text = json.dumps(plain, indent=indent, ensure_ascii=False).translate(_JSON_ESCAPES)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return json.dumps(plain, indent=indent)
    return text


def _asked_width() -> int | None:
    """What whoever pipes the text says of its width."""
    said = os.environ.get("COLUMNS", "")
    return int(said) if said.isascii() and said.isdecimal() and int(said) else None


def discard_output() -> None:
    """Let everything that is still printed vanish: nobody reads standard output any more."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def local_time(unix_s: float) -> str:
    """Time of day on this machine, with milliseconds; a number that is no time as it is."""
    return _local("%H:%M:%S", unix_s, ends_in_ms=True)


def local_moment(unix_s: float) -> str:
    """Date and time of day on this machine, with milliseconds; see `local_time`."""
    return _local("%Y-%m-%d %H:%M:%S", unix_s, ends_in_ms=True)


def local_second(unix_s: float) -> str:
    """Date and time of day on this machine, to the second; see `local_time`."""
    return _local("%Y-%m-%d %H:%M:%S", unix_s)


def _local(form: str, unix_s: float, *, ends_in_ms: bool = False) -> str:
    try:
        shown = time.strftime(form, time.localtime(unix_s))
    except (OverflowError, ValueError, OSError):  # a year that no machine shows
        return f"{unix_s:g} s"
    return f"{shown}.{int(unix_s * 1000) % 1000:03d}" if ends_in_ms else shown


def _console(*, is_terminal: bool, is_error: bool) -> Console:
    if is_terminal:
        return _HarmlessConsole(stderr=is_error)
    return _HarmlessConsole(stderr=is_error, width=_NO_WIDTH, soft_wrap=True, color_system=None)


class _HarmlessConsole(Console):
    """Shows words of models and tools as words: none of them reaches the terminal as a command."""

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Segments without control and direction characters, but for rich's own."""
        for segment in super().render(renderable, options):
            if segment.control:
                yield segment
            else:
                yield segment._replace(text=harmless(segment.text))
