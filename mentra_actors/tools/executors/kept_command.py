"""A command under its keeper: started, read, stopped; what all executors of this machine share."""

import asyncio
import errno
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any, Literal

import anyio
import anyio.to_thread
from anyio.abc import ByteReceiveStream, Process
from anyio.lowlevel import RunVar

from mentra_actors.tools.executors import keeper, recorder
from mentra_actors.tools.executors.capture import StreamCapture
from mentra_actors.tools.executors.port import (
    TIMED_OUT,
    CommandOutput,
    CommandRequest,
    OnOutput,
    ProcessName,
)
from mentra_actors.tools.executors.process_names import (
    end_all_below,
    is_running,
    process_name_of,
    wake_all_below,
)
from mentra_actors.tools.tool_errors import ToolError

__all__ = ["KeptCommand", "started_command"]

_STARTS: RunVar[anyio.Lock] = RunVar("command_starts")
_PIECE_BYTES = 64 * 1024
_DRAIN_S = 0.5
"""How long output is awaited when all that could write it has ended, as far as we know."""
_KILL_S = 7.5
"""After the grace: the keeper gives up sooner."""
_SIGNALLED = 128


async def started_command(
    program: Sequence[str],
    request: CommandRequest,
    on_output: OnOutput,
    *,
    grace_s: float,
    pass_fds: Sequence[int] = (),
) -> "KeptCommand":
    """Start `program` under a keeper. On the effects loop.

    Raises:
        ToolError: it cannot be started.
    """
    law = "outlive" if request.outlives else "end"
    python = [sys.executable, "-I", "-S", "-B"]
    keep = [*python, keeper.__file__, law, "=".join(request.env)]
    if request.record:
        keep = [*python, recorder.__file__, request.record, *keep]
    try:
        process = await _one_process(
            [*keep, *program],
            cwd=request.cwd,
            env=dict(request.env),
            start_new_session=True,
            pass_fds=pass_fds,
        )
    except (OSError, ValueError) as error:
        raise ToolError(f"The command could not be started: {_reason(error)}") from error
    return KeptCommand(process, request, on_output, grace_s=grace_s)


async def _one_process(program: Sequence[str], **options: Any) -> Process:
    """Start it when no other is being started: that blocks the loop for milliseconds each time."""
    try:
        starts = _STARTS.get()
    except LookupError:
        starts = anyio.Lock()
        _STARTS.set(starts)
    async with starts:
        return await anyio.open_process(program, **options)


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, OSError) and error.errno == errno.E2BIG:
        return "it is too long; write it to a file and run that"
    return str(error)


class KeptCommand:
    """A command that runs. Its output is read whether or not anybody waits for it."""

    def __init__(
        self, process: Process, request: CommandRequest, on_output: OnOutput, *, grace_s: float
    ) -> None:
        """Made by `started_command`; on the effects loop."""
        self._process = process
        self._request = request
        self._on_output = on_output
        self._grace_s = grace_s
        self._stdout = StreamCapture(request.max_output_bytes)
        self._stderr = StreamCapture(request.max_output_bytes)
        self._name = process_name_of(process.pid)
        self._following = asyncio.create_task(self._follow())

    @property
    def process(self) -> ProcessName | None:
        """Its keeper: asked to end it ends the whole command."""
        return self._name

    async def wait(self) -> CommandOutput:
        """Until it has ended. Cancelling the wait ends the command."""
        try:
            return await asyncio.shield(self._following)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self.stop(grace_s=self._grace_s)
            raise

    async def stop(self, *, grace_s: float) -> None:
        """Ask all its processes to end, and kill after `grace_s` seconds what has not."""
        await self._end_process(grace_s)
        await asyncio.wait([self._following])

    async def _follow(self) -> CommandOutput:
        try:
            timed_out = await self._read_to_the_end()
        finally:
            await self._hang_up()
        code = self._process.returncode
        if timed_out or code is None:
            code = TIMED_OUT
        return CommandOutput(
            stdout=self._stdout.captured,
            stderr=self._stderr.captured,
            exit_code=code if code >= 0 else _SIGNALLED - code,
            timed_out=timed_out,
        )

    async def _read_to_the_end(self) -> bool:
        """Whether the end came because the time was over."""
        async with anyio.create_task_group() as readers:
            drained = anyio.Event()
            readers.start_soon(self._read_both, drained)
            timed_out = await self._ended()
            with anyio.move_on_after(_DRAIN_S):
                await drained.wait()
            readers.cancel_scope.cancel()
        return timed_out

    async def _hang_up(self) -> None:
        """A keeper that is still there ends the command now, unless it is to outlive us."""
        with anyio.CancelScope(shield=True):
            for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
                if stream is not None:
                    await stream.aclose()
            if not (self._request.outlives and self._name and is_running(self._name)):
                with anyio.move_on_after(_DRAIN_S):  # else the loop might end before it knows
                    await self._process.wait()

    async def _ended(self) -> bool:
        """Wait for the end; whether it came because the time was over."""
        with anyio.move_on_after(self._request.timeout_s) as limit:
            await self._process.wait()
        if limit.cancelled_caught:
            await self._end_process(self._grace_s)
        return limit.cancelled_caught

    async def _end_process(self, grace_s: float) -> None:
        """Have the keeper end it all; one that does not, as somebody stops it, ends with it."""
        await self._ask_to_end(grace_s)
        with anyio.move_on_after(grace_s + _KILL_S) as limit:
            await self._process.wait()
        if limit.cancelled_caught and self._name is not None:
            await anyio.to_thread.run_sync(end_all_below, self._name)
            with anyio.move_on_after(_DRAIN_S):
                await self._process.wait()

    async def _ask_to_end(self, grace_s: float) -> None:
        line = self._process.stdin
        assert line is not None
        try:
            await line.send(f"{grace_s}\n".encode())
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            return  # it has ended
        if self._name is not None:
            await anyio.to_thread.run_sync(wake_all_below, self._name)

    async def _read_both(self, drained: anyio.Event) -> None:
        async with anyio.create_task_group() as readers:
            read_out, read_err = partial(self._read, "stdout"), partial(self._read, "stderr")
            readers.start_soon(read_out, self._process.stdout, self._stdout)
            readers.start_soon(read_err, self._process.stderr, self._stderr)
        drained.set()

    async def _read(
        self,
        named: Literal["stdout", "stderr"],
        stream: ByteReceiveStream | None,
        kept: StreamCapture,
    ) -> None:
        assert stream is not None
        try:
            while True:
                piece = await stream.receive(_PIECE_BYTES)
                kept.add(piece)
                self._on_output(named, piece)
        except (anyio.EndOfStream, anyio.ClosedResourceError, anyio.BrokenResourceError):
            return
