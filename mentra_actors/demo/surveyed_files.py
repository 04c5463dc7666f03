"""Which files a survey looks at, and the `find` command that lists exactly the same ones.

Left out: hidden entries, `node_modules`, `__pycache__`, stores (`*.mentra`), the demo's own
output, and everything that is not a regular file. Links are not followed. The bounds depend on
the files alone, never on time, so that a repeated survey has the same figures.
"""

import os
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mentra_actors.tools.contract import ToolError
from mentra_actors.tools.file_tools.place import FilePlace
from mentra_actors.tools.file_tools.text_lines import stop_if_cancelled
from mentra_actors.tools.file_tools.wording import shown

__all__ = ["MAX_FILES", "MAX_FILE_BYTES", "MAX_TOTAL_BYTES", "Selection", "SurveyRoot"]

MAX_FILES = 20_000
MAX_TOTAL_BYTES = 256 * 1024 * 1024
MAX_FILE_BYTES = 64 * 1024 * 1024
"""Files of this size and more are left out."""

_SKIPPED = frozenset({"node_modules", "__pycache__"})
_SKIPPED_SUFFIX = ".mentra"
_FIND_NAMES = "-name '.?*' -o -name node_modules -o -name __pycache__ -o -name '*.mentra'"


@dataclass(slots=True)
class Selection:
    """The files of one survey, in the order of their paths as bytes."""

    files: list[str] = field(default_factory=list)
    """Relative to the root of the survey."""
    total_bytes: int = 0
    large_files: int = 0
    unreadable_directories: int = 0
    is_bounded: bool = False
    """True when there are more files than a survey looks at."""


class SurveyRoot:
    """The directory of a survey. `left_out` are directories that belong to the demo itself.

    Raises:
        ConfigurationError: `path` is not a directory.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        left_out: Sequence[Path] = (),
        max_files: int = MAX_FILES,
    ) -> None:
        self._place = FilePlace.of_root(path)
        self.path = os.path.realpath(path)
        self._left_out = _relative(left_out, self.path)
        self._max_files = max_files

    def select(self, path: str = ".") -> Selection:
        """The files at or below a directory of the root.

        Raises:
            ToolError: there is no such directory, or it belongs to what is left out.
        """
        located = self._place.for_reading(path, "files_list")
        inside = located.told
        if not self._place.is_directory(located):
            raise ToolError(f"'{shown(path)}' is a file; name a directory, or read it with files.")
        parts = [] if inside == "." else inside.split("/")
        for length in range(1, len(parts) + 1):
            if self._is_left_out("/".join(parts[:length])):
                raise ToolError(f"'{shown(path)}' is hidden or generated and left out of surveys.")
        selection = Selection()
        for entry, is_last in self._below("" if inside == "." else f"{inside}/", selection):
            if is_last:
                selection.is_bounded = True
                break
            selection.files.append(entry)
        return selection

    def absolute(self, file: str) -> str:
        """Where a selected file is."""
        return os.path.join(self.path, file)

    def listing(self, selection: Selection) -> str:
        """The body of a shell function that lists the files of `select()`, ended by NUL."""
        own = "".join(f" -o -path {_pattern(path)}" for path in self._left_out)
        large = f" -size -{MAX_FILE_BYTES}c" if selection.large_files else ""
        find = f'find . \\( {_FIND_NAMES}{own} \\) -prune -o -type f{large} "$@" -print0'
        if not selection.is_bounded:
            return find
        return f"{find} | LC_ALL=C sort -z | head -z -n {len(selection.files)}"

    def _below(self, prefix: str, selection: Selection) -> Iterator[tuple[str, bool]]:
        """Files below a directory; True with the one at which a bound is reached."""
        waiting = self._entries(prefix, selection)
        while waiting:
            stop_if_cancelled()
            path, size = waiting.pop()
            if path.endswith("/"):
                waiting.extend(self._entries(path, selection))
            elif size >= MAX_FILE_BYTES:
                selection.large_files += 1
            else:
                is_full = len(selection.files) >= self._max_files
                selection.total_bytes += size
                yield path, is_full or selection.total_bytes > MAX_TOTAL_BYTES

    def _entries(self, prefix: str, selection: Selection) -> list[tuple[str, int]]:
        """Entries of a directory with sizes, the last path first; directories end in a slash."""
        found: list[tuple[str, int]] = []
        try:
            with os.scandir(self.absolute(prefix)) as entries:
                for entry in entries:
                    path = prefix + entry.name
                    if self._is_left_out(path):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        found.append((f"{path}/", 0))
                    elif entry.is_file(follow_symlinks=False):
                        found.append((path, entry.stat(follow_symlinks=False).st_size))
        except OSError:
            selection.unreadable_directories += 1
            return []
        return sorted(found, key=lambda one: os.fsencode(one[0]), reverse=True)

    def _is_left_out(self, path: str) -> bool:
        name = path.rpartition("/")[2]
        return (
            name.startswith(".")
            or name in _SKIPPED
            or name.endswith(_SKIPPED_SUFFIX)
            or path in self._left_out
        )


def _relative(left_out: Sequence[Path], root: str) -> list[str]:
    """The outermost of these directories that lie inside of `root`, relative to it."""
    inside: list[str] = []
    for path in sorted({os.path.realpath(one) for one in left_out}):
        relative = os.path.relpath(path, root)
        is_inside = relative != "." and relative.split("/")[0] != ".."
        if is_inside and not any(f"{relative}/".startswith(f"{one}/") for one in inside):
            inside.append(relative)
    return inside


def _pattern(path: str) -> str:
    return shlex.quote("./" + re.sub(r"([*?\[\]\\])", r"\\\1", path))
