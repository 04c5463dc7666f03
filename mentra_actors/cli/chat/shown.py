"""What a chat shows, before anybody knows on what."""

from collections.abc import Sequence
from typing import TypeAlias

import msgspec
from rich.text import Text

__all__ = ["Line", "Prose", "Rows", "Shown", "line", "lines_of"]


class Line(msgspec.Struct, frozen=True):
    """A line beside the answer; with `is_cut` a terminal cuts it to its width."""

    text: Text
    is_cut: bool = False


class Prose(msgspec.Struct, frozen=True):
    """A piece of an answer: Markdown, as the model wrote it."""

    text: str


class Rows(msgspec.Struct, frozen=True):
    """A table."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Text]]


Shown: TypeAlias = Line | Prose | Rows


def line(text: str, style: str = "", *, is_cut: bool = False) -> Line:
    """A line in one style."""
    return Line(Text(text, style=style), is_cut)


def lines_of(text: str, style: str = "", *, indent: str = "") -> Sequence[Line]:
    """Each line of a text, indented."""
    return [line(f"{indent}{one}", style) for one in text.splitlines() or [""]]
