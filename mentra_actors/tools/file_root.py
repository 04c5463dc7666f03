"""Files below one directory: no `..`, link or race leads out of it.

A path is resolved first, links included, and the result must lie inside the root. What is opened
is the resolved path, one component after the other from the root's own descriptor, and no
component may be a link any more. So whoever swaps a directory for a link between the check and
the opening causes an error, not an escape. Hard links cannot be told from files and are followed.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from mentra_actors.errors import ConfigurationError
from mentra_actors.tools.contract import ToolError

__all__ = ["FileRoot", "explained", "explaining", "shown"]

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


STORE_MARK = "STORE.json"
"""The file by which a directory is known to be a store."""


class FileRoot:
    """A directory and everything below it. Paths inside are relative to it, `.` is itself.

    Raises:
        ConfigurationError: `path` is not a directory, or `write_path` is not inside it.
    """

    def __init__(self, path: str | os.PathLike[str], *, write_path: Path | None = None) -> None:
        if not Path(path).is_dir():
            raise ConfigurationError(f"the root of the file tools is not a directory: {path}")
        self._given = os.path.normpath(Path(path).absolute())
        self._real = os.path.realpath(path)
        writable = self._inside(os.path.realpath(self._real if write_path is None else write_path))
        if writable is None:
            raise ConfigurationError(f"write_root {write_path} is not inside of {path}")
        self.writable = writable
        """The part below which may be written; `.` when all of it may."""

    def locate(self, path: str) -> str:
        """`path` without links and `..`, relative to the root. It need not exist.

        Raises:
            ToolError: the path leads out of the root, or it cannot be a path.
        """
        if not path or "\0" in path:
            raise ToolError(
                "A path must not be empty or hold NUL; use '.' for the root directory."
            )
        try:
            real = os.path.realpath(os.path.join(self._real, self._relative(path)))
        except (OSError, ValueError) as error:
            raise explained(error, path) from error
        inside = self._inside(real)
        if inside is None:
            raise ToolError(f"'{shown(path)}' is a link that leads out of the root directory.")
        if self._is_in_a_store(inside):
            raise ToolError(f"'{shown(path)}' belongs to a store of agents; no tool may touch it.")
        return inside

    def _is_in_a_store(self, inside: str) -> bool:
        """True below any directory that keeps a log: a model must not rewrite its own history."""
        parts = [] if inside == "." else inside.split("/")
        folders = (os.path.join(self._real, *parts[:depth]) for depth in range(len(parts) + 1))
        return any(os.path.lexists(os.path.join(folder, STORE_MARK)) for folder in folders)

    def locate_for_write(self, path: str) -> str:
        """As `locate`, for a file that is about to be written.

        Raises:
            ToolError: also when the path may not be written, or has a link that leads nowhere.
        """
        inside = self.locate(path)
        if path.endswith("/") or inside == ".":
            raise ToolError(f"'{shown(path)}' names a directory; give the path of a file.")
        if self.writable not in (".", inside) and not inside.startswith(f"{self.writable}/"):
            raise ToolError(
                f"'{shown(path)}' may not be written: only files below "
                f"'{shown(self.writable)}/' may."
            )
        with explaining(path):
            self._require_whole_links(path)
        return inside

    def open_file(self, inside: str) -> BinaryIO:
        """The regular file at a path from `locate`, for reading.

        Raises:
            ToolError: it does not exist, cannot be read, or is no regular file.
        """
        parent, name = os.path.split(inside)
        with explaining(inside), self.directory(parent or ".") as directory:
            _require_regular(os.stat(name, dir_fd=directory, follow_symlinks=False), inside)
            descriptor = os.open(name, _FILE, dir_fd=directory)
            try:
                _require_regular(os.fstat(descriptor), inside)
                return os.fdopen(descriptor, "rb")
            except BaseException:
                os.close(descriptor)
                raise

    def is_directory(self, inside: str) -> bool:
        """Whether a path from `locate` is a directory now."""
        parent, name = os.path.split(inside)
        with explaining(inside), self.directory(parent or ".") as directory:
            return stat.S_ISDIR(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode)

    @contextmanager
    def directory(self, inside: str, *, create: bool = False) -> Iterator[int]:
        """A descriptor of the directory at a path from `locate`; `create` makes what is missing.

        Raises:
            ToolError: it does not exist, cannot be read, or is no directory.
        """
        with explaining(inside):
            descriptor = os.open(self._real, _DIRECTORY)
        try:
            for name in [] if inside == "." else inside.split("/"):
                with explaining(inside):
                    below = _open_below(descriptor, name, create=create)
                descriptor, above = below, descriptor
                os.close(above)
            yield descriptor
        finally:
            os.close(descriptor)

    def _relative(self, path: str) -> str:
        if os.path.isabs(path):
            plain = os.path.normpath(path)
            for root in (self._real, self._given):
                if plain == root or plain.startswith(f"{root.rstrip('/')}/"):
                    return path
            raise ToolError(
                f"'{shown(path)}' is outside of the root directory; use a path inside."
            )
        if os.path.normpath(path).split("/")[0] == "..":
            raise ToolError(f"'{shown(path)}' leads out of the root directory; use a path inside.")
        return path

    def _inside(self, real: str) -> str | None:
        if real == self._real:
            return "."
        prefix = f"{self._real.rstrip('/')}/"
        return real.removeprefix(prefix) if real.startswith(prefix) else None

    def _require_whole_links(self, path: str) -> None:
        place = Path(self._real, path)
        for part in (place, *place.parents):
            if part.is_symlink() and not part.exists():
                raise ToolError(
                    f"'{shown(path)}' has a link that leads nowhere; use another path."
                )


@contextmanager
def explaining(path: str) -> Iterator[None]:
    """Turns what the system refuses into a `ToolError` that names `path`."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise explained(error, path) from error


def explained(error: OSError | ValueError, path: str) -> ToolError:
    """What the system refused, in words for a model."""
    name = shown(path)
    if not isinstance(error, OSError):
        return ToolError(f"'{name}' is not a valid path.")
    match error.errno:
        case errno.ENOENT:
            return ToolError(f"'{name}' does not exist.")
        case errno.EACCES | errno.EPERM:
            return ToolError(f"'{name}' may not be accessed: permission denied.")
        case errno.ENOTDIR:
            return ToolError(f"'{name}' is not a directory, or a part of it is a file.")
        case errno.EISDIR:
            return ToolError(f"'{name}' is a directory.")
        case errno.ELOOP:
            return ToolError(
                f"'{name}' is a link in a circle, or was replaced by a link just now."
            )
        case _:
            return ToolError(f"'{name}': {error.strerror or error}.")


def shown(name: str) -> str:
    """A file name as it may be told: what cannot be printed is escaped, newlines included."""
    if name.isprintable():
        return name
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in name
    )


def _open_below(directory: int, name: str, *, create: bool) -> int:
    try:
        return os.open(name, _DIRECTORY, dir_fd=directory)
    except FileNotFoundError:
        if not create:
            raise
    with suppress(FileExistsError):
        os.mkdir(name, dir_fd=directory)
        os.fsync(directory)
    return os.open(name, _DIRECTORY, dir_fd=directory)


def _require_regular(status: os.stat_result, path: str) -> None:
    if stat.S_ISREG(status.st_mode):
        return
    if stat.S_ISDIR(status.st_mode):
        raise ToolError(f"'{shown(path)}' is a directory; list it, or name a file in it.")
    if stat.S_ISLNK(status.st_mode):
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    raise ToolError(f"'{shown(path)}' is a pipe, socket or device, not a file.")
