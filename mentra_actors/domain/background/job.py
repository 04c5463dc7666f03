"""One job: what it is, how far it is, and how events change it."""

from typing import Literal, TypeAlias, assert_never

import msgspec

from mentra_actors.domain.background.events import (
    BackgroundEvent,
    JobCancelled,
    JobEnd,
    JobFailed,
    JobFinished,
    JobInterrupted,
    JobOutput,
    JobRejected,
    JobRequested,
    JobsClosed,
    JobStarted,
    JobStopRequested,
    JobTimedOut,
    StopCause,
)
from mentra_actors.ids import AgentId, CommandId

__all__ = ["Job", "JobStatus", "job_after"]

JobStatus: TypeAlias = Literal[
    "requested", "running", "finished", "failed", "timed_out", "cancelled", "interrupted"
]
"""`finished` is a job that ended by itself with exit code 0, `failed` one with another."""


class Job(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A command in the background. `problem` says why it failed or was interrupted.

    Times are in Unix seconds, None for not yet.
    """

    job_id: str
    command_id: CommandId
    command: str
    cwd: str
    digest: str
    requested_at: float
    timeout_s: float | None = None
    target: str = ""
    base_dir: str = ""
    status: JobStatus = "requested"
    started_at: float | None = None
    ended_at: float | None = None
    pid: int = 0
    process_started: str = ""
    directory: str = ""
    stop: StopCause | None = None
    stop_requested_at: float | None = None
    stopped_by: str = ""
    stop_reason: str = ""
    exit_code: int | None = None
    problem: str = ""
    output: JobOutput = JobOutput()
    agent_id: AgentId = AgentId("")

    @property
    def is_open(self) -> bool:
        """Whether it may still run."""
        return self.status in ("requested", "running")

    @property
    def shown_output(self) -> str:
        """What is told of the output of a job that has ended, or why there is none."""
        return self.output.preview or self.problem or "(no output)"


_replace = msgspec.structs.replace


def job_after(job: Job | None, event: BackgroundEvent) -> Job | None:
    """The job of an event after it; None if it speaks of no job that is known.

    A job that has ended stays as it is.
    """
    if isinstance(event, JobRequested):
        return _requested(event) if job is None else job
    if job is None or isinstance(event, JobRejected | JobsClosed) or not job.is_open:
        return job
    match event:
        case JobStarted():
            return _replace(
                job,
                status="running",
                started_at=event.started_at,
                directory=event.directory,
                pid=event.pid,
                process_started=event.process_started,
            )
        case JobStopRequested():
            return _replace(
                job,
                stop=event.cause,
                stop_requested_at=event.requested_at,
                stopped_by=event.by,
                stop_reason=event.reason,
            )
        case JobFinished() | JobFailed() | JobTimedOut() | JobCancelled() | JobInterrupted():
            return _ended(job, event)
        case _:
            assert_never(event)


def _requested(event: JobRequested) -> Job:
    return Job(
        job_id=event.job_id,
        command_id=event.command_id,
        command=event.command,
        cwd=event.cwd,
        digest=event.digest,
        requested_at=event.requested_at,
        timeout_s=event.timeout_s,
        target=event.target,
        base_dir=event.base_dir,
        agent_id=event.agent_id,
    )


def _ended(job: Job, event: JobEnd) -> Job:
    ended = _replace(job, ended_at=event.ended_at)
    match event:
        case JobFailed(error=error):
            return _replace(ended, status="failed", problem=error)
        case JobFinished(exit_code=code):
            how: JobStatus = "finished" if code == 0 else "failed"
        case JobTimedOut():
            how = "timed_out"
        case JobCancelled():
            how = "cancelled"
        case JobInterrupted(reason=reason):
            how, ended = "interrupted", _replace(ended, problem=reason)
        case _:
            assert_never(event)
    return _replace(ended, status=how, exit_code=event.exit_code, output=event.output)
