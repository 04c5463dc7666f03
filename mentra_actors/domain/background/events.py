"""What happens to the jobs of one agent. Each job has one event that ends it.

The `notice` of an end is the letter that tells its agent; it lies in the inbox by the same append.
"""

from typing import Literal, TypeAlias

import msgspec

from mentra_actors.domain.blob import BlobRef
from mentra_actors.domain.inbox import Mail
from mentra_actors.ids import AgentId, CommandId

__all__ = [
    "BackgroundEvent",
    "JobCancelled",
    "JobEnd",
    "JobFailed",
    "JobFinished",
    "JobInterrupted",
    "JobOutput",
    "JobRejected",
    "JobRequested",
    "JobStarted",
    "JobStopRequested",
    "JobTimedOut",
    "JobsClosed",
    "StopCause",
]

StopCause: TypeAlias = Literal["cancel", "time_limit", "close"]
"""Why a job is stopped: somebody wants it, its time is over, the runtime is closed."""


class JobOutput(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a job has printed, both of its streams in the order in which it came.

    `head` and `tail` are blobs, to be put one behind the other; between the two `left_out_bytes`
    are not kept. `preview` is for a line, with whitespace collapsed; empty if nothing is to see.
    """

    preview: str = ""
    total_bytes: int = 0
    left_out_bytes: int = 0
    head: tuple[BlobRef, ...] = ()
    tail: tuple[BlobRef, ...] = ()


class JobRequested(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="background.requested.v1"
):
    """The command is to run in `cwd`, an absolute real path, for `timeout_s` at most.

    `command_id` is the id of the wish, `digest` that of what was decided about: equal ones want
    the same. `target` names another machine. `base_dir` is that of the agent `agent_id`, whom the
    end of the job is told; an older log does not name it.
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
    justification: str = ""
    agent_id: AgentId = AgentId("")


class JobRejected(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="background.rejected.v1"
):
    """`limit` jobs of this agent were open, which is as many as it may have."""

    command_id: CommandId
    command: str
    limit: int
    rejected_at: float


class JobsClosed(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="background.closed.v1"
):
    """No job of this agent begins any more, and those that run are cancelled."""

    reason: str
    closed_at: float


class JobStarted(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="background.started.v1"
):
    """The job runs; as the process `pid` that began at `process_started`, if it is one here.

    `directory` is where its output is kept while it runs, and how it ended once it has.
    """

    job_id: str
    started_at: float
    directory: str
    pid: int = 0
    process_started: str = ""


class JobStopRequested(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="background.stop_requested.v1",
):
    """The job is to end; `by` is who wants it: an agent's name, `host`, or empty."""

    job_id: str
    cause: StopCause
    requested_at: float
    by: str = ""
    reason: str = ""


class JobFinished(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="background.finished.v1"
):
    """The job ended by itself."""

    job_id: str
    exit_code: int
    ended_at: float
    output: JobOutput = JobOutput()
    notice: Mail | None = None


class JobFailed(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="background.failed.v1"
):
    """The job could not be started; `error` says why."""

    job_id: str
    error: str
    ended_at: float
    notice: Mail | None = None


class JobTimedOut(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="background.timed_out.v1"
):
    """The job was stopped because its time was over."""

    job_id: str
    ended_at: float
    exit_code: int | None = None
    output: JobOutput = JobOutput()
    notice: Mail | None = None


class JobCancelled(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="background.cancelled.v1"
):
    """The job was stopped because somebody wanted it."""

    job_id: str
    ended_at: float
    exit_code: int | None = None
    output: JobOutput = JobOutput()
    notice: Mail | None = None


class JobInterrupted(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="background.interrupted.v1"
):
    """The job ended with a runtime, or while nobody watched it; `reason` says what is known."""

    job_id: str
    reason: str
    ended_at: float
    exit_code: int | None = None
    output: JobOutput = JobOutput()
    notice: Mail | None = None


JobEnd: TypeAlias = JobFinished | JobFailed | JobTimedOut | JobCancelled | JobInterrupted
"""The events of which each job has exactly one."""

BackgroundEvent: TypeAlias = (
    JobRequested
    | JobRejected
    | JobsClosed
    | JobStarted
    | JobStopRequested
    | JobFinished
    | JobFailed
    | JobTimedOut
    | JobCancelled
    | JobInterrupted
)
