"""Which entries of a tree `.gitignore` and `.ignore` files leave out, as git decides it.

A file of rules binds what is in its directory and below. The nearest rules that know an entry
decide, and of these the last. A directory that is left out is not walked, so that nothing in it
can be taken back.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mentra_actors.late_module import LateModule

if TYPE_CHECKING:
    import pathspec
else:
    pathspec = LateModule("pathspec")

__all__ = ["RULE_FILES", "IgnoreRules"]

_STAR = "[^/]*"
"""What `*` is in the expressions of pathspec."""
_BELOW = (
    ("(?:(?P<ps_d>/)|$)", "$"),
    ("(?:(?P<ps_d>/).*)?$", "$"),
    ("(?P<ps_d>/).*$", "/$"),
    ("(?P<ps_d>/)", "/$"),
)
"""How pathspec matches what is below an entry too, and how the entry alone is matched."""
_CROSSING = frozenset("/()|$")
_MAX_CROSSINGS = 4
"""A rule with more `**` is no rule: only an attack on whoever matches has them."""

RULE_FILES = (".gitignore", ".ignore")
"""Of two in one directory the second one decides."""


@dataclass(frozen=True, slots=True)
class _Run:
    """Rules of one kind that follow each other, as one expression."""

    is_left_out: bool
    only_directories: bool
    ending: str
    expression: re.Pattern[str]

    def decides(self, path: str, *, is_directory: bool) -> bool:
        if self.only_directories and not is_directory:
            return False
        return self.expression.search(f"{path}{self.ending}") is not None


class IgnoreRules:
    """The rules of one directory, `above` the ones over it."""

    __slots__ = ("_above", "_place", "_runs")

    def __init__(self, place: str, texts: Sequence[str], above: "IgnoreRules | None") -> None:
        """`place` is the real path of the directory; `texts` are its files of rules, in order."""
        self._place = f"{place.rstrip('/')}/"
        self._above = above
        self._runs = [run for text in reversed(texts) for run in _runs_of(text)]

    def leaves_out(self, path: str, *, is_directory: bool) -> bool:
        """Whether an entry below the directory, by its real path, is left out."""
        inside = path.removeprefix(self._place)
        for run in self._runs:
            if run.decides(inside, is_directory=is_directory):
                return run.is_left_out
        above = self._above
        return above is not None and above.leaves_out(path, is_directory=is_directory)


def _runs_of(text: str) -> list[_Run]:
    """The last rules first. A line that is no rule is no rule."""
    runs: list[tuple[tuple[bool, bool, str], list[str]]] = []
    for line in text.splitlines():
        rule = _rule(line)
        if rule is None:
            continue
        is_left_out, expression = rule
        only_directories = line.rstrip().endswith("/")
        ending = "/" if only_directories and not line.rstrip().endswith("/**/") else ""
        kind = (is_left_out, only_directories, ending)
        if not runs or runs[-1][0] != kind:
            runs.append((kind, []))
        runs[-1][1].append(expression)
    return [
        _Run(*kind, re.compile("|".join(f"(?:{one})" for one in parts)))
        for kind, parts in reversed(runs)
    ]


def _rule(line: str) -> tuple[bool, str] | None:
    """Whether a line leaves out or takes back, and what it matches."""
    if line.count("**") > _MAX_CROSSINGS:
        return None
    try:
        patterns = pathspec.GitIgnoreSpec.from_lines([line]).patterns
    except ValueError:  # git passes over what is no pattern
        return None
    for pattern in patterns:
        expression = getattr(pattern, "regex", None)
        if pattern.include is not None and expression is not None:
            return pattern.include, _steady(_of_entry(line, expression.pattern))
    return None


def _of_entry(line: str, expression: str) -> str:
    """What matches an entry itself and not what is below it: a walk has asked about the rest."""
    if line.rstrip().endswith("/**/"):
        return expression.replace("(?P<ps_d>/)", "/")
    for below, end in _BELOW:
        expression = expression.replace(below, end)
    return expression


def _steady(expression: str) -> str:
    """The same expression without steps back and forth between the stars of one name."""
    first, *pieces = expression.split(_STAR)
    if len(pieces) < 2:  # noqa: PLR2004 - one star has nothing to step back for
        return expression
    within = [
        f"(?>{_STAR}?{piece})" if piece and not _CROSSING & {*piece} else f"{_STAR}{piece}"
        for piece in pieces[:-1]
    ]
    return f"{first}{''.join(within)}{_STAR}{pieces[-1]}"
