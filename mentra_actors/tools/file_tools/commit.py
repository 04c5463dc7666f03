"""Staged files to the disk: all of them or none, and each of them whole at any instruction.

First the new contents go into temporary files beside their targets and to the disk. Then, one
after the other, each name gets its content by a rename, and the files to delete are renamed away;
what was there keeps a second name until the end, and gets its own one back when a step fails. A
process that is killed leaves of each file the old or the new one. It may leave some files of a
batch done and others not, and temporary files, which the next write of the same file removes.

A file that somebody else has changed since it was looked at is left alone, and all others too.
"""

import errno
import fcntl
import os
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import blake2b

from mentra_actors.tools.file_tools.overlay import Identity, Overlay, StagedFile
from mentra_actors.tools.file_tools.place import FILE_FLAGS, FilePlace, Located
from mentra_actors.tools.file_tools.text_lines import stop_if_cancelled
from mentra_actors.tools.file_tools.wording import explaining, shown
from mentra_actors.tools.tool_errors import ToolError

__all__ = ["commit"]

_NEW_MODE = 0o666
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV)
_WAIT_S = 5.0
"""Seconds to wait for somebody else who writes the same file just now."""
_LOOK_UP_S = 0.02


def commit(overlay: Overlay) -> None:
    """Do all that was staged.

    Raises:
        ToolError: the system refused something, or a file was changed meanwhile. Nothing is other
            than before.
    """
    changed = [one for one in overlay.changed() if one.exists or one.original is not None]
    with ExitStack() as stack:
        steps = _Steps(overlay.place, stack)
        try:
            for staged in changed:
                steps.prepare(staged)
            for step in steps.writes:
                steps.write(step)
            for step in steps.deletions:
                steps.delete(step)
        except BaseException:
            steps.undo()
            raise
        steps.finish()


@dataclass(slots=True)
class _Step:
    """One file: `directory` holds it; `temporary` is the new content, "" for none."""

    staged: StagedFile
    directory: int
    temporary: str = ""
    moved: str = ""
    kept: str = ""
    is_done: bool = False

    @property
    def name(self) -> str:
        return self.staged.located.name

    @property
    def told(self) -> str:
        return self.staged.located.told


@dataclass(slots=True)
class _Steps:
    """The steps of one commit; `undo` takes back those that were done."""

    place: FilePlace
    stack: ExitStack
    writes: list[_Step] = field(default_factory=list)
    deletions: list[_Step] = field(default_factory=list)
    made: list[Located] = field(default_factory=list)

    def prepare(self, staged: StagedFile) -> None:
        """Open the directory of a file, and write its new content beside it."""
        with explaining(staged.located.told):
            step = _Step(staged, self._directory(staged))
            _require_writable(step)
            step.kept = f".mentra-old-{_digest(step.name)}"
            (self.writes if staged.exists else self.deletions).append(step)
            if not staged.exists:
                return
            temporary = f".mentra-tmp-{_digest(step.name)}"
            descriptor = self.stack.enter_context(_temporary(step, temporary))
            step.temporary = temporary
            if staged.origin is None or not self._linked(step, staged.origin):
                self._fill(step, descriptor)

    def _linked(self, step: _Step, origin: StagedFile) -> bool:
        """Whether a file that is moved could be given a second name, instead of a copy."""
        name = f".mentra-mov-{_digest(step.name)}"
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=step.directory)
        with self.place.parent(origin.located) as source:
            if not _link(origin.located.name, name, source, step.directory):
                return False
        step.moved = name
        found = os.stat(name, dir_fd=step.directory, follow_symlinks=False)
        _require_unchanged(found, origin.original, origin.located.told)
        os.rename(name, step.temporary, src_dir_fd=step.directory, dst_dir_fd=step.directory)
        step.moved = ""
        return True

    def _directory(self, staged: StagedFile) -> int:
        """The directory of a file, made if it is missing, and what was made on the disk."""
        made: list[str] = []
        try:
            parent = self.place.parent(staged.located, made=made if staged.exists else None)
            descriptor = self.stack.enter_context(parent)
        finally:
            new = [Located(path, staged.located.root, path) for path in made]
            self.made += new
        for one in new:
            with self.place.parent(one) as above:
                _sync(above)
        return descriptor

    def _fill(self, step: _Step, descriptor: int) -> None:
        staged, origin = step.staged, step.staged.origin
        like = staged.original or (origin.original if origin is not None else None)
        if like is not None:
            with suppress(PermissionError):
                os.fchown(descriptor, *like.owner)
            os.fchmod(descriptor, stat.S_IMODE(like.mode) & 0o777)
        if staged.content is not None:
            _write_all(descriptor, staged.content)
        elif origin is not None:
            with self.place.open_file(origin.located) as file:
                _require_unchanged(os.fstat(file.fileno()), origin.original, origin.located.told)
                _copy_all(file.fileno(), descriptor)
        os.fsync(descriptor)

    def write(self, step: _Step) -> None:
        """Give a name its new content."""
        with explaining(step.told):
            _require_same(step)
            if step.staged.original is None:
                _rename_to_nothing(step)
            else:
                _keep(step)
                os.rename(
                    step.temporary, step.name, src_dir_fd=step.directory, dst_dir_fd=step.directory
                )
            step.is_done = True
            with suppress(FileNotFoundError):  # two names of one file are not renamed
                os.unlink(step.temporary, dir_fd=step.directory)
            step.temporary = ""
            _sync(step.directory)

    def delete(self, step: _Step) -> None:
        """Take a name away."""
        with explaining(step.told):
            _require_same(step)
            os.rename(step.name, step.kept, src_dir_fd=step.directory, dst_dir_fd=step.directory)
            step.is_done = True
            _sync(step.directory)

    def finish(self) -> None:
        """What was kept is not needed any more."""
        for step in (*self.writes, *self.deletions):
            if step.staged.original is not None:
                with suppress(OSError):
                    os.unlink(step.kept, dir_fd=step.directory)

    def undo(self) -> None:
        """Everything as it was, as far as the system lets us."""
        for step in (*reversed(self.deletions), *reversed(self.writes)):
            with suppress(OSError):
                _undo(step)
        for made in reversed(self.made):
            with suppress(OSError, ToolError), self.place.parent(made) as above:
                os.rmdir(made.name, dir_fd=above)


def _undo(step: _Step) -> None:
    for name in filter(None, (step.temporary, step.moved)):
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=step.directory)
    if step.staged.original is None:
        if step.is_done:
            os.unlink(step.name, dir_fd=step.directory)
    elif step.is_done:
        os.rename(step.kept, step.name, src_dir_fd=step.directory, dst_dir_fd=step.directory)
    else:
        with suppress(FileNotFoundError):
            os.unlink(step.kept, dir_fd=step.directory)


@contextmanager
def _temporary(step: _Step, name: str) -> Iterator[int]:
    """A new file beside the target, locked: one without a lock is what a killed process left."""
    deadline = time.monotonic() + _WAIT_S
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    while True:
        try:
            descriptor = os.open(name, flags, _NEW_MODE, dir_fd=step.directory)
        except FileExistsError:
            if not _removed_leftover(step.directory, name):
                _wait(deadline, step.told)
            continue
        if _is_locked_by_us(descriptor, step.directory, name):
            break
        os.close(descriptor)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _is_locked_by_us(descriptor: int, directory: int, name: str) -> bool:
    """Whether a new file is ours: somebody may have taken it for a leftover before the lock."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        found = os.stat(name, dir_fd=directory, follow_symlinks=False)
    except (BlockingIOError, FileNotFoundError):
        return False
    own = os.fstat(descriptor)
    return (found.st_dev, found.st_ino) == (own.st_dev, own.st_ino)


def _removed_leftover(directory: int, name: str) -> bool:
    """Whether a temporary file was nobody's and is gone now."""
    try:
        descriptor = os.open(name, FILE_FLAGS, dir_fd=directory)
    except FileNotFoundError:
        return True
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.EACCES, errno.ENXIO):
            raise
        os.unlink(name, dir_fd=directory)
        return True
    try:
        if not _is_locked_by_us(descriptor, directory, name):
            return False
        os.unlink(name, dir_fd=directory)
    finally:
        os.close(descriptor)
    return True


def _wait(deadline: float, told: str) -> None:
    stop_if_cancelled()
    if time.monotonic() > deadline:
        raise ToolError(f"'{shown(told)}' is being written by somebody else; try it again.")
    time.sleep(_LOOK_UP_S)


def _require_writable(step: _Step) -> None:
    if step.staged.original is not None and not os.access(
        step.name, os.W_OK, dir_fd=step.directory, effective_ids=True
    ):
        raise ToolError(f"'{shown(step.told)}' is read-only; it was left as it is.")


def _require_same(step: _Step) -> None:
    """Nothing, if the disk has what it had when it was looked at.

    Raises:
        ToolError: somebody else was there.
    """
    try:
        status = os.stat(step.name, dir_fd=step.directory, follow_symlinks=False)
    except FileNotFoundError:
        status = None
    _require_unchanged(status, step.staged.original, step.told)


def _require_unchanged(
    status: os.stat_result | None, original: Identity | None, told: str
) -> None:
    if (None if status is None else Identity.of(status)) != original:
        raise ToolError(f"'{shown(told)}' was changed by somebody else just now.")


def _rename_to_nothing(step: _Step) -> None:
    """A rename that replaces nothing, where the file system can do that."""
    if not _link(step.temporary, step.name, step.directory, step.directory):
        os.rename(step.temporary, step.name, src_dir_fd=step.directory, dst_dir_fd=step.directory)


def _keep(step: _Step) -> None:
    """A second name for what is about to be replaced; a copy where there is no such thing."""
    with suppress(FileNotFoundError):
        os.unlink(step.kept, dir_fd=step.directory)
    if not _link(step.name, step.kept, step.directory, step.directory):
        _copy_kept(step)


def _link(name: str, second: str, source: int, target: int) -> bool:
    """Give a file of one directory a second name in another; False where there is no such thing.

    Raises:
        OSError: the system refused, or the second name is taken.
    """
    try:
        os.link(name, second, src_dir_fd=source, dst_dir_fd=target, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        return False
    return True


def _copy_kept(step: _Step) -> None:
    mode = 0 if step.staged.original is None else stat.S_IMODE(step.staged.original.mode)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    source = os.open(step.name, FILE_FLAGS, dir_fd=step.directory)
    try:
        target = os.open(step.kept, flags, mode & 0o777, dir_fd=step.directory)
        try:
            _copy_all(source, target)
            os.fsync(target)
        finally:
            os.close(target)
    finally:
        os.close(source)


def _write_all(descriptor: int, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(descriptor, left) :]


def _copy_all(source: int, target: int) -> None:
    with os.fdopen(os.dup(source), "rb") as reader, os.fdopen(os.dup(target), "wb") as writer:
        shutil.copyfileobj(reader, writer, 1024 * 1024)


def _sync(directory: int) -> None:
    """The names of a directory to the disk; one that may not be listed cannot be."""
    with suppress(PermissionError):
        descriptor = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=directory)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _digest(name: str) -> str:
    return blake2b(os.fsencode(name), digest_size=8).hexdigest()
