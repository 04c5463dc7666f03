"""How far two branches of a store are the same log."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from mentra_actors.errors import CommandRejected, StoreError
from mentra_actors.runtime.history.branches import Branches
from mentra_actors.runtime.history.listed_branch import ListedBranch
from mentra_actors.runtime.plain_arguments import require_text

__all__ = ["common_position"]

_Line: TypeAlias = Sequence[tuple[str, int]]
"""Logs from the store to a branch: the name of each, and the last position that counts of it."""


def common_position(
    branches: Branches, one: str, other: str, directory: str | Path | None = None
) -> int:
    """The last position that two branches share; an empty name is the store itself.

    Raises:
        CommandRejected: there is no such branch.
        StoreError: one of them cannot be read.
    """
    for name in (one, other):
        require_text(name, "the name of a branch")
    known = branches.all(directory)
    last = branches.last_position
    first, second = _line(known, one, last), _line(known, other, last)
    common = 0
    for (name, end), (other_name, other_end) in zip(first, second, strict=False):
        if name != other_name:
            break
        common = min(end, other_end)
        if end != other_end:
            break
    return common


def _line(known: Sequence[ListedBranch], path: str, last: int) -> _Line:
    names = [name for name in path.split("/") if name]
    line: list[tuple[str, int]] = []
    here = ""
    for name in names:
        found = next((one for one in known if one.name == name), None)
        if found is None:
            listed = ", ".join(one.name for one in known) or "none"
            raise CommandRejected(f"no branch is named {name!r} there; known are: {listed}")
        if found.problem:
            raise StoreError(found.problem)
        line.append((here, found.cut))
        here, known = f"{here}/{name}", found.branches
        last = found.cut + found.own_events
    return [*line, (here, last)]
