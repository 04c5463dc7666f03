"""What teammates find out, and the letters in which they tell their lead."""

from collections.abc import Iterable
from typing import TypeAlias

import msgspec

from mentra_actors.demo.survey_tools import Count, MatchCounts

__all__ = [
    "Check",
    "CrossCheck",
    "Finding",
    "Findings",
    "Heading",
    "Matches",
    "NotFound",
    "Parts",
    "SelfDescription",
    "Totals",
    "figures_of",
    "findings_in",
    "letter_with",
    "many",
]


class Totals(msgspec.Struct, frozen=True, kw_only=True, tag="totals"):
    """Figures of all files together, and per suffix."""

    root: str
    listing: str
    files: int
    lines: int
    bytes: int
    suffixes: tuple[Count, ...]
    unreadable_files: int
    unreadable_directories: int
    large_files: int
    is_bounded: bool


class Parts(msgspec.Struct, frozen=True, kw_only=True, tag="parts"):
    """Figures per entry of the directory."""

    parts: tuple[Count, ...]


class Matches(msgspec.Struct, frozen=True, kw_only=True, tag="matches"):
    """Lines that hold certain texts."""

    subject: str
    texts: tuple[MatchCounts, ...]


class Heading(msgspec.Struct, frozen=True, kw_only=True):
    """A heading of a text file."""

    line: int
    text: str


class SelfDescription(msgspec.Struct, frozen=True, kw_only=True, tag="self_description"):
    """What a README says first."""

    file: str
    opening: str
    headings: tuple[Heading, ...]


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One comparison."""

    what: str
    holds: bool


class CrossCheck(msgspec.Struct, frozen=True, kw_only=True, tag="cross_check"):
    """Whether the figures agree with each other."""

    checks: tuple[Check, ...]


class NotFound(msgspec.Struct, frozen=True, kw_only=True, tag="not_found"):
    """A task that ended without its figures."""

    reason: str


Finding: TypeAlias = Totals | Parts | Matches | SelfDescription | CrossCheck | NotFound


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """The finding of one task."""

    task_id: int
    subject: str
    found_by: str
    finding: Finding


_MARK = "\n\nFindings as JSON: "


def letter_with(findings: Findings, sentence: str) -> str:
    """The body of a letter: a sentence for people, the figures for the report."""
    return f"{sentence}{_MARK}{msgspec.json.encode(findings).decode()}"


def findings_in(bodies: Iterable[str]) -> dict[int, Findings]:
    """The findings in these letters, by task; letters without any are passed over."""
    found: dict[int, Findings] = {}
    for body in bodies:
        _, mark, encoded = body.rpartition(_MARK)
        if not mark:
            continue
        try:
            findings = msgspec.json.decode(encoded, type=Findings)
        except (msgspec.DecodeError, UnicodeError):
            continue
        found.setdefault(findings.task_id, findings)
    return found


def figures_of(totals: Totals) -> str:
    """The totals in words."""
    size = many(totals.bytes, "byte")
    return f"{many(totals.files, 'file')}, {many(totals.lines, 'line')}, {size}"


def many(count: int, what: str) -> str:
    """A count with its word: 1 line, 2 lines."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
