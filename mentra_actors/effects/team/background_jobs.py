"""Starts, watches and stops background jobs.

A job that can outlive us writes its output and its end to files of its own, by a recorder that is
no part of this process. So to watch a job needs no memory of having started it: after a crash the
next process watches it by the same code, for as long as it is the same process that runs. Who
begins to record in the directory of a job is decided by the file system, so that a start which
comes a second time, because a crash came between it and the log, runs nothing a second time.

What runs elsewhere tells its output to this process, and is lost with it.
"""

import time
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import anyio.to_thread
import msgspec

from mentra_actors.domain.background.events import JobOutput
from mentra_actors.domain.background.job import Job
from mentra_actors.domain.background.jobs import (
    RecordJobEnd,
    RecordJobFailure,
    RecordJobStart,
)
from mentra_actors.domain.background.preview import output_preview
from mentra_actors.domain.blob import BlobRef
from mentra_actors.domain.storable import encodable
from mentra_actors.effects.calls.workplaces import Workplaces
from mentra_actors.effects.models.attached_blobs import BlobReader, Blobs
from mentra_actors.effects.ports import Clock
from mentra_actors.effects.runner import Order
from mentra_actors.effects.team.job_folders import JobFolders
from mentra_actors.tools.executors.port import (
    ProcessName,
    RecordingExecutor,
    RunningCommand,
)
from mentra_actors.tools.executors.process_names import ask_to_end, end_of, is_running
from mentra_actors.tools.executors.recorder import OutputRecord
from mentra_actors.tools.executors.recording import CommandRecord
from mentra_actors.tools.results.rendering import error_words
from mentra_actors.tools.tool_errors import ToolError

__all__ = ["BackgroundJobs", "JobServices", "last_output"]

_PIECE_BYTES = 1024 * 1024
_SHOWN_BYTES = 16 * 1024
_GRACE_S = 2.0
_CLAIM_S, _CLAIM_AGAIN_S = 30.0, 0.02
_STORE_WAIT_S = 10.0
_GONE = "its process is gone, and nobody knows how it ended"


@dataclass(frozen=True, slots=True)
class JobServices:
    """What jobs are run with. Each has a directory of its own in `directory`.

    A job `outlives` this process where another one can go on with it.
    """

    workplaces: Workplaces
    blobs: Blobs
    clock: Clock
    directory: Path
    outlives: bool


@dataclass(frozen=True, slots=True)
class _Held:
    """A job that no process here stands for. What it tells us we record, if nobody else does."""

    running: RunningCommand
    record: OutputRecord | None = None


@dataclass(slots=True)
class BackgroundJobs:
    """The performers `start`, `watch` and `stop`. On the effects loop."""

    services: JobServices
    held: dict[str, _Held] = field(default_factory=dict)
    keeping: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(1))
    """One output at a time goes to the store: each may be of many megabytes."""

    async def start(self, order: Order) -> RecordJobStart | RecordJobFailure:
        """The performer of `StartJob`."""
        job: Job = order.effect.job
        directory, clock = self.services.directory / job.job_id, self.services.clock
        try:
            process = await self._started(job, directory)
        except (ToolError, OSError) as error:
            problem = encodable(error_words(error))
            return RecordJobFailure(job_id=job.job_id, error=problem, now=clock.now())
        return RecordJobStart(
            job_id=job.job_id,
            directory=str(directory),
            pid=process.pid if process else 0,
            process_started=process.started if process else "",
            now=clock.now(),
        )

    async def watch(self, order: Order) -> RecordJobEnd:
        """The performer of `WatchJob`."""
        job: Job = order.effect.job
        problem = ""
        if (held := self.held.get(job.job_id)) is not None:
            problem = await _ended(held)
        elif (process := self._process_of(job)) is not None:
            await end_of(process)
        recording = CommandRecord(job.directory)
        code = recording.exit_code
        output = await anyio.to_thread.run_sync(
            self._kept, recording, code == 0, limiter=self.keeping
        )
        self.held.pop(job.job_id, None)
        return RecordJobEnd(
            job_id=job.job_id,
            exit_code=code,
            output=output,
            problem="" if code is not None else problem or _GONE,
            now=self.services.clock.now(),
            exited_at=recording.exited_at,
        )

    async def stop(self, order: Order) -> None:
        """The performer of `StopJob`: what comes of it is told by whoever watches the job."""
        job: Job = order.effect.job
        if (held := self.held.get(job.job_id)) is not None:
            await held.running.stop(grace_s=_GRACE_S)
        elif (process := self._process_of(job)) is not None:
            ask_to_end(process)
            await end_of(process)

    def _process_of(self, job: Job) -> ProcessName | None:
        """Its process; None if it has none here, or belongs to a store that ours is a copy of."""
        if not job.pid or Path(job.directory).parent != self.services.directory:
            return None
        return ProcessName(pid=job.pid, started=job.process_started)

    async def _started(self, job: Job, directory: Path) -> ProcessName | None:
        """Its process, if it is one of this machine; whoever has started it.

        Raises:
            ToolError: it cannot be run.
            OSError: its directory cannot be made.
        """
        recording = CommandRecord(directory)
        if recording.is_claimed:
            return recording.process
        await anyio.to_thread.run_sync(JobFolders(directory.parent).make, job.job_id)
        workplace = self.services.workplaces.at(job.base_dir)
        request, _ = await workplace.permitted(
            job.command, working_directory=job.cwd, target=job.target, background=True
        )
        if request.cwd != job.cwd:
            raise ToolError(f"'{job.cwd}' leads elsewhere than when this task was allowed")
        executor = workplace.executor(job.target)
        request = msgspec.structs.replace(request, timeout_s=None, outlives=self.services.outlives)
        if isinstance(executor, RecordingExecutor) and executor.records:
            request = msgspec.structs.replace(request, record=str(directory))
            running = await executor.start(request, lambda _stream, _piece: None)
            await _claimed(running, recording)
            if recording.process is None:
                self.held[job.job_id] = _Held(running)
            return recording.process
        record = OutputRecord(str(directory))
        record.claim(0)
        running = await executor.start(request, lambda _stream, piece: record.add(piece))
        self.held[job.job_id] = _Held(running, record)
        return None

    def _kept(self, recording: CommandRecord, is_success: bool) -> JobOutput:  # noqa: FBT001 - on a worker thread, which takes no names
        """What was printed, in the store. Reads and waits: on a worker thread."""
        head = tuple(map(self._blob, recording.head(_PIECE_BYTES)))
        tail = tuple(map(self._blob, recording.tail(_PIECE_BYTES)))
        if parts := head + tail:
            self._await_stored(parts[-1])
        total = recording.total_bytes()
        start = next(recording.head(_SHOWN_BYTES), b"")
        preview = output_preview(
            start.decode(errors="replace"),
            recording.last_bytes(_SHOWN_BYTES).decode(errors="replace"),
            is_whole=total <= _SHOWN_BYTES,
            is_success=is_success,
        )
        return JobOutput(
            preview=preview,
            total_bytes=total,
            left_out_bytes=recording.left_out_bytes,
            head=head,
            tail=tail,
        )

    def _blob(self, piece: bytes) -> BlobRef:
        return BlobRef(digest=self.services.blobs.put_blob(piece), size_bytes=len(piece))

    def _await_stored(self, last: BlobRef) -> None:
        """Wait for the store, a while: what it has not written it keeps in memory."""
        until = time.monotonic() + _STORE_WAIT_S
        while self.services.blobs.read_blob(last.digest) is None and time.monotonic() < until:
            time.sleep(0.01)


async def last_output(blobs: BlobReader, job: Job, most: int) -> bytes:
    """The end of what a job has printed so far, up to a gap in it."""
    if job.is_open:
        return await anyio.to_thread.run_sync(CommandRecord(job.directory).last_bytes, most)
    return await anyio.to_thread.run_sync(_last_of, blobs, job.output, most)


def _last_of(blobs: BlobReader, output: JobOutput, most: int) -> bytes:
    parts = output.tail if output.left_out_bytes else output.head + output.tail
    found = b""
    for part in reversed(parts):
        if len(found) >= most:
            break
        found = (blobs.read_blob(part.digest) or b"") + found
    return found[-most:]


async def _ended(held: _Held) -> str:
    """Wait for its end, and write it down; what is wrong with it."""
    try:
        ended = await held.running.wait()
    except (ToolError, OSError) as error:
        return encodable(error_words(error))
    if held.record is not None:
        held.record.end(ended.exit_code)
    return ""


async def _claimed(running: RunningCommand, recording: CommandRecord) -> None:
    """Wait until somebody records: what we have started, or what an earlier start has left.

    Raises:
        ToolError: nobody does.
    """
    with anyio.move_on_after(_CLAIM_S):
        while not recording.is_claimed:
            if running.process is not None and not is_running(running.process):
                break
            await anyio.sleep(_CLAIM_AGAIN_S)
    if not recording.is_claimed:
        await running.stop(grace_s=0.0)
        raise ToolError("The command could not be started: nothing records its output")
