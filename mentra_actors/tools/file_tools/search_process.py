"""Searches in other processes, which are sent open files and killed when they take too long."""

import json
import select
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Generic, Self, TypeVar

from mentra_actors.tools.file_tools import search_worker
from mentra_actors.tools.file_tools.search_worker import HEADER, LENGTH, FileHits, Query
from mentra_actors.tools.file_tools.text_lines import OutOfTime, WorkBudget, stop_if_cancelled
from mentra_actors.tools.tool_errors import ToolError

__all__ = ["SearchProcess", "SearchProcesses"]

_PATIENCE_S = 5.0
"""Seconds without a word that a process may take for at most 8 MiB; usually it is milliseconds."""
_START_S = 30.0
"""Seconds until a process must have read its pattern; usually it is 40 ms."""
_LOOK_UP_MS = 50
"""How often a waiting search looks whether it was cancelled."""
_AHEAD = 3
"""Batches that a process has at most: the one in work and those that wait."""

Name = TypeVar("Name")


class SearchProcess:
    """One process that searches for one pattern. A context manager; the process ends with it.

    Raises:
        ToolError: the pattern is not valid, takes too long, or no process can be started.
    """

    def __init__(
        self, query: Query, budget: WorkBudget, *, patience_s: float = _PATIENCE_S
    ) -> None:
        self._query = query
        self._budget = budget
        self._patience_s = patience_s
        self._is_ready = False
        self._process, self._socket = _started_process()
        try:
            frame = json.dumps(query).encode()
            self._send(LENGTH.pack(len(frame)) + frame)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._socket.close()
        self._process.wait()

    def require_pattern(self) -> None:
        """Wait until the process has read the pattern.

        Raises:
            ToolError: it is not valid.
        """
        if self._is_ready:
            return
        refusal = self._frame(_START_S)
        self._is_ready = True
        if refusal:
            raise ToolError(
                f"'{self._query.pattern}' is not a valid regular expression: {refusal.decode()}."
            )

    def send(self, descriptors: Sequence[int], *, wanted: int) -> None:
        """Have files searched, after those that were sent before; at most 64 at once."""
        header = HEADER.pack(len(descriptors), wanted)
        deadline = time.monotonic() + self._patience_s
        while True:
            try:
                socket.send_fds(self._socket, [header], list(descriptors))
            except BlockingIOError:
                self._wait_for(select.POLLOUT, deadline)
            except OSError as error:
                self.require_pattern()  # one that is not valid has ended the process
                raise _worker_ended() from error
            else:
                return

    def found(self) -> list[tuple[int, FileHits]]:
        """What the files of the next batch gave, by their places in it; most give nothing.

        Raises:
            OutOfTime: the budget is spent.
        """
        self.require_pattern()
        while not (frame := self._frame(self._patience_s)):
            pass
        return [
            (place, FileHits([(line, is_hit, text) for line, is_hit, text in lines], *rest))
            for place, (lines, *rest) in json.loads(frame)
        ]

    def _frame(self, patience_s: float) -> bytes:
        deadline = time.monotonic() + patience_s
        size = LENGTH.unpack(self._receive(LENGTH.size, deadline))[0]
        return self._receive(size, deadline)

    def _send(self, frame: bytes) -> None:
        deadline = time.monotonic() + self._patience_s
        left = memoryview(frame)
        while left:
            try:
                left = left[self._socket.send(left) :]
            except BlockingIOError:
                self._wait_for(select.POLLOUT, deadline)
            except OSError as error:
                raise _worker_ended() from error

    def _receive(self, size: int, deadline: float) -> bytes:
        received = bytearray()
        while len(received) < size:
            try:
                part = self._socket.recv(size - len(received))
            except BlockingIOError:
                self._wait_for(select.POLLIN, deadline)
                continue
            except OSError as error:
                raise _worker_ended() from error
            if not part:
                raise _worker_ended()
            received += part
        return bytes(received)

    def _wait_for(self, event: int, deadline: float) -> None:
        poll = select.poll()
        poll.register(self._socket, event)
        while not poll.poll(_LOOK_UP_MS):
            stop_if_cancelled()
            if time.monotonic() > deadline:
                raise ToolError(
                    f"Matching '{self._query.pattern}' took too long and was stopped. Repeats "
                    "inside of repeats, such as (a+)+, do that: write a simpler pattern."
                )
            if self._is_ready and self._budget.is_spent():
                raise OutOfTime(f"searching was stopped after {self._budget.seconds:g} s")


@dataclass(slots=True)
class SearchProcesses(Generic[Name]):
    """Some processes for one pattern; what they find comes in the order in which it was sent."""

    query: Query
    budget: WorkBudget
    count: int
    _processes: list[SearchProcess] = field(default_factory=list)
    _sent: deque[tuple[SearchProcess, Sequence[Name]]] = field(default_factory=deque)
    _batches: int = 0

    def __enter__(self) -> Self:
        self._processes.append(SearchProcess(self.query, self.budget))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End all of them."""
        for process in self._processes:
            process.close()

    def search(
        self, names: Sequence[Name], descriptors: Sequence[int], *, wanted: int
    ) -> Iterator[tuple[Name, FileHits]]:
        """Send some files; what earlier ones gave, as far as it is time to ask for it."""
        process = self._next_process()
        process.send(descriptors, wanted=wanted)
        self._sent.append((process, names))
        self._batches += 1
        while len(self._sent) > _AHEAD * len(self._processes):
            yield from self._oldest()

    def rest(self) -> Iterator[tuple[Name, FileHits]]:
        """What all files gave that were not yet asked for.

        Raises:
            ToolError: the pattern is not valid, also when no file was sent.
            OutOfTime: the budget is spent.
        """
        self._processes[0].require_pattern()
        while self._sent:
            yield from self._oldest()

    def _oldest(self) -> Iterator[tuple[Name, FileHits]]:
        process, names = self._sent.popleft()
        for place, found in process.found():
            yield names[place], found

    def _next_process(self) -> SearchProcess:
        """In turn; another one is started when there is enough to do."""
        if self._batches and len(self._processes) < self.count:
            self._processes.append(SearchProcess(self.query, self.budget))
            return self._processes[-1]
        return self._processes[self._batches % len(self._processes)]


def _started_process() -> tuple[subprocess.Popen[bytes], socket.socket]:
    command = [sys.executable, "-I", "-S", search_worker.__file__]
    try:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs:
            process = subprocess.Popen(
                command,
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
    except (OSError, ValueError) as error:
        raise ToolError(f"The search process could not be started: {error}.") from error
    ours.settimeout(0)
    return process, ours


def _worker_ended() -> ToolError:
    return ToolError("The search process ended unexpectedly; try again with a simpler pattern.")
