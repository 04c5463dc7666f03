"""The jobs of one agent: how many may run, what is done about them, and how each ends.

All jobs of an agent are on one stream, so that how many it has open is a question to one state:
no race over processes or restarts lets in one too many. A job is asked for under the id of the
wish; a repeated wish finds the same job. Whatever happens, a job has one event that ends it: who
comes later (its exit after a cancellation, a second stop) records nothing. Its agent is told of it
by a letter that is written with that event.
"""

from collections.abc import Mapping, Sequence
from typing import TypeAlias, assert_never, get_args

import msgspec

from mentra_actors.decider import Decider
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
from mentra_actors.domain.background.job import Job, job_after
from mentra_actors.domain.background.notices import companions, with_notice
from mentra_actors.domain.timer import WaitUntil
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import AgentId, CommandId, EffectId

__all__ = [
    "BACKGROUND",
    "BackgroundCommand",
    "BackgroundState",
    "CloseJobs",
    "RecordJobEnd",
    "RecordJobFailure",
    "RecordJobStart",
    "RequestJob",
    "RequestJobStop",
    "StartJob",
    "StopAllJobs",
    "StopJob",
    "WatchJob",
    "is_rejected",
    "job_of",
]

_replace = msgspec.structs.replace

REMEMBERED_JOBS = 200
"""How many ended jobs are known to an agent, the youngest ones; all are on the log."""
REMEMBERED_REJECTIONS = 64
_TIME_OF_A_FILE_S = 0.05
"""By so much the time that a file system writes down may lag."""


class RequestJob(msgspec.Struct, frozen=True, kw_only=True):
    """Run a command in the background; `limit` jobs may be open (None: any number).

    `agent_id` is told of its end.
    """

    command_id: CommandId
    job_id: str
    command: str
    cwd: str
    digest: str
    now: float
    limit: int | None
    timeout_s: float | None = None
    target: str = ""
    base_dir: str = ""
    justification: str = ""
    agent_id: AgentId = AgentId("")


class RecordJobStart(msgspec.Struct, frozen=True, kw_only=True):
    """Outcome of `StartJob`: it runs."""

    job_id: str
    directory: str
    now: float
    pid: int = 0
    process_started: str = ""


class RecordJobFailure(msgspec.Struct, frozen=True, kw_only=True):
    """Outcome of `StartJob`: it cannot be run."""

    job_id: str
    error: str
    now: float


class RecordJobEnd(msgspec.Struct, frozen=True, kw_only=True):
    """Outcome of `WatchJob`: nothing of it runs any more.

    `exit_code` None means that nobody knows; then `problem` says what is known. The program ended
    at `exited_at`, as far as that was kept.
    """

    job_id: str
    exit_code: int | None
    output: JobOutput
    now: float
    problem: str = ""
    exited_at: float | None = None


class RequestJobStop(msgspec.Struct, frozen=True, kw_only=True):
    """End a job. One that has ended, or is being stopped, stays as it is."""

    job_id: str
    cause: StopCause
    now: float
    by: str = ""
    reason: str = ""


class StopAllJobs(msgspec.Struct, frozen=True, kw_only=True):
    """End all jobs of the agent, because the runtime is closed."""

    now: float
    reason: str


class CloseJobs(msgspec.Struct, frozen=True, kw_only=True):
    """Cancel all jobs of the agent, and begin none any more: it has left its team."""

    now: float
    by: str
    reason: str


BackgroundCommand: TypeAlias = (
    RequestJob
    | RecordJobStart
    | RecordJobFailure
    | RecordJobEnd
    | RequestJobStop
    | StopAllJobs
    | CloseJobs
)


class StartJob(msgspec.Struct, frozen=True, kw_only=True):
    """Start the command of a job, unless that has been done."""

    job: Job


class WatchJob(msgspec.Struct, frozen=True, kw_only=True):
    """Wait for the end of a job, whoever has started it, and keep what it has printed."""

    job: Job


class StopJob(msgspec.Struct, frozen=True, kw_only=True):
    """Ask a job to end, and kill it if it does not. `WatchJob` tells what comes of that."""

    job: Job


BackgroundEffect: TypeAlias = StartJob | WatchJob | StopJob | WaitUntil


class BackgroundState(msgspec.Struct, frozen=True, kw_only=True):
    """Jobs by id, the oldest first: all that are open, and the youngest of the others.

    `closed` says why no job begins any more; it is empty while jobs may.
    """

    jobs: dict[str, Job] = {}
    rejected: tuple[CommandId, ...] = ()
    closed: str = ""


def job_of(state: BackgroundState, command_id: CommandId) -> Job | None:
    """The job that was asked for under this id."""
    found = (job for job in state.jobs.values() if job.command_id == command_id)
    return next(found, None)


def is_rejected(state: BackgroundState, command_id: CommandId) -> bool:
    """Whether a job was refused to this wish because too many were open."""
    return command_id in state.rejected


def decide(command: BackgroundCommand, state: BackgroundState) -> Sequence[BackgroundEvent]:
    """Events that `command` causes.

    Raises:
        CommandRejected: the command is empty, the id is another job's, or there is no such job.
    """
    match command:
        case RequestJob():
            return _request(command, state)
        case RecordJobStart(job_id=job_id):
            is_awaited = job_id in state.jobs and state.jobs[job_id].status == "requested"
            return [_started(command)] if is_awaited else []
        case RecordJobFailure() | RecordJobEnd():
            job = state.jobs.get(command.job_id)
            return [with_notice(_end(command, job), job)] if job and job.is_open else []
        case RequestJobStop():
            return _stop(command, state)
        case StopAllJobs():
            return _stop_all(command, state)
        case CloseJobs():
            return _close(command, state)
        case _:
            assert_never(command)


def _request(command: RequestJob, state: BackgroundState) -> Sequence[BackgroundEvent]:
    if job_of(state, command.command_id) is not None or is_rejected(state, command.command_id):
        return []  # delivered twice: the first delivery was recorded
    if not command.command.strip():
        raise CommandRejected("Command is required")
    if state.closed:
        raise CommandRejected(f"no job is begun any more: {state.closed}")
    if command.job_id in state.jobs:
        raise CommandRejected(f"the id {command.job_id} is another job's")
    if command.limit is not None and len(_open(state)) >= command.limit:
        return [_rejected(command, command.limit)]
    return [
        JobRequested(
            job_id=command.job_id,
            command_id=command.command_id,
            command=command.command,
            cwd=command.cwd,
            digest=command.digest,
            requested_at=command.now,
            timeout_s=command.timeout_s,
            target=command.target,
            base_dir=command.base_dir,
            justification=command.justification,
            agent_id=command.agent_id,
        )
    ]


def _rejected(command: RequestJob, limit: int) -> JobRejected:
    return JobRejected(
        command_id=command.command_id,
        command=command.command,
        limit=limit,
        rejected_at=command.now,
    )


def _started(command: RecordJobStart) -> JobStarted:
    return JobStarted(
        job_id=command.job_id,
        started_at=command.now,
        directory=command.directory,
        pid=command.pid,
        process_started=command.process_started,
    )


def _end(command: RecordJobFailure | RecordJobEnd, job: Job) -> JobEnd:
    """By what it was stopped for; else, or if it had ended before that, how it ended by itself."""
    if isinstance(command, RecordJobFailure):
        return JobFailed(job_id=job.job_id, error=command.error, ended_at=command.now)
    job_id, code, output, now = job.job_id, command.exit_code, command.output, command.now
    stop = None if _had_ended(command, job) else job.stop
    if stop == "cancel":
        return JobCancelled(job_id=job_id, exit_code=code, output=output, ended_at=now)
    if stop == "time_limit":
        return JobTimedOut(job_id=job_id, exit_code=code, output=output, ended_at=now)
    if stop is None and code is not None:
        return JobFinished(job_id=job_id, exit_code=code, output=output, ended_at=now)
    reason = job.stop_reason if stop else command.problem
    return JobInterrupted(
        job_id=job_id, reason=reason, exit_code=code, output=output, ended_at=now
    )


def _had_ended(command: RecordJobEnd, job: Job) -> bool:
    """Whether its program had ended before anybody wanted it to: while nobody watched it."""
    if command.exit_code is None or command.exited_at is None or job.stop_requested_at is None:
        return False
    return command.exited_at + _TIME_OF_A_FILE_S < job.stop_requested_at


def _stop(command: RequestJobStop, state: BackgroundState) -> Sequence[BackgroundEvent]:
    job = state.jobs.get(command.job_id)
    if job is None:
        raise CommandRejected(f"Unknown background task {command.job_id}")
    if not job.is_open or job.stop is not None:
        return []
    return [
        JobStopRequested(
            job_id=job.job_id,
            cause=command.cause,
            requested_at=command.now,
            by=command.by,
            reason=command.reason,
        )
    ]


def _stop_all(command: StopAllJobs, state: BackgroundState) -> Sequence[BackgroundEvent]:
    return [
        JobStopRequested(
            job_id=job.job_id, cause="close", requested_at=command.now, reason=command.reason
        )
        for job in _open(state)
        if job.stop is None
    ]


def _close(command: CloseJobs, state: BackgroundState) -> Sequence[BackgroundEvent]:
    if state.closed:
        return []
    cancelled = [
        JobStopRequested(
            job_id=job.job_id,
            cause="cancel",
            requested_at=command.now,
            by=command.by,
            reason=command.reason,
        )
        for job in _open(state)
        if job.stop is None
    ]
    return [JobsClosed(reason=command.reason, closed_at=command.now), *cancelled]


def _open(state: BackgroundState) -> list[Job]:
    return [job for job in state.jobs.values() if job.is_open]


def evolve(state: BackgroundState, event: BackgroundEvent) -> BackgroundState:
    """State after one event; an event about an unknown job changes nothing."""
    if isinstance(event, JobRejected):
        rejected = (*state.rejected, event.command_id)[-REMEMBERED_REJECTIONS:]
        return _replace(state, rejected=rejected)
    if isinstance(event, JobsClosed):
        return _replace(state, closed=event.reason or "the agent has left")
    job = job_after(state.jobs.get(event.job_id), event)
    if job is None:
        return state
    jobs = {**state.jobs, event.job_id: job}
    ended = [one.job_id for one in jobs.values() if not one.is_open]
    for job_id in ended[:-REMEMBERED_JOBS]:
        del jobs[job_id]
    return _replace(state, jobs=jobs)


def pending(state: BackgroundState) -> Mapping[EffectId, BackgroundEffect]:
    """What is to be done about the jobs that are open.

    A job is first started and then stopped, also if it is to stop before it runs: whoever stops
    it knows its process. It is watched until its end is on the log.
    """
    effects: dict[EffectId, BackgroundEffect] = {}
    for job in _open(state):
        job_id = job.job_id
        if job.status == "requested":
            effects[EffectId(f"start-{job_id}")] = StartJob(job=job)
            continue
        effects[EffectId(f"watch-{job_id}")] = WatchJob(job=job)
        if job.stop is not None:
            effects[EffectId(f"stop-{job_id}")] = StopJob(job=job)
        elif job.timeout_s is not None and job.started_at is not None:
            at = job.started_at + job.timeout_s
            effects[EffectId(f"limit-{job_id}")] = WaitUntil(at=at, then=f"limit-job:{job_id}")
    return effects


BACKGROUND: Decider[BackgroundCommand, BackgroundEvent, BackgroundState, BackgroundEffect] = (
    Decider(
        category="background",
        initial=BackgroundState(),
        event_types=frozenset(get_args(BackgroundEvent)),
        decide=decide,
        evolve=evolve,
        pending=pending,
        companions=companions,
        fold_version=2,
    )
)
