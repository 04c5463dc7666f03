"""Keeps one command: ends everything it has started when it ends, and answers its exit code.

Run as a script, with the standard library only: `keeper.py LAW NAMES PROGRAM ARGUMENT…`. NAMES are
the variables of the environment that the command sees, parted by `=`: Python may have added some.

It adopts what the command leaves behind, so nothing gets away by a new session or a second fork.
Its input is the line to whoever wants the command: a number asks all of it to end, and kills after
so many seconds what has not. When the line breaks nobody is there any more, and everything is
ended, unless LAW is `outlive`. SIGTERM ends everything too. Between it and the command stands one
more process, so that a command that kills its parent does not get away. Only one that looks for
this process and kills it does; a sandbox holds that one too. Stopping it (SIGSTOP) helps nobody:
who wants the end of a command wakes its keeper, and kills what does not end.
"""

import contextlib
import ctypes
import enum
import math
import os
import select
import signal
import sys
import time

__all__ = ["all_below", "main"]

_LINGER_S = 0.25
"""What the command has left running may take so long to end by itself."""
_GRACE_S = 2.0
_GIVE_UP_S = 5.0
"""So long it is tried to kill what cannot be killed, such as a program of another user."""
_AGAIN_S = 0.01
_SIGNALLED = 128
_NOT_FOUND = 127
_DEATH_SIGNAL, _SUBREAPER = 1, 36
"""Of prctl(2)."""
_IGNORED = (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
_CHANGED = (*_IGNORED, signal.SIGTERM, signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ)


class _Phase(enum.IntEnum):
    RUNS = 0
    LINGERS = 1
    ENDS = 2
    IS_KILLED = 3


class _Keeper:
    """One command, from its start to the end of its last process."""

    def __init__(self, program: list[str], names: list[str], *, outlives: bool) -> None:
        self._outlives = outlives
        self._is_terminated = False
        self._wake = self._woken_by_signals()
        self._line = [0]
        self._phase = _Phase.RUNS
        self._until = math.inf
        self._gives_up_at = math.inf
        self._code: int | None = None
        self._first = _started(program, names)

    def exit_code(self) -> int:
        """Wait for the end of all of it."""
        while self._reap() and time.monotonic() < self._gives_up_at:
            left_s = self._until - time.monotonic()
            if left_s > 0:
                self._listen(None if left_s == math.inf else left_s)
            elif self._phase is _Phase.LINGERS:
                self._end(_GRACE_S)
            else:
                self._kill()
        if not os.path.exists("/proc/self/stat"):
            self._kill_group()  # what it has left behind is nobody's child that we know
        return _SIGNALLED + signal.SIGKILL if self._code is None else self._code

    def _kill_group(self) -> None:
        with contextlib.suppress(OSError):
            os.killpg(self._first, signal.SIGKILL)

    def _woken_by_signals(self) -> int:
        """A pipe that can be read when one has come."""
        read, write = os.pipe()
        os.set_blocking(read, False)
        os.set_blocking(write, False)
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        signal.signal(signal.SIGTERM, self._terminate)
        for number in _IGNORED:
            signal.signal(number, signal.SIG_IGN)
        return read

    def _terminate(self, _number: int, _frame: object) -> None:
        self._is_terminated = True

    def _reap(self) -> bool:
        """Take note of what has ended; whether anything is left."""
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                if ended[0] == self._first:
                    self._code = _exit_code(ended[1])
                    if self._phase is _Phase.RUNS:
                        self._enter(_Phase.LINGERS, _LINGER_S)
            return True
        return False

    def _enter(self, phase: _Phase, for_s: float) -> None:
        self._phase = phase
        self._until = time.monotonic() + for_s

    def _listen(self, for_s: float | None) -> None:
        ready, _, _ = select.select([self._wake, *self._line], [], [], for_s)
        if self._wake in ready:
            os.read(self._wake, 4096)
        if self._is_terminated:
            self._end(_GRACE_S)
        if self._line and self._line[0] in ready:
            self._hear(os.read(self._line[0], 4096))

    def _hear(self, said: bytes) -> None:
        if said:
            self._end(float(said.split()[-1]))
            return
        self._line = []
        if not self._outlives:
            self._end(_GRACE_S)

    def _end(self, grace_s: float) -> None:
        """Ask all to end; who asks again can only make it sooner."""
        if self._phase >= _Phase.ENDS:
            self._until = min(self._until, time.monotonic() + grace_s)
            return
        self._enter(_Phase.ENDS, grace_s)
        self._send(signal.SIGTERM)
        self._send(signal.SIGCONT)

    def _kill(self) -> None:
        """Stop them before, so that no other is made while they are killed."""
        if self._phase is not _Phase.IS_KILLED:
            self._gives_up_at = time.monotonic() + _GIVE_UP_S
        self._enter(_Phase.IS_KILLED, _AGAIN_S)
        self._send(signal.SIGSTOP)
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        if self._code is None:
            with contextlib.suppress(OSError):
                os.killpg(self._first, number)
        for pid in all_below(os.getpid()):
            with contextlib.suppress(OSError):
                os.kill(pid, number)


def _started(program: list[str], names: list[str]) -> int:
    """The id of a process that ends like the program, whose parent and session leader it is."""
    parent = os.fork()
    if parent:
        return parent
    code = _NOT_FOUND
    try:
        os.setsid()
        _set_process_option(_DEATH_SIGNAL, signal.SIGKILL)
        pid = os.fork()
        if not pid:
            _become(program, {name: os.environ[name] for name in names})
        code = _exit_code(os.waitpid(pid, 0)[1])
    finally:
        os._exit(code)


def _become(program: list[str], environment: dict[str, str]) -> None:
    """Run the program in this process; returns if there is none."""
    _set_process_option(_DEATH_SIGNAL, signal.SIGKILL)
    for number in _CHANGED:
        signal.signal(number, signal.SIG_DFL)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    try:
        os.execve(program[0], program, environment)
    except OSError as error:
        os.write(2, f"{program[0]}: {error.strerror}\n".encode())


def _exit_code(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else _SIGNALLED - code


def _set_process_option(option: int, value: int) -> None:
    """Nothing, where the system has no prctl(2)."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def all_below(root: int) -> list[int]:
    """Ids of the children of a process, and of theirs; none where there is no /proc."""
    children: dict[int, list[int]] = {}
    for name in _names_in_proc():
        if name.isdecimal():
            children.setdefault(_parent_of(name), []).append(int(name))
    found, left = [], [root]
    while left:
        own = children.pop(left.pop(), [])
        found += own
        left += own
    return found


def _names_in_proc() -> list[str]:
    try:
        return os.listdir("/proc")
    except OSError:
        return []


def _parent_of(pid: str) -> int:
    """0 if it has ended."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            return int(stat.read().rpartition(b")")[2].split()[1])
    except (OSError, IndexError, ValueError):
        return 0


def main() -> int:
    """Run the program named by the arguments; its exit code."""
    law, names, *program = sys.argv[1:]
    _set_process_option(_SUBREAPER, 1)
    keeper = _Keeper(program, [*filter(None, names.split("="))], outlives=law == "outlive")
    return keeper.exit_code()


if __name__ == "__main__":
    sys.exit(main())
