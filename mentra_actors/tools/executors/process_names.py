"""Names processes of this machine beyond doubt, and ends them by their names."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterable
from pathlib import Path

from mentra_actors.tools.executors.keeper import all_below
from mentra_actors.tools.executors.port import ProcessName

__all__ = [
    "ask_to_end",
    "end_all_below",
    "end_of",
    "is_running",
    "process_name_of",
    "wake_all_below",
]

_LOOK_AGAIN_S = 0.1
_MOST_ROUNDS = 100


def process_name_of(pid: int) -> ProcessName | None:
    """The name of a process that runs; None if it has ended, or where there is no /proc."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None
    state, *fields = stat.rpartition(b")")[2].split()
    if state in (b"Z", b"X"):
        return None
    return ProcessName(pid=pid, started=f"{boot}/{fields[18].decode()}")


def is_running(process: ProcessName) -> bool:
    """Whether it runs still: the same process, and not another one with its id."""
    return process_name_of(process.pid) == process


def ask_to_end(process: ProcessName) -> None:
    """Ask a command that was started by any process of ours to end, with all that belongs to it.

    What has not ended after two seconds is killed. Returns at once; nothing, if it has ended.
    """
    if is_running(process):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(process.pid, signal.SIGTERM)
        wake_all_below(process)


def wake_all_below(process: ProcessName) -> None:
    """Let a process go on, and all below it: a command may have stopped what keeps it."""
    if is_running(process):
        _send((process.pid, *all_below(process.pid)), signal.SIGCONT)


def end_all_below(process: ProcessName) -> None:
    """Kill a process and all that it has started or adopted. On a worker thread.

    It goes last: what belongs to it could not be found any more without it.
    """
    if not is_running(process):
        return
    for _ in range(_MOST_ROUNDS):
        left = [pid for pid in all_below(process.pid) if process_name_of(pid) is not None]
        if not left:
            break
        _send(left, signal.SIGSTOP)  # so that none makes another one meanwhile
        _send(left, signal.SIGKILL)
    if is_running(process):
        _send((process.pid,), signal.SIGKILL)


def _send(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


async def end_of(process: ProcessName) -> None:
    """Wait for the end of a process, which may be a child of anybody. On the effects loop."""
    try:
        watched = os.pidfd_open(process.pid)
    except (AttributeError, OSError):  # another system than Linux, or it has ended
        while is_running(process):  # noqa: ASYNC110 - nobody else tells
            await asyncio.sleep(_LOOK_AGAIN_S)
        return
    has_ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(watched, has_ended.set)
    try:
        if is_running(process):  # asked after its id was taken hold of
            await has_ended.wait()
    finally:
        loop.remove_reader(watched)
        os.close(watched)
