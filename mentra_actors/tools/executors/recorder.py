"""Runs a program and keeps in files what it prints and how it ends: for commands that outlive us.

Run as a script, with the standard library only: `recorder.py DIRECTORY PROGRAM ARGUMENT…`. Both
streams of the program go through one pipe into the directory, in the order in which they come. Of
a long output the beginning and the end are kept, so the files stay small however much is printed:

* `process`: the id of the process that records here; whoever comes second does nothing
* `head`: the first bytes; `tail-before`, then `tail`: the last ones
* `left-out`: how many bytes between them were let go, or had no room on the disk
* `exit`: the exit code; its last word, written when all else is there

Numbers end in a line feed. The room for the last two is taken before the program begins, and is
blank until then: a full disk loses output, and neither the end nor how much is missing.

The program gets our input. SIGTERM is passed on to it, and it gets one when the recorder dies.
"""

import contextlib
import ctypes
import errno
import os
import select
import signal
import sys
import time

__all__ = [
    "EXIT_FILE",
    "HEAD_BYTES",
    "HEAD_FILE",
    "LEFT_OUT_FILE",
    "PROCESS_FILE",
    "TAIL_BEFORE_FILE",
    "TAIL_BYTES",
    "TAIL_FILE",
    "OutputRecord",
    "main",
]

PROCESS_FILE, EXIT_FILE, LEFT_OUT_FILE = "process", "exit", "left-out"
HEAD_FILE, TAIL_BEFORE_FILE, TAIL_FILE = "head", "tail-before", "tail"
HEAD_BYTES = 16 * 1024 * 1024
TAIL_BYTES = 16 * 1024 * 1024
"""At most; at least half of it is kept."""
_PIECE_BYTES = 256 * 1024
_NUMBER_BYTES = 24
_DRAIN_S = 0.5
"""How long output is awaited when the program has ended."""
_SIGNALLED, _NOT_FOUND = 128, 127
_DEATH_SIGNAL = 1
"""Of prctl(2)."""


class OutputRecord:
    """The files of one program. Each call leaves them so that they can be read."""

    def __init__(
        self, directory: str, *, head_bytes: int = HEAD_BYTES, tail_bytes: int = TAIL_BYTES
    ) -> None:
        self._directory = directory
        self._head_left = head_bytes
        self._segment_bytes = max(1, tail_bytes // 2)
        self._in_tail = self._in_tail_before = self._left_out = 0
        self._file = self._exit = self._left_out_file = -1

    def claim(self, pid: int) -> bool:
        """Whether nobody has recorded here before.

        Raises:
            OSError: there is no room for the least that is to be kept; nobody has recorded.
        """
        drafts: list[str] = []
        try:
            self._exit = self._reserved(EXIT_FILE, drafts)
            self._left_out_file = self._reserved(LEFT_OUT_FILE, drafts)
            _put_number(self._reserved(PROCESS_FILE, drafts), pid)
            self._file = self._opened(HEAD_FILE)
            os.link(drafts[-1], self._path(PROCESS_FILE))
            for name, draft in zip((EXIT_FILE, LEFT_OUT_FILE), drafts, strict=False):
                os.replace(draft, self._path(name))
        except FileExistsError:
            self._close()
            return False
        finally:
            for draft in drafts:
                with contextlib.suppress(OSError):
                    os.unlink(draft)
        return True

    def add(self, piece: bytes) -> None:
        """Keep the next piece of output."""
        if self._head_left:
            first, piece = piece[: self._head_left], piece[self._head_left :]
            self._add_to_head(first)
        while piece:
            room = self._segment_bytes - self._in_tail
            if not room:
                self._turn_over()
                continue
            self._add_to_tail(piece[:room])
            piece = piece[room:]

    def end(self, exit_code: int) -> None:
        """Write the last word."""
        _put_number(self._exit, exit_code)
        self._close()

    def _close(self) -> None:
        for file in (self._file, self._left_out_file, self._exit):
            with contextlib.suppress(OSError):
                os.close(file)
        self._file = self._exit = self._left_out_file = -1

    def _add_to_head(self, piece: bytes) -> None:
        """What has no room ends the head: there is one gap only, and it comes after it."""
        missing = len(piece) - _write_all(self._file, piece)
        self._head_left = 0 if missing else self._head_left - len(piece)
        if missing:
            self._leave_out(missing)
        if not self._head_left:
            self._go_on_in_tail()

    def _add_to_tail(self, piece: bytes) -> None:
        """What has no room takes with it what came before: the tail is what is after the gap."""
        missing = len(piece) - _write_all(self._file, piece)
        self._in_tail += len(piece)
        if missing:
            self._leave_out(self._in_tail_before + self._in_tail)
            self._in_tail_before = self._in_tail = 0
            with contextlib.suppress(OSError):
                os.unlink(self._path(TAIL_BEFORE_FILE))
            self._go_on_in_tail()

    def _go_on_in_tail(self) -> None:
        with contextlib.suppress(OSError):
            os.close(self._file)
        self._file = -1
        with contextlib.suppress(OSError):  # nothing can be written then, and that is counted
            self._file = self._opened(TAIL_FILE, os.O_TRUNC)

    def _turn_over(self) -> None:
        if self._in_tail_before:
            self._leave_out(self._in_tail_before)
        with contextlib.suppress(OSError):
            os.replace(self._path(TAIL_FILE), self._path(TAIL_BEFORE_FILE))
        self._in_tail_before, self._in_tail = self._in_tail, 0
        self._go_on_in_tail()

    def _leave_out(self, count: int) -> None:
        self._left_out += count
        _put_number(self._left_out_file, self._left_out)

    def _opened(self, name: str, flags: int = 0) -> int:
        flags |= os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC
        return os.open(self._path(name), flags, 0o600)

    def _reserved(self, name: str, drafts: list[str]) -> int:
        """A new file with the room for a number, under a name of its own."""
        draft = self._path(f"{name}.{os.getpid()}")
        drafts.append(draft)
        file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        if _write_all(file, b" " * _NUMBER_BYTES) < _NUMBER_BYTES:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), draft)
        return file

    def _path(self, name: str) -> str:
        return f"{self._directory}/{name}"


def _put_number(file: int, number: int) -> None:
    """Put a number where room is reserved for it; its last byte says that it is whole."""
    with contextlib.suppress(OSError):
        os.pwrite(file, f"{number:<{_NUMBER_BYTES - 1}}\n".encode(), 0)


def _write_all(file: int, content: bytes) -> int:
    """How much there was room for: a program goes on when the disk is full."""
    written = 0
    with contextlib.suppress(OSError):
        while written < len(content):
            written += os.write(file, content[written:])
    return written


def _started(program: list[str], output: int) -> int:
    """The id of the process that has become the program."""
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        os.dup2(output, 1)
        os.dup2(output, 2)
        with contextlib.suppress(AttributeError, OSError):
            ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGTERM, 0, 0, 0)
        if os.getppid() == parent:
            os.execv(program[0], program)
    finally:
        os._exit(_NOT_FOUND)


def _recorded(record: OutputRecord, output: int, wake: int, pid: int) -> int:
    """Record until nobody can write any more, or the program has ended; its exit code."""
    code: int | None = None
    until = 0.0
    is_open = True
    while code is None or (is_open and time.monotonic() < until):
        waited = [wake, *([output] if is_open else [])]
        ready, _, _ = select.select(waited, [], [], None if code is None else _DRAIN_S)
        if output in ready:
            piece = os.read(output, _PIECE_BYTES)
            is_open = bool(piece)
            record.add(piece)
        if wake in ready:
            os.read(wake, 4096)
        if code is None and (ended := os.waitpid(pid, os.WNOHANG))[0]:
            code = os.waitstatus_to_exitcode(ended[1])
            until = time.monotonic() + _DRAIN_S
    return code if code >= 0 else _SIGNALLED - code


def _woken_by_signals() -> int:
    """A pipe that can be read when one has come."""
    read, write = os.pipe()
    os.set_blocking(read, False)
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    return read


def main() -> int:
    """Run and record the program named by the arguments; its exit code."""
    directory, *program = sys.argv[1:]
    record = OutputRecord(directory)
    if not record.claim(os.getpid()):
        return _NOT_FOUND
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    wake = _woken_by_signals()
    read, write = os.pipe()
    pid = _started(program, write)
    os.close(write)

    def pass_on(_number: int, _frame: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)

    signal.signal(signal.SIGTERM, pass_on)
    code = _recorded(record, read, wake, pid)
    record.end(code)
    return code


if __name__ == "__main__":
    sys.exit(main())
