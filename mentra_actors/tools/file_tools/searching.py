"""Which lines of a file, or of all files below a directory, match a pattern."""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from mentra_actors.tools.file_tools.globs import glob_matcher
from mentra_actors.tools.file_tools.overlay import Overlay
from mentra_actors.tools.file_tools.place import Located
from mentra_actors.tools.file_tools.required_text import required_text, stays_in_line
from mentra_actors.tools.file_tools.search_process import SearchProcesses
from mentra_actors.tools.file_tools.search_worker import (
    MAX_LINE_CHARS,
    MAX_LINES,
    FileHits,
    Query,
)
from mentra_actors.tools.file_tools.text_lines import OutOfTime, WorkBudget
from mentra_actors.tools.file_tools.walk import DirectoryEntry, DirectoryWalk
from mentra_actors.tools.file_tools.wording import shown
from mentra_actors.tools.tool_errors import ToolError

__all__ = ["SearchOptions", "search_files"]

_BATCH_FILES = 48
_MAX_PROCESSES = 4
_NOTED_FILES = 10
"""Files that are named when they could not be searched; the others are counted."""
_TOLD_CHARS = 4 * 1024 * 1024
"""Characters of lines after which a search has found enough."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchOptions:
    """What is searched and how; see the tool `grep`."""

    pattern: str
    limit: int = 200
    glob: str = ""
    ignore_case: bool = False
    literal: bool = False
    context: int = 0
    multiline: bool = False
    include_ignored: bool = False

    def query(self) -> Query:
        """What the processes are told."""
        pattern = re.escape(self.pattern) if self.literal else self.pattern
        is_multiline = self.multiline or (self.literal and "\n" in self.pattern)
        required = required_text(pattern, ignore_case=self.ignore_case)
        return Query(
            pattern=pattern,
            ignore_case=self.ignore_case,
            multiline=is_multiline,
            context=self.context,
            required="" if is_multiline else required,
            is_plain=required == self.pattern and pattern == re.escape(self.pattern),
            stays_in_line=stays_in_line(pattern),
        )


def search_files(
    overlay: Overlay, located: Located, options: SearchOptions, budget: WorkBudget
) -> list[str]:
    """Lines that match, and notes on what was left out.

    Raises:
        ToolError: there is no such path, or the pattern is not valid or takes too long.
    """
    query = options.query()
    with SearchProcesses[str](query, budget, _process_count()) as processes:
        search = _Search(overlay, processes, options, budget)
        if overlay.is_directory(located):
            return search.below(located)
        return search.named_file(located)


def _process_count() -> int:
    return max(1, min(_MAX_PROCESSES, os.cpu_count() or 1))


@dataclass(slots=True)
class _Search:
    """Lines so far, of one hit more than the limit at most, and what could not be searched."""

    overlay: Overlay
    processes: SearchProcesses[str]
    options: SearchOptions
    budget: WorkBudget
    lines: list[str] = field(default_factory=list)
    hits: int = 0
    told_chars: int = 0
    has_more: bool = False
    skipped: list[str] = field(default_factory=list)
    links: int = 0
    cut_lines: int = 0
    is_out_of_time: bool = False
    _last_hit: int = -1

    @property
    def limit(self) -> int:
        """Hits that are told."""
        return min(self.options.limit, MAX_LINES // (2 * self.options.context + 1))

    def below(self, located: Located) -> list[str]:
        walk = DirectoryWalk(
            self.overlay.place,
            self.budget,
            include_ignored=self.options.include_ignored,
            staged=self.overlay.staged_entries(),
        )
        try:
            self._search(self._wanted(walk, located))
        except OutOfTime:
            self.is_out_of_time = True
        if walk.is_out_of_time:
            self.is_out_of_time = False  # the walk says so
        return self._report(walk.notices())

    def named_file(self, located: Located) -> list[str]:
        """A file that was asked for by its path: what is wrong with it is an error."""
        with self.overlay.open_file(located) as file:
            descriptor = os.dup(file.fileno())
        try:
            self._send([(located.told, descriptor)])
            for name, found in self.processes.rest():
                self._add(name, found)
        except OutOfTime:
            self.is_out_of_time = True
        if self.skipped:
            reason = self.skipped[0].partition(": ")[2].removesuffix("]")
            raise ToolError(f"'{shown(located.told)}' cannot be searched: {reason}.")
        return self._report([])

    def _search(self, files: Iterator[tuple[str, int]]) -> None:
        batch: list[tuple[str, int]] = []
        try:
            for file in files:
                batch.append(file)
                if len(batch) == _BATCH_FILES:
                    if self.budget.is_spent():
                        raise OutOfTime("searching was stopped")
                    sent, batch = batch, []
                    self._send(sent)
                    if self.has_more:
                        return
            sent, batch = batch, []
            self._send(sent)
            for name, found in self.processes.rest():
                self._add(name, found)
        finally:
            for _, descriptor in batch:
                os.close(descriptor)

    def _send(self, batch: list[tuple[str, int]]) -> None:
        names, descriptors = [name for name, _ in batch], [number for _, number in batch]
        try:
            wanted = self.limit + 1 - self.hits
            for name, found in self.processes.search(names, descriptors, wanted=wanted):
                self._add(name, found)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _wanted(self, walk: DirectoryWalk, located: Located) -> Iterator[tuple[str, int]]:
        """The files to search, with new descriptors."""
        is_wanted = _name_filter(self.options.glob)
        base = len(located.told.rstrip("/")) + 1 if located.told != "." else 0
        for entry in walk.below(located):
            if entry.kind == "link":
                self.links += 1
            elif entry.kind == "file" and is_wanted(entry.told[base:]):
                descriptor = self._opened(entry)
                if descriptor is not None:
                    yield entry.told, descriptor

    def _opened(self, entry: DirectoryEntry) -> int | None:
        """A file that cannot be opened is noted and does not end the search."""
        try:
            if self.overlay.is_changed(entry.path):
                with self.overlay.open_changed(entry.path) as file:
                    return os.dup(file.fileno())
            return entry.descriptor()
        except (OSError, ToolError) as error:
            self._skip(entry.told, getattr(error, "strerror", None) or str(error))
            return None

    def _skip(self, name: str, reason: str) -> None:
        self.skipped.append(f"[skipped {shown(name)}: {reason}]")

    def _add(self, name: str, found: FileHits) -> None:
        if found.skipped:
            self._skip(name, found.skipped)
        self.cut_lines += found.cut_lines
        last = 0
        for number, is_hit, text in found.lines:
            if is_hit and self._is_full():
                self.has_more = True
                del self.lines[self._last_hit + 1 :]
                return
            self.hits += is_hit
            if self.options.context and self.lines and number != last + 1:
                self.lines.append("--")
            last = number
            mark = ":" if is_hit else "-"
            line = f"{shown(name)}{mark}{number}{mark} {text}"
            self.told_chars += len(line)
            self.lines.append(line)
            if is_hit:
                self._last_hit = len(self.lines) - 1

    def _is_full(self) -> bool:
        return self.hits >= self.limit or self.told_chars > _TOLD_CHARS

    def _report(self, notices: list[str]) -> list[str]:
        lines = self.lines or ["(no matches)"]
        if self.has_more:
            lines.append(f"[limit of {self.hits} reached: there are more matches]")
        lines.extend(self.skipped[:_NOTED_FILES])
        if len(self.skipped) > _NOTED_FILES:
            lines.append(f"[{len(self.skipped) - _NOTED_FILES} more files skipped]")
        if self.links:
            lines.append(f"[{self.links} links not followed]")
        if self.cut_lines:
            lines.append(
                f"[{self.cut_lines} lines searched in their first {MAX_LINE_CHARS} characters]"
            )
        if self.is_out_of_time:
            seconds = self.budget.seconds
            lines.append(f"[stopped after {seconds:g} s, not complete: name a smaller part]")
        return [*lines, *notices]


def _name_filter(glob: str) -> Callable[[str], bool]:
    return glob_matcher(glob) if glob else lambda _path: True
