"""Files as the operations of one call have left them, before anything is on the disk."""

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

from mentra_actors.tools.file_tools.place import FilePlace, Located, require_regular
from mentra_actors.tools.file_tools.walk import Kind
from mentra_actors.tools.file_tools.wording import explaining, shown
from mentra_actors.tools.tool_errors import ToolError

__all__ = ["MAX_TEXT_BYTES", "Identity", "Overlay", "StagedFile"]

MAX_TEXT_BYTES = 32 * 1024 * 1024
"""Larger files are not changed by their text; they can be moved, deleted and set."""


@dataclass(frozen=True, slots=True)
class Identity:
    """By what a file on the disk is known to be the one that was looked at."""

    device: int
    inode: int
    size: int
    changed_ns: int
    mode: int
    owner: tuple[int, int]

    @classmethod
    def of(cls, status: os.stat_result) -> "Identity":
        """The identity that a status shows."""
        return cls(
            status.st_dev,
            status.st_ino,
            status.st_size,
            status.st_mtime_ns,
            status.st_mode,
            (status.st_uid, status.st_gid),
        )


@dataclass(slots=True)
class StagedFile:
    """One path. `original` is what the disk has there, None for nothing.

    `content` are the bytes that it shall have, None for those of the file at `origin`; both None:
    it shall be gone.
    """

    located: Located
    original: Identity | None
    content: bytes | None = None
    origin: "StagedFile | None" = None
    is_changed: bool = False

    @property
    def exists(self) -> bool:
        """Whether there is a file, after what was staged."""
        return self.content is not None or self.origin is not None


@dataclass(slots=True)
class Overlay:
    """All files that were touched, in the order of touching."""

    place: FilePlace
    files: dict[str, StagedFile] = field(default_factory=dict)

    def changed(self) -> Sequence[StagedFile]:
        """The files that shall be other than they are on the disk."""
        return [one for one in self.files.values() if one.is_changed]

    def is_changed(self, path: str) -> bool:
        """Whether the file at a real path was staged."""
        return path in self.files and self.files[path].is_changed

    def staged_file(self, located: Located) -> StagedFile:
        """The file at a path for writing; of what is on the disk it is asked once.

        Raises:
            ToolError: there is something that is no regular file, or the system refused.
        """
        staged = self.files.get(located.path)
        if staged is not None:
            return staged
        status = self._status(located)
        staged = StagedFile(located, None)
        if status is not None:
            with explaining(located.told):
                _require_replaceable(status, located.told)
            staged.original = Identity.of(status)
            staged.origin = staged
        self.files[located.path] = staged
        return staged

    def _status(self, located: Located) -> os.stat_result | None:
        if self._is_below_staged_file(located.path):
            raise ToolError(
                f"'{shown(located.told)}' is not a directory, or a part of it is a file."
            )
        if located.path in self._staged_directories():
            raise ToolError(f"'{shown(located.told)}' is there already and not a file.")
        return self.place.status(located)

    def _is_below_staged_file(self, path: str) -> bool:
        above = os.path.dirname(path)
        while above != os.path.dirname(above):
            if above in self.files and self.files[above].exists:
                return True
            above = os.path.dirname(above)
        return False

    def _staged_directories(self) -> set[str]:
        """Directories that the commit will make, or that are there already."""
        found: set[str] = set()
        for one in self.changed():
            path = os.path.dirname(one.located.path) if one.exists else "/"
            while path not in found and path != "/":
                found.add(path)
                path = os.path.dirname(path)
        return found

    def content(self, staged: StagedFile) -> bytes:
        """The bytes of a file that exists.

        Raises:
            ToolError: it is too large, or cannot be read.
        """
        if staged.content is not None:
            return staged.content
        origin = staged.origin
        assert origin is not None
        told = staged.located.told
        with explaining(told), self.place.open_file(origin.located) as file:
            if origin.original != Identity.of(os.fstat(file.fileno())):
                raise ToolError(f"'{shown(told)}' was changed by somebody else just now.")
            content = file.read(MAX_TEXT_BYTES + 1)
        if len(content) > MAX_TEXT_BYTES:
            raise ToolError(
                f"'{shown(told)}' is larger than {MAX_TEXT_BYTES} bytes and cannot be edited."
            )
        return content

    def write(self, staged: StagedFile, content: bytes) -> None:
        """The file shall have these bytes."""
        staged.content, staged.origin, staged.is_changed = content, None, True

    def move(self, source: StagedFile, target: StagedFile) -> None:
        """The content shall be at another path, and nothing at the first one."""
        target.content, target.origin = source.content, source.origin
        target.is_changed = True
        self.remove(source)

    def remove(self, staged: StagedFile) -> None:
        """There shall be no file."""
        staged.content, staged.origin, staged.is_changed = None, None, True

    def open_file(self, located: Located) -> BinaryIO:
        """A file, for reading.

        Raises:
            ToolError: it does not exist, cannot be read, or is no regular file.
        """
        if self.is_changed(located.path):
            return self.open_changed(located.path)
        return self.place.open_file(located)

    def open_changed(self, path: str) -> BinaryIO:
        """A staged file, for reading.

        Raises:
            ToolError: it shall be gone, or cannot be read.
        """
        staged = self.files[path]
        if staged.content is None:
            if staged.origin is None:
                raise ToolError(f"'{shown(staged.located.told)}' does not exist.")
            return self.place.open_file(staged.origin.located)
        file = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
        file.write(staged.content)
        file.seek(0)
        return file

    def is_directory(self, located: Located) -> bool:
        """Whether there is a directory at a path.

        Raises:
            ToolError: there is nothing.
        """
        if self.is_changed(located.path) and self.files[located.path].exists:
            return False
        if located.path in self._staged_directories():
            return True
        if self.is_changed(located.path):
            raise ToolError(f"'{shown(located.told)}' does not exist.")
        return self.place.is_directory(located)

    def staged_entries(self) -> dict[str, dict[str, Kind | None]]:
        """What directories hold otherwise than on the disk, by real paths."""
        found: dict[str, dict[str, Kind | None]] = {}
        for one in self.changed():
            path = one.located.path
            found.setdefault(os.path.dirname(path), {})[os.path.basename(path)] = (
                "file" if one.exists else None
            )
        for path in self._staged_directories():
            found.setdefault(os.path.dirname(path), {})[os.path.basename(path)] = "dir"
        return found


def _require_replaceable(status: os.stat_result, told: str) -> None:
    """Nothing, for a regular file that its owner may write.

    Raises:
        ToolError, OSError: it is something else, or read-only.
    """
    require_regular(status, told)
    if not status.st_mode & 0o222:
        raise ToolError(f"'{shown(told)}' is read-only; it was left as it is.")
