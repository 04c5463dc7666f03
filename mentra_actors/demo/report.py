"""The report of a survey: figures, and the commands that print the same figures. Pure."""

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import TypeVar

from mentra_actors.demo.findings import (
    Check,
    CrossCheck,
    Finding,
    Findings,
    Matches,
    NotFound,
    Parts,
    SelfDescription,
    Totals,
    figures_of,
    many,
)
from mentra_actors.demo.survey_tools import Count, MatchCounts

__all__ = ["CHECKS_HEADING", "REPORT_FILE", "notice_of", "report_of"]

F = TypeVar("F", bound=Finding)

REPORT_FILE = "report.md"
CHECKS_HEADING = "## Check it yourself"

_MOST_ROWS = 12
_PLAIN_SUFFIX = re.compile(r"\.[A-Za-z0-9_-]+")
_PLAIN_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*/")


def notice_of(found: Mapping[int, Findings]) -> str:
    """The survey in one sentence."""
    totals = _one(found, Totals)
    if totals is None:
        return "The survey ended without totals."
    return f"Survey of {totals.root}: {figures_of(totals)}."


def report_of(found: Mapping[int, Findings]) -> str:
    """The whole report; the same findings give the same bytes."""
    totals = _one(found, Totals)
    sections = [
        ["# Survey report", "", notice_of(found)],
        _totals_notes(totals),
        _figures(totals),
        _table("## Per part", "part", _parts(found)),
        _matches(found),
        _self_description(_one(found, SelfDescription)),
        _checks(_one(found, CrossCheck)),
        _not_found(found),
        _who(found),
        _commands(found, totals),
    ]
    return "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"


def _one(found: Mapping[int, Findings], kind: type[F]) -> F | None:
    return next((finding for finding in _all(found) if isinstance(finding, kind)), None)


def _all(found: Mapping[int, Findings]) -> Sequence[Finding]:
    return [findings.finding for _, findings in sorted(found.items())]


def _totals_notes(totals: Totals | None) -> list[str]:
    if totals is None:
        return []
    notes = [
        "Lines are newline characters, as `wc -l` counts them. Left out: hidden entries, "
        "`node_modules`, `__pycache__`, stores (`*.mentra`), the output of this demo, and "
        "everything that is not a regular file. Links are not followed."
    ]
    if totals.is_bounded:
        notes.append(
            f"There are more files than a survey looks at: these figures are of the first "
            f"{totals.files} in the order of their paths."
        )
    if totals.large_files:
        notes.append(f"{totals.large_files} very large files are left out.")
    if totals.unreadable_files or totals.unreadable_directories:
        notes.append(
            f"{totals.unreadable_files} files (counted, without lines and bytes) and "
            f"{totals.unreadable_directories} directories could not be read."
        )
    return notes


def _figures(totals: Totals | None) -> list[str]:
    if totals is None:
        return []
    return _table("## Per suffix", "suffix", totals.suffixes)


def _parts(found: Mapping[int, Findings]) -> Sequence[Count]:
    parts = _one(found, Parts)
    return parts.parts if parts else ()


def _table(heading: str, what: str, counts: Sequence[Count]) -> list[str]:
    if not counts:
        return []
    rows = _top(counts)
    lines = [heading, "", f"| {what} | files | lines | bytes |", "|---|---:|---:|---:|"]
    lines += [f"| {_cell(one.name)} | {one.files} | {one.lines} | {one.bytes} |" for one in rows]
    if len(counts) > len(rows):
        lines += ["", f"{len(counts) - len(rows)} smaller ones are not shown."]
    return lines


def _top(counts: Sequence[Count]) -> Sequence[Count]:
    return sorted(counts, key=lambda one: (-one.lines, -one.files, one.name))[:_MOST_ROWS]


def _matches(found: Mapping[int, Findings]) -> list[str]:
    lines: list[str] = []
    for finding in _all(found):
        if isinstance(finding, Matches):
            lines += ["", f"## {finding.subject.capitalize()}", ""]
            for counts in finding.texts:
                lines += _match_lines(counts)
    return lines[1:]


def _match_lines(counts: MatchCounts) -> list[str]:
    lines = [
        f"- {_cell(counts.text)}: {many(counts.lines, 'line')} in {many(counts.files, 'file')}"
    ]
    if counts.most:
        most = ", ".join(f"{_cell(path)} ({count})" for path, count in counts.most)
        lines.append(f"  - most in {most}")
    lines += [
        f"  - {_cell(f'{hit.path}:{hit.line}')}: {_cell(hit.text)}" for hit in counts.first[:3]
    ]
    return lines


def _self_description(finding: SelfDescription | None) -> list[str]:
    if finding is None:
        return []
    lines = ["## What it says of itself", "", f"{_cell(finding.file)}: {_cell(finding.opening)}"]
    if finding.headings:
        lines += ["", *(f"- line {one.line}: {_cell(one.text)}" for one in finding.headings)]
    return lines


def _checks(finding: CrossCheck | None) -> list[str]:
    if finding is None:
        return []
    return ["## Cross-check", "", *map(_check_line, finding.checks)]


def _check_line(check: Check) -> str:
    return f"- {'holds' if check.holds else 'DOES NOT HOLD'}: {check.what}"


def _not_found(found: Mapping[int, Findings]) -> list[str]:
    lines = [
        f"- task {task_id}, {one.subject}: {one.finding.reason}"
        for task_id, one in sorted(found.items())
        if isinstance(one.finding, NotFound)
    ]
    return ["## Not found out", "", *lines] if lines else []


def _who(found: Mapping[int, Findings]) -> list[str]:
    rows = [f"- task {n}, {one.subject}: {one.found_by}" for n, one in sorted(found.items())]
    return ["## Who found it out", "", *rows]


# --- commands that print the same figures -------------------------------------------------------


def _commands(found: Mapping[int, Findings], totals: Totals | None) -> list[str]:
    if totals is None:
        return []
    checks = [
        ("list | tr -cd '\\0' | wc -c", totals.files),
        (f"list | {_CAT} | wc -l", totals.lines),
        (f"list | {_CAT} | wc -c", totals.bytes),
        *_group_checks(found, totals),
        *_match_checks(found),
    ]
    return [
        CHECKS_HEADING,
        "",
        "Each command prints the figure behind it.",
        "",
        "```sh",
        f"cd {shlex.quote(totals.root)}",
        f"list() {{ {totals.listing}; }}",
        *(f"{command}  # {figure}" for command, figure in checks),
        "```",
    ]


_CAT = "xargs -0 cat -- 2>/dev/null"


def _group_checks(found: Mapping[int, Findings], totals: Totals) -> list[tuple[str, int]]:
    """A bounded listing cannot be narrowed: the bound would count other files."""
    if totals.is_bounded:
        return []
    suffixes = [one for one in _top(totals.suffixes) if _PLAIN_SUFFIX.fullmatch(one.name)]
    parts = [one for one in _top(_parts(found)) if _PLAIN_PART.fullmatch(one.name)]
    return [
        *((f"list -name '*{one.name}' | {_CAT} | wc -l", one.lines) for one in suffixes),
        *((f"list -path './{one.name}*' | {_CAT} | wc -l", one.lines) for one in parts),
    ]


def _match_checks(found: Mapping[int, Findings]) -> list[tuple[str, int]]:
    counts = [one for f in _all(found) if isinstance(f, Matches) for one in f.texts]
    return [check for one in counts for check in _checks_of_match(one)]


def _checks_of_match(counts: MatchCounts) -> list[tuple[str, int]]:
    text = shlex.quote(counts.text)
    grep = "list | LC_ALL=C xargs -0 grep -aF"
    return [
        (f"{grep}h -e {text} -- 2>/dev/null | wc -l", counts.lines),
        (f"{grep}l --null -e {text} -- 2>/dev/null | tr -cd '\\0' | wc -c", counts.files),
    ]


def _cell(text: str) -> str:
    """Text as code in a table or a list, whatever it holds."""
    plain = text.replace("`", "'").replace("|", "\\|")
    return f"`{plain}`" if plain else "(nothing)"
