"""Where file tools work: several roots, and no `..`, link or race that leads out of them.

A path is resolved first, links included, and the result must lie below a root. What is opened is
the resolved path, one component after the other from `/`, each by the descriptor of the one
before, and no component may be a link any more. So whoever swaps a directory for a link after the
resolving causes an error, not an escape. On the way each directory is looked at by what it is and
not by its name: a denied one is denied under every name, the file systems of the kernel (`/proc`,
`/dev`) are closed, and so are stores of agents. A root that is swapped for another directory or
for a link is refused (`mentra_actors.tools.pinned_roots`).

Hard links cannot be told from files. They are read. A write replaces the name, so what else has
that content keeps it.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from mentra_actors.errors import ConfigurationError
from mentra_actors.tools.file_tools import refusals
from mentra_actors.tools.file_tools.closed_places import (
    OwnFiles,
    closed_devices,
    identities_of,
    is_mark,
    is_marked,
)
from mentra_actors.tools.file_tools.wording import explained, explaining, shown
from mentra_actors.tools.tool_errors import PolicyDenied, ToolError
from mentra_actors.tools.workplace import Workplace

__all__ = ["DIRECTORY_FLAGS", "FILE_FLAGS", "FilePlace", "Located", "is_below", "require_regular"]

DIRECTORY_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
FILE_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_STEP = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
"""A step through a directory: to pass it one need not be allowed to list it."""


@dataclass(frozen=True, slots=True)
class Located:
    """An absolute path without links and `..`, below `root`; `told` is how models know it."""

    path: str
    root: str
    told: str
    for_write: bool = False

    @property
    def parent(self) -> str:
        """The directory that holds it."""
        return os.path.dirname(self.path)

    @property
    def name(self) -> str:
        """Its last component."""
        return os.path.basename(self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePlace:
    """A directory to which paths are relative, and the roots below which may be read or written.

    All of them are real paths. `denied` are looked at before `writable`. `allowed`, if not None,
    are the only paths that a call may open: whether to write, as it is named, and its real path.
    One `of_root` keeps to that root, whatever the roots of a policy are.
    """

    base_dir: str
    readable: tuple[str, ...]
    writable: tuple[str, ...]
    denied: tuple[str, ...] = ()
    closed: frozenset[int] = field(default_factory=closed_devices)
    denied_ids: frozenset[tuple[int, int]] = frozenset()
    own: OwnFiles = field(default_factory=OwnFiles)
    has_own_root: bool = False
    allowed: frozenset[tuple[bool, str, str]] | None = None

    @classmethod
    def of_workplace(cls, workplace: Workplace) -> "FilePlace":
        """The place of an agent, under the policy of its runtime.

        Raises:
            PolicyDenied: one of its roots is not what it was at first.
        """
        roots = workplace.roots()
        return cls(
            base_dir=str(workplace.base_dir),
            readable=_texts(roots.readable),
            writable=() if workplace.policy.is_read_only else _texts(roots.writable),
            denied=_texts(roots.denied),
            denied_ids=roots.denied_ids | identities_of(_texts(roots.denied)),
            own=OwnFiles.at(workplace.hidden),
        )

    @classmethod
    def of_root(
        cls,
        root: str | os.PathLike[str],
        *,
        write_root: str | os.PathLike[str] | None = None,
    ) -> "FilePlace":
        """One directory, of which a part or all may be written.

        Raises:
            ConfigurationError: `root` is no directory, or `write_root` is not inside it.
        """
        if not Path(root).is_dir():
            raise ConfigurationError(f"the root of the file tools is not a directory: {root}")
        real = os.path.realpath(root)
        writable = real if write_root is None else os.path.realpath(write_root)
        if not is_below(writable, real):
            raise ConfigurationError(f"write_root {write_root} is not inside of {root}")
        return cls(base_dir=real, readable=(real,), writable=(writable,), has_own_root=True)

    def within(self, directory: str) -> "FilePlace":
        """The same place, where paths are relative to another directory."""
        return replace(self, base_dir=self._real(directory, "files_list")) if directory else self

    def without_files_of(self, workplace: Workplace) -> "FilePlace":
        """The same place, but for what belongs to the runtime of this workplace."""
        return replace(self, own=OwnFiles.at(workplace.hidden))

    def for_reading(self, path: str, action: str = "files_read") -> Located:
        """A path that may be read; it need not exist.

        Raises:
            PolicyDenied: it is below no root. `action` is what the log calls the attempt.
            ToolError: it cannot be a path, or belongs to the store of this runtime.
        """
        real = self._real(path, action)
        root = _root_of(real, self.readable)
        if root is None:
            raise self._outside(path, "read", action)
        self._require_allowed(path, real, for_write=False)
        return self._foreign(Located(real, root, self.told(real)))

    def for_writing(self, path: str) -> Located:
        """The path of a file that may be written, or be made.

        Raises:
            PolicyDenied: it is below no root for writing, or below a denied one.
            ToolError: it cannot be the path of a file, or has a link that leads nowhere, or it
                belongs to a store of agents, or could make its directory look like one.
        """
        real = self._real(path, "files_write")
        if _root_of(real, self.denied) is not None:
            raise refusals.denied(path)
        root = _root_of(real, self.writable)
        if root is None:
            raise self._outside(path, "write", "files_write")
        if path.endswith("/") or real in (self.base_dir, root):
            raise ToolError(f"'{shown(path)}' names a directory; give the path of a file.")
        located = self._foreign(Located(real, root, self.told(real), for_write=True))
        if is_mark(located.name):
            raise refusals.is_a_mark(path)
        with explaining(path):
            self._require_whole_links(path)
        self._require_allowed(path, real, for_write=True)
        return located

    def told(self, real: str) -> str:
        """A real path as models know it: relative to the base directory, if it is below it."""
        if real == self.base_dir:
            return "."
        return real.removeprefix(f"{self.base_dir.rstrip('/')}/")

    def open_file(self, located: Located) -> BinaryIO:
        """The regular file at a path, for reading.

        Raises:
            ToolError: it does not exist, cannot be read, or is no regular file.
        """
        with explaining(located.told):
            if located.path == "/":
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            with self.parent(located) as directory:
                status = os.stat(located.name, dir_fd=directory, follow_symlinks=False)
                self.require_file(status, located.told)
                descriptor = os.open(located.name, FILE_FLAGS, dir_fd=directory)
            try:
                self.require_file(os.fstat(descriptor), located.told)
                return os.fdopen(descriptor, "rb")
            except BaseException:
                os.close(descriptor)
                raise

    def status(self, located: Located) -> os.stat_result | None:
        """What is at a path, links not followed; None if there is nothing.

        Raises:
            ToolError: it may not be looked at.
        """
        with explaining(located.told):
            if located.path == "/":
                return os.stat("/")
            try:
                with self.parent(located) as directory:
                    return os.stat(located.name, dir_fd=directory, follow_symlinks=False)
            except FileNotFoundError:
                return None

    def is_directory(self, located: Located) -> bool:
        """Whether there is a directory at a path now.

        Raises:
            ToolError: there is nothing, or it may not be looked at.
        """
        status = self.status(located)
        if status is None:
            raise ToolError(f"'{shown(located.told)}' does not exist.")
        return stat.S_ISDIR(status.st_mode)

    @contextmanager
    def directory(self, located: Located) -> Iterator[int]:
        """A descriptor of the directory at a path, to list it.

        Raises:
            ToolError: it does not exist, cannot be read, or is no directory.
        """
        with explaining(located.told):
            step = self._walked(located.path, located)
            try:
                descriptor = os.open(".", DIRECTORY_FLAGS, dir_fd=step)
            finally:
                os.close(step)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    @contextmanager
    def parent(self, located: Located, *, made: list[str] | None = None) -> Iterator[int]:
        """A descriptor of the directory that holds a path, for names in it.

        `made` asks to make what is missing, and is told the paths of what was made.

        Raises:
            OSError: the system refused.
            ToolError: the place is closed, or denied.
        """
        descriptor = self._walked(located.parent, located, made)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def require_file(self, status: os.stat_result, told: str) -> None:
        """Nothing, for a regular file that is no file of the kernel.

        Raises:
            ToolError, OSError: it is something else.
        """
        require_regular(status, told)
        self.require_foreign(status, told)
        if status.st_dev in self.closed:
            raise refusals.of_the_system(told)

    def require_foreign(self, status: os.stat_result, told: str) -> None:
        """Nothing, if this belongs to nobody's store of agents, as far as it is known.

        Raises:
            ToolError: it does.
        """
        if self.own.hold(status):
            raise refusals.of_a_store(told)

    def _walked(self, path: str, located: Located, made: list[str] | None = None) -> int:
        """A descriptor of a directory; each component is opened by the one above it."""
        descriptor = os.open("/", _STEP)
        try:
            so_far = ""
            for name in path.split("/")[1:] if path != "/" else []:
                so_far = f"{so_far}/{name}"
                is_own = is_below(so_far, located.root)
                below, is_new = _opened_or_made(descriptor, name, make=is_own and made is not None)
                os.close(descriptor)
                descriptor = below
                if is_new and made is not None:
                    made.append(so_far)
                self.require_open(descriptor, so_far, located)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def require_open(self, directory: int, path: str, located: Located) -> None:
        """Nothing, if the directory with this descriptor and path is not closed or denied.

        Raises:
            ToolError: it is.
        """
        status = os.fstat(directory)
        if status.st_dev in self.closed and is_below(path, located.root):
            raise refusals.of_the_system(located.told)
        if located.for_write and (status.st_dev, status.st_ino) in self.denied_ids:
            raise refusals.denied(located.told)
        if self.own.hold(status) or is_marked(directory):
            raise refusals.of_a_store(located.told)

    def _foreign(self, located: Located) -> Located:
        if _root_of(located.path, self.own.paths) is not None:
            raise refusals.of_a_store(located.told)
        return located

    def _real(self, path: str, action: str) -> str:
        if not path or "\0" in path:
            raise ToolError(
                "A path must not be empty or hold NUL; use '.' for the working directory."
            )
        joined = os.path.join(self.base_dir, path)
        depth = 0
        for part in joined.split("/"):
            depth += {"": 0, ".": 0, "..": -1}.get(part, 1)
            if depth < 0:
                told = f"Path '{shown(path)}' escapes the filesystem root"
                raise PolicyDenied(told, action=action)
        try:
            return os.path.realpath(joined)
        except (OSError, ValueError) as error:
            raise explained(error, path) from error

    def _outside(self, path: str, kind: str, action: str) -> PolicyDenied:
        if not self.has_own_root:
            return refusals.outside(path, f"the runtime policy {kind} roots", action)
        where = "of the root directory"
        if kind == "write" and self.writable != self.readable:
            where += f", or of '{self.told(self.writable[0])}/', its part for writing"
        return refusals.outside(path, where, action)

    def _require_allowed(self, path: str, real: str, *, for_write: bool) -> None:
        if self.allowed is not None and (for_write, path, real) not in self.allowed:
            raise refusals.elsewhere(path)

    def _require_whole_links(self, path: str) -> None:
        place = Path(self.base_dir, path)
        for part in (place, *place.parents):
            if part.is_symlink() and not part.exists():
                raise ToolError(
                    f"'{shown(path)}' has a link that leads nowhere; use another path."
                )


def _texts(paths: tuple[Path, ...]) -> tuple[str, ...]:
    return tuple(str(path) for path in paths)


def _root_of(path: str, roots: tuple[str, ...]) -> str | None:
    """The innermost root that holds a path."""
    return max((root for root in roots if is_below(path, root)), key=len, default=None)


def is_below(path: str, root: str) -> bool:
    """Whether a path is a root or lies below it."""
    return path == root or path.startswith(f"{root.rstrip('/')}/")


def _opened_or_made(directory: int, name: str, *, make: bool) -> tuple[int, bool]:
    """A descriptor of a directory in a directory, and whether it was made for that."""
    try:
        return os.open(name, _STEP, dir_fd=directory), False
    except FileNotFoundError:
        if not make:
            raise
    is_new = False
    with suppress(FileExistsError):
        os.mkdir(name, dir_fd=directory)
        is_new = True
    return os.open(name, _STEP, dir_fd=directory), is_new


def require_regular(status: os.stat_result, told: str) -> None:
    """Nothing, for a regular file.

    Raises:
        ToolError: it is a directory, or a pipe, socket or device.
        OSError: it is a link.
    """
    if stat.S_ISREG(status.st_mode):
        return
    if stat.S_ISDIR(status.st_mode):
        raise ToolError(f"'{shown(told)}' is a directory; list it, or name a file in it.")
    if stat.S_ISLNK(status.st_mode):
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    raise ToolError(f"'{shown(told)}' is a pipe, socket or device, not a file.")
