"""A regular expression that cannot hang its caller: the process that matches is killed in time."""

import os
import select
import struct
import subprocess
import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import IO, Self

from mentra_actors.tools import pattern_worker
from mentra_actors.tools.contract import ToolError
from mentra_actors.tools.file_text import stop_if_cancelled

__all__ = ["LineMatcher"]

_PATIENCE_S = 5.0
"""Seconds that one batch of lines (at most about 1 MiB) may take; usually it is milliseconds."""
_LOOK_UP_MS = 50
"""How often a waiting search looks whether it was cancelled."""
_NUMBER = struct.Struct(">I")


class LineMatcher:
    """Finds the lines that match one pattern. A context manager; the process ends with it.

    Raises:
        ToolError: the pattern is not valid, takes too long, or no process can be started.
    """

    def __init__(self, pattern: str, *, patience_s: float = _PATIENCE_S) -> None:
        self._pattern = pattern
        self._patience_s = patience_s
        try:
            encoded = pattern.encode()
        except UnicodeEncodeError as error:
            raise ToolError(f"The pattern has an invalid character: {error.reason}.") from error
        self._process = _started_process()
        try:
            refusal = self._exchange(encoded)
        except BaseException:
            self.close()
            raise
        if refusal:
            self.close()
            raise ToolError(f"'{pattern}' is not a valid regular expression: {refusal.decode()}.")

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
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process.wait()

    def matching(self, lines: Sequence[str], *, wanted: int) -> list[int]:
        """Indexes of the first `wanted` lines that match, from 0."""
        answer = self._exchange(_NUMBER.pack(wanted) + "\n".join(lines).encode())
        return [number for (number,) in _NUMBER.iter_unpack(answer)]

    def _exchange(self, frame: bytes) -> bytes:
        deadline = time.monotonic() + self._patience_s
        self._send(_NUMBER.pack(len(frame)) + frame, deadline)
        size = _NUMBER.unpack(self._receive(_NUMBER.size, deadline))[0]
        return self._receive(size, deadline)

    def _send(self, data: bytes, deadline: float) -> None:
        pipe = _pipe(self._process.stdin)
        left = memoryview(data)
        while left:
            self._wait_for(pipe, select.POLLOUT, deadline)
            try:
                left = left[os.write(pipe, left) :]
            except BrokenPipeError as error:
                raise _worker_ended() from error

    def _receive(self, size: int, deadline: float) -> bytes:
        pipe = _pipe(self._process.stdout)
        received = bytearray()
        while len(received) < size:
            self._wait_for(pipe, select.POLLIN, deadline)
            part = os.read(pipe, size - len(received))
            if not part:
                raise _worker_ended()
            received += part
        return bytes(received)

    def _wait_for(self, pipe: int, event: int, deadline: float) -> None:
        poll = select.poll()
        poll.register(pipe, event)
        while not poll.poll(_LOOK_UP_MS):
            stop_if_cancelled()
            if time.monotonic() > deadline:
                raise ToolError(
                    f"Matching '{self._pattern}' took too long and was stopped. Repeats inside of "
                    "repeats, such as (a+)+, do that: write a simpler pattern."
                )


def _started_process() -> subprocess.Popen[bytes]:
    command = [sys.executable, "-I", "-S", pattern_worker.__file__]
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise ToolError(f"The search process could not be started: {error}.") from error
    os.set_blocking(_pipe(process.stdin), False)
    return process


def _pipe(stream: IO[bytes] | None) -> int:
    assert stream is not None
    return stream.fileno()


def _worker_ended() -> ToolError:
    return ToolError("The search process ended unexpectedly; try again with a simpler pattern.")
