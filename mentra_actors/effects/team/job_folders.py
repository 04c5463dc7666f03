"""The folders of the background jobs of a store: for nobody but us, and removed if they are ours.

They are beside the store, where others may write too: what has their name need not be theirs. So
their directory is opened without following a link, must be of our user alone, and what is removed
has the name of a job and a mark that we have put there.
"""

import os
import re
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from mentra_actors.domain.own_directories import OWN_MARK
from mentra_actors.tools.tool_errors import ToolError

__all__ = ["JobFolders"]

_JOB = re.compile(r"bg-[a-z2-7]{10}", re.ASCII)
_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class JobFolders:
    """A directory with a folder for each job of one store. It need not exist yet."""

    directory: Path

    def make(self, job_id: str) -> None:
        """Make the folder of a job, if it is not there.

        Raises:
            ToolError: something else is where the folders would be.
            OSError: it cannot be made.
        """
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._opened() as above:
            if not _is_marked(above):
                self._require_jobs_only(os.listdir(above))
                _mark(above)
            with suppress(FileExistsError):
                os.mkdir(job_id, mode=0o700, dir_fd=above)
            folder = os.open(job_id, _OPEN, dir_fd=above)
        try:
            _mark(folder)
        finally:
            os.close(folder)

    def names(self) -> list[str]:
        """The jobs that have a folder; none if the directory is not ours."""
        with suppress(OSError, ToolError), self._opened() as above:
            return [name for name in os.listdir(above) if _JOB.fullmatch(name)]
        return []

    def remove(self, job_id: str) -> None:
        """Remove the folder of a job, if it is one of ours. Never raises."""
        if not _JOB.fullmatch(job_id):
            return
        with suppress(OSError, ToolError), self._opened() as above:
            folder = os.open(job_id, _OPEN, dir_fd=above)
            try:
                is_ours = _is_marked(folder)
            finally:
                os.close(folder)
            if is_ours:
                shutil.rmtree(job_id, ignore_errors=True, dir_fd=above)

    def remove_directory(self) -> None:
        """Remove the directory, if it is ours and no folder is left. Never raises."""
        with suppress(OSError, ToolError):
            with self._opened() as above:
                if os.listdir(above) != [OWN_MARK]:
                    return
                os.unlink(OWN_MARK, dir_fd=above)
            self.directory.rmdir()

    @contextmanager
    def _opened(self) -> Iterator[int]:
        """A descriptor of the directory.

        Raises:
            ToolError: it is a link or a file, or others than our user may use it.
            OSError: it cannot be opened.
        """
        try:
            descriptor = os.open(self.directory, _OPEN)
        except OSError as error:
            if self.directory.is_symlink() or self.directory.exists():
                raise ToolError(f"{self.directory} cannot keep output: {error}") from error
            raise
        try:
            status = os.fstat(descriptor)
            if status.st_uid != os.getuid() or status.st_mode & _OTHERS:
                raise ToolError(
                    f"{self.directory} is not a directory of this user alone, "
                    "so no output can be kept there"
                )
            yield descriptor
        finally:
            os.close(descriptor)

    def _require_jobs_only(self, names: list[str]) -> None:
        """Nothing, if a directory without a mark holds nothing that is somebody's own.

        Raises:
            ToolError: it does.
        """
        if not all(_JOB.fullmatch(name) for name in names):
            raise ToolError(
                f"{self.directory} holds other things than background jobs, "
                "so no output can be kept there"
            )


def _is_marked(directory: int) -> bool:
    try:
        status = os.stat(OWN_MARK, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return stat.S_ISREG(status.st_mode) and status.st_uid == os.getuid()


def _mark(directory: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    os.close(os.open(OWN_MARK, flags, 0o600, dir_fd=directory))
