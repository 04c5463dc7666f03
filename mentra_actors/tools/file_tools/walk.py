"""A walk over everything below a directory, by descriptors: no link is followed, none can be."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO, Literal, TypeAlias

from mentra_actors.tools.file_tools.ignore_rules import RULE_FILES, IgnoreRules
from mentra_actors.tools.file_tools.place import (
    DIRECTORY_FLAGS,
    FILE_FLAGS,
    FilePlace,
    Located,
    is_below,
    require_regular,
)
from mentra_actors.tools.file_tools.text_lines import WorkBudget
from mentra_actors.tools.file_tools.wording import explaining
from mentra_actors.tools.tool_errors import ToolError

__all__ = ["DirectoryEntry", "DirectoryWalk", "Kind", "Staged"]

Kind: TypeAlias = Literal["file", "dir", "link", "other"]
Staged: TypeAlias = Mapping[str, Mapping[str, Kind | None]]
"""Entries of directories, by their real paths, that differ from the disk; None for none."""

MAX_DEPTH = 200
_GENERATED = frozenset({"__pycache__", "node_modules"})
"""Names that a walk leaves out beside the hidden ones (`.git`, `.venv`, …)."""
_MAX_RULE_BYTES = 256 * 1024
_NOTHING_STAGED: Staged = {}
_NO_CHANGES: Mapping[str, Kind | None] = {}


@dataclass(slots=True)
class _Folder:
    """An open directory. Its descriptor is -1 if it is staged only."""

    place: FilePlace
    path: str
    told: str
    depth: int
    descriptor: int
    entries: Iterator[tuple[str, Kind]] = field(default_factory=lambda: iter(()))
    rules: IgnoreRules | None = None

    def close(self) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)


class DirectoryEntry:
    """What a directory holds under one name. It can be opened until the walk goes on."""

    __slots__ = ("_folder", "depth", "kind", "name")

    def __init__(self, folder: _Folder, name: str, kind: Kind) -> None:
        self._folder = folder
        self.name = name
        self.kind = kind
        self.depth = folder.depth

    @property
    def told(self) -> str:
        """The path as models know it."""
        return self._folder.told + self.name

    @property
    def path(self) -> str:
        """The real path."""
        return f"{self._folder.path.rstrip('/')}/{self.name}"

    def descriptor(self) -> int:
        """A new descriptor of the file, or of whatever it was replaced by but a link.

        Raises:
            OSError: the system refused.
            ToolError: it belongs to a store of agents.
        """
        descriptor = os.open(self.name, FILE_FLAGS, dir_fd=self._folder.descriptor)
        try:
            self._folder.place.require_foreign(os.fstat(descriptor), self.told)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def open(self) -> BinaryIO:
        """The file, for reading.

        Raises:
            OSError, ToolError: the system refused, or it is none.
        """
        descriptor = self.descriptor()
        try:
            require_regular(os.fstat(descriptor), self.told)
            return os.fdopen(descriptor, "rb")
        except BaseException:
            os.close(descriptor)
            raise


@dataclass(slots=True)
class DirectoryWalk:
    """Parents come first, names sorted. What is left out is counted.

    Hidden, generated and ignored entries are left out below `show_all_to_depth`, unless
    `include_ignored`; so are directories that cannot be read, or are closed to tools.
    """

    place: FilePlace
    budget: WorkBudget
    max_depth: int = MAX_DEPTH
    show_all_to_depth: int = 0
    include_ignored: bool = False
    staged: Staged = field(default_factory=lambda: _NOTHING_STAGED)
    left_out: Counter[str] = field(default_factory=Counter)
    is_out_of_time: bool = False

    def below(self, start: Located) -> Iterator[DirectoryEntry]:
        """All entries below a directory.

        Raises:
            ToolError: there is no such directory, or it cannot be read.
        """
        self.is_out_of_time = self.budget.is_spent()
        told = "" if start.told == "." else f"{start.told.rstrip('/')}/"
        first = _Folder(self.place, start.path, told, 1, self._opened(start))
        folders = [first]
        try:
            self._read(first, self._rules_above(start))
            while folders and not self.is_out_of_time:
                folder = folders[-1]
                for name, kind in folder.entries:
                    entry = DirectoryEntry(folder, name, kind)
                    reason = self._reason_to_leave_out(folder, name, kind)
                    if reason and entry.depth > self.show_all_to_depth:
                        self.left_out[reason] += 1
                        continue
                    yield entry
                    if kind != "dir" or entry.depth >= self.max_depth:
                        continue
                    if reason:
                        self.left_out[reason] += 1
                    elif (below := self._folder_below(entry, folder, start)) is not None:
                        folders.append(below)
                        break
                else:
                    folders.pop().close()
        finally:
            for folder in folders:
                folder.close()

    def notices(self) -> list[str]:
        """What is to be said of entries that were left out, and of the time."""
        told = [
            f"[{count} {what} entries left out; ask for one by its path to look into it]"
            for what, count in self.left_out.items()
        ]
        if self.is_out_of_time:
            told.append(
                f"[stopped after {self.budget.seconds:g} s, not complete: name a smaller part]"
            )
        return told

    def _opened(self, start: Located) -> int:
        try:
            with self.place.directory(start) as descriptor:
                return os.dup(descriptor)
        except ToolError:
            if start.path in self.staged and self.place.status(start) is None:
                return -1
            raise

    def _folder_below(
        self, entry: DirectoryEntry, above: _Folder, start: Located
    ) -> _Folder | None:
        """The directory of an entry, open; None if it cannot be."""
        if self.budget.is_spent():
            self.is_out_of_time = True
            return None
        if entry.depth >= MAX_DEPTH:
            self.left_out["too deep"] += 1
            return None
        folder = _Folder(self.place, entry.path, f"{entry.told}/", above.depth + 1, -1)
        try:
            if above.descriptor >= 0:
                folder.descriptor = os.open(entry.name, DIRECTORY_FLAGS, dir_fd=above.descriptor)
        except FileNotFoundError:
            if folder.path not in self.staged:
                self.left_out["vanished"] += 1
                return None
        except OSError:
            self.left_out["unreadable"] += 1
            return None
        return self._checked(folder, above, start)

    def _checked(self, folder: _Folder, above: _Folder, start: Located) -> _Folder | None:
        try:
            if folder.descriptor >= 0:
                self.place.require_open(folder.descriptor, folder.path, start)
            self._read(folder, above.rules)
        except ToolError:
            self.left_out["closed"] += 1
        except OSError:
            self.left_out["unreadable"] += 1
        else:
            return folder
        folder.close()
        return None

    def _read(self, folder: _Folder, above: IgnoreRules | None) -> None:
        found: list[tuple[str, Kind]] = []
        with explaining(folder.told or "."):
            if folder.descriptor >= 0:
                with os.scandir(folder.descriptor) as entries:
                    found = [(one.name, _kind(one)) for one in entries]
        changes = self.staged.get(folder.path, _NO_CHANGES)
        if changes:
            found = [(name, kind) for name, kind in found if name not in changes]
            found.extend((name, kind) for name, kind in changes.items() if kind is not None)
        found.sort()
        folder.entries = iter(found)
        folder.rules = above if self.include_ignored else _rules_of(folder, found, above)

    def _rules_above(self, start: Located) -> IgnoreRules | None:
        """The rules of directories from the base directory down to the one above the start."""
        base = self.place.base_dir
        if self.include_ignored or start.path == base or not is_below(start.path, base):
            return None
        rules: IgnoreRules | None = None
        path = base
        for name in start.path[len(base) :].strip("/").split("/"):
            rules = self._rules_at(path, start, rules)
            path = f"{path.rstrip('/')}/{name}"
            if rules is not None and rules.leaves_out(path, is_directory=True):
                return None  # who names a directory that is left out wants to see what is in it
        return rules

    def _rules_at(
        self, path: str, start: Located, above: IgnoreRules | None
    ) -> IgnoreRules | None:
        if not is_below(path, start.root):
            return above
        try:
            with self.place.directory(Located(path, start.root, path)) as descriptor:
                folder = _Folder(self.place, path, "", 0, descriptor)
                return _rules_of(folder, [(name, "file") for name in RULE_FILES], above)
        except ToolError:
            return above

    def _reason_to_leave_out(self, folder: _Folder, name: str, kind: Kind) -> str:
        if self.include_ignored:
            return ""
        if name.startswith(".") or name in _GENERATED:
            return "hidden or generated"
        rules = folder.rules
        if rules is None:
            return ""
        path = f"{folder.path.rstrip('/')}/{name}"
        return "ignored" if rules.leaves_out(path, is_directory=kind == "dir") else ""


def _kind(entry: "os.DirEntry[str]") -> Kind:
    if entry.is_file(follow_symlinks=False):
        return "file"
    if entry.is_symlink():
        return "link"
    return "dir" if entry.is_dir(follow_symlinks=False) else "other"


def _rules_of(
    folder: _Folder, entries: list[tuple[str, Kind]], above: IgnoreRules | None
) -> IgnoreRules | None:
    """The rules that bind what is in a directory."""
    names = {name for name, kind in entries if kind == "file" and name in RULE_FILES}
    texts = [text for name in RULE_FILES if name in names and (text := _rule_text(folder, name))]
    return IgnoreRules(folder.path, texts, above) if texts else above


def _rule_text(folder: _Folder, name: str) -> str:
    """The text of a file of rules; "" if it cannot be read."""
    if folder.descriptor < 0:
        return ""
    try:
        with DirectoryEntry(folder, name, "file").open() as file:
            return file.read(_MAX_RULE_BYTES).decode(errors="replace").removeprefix("\ufeff")
    except (OSError, ToolError):
        return ""
