"""The commands of leases, memories, rules, inboxes, background jobs and schedules."""

from collections.abc import Iterable
from typing import Any

from mentra_actors.domain import lease as le
from mentra_actors.domain import memory as m
from mentra_actors.domain import permission_rules as r
from mentra_actors.domain.background import events as b
from mentra_actors.domain.background import jobs as j
from mentra_actors.domain.inbox import DeliverMail, MailDelivered
from mentra_actors.domain.schedules import events as se
from mentra_actors.domain.schedules import schedules as sc
from mentra_actors.ids import CommandId
from mentra_actors.runtime.replay.rebuild.contract import Builders, KnownAppend, span

__all__ = [
    "INBOX_COMMANDS",
    "JOB_COMMANDS",
    "LEASE_COMMANDS",
    "MEMORY_COMMANDS",
    "RULE_COMMANDS",
    "SCHEDULE_COMMANDS",
]

_NO_JOB = "not restored"
_BEFORE_S = 1.0


def _delivered(event: MailDelivered, _: KnownAppend[object]) -> Iterable[DeliverMail]:
    yield DeliverMail(mail=event.mail)


INBOX_COMMANDS: Builders = {MailDelivered: _delivered}

# --- leases -----------------------------------------------------------------------------------


def _acquired(event: le.LeaseAcquired, _: KnownAppend[object]) -> Iterable[le.LeaseCommand]:
    """Whether the holder before was known to be dead is not restored."""
    yield le.AcquireLease(
        holder=event.holder,
        term_s=event.term_s,
        now=event.acquired_at,
        holder_is_gone=True,
        release=event.release,
    )


def _lease_renewed(
    event: le.LeaseRenewed, known: KnownAppend[le.LeaseState]
) -> Iterable[le.LeaseCommand]:
    yield le.RenewLease(epoch=event.epoch, now=span(event.expires_at, known.state.term_s))


def _lease_released(event: le.LeaseReleased, _: KnownAppend[object]) -> Iterable[le.LeaseCommand]:
    yield le.ReleaseLease(epoch=event.epoch)


LEASE_COMMANDS: Builders = {
    le.LeaseAcquired: _acquired,
    le.LeaseRenewed: _lease_renewed,
    le.LeaseReleased: _lease_released,
}

# --- memories and rules -----------------------------------------------------------------------


def _remembered(event: m.MemoryRecorded, known: KnownAppend[object]) -> Iterable[m.MemoryCommand]:
    facts = tuple(_fact(one) for one in known.events if isinstance(one, m.MemoryRecorded))
    yield m.PinFacts(facts=facts) if len(facts) > 1 else _fact(event)


def _fact(event: m.MemoryRecorded) -> m.PinFact:
    record = event.record
    return m.PinFact(
        record_id=record.record_id,
        content=record.content,
        by=record.by,
        now=record.recorded_at,
        scope=record.scope,
    )


def _forgotten(event: m.MemoryForgotten, _: KnownAppend[object]) -> Iterable[m.MemoryCommand]:
    yield m.ForgetRecord(record_id=event.record_id, by=event.by, now=event.forgotten_at)


MEMORY_COMMANDS: Builders = {m.MemoryRecorded: _remembered, m.MemoryForgotten: _forgotten}


def _rule(event: r.RuleRemembered, _: KnownAppend[object]) -> Iterable[r.RuleCommand]:
    yield r.RememberRule(rule=event.rule, command_id=event.command_id)


def _revoked(event: r.RuleRevoked, _: KnownAppend[object]) -> Iterable[r.RuleCommand]:
    yield r.RevokeRule(
        rule_id=event.rule_id,
        command_id=event.command_id,
        now=event.revoked_at,
        by=event.revoked_by,
    )


def _cleared(event: r.ScopeCleared, _: KnownAppend[object]) -> Iterable[r.RuleCommand]:
    yield r.ClearScope(command_id=event.command_id, now=event.cleared_at, by=event.cleared_by)


RULE_COMMANDS: Builders = {
    r.RuleRemembered: _rule,
    r.RuleRevoked: _revoked,
    r.ScopeCleared: _cleared,
}

# --- background jobs --------------------------------------------------------------------------

_Jobs = KnownAppend[j.BackgroundState]


def _requested(event: b.JobRequested, _: _Jobs) -> Iterable[j.BackgroundCommand]:
    """How many might be open is not restored: there was room."""
    yield j.RequestJob(
        command_id=event.command_id,
        job_id=event.job_id,
        command=event.command,
        cwd=event.cwd,
        digest=event.digest,
        now=event.requested_at,
        limit=None,
        timeout_s=event.timeout_s,
        target=event.target,
        base_dir=event.base_dir,
        justification=event.justification,
        agent_id=event.agent_id,
    )


def _rejected(event: b.JobRejected, _: _Jobs) -> Iterable[j.BackgroundCommand]:
    """The job that was not made had an id and a directory that nobody knows any more."""
    yield j.RequestJob(
        command_id=event.command_id,
        job_id=_NO_JOB,
        command=event.command,
        cwd="",
        digest="",
        now=event.rejected_at,
        limit=event.limit,
    )


def _started(event: b.JobStarted, _: _Jobs) -> Iterable[j.BackgroundCommand]:
    yield j.RecordJobStart(
        job_id=event.job_id,
        directory=event.directory,
        now=event.started_at,
        pid=event.pid,
        process_started=event.process_started,
    )


def _failed(event: b.JobFailed, _: _Jobs) -> Iterable[j.BackgroundCommand]:
    yield j.RecordJobFailure(job_id=event.job_id, error=event.error, now=event.ended_at)


def _ended(
    event: b.JobFinished | b.JobTimedOut | b.JobCancelled | b.JobInterrupted, known: _Jobs
) -> Iterable[j.BackgroundCommand]:
    """One that ended by itself had done so before it was to be stopped, if it was."""
    job = known.state.jobs.get(event.job_id)
    exited_at = None
    if isinstance(event, b.JobFinished) and job and job.stop_requested_at is not None:
        exited_at = job.stop_requested_at - _BEFORE_S
    yield j.RecordJobEnd(
        job_id=event.job_id,
        exit_code=event.exit_code,
        output=event.output,
        now=event.ended_at,
        problem=event.reason if isinstance(event, b.JobInterrupted) else "",
        exited_at=exited_at,
    )


def _stop(event: b.JobStopRequested, _: _Jobs) -> Iterable[j.BackgroundCommand]:
    if event.cause == "close":
        yield j.StopAllJobs(now=event.requested_at, reason=event.reason)
    yield j.RequestJobStop(
        job_id=event.job_id,
        cause=event.cause,
        now=event.requested_at,
        by=event.by,
        reason=event.reason,
    )


def _closed(event: b.JobsClosed, known: _Jobs) -> Iterable[j.BackgroundCommand]:
    stop = known.first(b.JobStopRequested)
    yield j.CloseJobs(now=event.closed_at, by=stop.by if stop else "", reason=event.reason)


JOB_COMMANDS: Builders = {
    b.JobRequested: _requested,
    b.JobRejected: _rejected,
    b.JobStarted: _started,
    b.JobFailed: _failed,
    b.JobFinished: _ended,
    b.JobTimedOut: _ended,
    b.JobCancelled: _ended,
    b.JobInterrupted: _ended,
    b.JobStopRequested: _stop,
    b.JobsClosed: _closed,
}

# --- schedules --------------------------------------------------------------------------------

_Schedules = KnownAppend[sc.SchedulesState]


def _added(event: se.ScheduleAdded, _: _Schedules) -> Iterable[sc.ScheduleCommand]:
    yield sc.AddSchedule(
        command_id=event.command_id,
        agent_id=event.agent_id,
        body=event.body,
        timing=event.timing,
        created_by=event.created_by,
        now=event.added_at,
        until=event.until,
        max_fires=event.max_fires,
    )


def _fired(event: se.ScheduleFired, known: _Schedules) -> Iterable[sc.ScheduleCommand]:
    """When the next moment comes is not restored, only whether there is one."""
    schedule = known.state.schedules.get(event.schedule_id)
    if schedule is None:
        return
    for next_due in (None, event.fired_at + 1):
        yield sc.FireSchedule(
            schedule_id=event.schedule_id,
            turn=schedule.turn,
            due_at=event.due_at,
            missed=event.missed,
            next_due=next_due,
            due_words=_due_words(event),
            now=event.fired_at,
        )


def _due_words(event: se.ScheduleFired) -> str:
    told = event.notice.body.rpartition(", due ")[2].removesuffix(")")
    missed = f", {event.missed} earlier missed" if event.missed else ""
    return told.removesuffix(missed)


def _ended_schedule(event: se.ScheduleEnded, known: _Schedules) -> Iterable[sc.ScheduleCommand]:
    schedule = known.state.schedules.get(event.schedule_id)
    yield sc.EndSchedule(
        schedule_id=event.schedule_id,
        turn=schedule.turn if schedule else 0,
        cause=event.cause,
        now=event.ended_at,
        words=event.words,
    )


def _rewound(event: se.ScheduleRewound, known: _Schedules) -> Iterable[sc.ScheduleCommand]:
    schedule = known.state.schedules.get(event.schedule_id)
    turn = schedule.turn if schedule else 0
    yield sc.RewindSchedule(schedule_id=event.schedule_id, turn=turn, now=event.rewound_at)


def _removed(event: se.ScheduleRemoved, _: _Schedules) -> Iterable[sc.ScheduleCommand]:
    yield sc.RemoveSchedule(
        by=event.removed_by, now=event.removed_at, **_wish(event.command_id, event.schedule_id)
    )


def _paused(event: se.SchedulePaused, _: _Schedules) -> Iterable[sc.ScheduleCommand]:
    yield sc.PauseSchedule(
        by=event.paused_by, now=event.paused_at, **_wish(event.command_id, event.schedule_id)
    )


def _resumed(event: se.ScheduleResumed, _: _Schedules) -> Iterable[sc.ScheduleCommand]:
    yield sc.ResumeSchedule(
        by=event.resumed_by, now=event.resumed_at, **_wish(event.command_id, event.schedule_id)
    )


def _wish(command_id: CommandId, schedule_id: str) -> dict[str, Any]:
    return {"command_id": command_id, "schedule_id": schedule_id}


SCHEDULE_COMMANDS: Builders = {
    se.ScheduleAdded: _added,
    se.ScheduleFired: _fired,
    se.ScheduleEnded: _ended_schedule,
    se.ScheduleRewound: _rewound,
    se.ScheduleRemoved: _removed,
    se.SchedulePaused: _paused,
    se.ScheduleResumed: _resumed,
}
