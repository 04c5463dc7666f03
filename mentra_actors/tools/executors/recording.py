"""Reads what a recorder has kept of a command: also while it runs, also in another process."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from mentra_actors.tools.executors import recorder
from mentra_actors.tools.executors.port import ProcessName
from mentra_actors.tools.executors.process_names import process_name_of

__all__ = ["CommandRecord"]

_ATTEMPTS = 3


class CommandRecord:
    """The directory of one command; reading it never fails, whatever is there."""

    def __init__(self, directory: str | Path) -> None:
        self._directory = Path(directory)

    @property
    def is_claimed(self) -> bool:
        """Whether a recorder has begun here, ever."""
        return (self._directory / recorder.PROCESS_FILE).exists()

    @property
    def process(self) -> ProcessName | None:
        """The recorder that runs; None if it has ended, or none has begun."""
        pid = self._number(recorder.PROCESS_FILE)
        if not pid:
            return None
        try:
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return None
        is_ours = os.fsencode(self._directory) in arguments  # an id may be used again
        return process_name_of(pid) if is_ours else None

    @property
    def exit_code(self) -> int | None:
        """How the command has ended; None if it runs, or nobody knows."""
        return self._number(recorder.EXIT_FILE)

    @property
    def exited_at(self) -> float | None:
        """When that was written, in Unix seconds; None if it was not."""
        if self.exit_code is None:  # the file is there from the start, so that there is room
            return None
        with contextlib.suppress(OSError):
            return (self._directory / recorder.EXIT_FILE).stat().st_mtime
        return None

    @property
    def left_out_bytes(self) -> int:
        """How much between `head` and `tail` is not kept."""
        return self._number(recorder.LEFT_OUT_FILE) or 0

    def total_bytes(self) -> int:
        """How much was printed so far."""
        names = (recorder.HEAD_FILE, recorder.TAIL_BEFORE_FILE, recorder.TAIL_FILE)
        return self.left_out_bytes + sum(self._size(name) for name in names)

    def head(self, piece_bytes: int) -> Iterator[bytes]:
        """The beginning, in pieces of this size."""
        yield from self._pieces(recorder.HEAD_FILE, piece_bytes)

    def tail(self, piece_bytes: int) -> Iterator[bytes]:
        """What comes after it, less what is left out between."""
        for name in (recorder.TAIL_BEFORE_FILE, recorder.TAIL_FILE):
            yield from self._pieces(name, piece_bytes)

    def last_bytes(self, most: int) -> bytes:
        """The end of what was printed so far, up to a gap in it. For a command that has ended."""
        for _ in range(_ATTEMPTS):
            before = self._marks()
            found = self._end_of(recorder.TAIL_FILE, most)
            found = self._end_of(recorder.TAIL_BEFORE_FILE, most - len(found)) + found
            if not before[0]:
                found = self._end_of(recorder.HEAD_FILE, most - len(found)) + found
            if before == self._marks():
                break
        return found

    def _marks(self) -> tuple[int, int]:
        """What changes when files are turned over."""
        return self.left_out_bytes, self._size(recorder.TAIL_BEFORE_FILE)

    def _number(self, name: str) -> int | None:
        """A number that is whole; its room may be there before it."""
        try:
            content = (self._directory / name).read_bytes()
            return int(content) if content.endswith(b"\n") else None
        except (OSError, ValueError):
            return None

    def _size(self, name: str) -> int:
        with contextlib.suppress(OSError):
            return (self._directory / name).stat().st_size
        return 0

    def _pieces(self, name: str, piece_bytes: int) -> Iterator[bytes]:
        with contextlib.suppress(OSError), (self._directory / name).open("rb") as file:
            while piece := file.read(piece_bytes):
                yield piece

    def _end_of(self, name: str, most: int) -> bytes:
        if most <= 0:
            return b""
        with contextlib.suppress(OSError), (self._directory / name).open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(0, size - most))
            return file.read(most)
        return b""
