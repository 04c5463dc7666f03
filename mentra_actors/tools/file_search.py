"""Looking around below a root: what a directory holds, and which lines match a pattern."""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Literal, TypeAlias

from mentra_actors.tools.contract import ToolError
from mentra_actors.tools.file_root import FileRoot, explaining, shown
from mentra_actors.tools.file_text import (
    MAX_LINE_BYTES,
    Line,
    NotText,
    OutOfTime,
    WorkBudget,
    cut,
    text_lines,
)
from mentra_actors.tools.line_matcher import LineMatcher

__all__ = ["list_directory", "search_files"]

_Kind: TypeAlias = Literal["file", "dir", "link", "other"]
_GENERATED = frozenset({"__pycache__", "node_modules"})
"""Names that a walk leaves out beside the hidden ones (`.git`, `.venv`, …)."""
_BATCH_CHARS = 1024 * 1024
_NOTED_FILES = 10
"""Files that are named when they could not be searched; the others are counted."""


@dataclass(frozen=True, slots=True)
class _Entry:
    path: str
    kind: _Kind
    depth: int


@dataclass(slots=True)
class _Walk:
    """A walk over everything below a directory, parents first, names sorted.

    Links are never followed, so it ends and stays inside. Hidden and generated entries are left
    out below `show_all_to_depth`, and counted; so are directories that cannot be read.
    """

    root: FileRoot
    budget: WorkBudget
    max_depth: int
    show_all_to_depth: int
    left_out: Counter[str] = field(default_factory=Counter)

    def below(self, inside: str) -> Iterator[_Entry]:
        waiting = self._entries(inside, 1)[::-1]
        while waiting:
            entry = waiting.pop()
            is_left_out = _is_left_out(entry.path)
            if is_left_out and entry.depth > self.show_all_to_depth:
                self.left_out["hidden or generated"] += 1
                continue
            yield entry
            if entry.kind != "dir" or entry.depth >= self.max_depth:
                continue
            if is_left_out:
                self.left_out["hidden or generated"] += 1
            else:
                waiting.extend(self._readable_entries(entry)[::-1])

    def _readable_entries(self, directory: _Entry) -> list[_Entry]:
        try:
            return self._entries(directory.path, directory.depth + 1)
        except ToolError:
            self.left_out["unreadable"] += 1
            return []

    def _entries(self, inside: str, depth: int) -> list[_Entry]:
        prefix = "" if inside == "." else f"{inside}/"
        with (
            explaining(inside),
            self.root.directory(inside) as directory,
            os.scandir(directory) as found,
        ):
            entries = [_Entry(prefix + one.name, _kind(one), depth) for one in found]
        return sorted(entries, key=lambda entry: entry.path)

    def notices(self) -> list[str]:
        return [
            f"[{count} {what} entries left out; ask for one by its path to look into it]"
            for what, count in self.left_out.items()
        ]


def list_directory(
    root: FileRoot, path: str, *, depth: int, limit: int, budget: WorkBudget
) -> list[str]:
    """Lines about the entries of a directory, down to `depth`.

    Raises:
        ToolError: there is no such directory, or it cannot be read.
    """
    walk = _Walk(root, budget, max_depth=depth, show_all_to_depth=1)
    lines: list[str] = []
    for entry in walk.below(root.locate(path)):
        if len(lines) == limit:
            return [*lines, f"[limit of {limit} reached: there are more entries]"]
        if budget.is_spent():
            return [*lines, _out_of_time(budget)]
        lines.append(f"[{entry.kind}] {shown(entry.path)}")
    return [*(lines or ["(no entries)"]), *walk.notices()]


def search_files(
    root: FileRoot, path: str, *, pattern: str, limit: int, budget: WorkBudget
) -> list[str]:
    """Lines of the files at or below `path` that match a regular expression.

    Raises:
        ToolError: there is no such path, or the pattern is not valid or takes too long.
    """
    inside = root.locate(path)
    walk = _Walk(root, budget, max_depth=10_000, show_all_to_depth=0)
    with LineMatcher(pattern) as matcher:
        search = _Search(root, matcher, budget, limit)
        if not root.is_directory(inside):
            search.search_named_file(inside)
            return search.report([])
        for entry in walk.below(inside):
            if search.is_over():
                break
            search.search_entry(entry)
    return search.report(walk.notices())


@dataclass(slots=True)
class _Search:
    """Hits so far, one more than the limit at most, and what could not be searched."""

    root: FileRoot
    matcher: LineMatcher
    budget: WorkBudget
    limit: int
    hits: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    links: int = 0
    cut_lines: int = 0
    is_out_of_time: bool = False

    def is_over(self) -> bool:
        """True when there are enough hits, or no time is left."""
        self.is_out_of_time = self.is_out_of_time or self.budget.is_spent()
        return self.is_out_of_time or len(self.hits) > self.limit

    def search_entry(self, entry: _Entry) -> None:
        """A file that cannot be searched is noted and does not end the search."""
        if entry.kind == "link":
            self.links += 1
        elif entry.kind == "file":
            try:
                file = self.root.open_file(entry.path)
            except ToolError as error:
                self.skipped.append(f"[skipped: {error}]")
                return
            try:
                self._search_file(entry.path, file)
            except OutOfTime:
                self.is_out_of_time = True
            except (NotText, OSError) as error:
                self.skipped.append(f"[skipped {shown(entry.path)}: {error}]")

    def search_named_file(self, inside: str) -> None:
        """A file that was asked for by its path: what is wrong with it is an error."""
        file = self.root.open_file(inside)
        try:
            self._search_file(inside, file)
        except OutOfTime:
            self.is_out_of_time = True
        except (NotText, OSError) as error:
            raise ToolError(f"'{shown(inside)}' cannot be searched: {error}.") from error

    def report(self, notices: list[str]) -> list[str]:
        lines = self.hits[: self.limit] or ["(no matches)"]
        if len(self.hits) > self.limit:
            lines.append(f"[limit of {self.limit} reached: there are more matches]")
        lines.extend(self.skipped[:_NOTED_FILES])
        if len(self.skipped) > _NOTED_FILES:
            lines.append(f"[{len(self.skipped) - _NOTED_FILES} more files skipped]")
        if self.links:
            lines.append(f"[{self.links} links not followed]")
        if self.cut_lines:
            lines.append(
                f"[{self.cut_lines} lines searched in their first {MAX_LINE_BYTES} bytes]"
            )
        if self.is_out_of_time:
            lines.append(_out_of_time(self.budget))
        return [*lines, *notices]

    def _search_file(self, inside: str, file: BinaryIO) -> None:
        with file:
            batch: list[Line] = []
            size = 0
            for line in text_lines(file, self.budget):
                batch.append(line)
                size += len(line.text) + 1
                if size > _BATCH_CHARS:
                    self._match(inside, batch)
                    batch, size = [], 0
                    if self.is_over():
                        return
            self._match(inside, batch)

    def _match(self, inside: str, batch: list[Line]) -> None:
        if not batch:
            return
        self.cut_lines += sum(line.is_cut for line in batch)
        wanted = self.limit + 1 - len(self.hits)
        for index in self.matcher.matching([line.text for line in batch], wanted=wanted):
            line = batch[index]
            self.hits.append(f"{shown(inside)}:{line.number}: {cut(line.text)}")


def _kind(entry: "os.DirEntry[str]") -> _Kind:
    if entry.is_symlink():
        return "link"
    if entry.is_dir(follow_symlinks=False):
        return "dir"
    return "file" if entry.is_file(follow_symlinks=False) else "other"


def _is_left_out(path: str) -> bool:
    name = path.rpartition("/")[2]
    return name.startswith(".") or name in _GENERATED


def _out_of_time(budget: WorkBudget) -> str:
    return f"[stopped after {budget.seconds:g} s, not complete: name a smaller part]"
