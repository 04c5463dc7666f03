"""The schedules of one team: who is woken when, and that each moment comes to it once.

Moments are worked out where time zones are known: the effect `AwaitMoment` waits for the next
one, and its outcome says which has come and how many were missed. It speaks of one turn of its
schedule: whatever comes of an older turn records nothing, so that no moment comes twice. The
letter to the agent is written in the same append as the firing.
"""

from collections.abc import Mapping, Sequence
from typing import TypeAlias, assert_never, get_args

import msgspec

from mentra_actors.decider import Companion, Decider, Delivery
from mentra_actors.domain.inbox import Mail, MailDelivered
from mentra_actors.domain.known_ids import remembered
from mentra_actors.domain.schedules.events import (
    EndCause,
    Every,
    Once,
    ScheduleAdded,
    ScheduleEnded,
    ScheduleEvent,
    ScheduleFired,
    SchedulePaused,
    ScheduleRemoved,
    ScheduleResumed,
    ScheduleRewound,
    Timing,
)
from mentra_actors.domain.schedules.schedule import Schedule, schedule_after
from mentra_actors.domain.timer import LONGEST_WAIT_S
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import AgentId, CommandId, EffectId, MailId, inbox_stream

__all__ = [
    "MAX_FIRES",
    "MAX_NOTICE_CHARS",
    "MAX_OPEN_SCHEDULES",
    "MIN_EVERY_S",
    "SCHEDULES",
    "AddSchedule",
    "AwaitMoment",
    "EndSchedule",
    "FireSchedule",
    "PauseSchedule",
    "RemoveSchedule",
    "ResumeSchedule",
    "RewindSchedule",
    "ScheduleCommand",
    "SchedulesState",
    "schedule_of",
]

MAX_OPEN_SCHEDULES = 100
"""How many schedules of one agent may be open."""
MAX_NOTICE_CHARS = 16_000
"""Longest text of a schedule; it is recorded again at each firing."""
MAX_FIRES = 1_000_000_000
"""Highest `max_fires`."""
MIN_EVERY_S = 1.0
REMEMBERED_SCHEDULES = 200
"""How many schedules that are over are known to a team, the youngest; all are on the log."""
_SENDER = "timer"


class AddSchedule(msgspec.Struct, frozen=True, kw_only=True):
    """Wake an agent with `body` at each moment of `timing`; see `ScheduleAdded`."""

    command_id: CommandId
    agent_id: AgentId
    body: str
    timing: Timing
    created_by: str
    now: float
    until: float | None = None
    max_fires: int | None = None


class RemoveSchedule(msgspec.Struct, frozen=True, kw_only=True):
    """Let it fire no more. One that is over stays as it is."""

    command_id: CommandId
    schedule_id: str
    by: str
    now: float


class PauseSchedule(msgspec.Struct, frozen=True, kw_only=True):
    """Let it fire no more until it is resumed."""

    command_id: CommandId
    schedule_id: str
    by: str
    now: float


class ResumeSchedule(msgspec.Struct, frozen=True, kw_only=True):
    """Let it fire again, from the next moment after `now` on."""

    command_id: CommandId
    schedule_id: str
    by: str
    now: float


class FireSchedule(msgspec.Struct, frozen=True, kw_only=True):
    """Outcome of `AwaitMoment`: `due_at` has come, and `missed` moments before it.

    `next_due` is the first one after `now`, None if there is none; `due_words` tell the agent
    which moment it was.
    """

    schedule_id: str
    turn: int
    due_at: float
    missed: int
    next_due: float | None
    due_words: str
    now: float


class EndSchedule(msgspec.Struct, frozen=True, kw_only=True):
    """Outcome of `AwaitMoment`: no moment comes, or there is nobody to wake."""

    schedule_id: str
    turn: int
    cause: EndCause
    now: float
    words: str = ""


class RewindSchedule(msgspec.Struct, frozen=True, kw_only=True):
    """Outcome of `AwaitMoment`: the clock was ahead when the last moment came, and is back."""

    schedule_id: str
    turn: int
    now: float


_Change: TypeAlias = RemoveSchedule | PauseSchedule | ResumeSchedule
ScheduleCommand: TypeAlias = AddSchedule | _Change | FireSchedule | EndSchedule | RewindSchedule


class AwaitMoment(msgspec.Struct, frozen=True, kw_only=True):
    """Wait for the first moment of a schedule that is not done with."""

    schedule: Schedule


class SchedulesState(msgspec.Struct, frozen=True, kw_only=True):
    """Schedules by id, the oldest first: all that are open, and the youngest of the others."""

    schedules: dict[str, Schedule] = {}
    added: int = 0
    known_commands: tuple[CommandId, ...] = ()


def schedule_of(state: SchedulesState, command_id: CommandId) -> Schedule | None:
    """The schedule that was asked for under this id."""
    found = (one for one in state.schedules.values() if one.command_id == command_id)
    return next(found, None)


def decide(command: ScheduleCommand, state: SchedulesState) -> Sequence[ScheduleEvent]:
    """Events that `command` causes.

    Raises:
        CommandRejected: nobody could be woken like this, or there is no such schedule.
    """
    match command:
        case AddSchedule():
            return _add(command, state)
        case RemoveSchedule() | PauseSchedule() | ResumeSchedule():
            return _change(command, state)
        case FireSchedule():
            return _fire(command, state)
        case EndSchedule():
            ended = ScheduleEnded(
                schedule_id=command.schedule_id,
                cause=command.cause,
                ended_at=command.now,
                words=command.words,
            )
            return [ended] if _awaited(command, state) else []
        case RewindSchedule():
            return _rewind(command, state)
        case _:
            assert_never(command)


def _add(command: AddSchedule, state: SchedulesState) -> Sequence[ScheduleEvent]:
    if command.command_id in state.known_commands or schedule_of(state, command.command_id):
        return []  # delivered twice: the first delivery was recorded
    _require_sound(command)
    own = [one for one in state.schedules.values() if one.agent_id == command.agent_id]
    if sum(one.is_open for one in own) >= MAX_OPEN_SCHEDULES:
        raise CommandRejected(
            f"{command.agent_id} has {MAX_OPEN_SCHEDULES} schedules, which is as many as it may "
            "have; remove one"
        )
    return [
        ScheduleAdded(
            schedule_id=f"s{state.added + 1}",
            command_id=command.command_id,
            agent_id=command.agent_id,
            body=command.body,
            timing=command.timing,
            created_by=command.created_by,
            added_at=command.now,
            until=command.until,
            max_fires=command.max_fires,
        )
    ]


def _require_sound(command: AddSchedule) -> None:
    timing, until = command.timing, command.until
    if not command.body.strip():
        raise CommandRejected("a schedule needs a text for the agent that it wakes")
    if len(command.body) > MAX_NOTICE_CHARS:
        raise CommandRejected(
            f"the text of a schedule has at most {MAX_NOTICE_CHARS:,} characters, found "
            f"{len(command.body):,}; write it to a file and name the file"
        )
    if isinstance(timing, Every) and not MIN_EVERY_S <= timing.seconds <= LONGEST_WAIT_S:
        raise CommandRejected(
            f"a schedule waits at least {MIN_EVERY_S:g} s each time and at most "
            f"{LONGEST_WAIT_S:g} s, found {timing.seconds:g}"
        )
    _require_fires(command.max_fires)
    if until is not None and until < (timing.at if isinstance(timing, Once) else command.now):
        raise CommandRejected("until is before the first moment: it would never fire")


def _require_fires(max_fires: int | None) -> None:
    if max_fires is not None and max_fires < 1:
        raise CommandRejected(f"max_fires is at least 1, found {max_fires}")
    if max_fires is not None and max_fires > MAX_FIRES:
        raise CommandRejected(f"max_fires is at most {MAX_FIRES:,}; leave it out for no limit")


def _change(command: _Change, state: SchedulesState) -> Sequence[ScheduleEvent]:
    if command.command_id in state.known_commands:
        return []
    schedule = state.schedules.get(command.schedule_id)
    if schedule is None:
        known = ", ".join(one.schedule_id for one in state.schedules.values() if one.is_open)
        raise CommandRejected(
            f"there is no schedule {command.schedule_id!r}; open ones: {known or 'none'}"
        )
    if isinstance(command, RemoveSchedule):
        return [_removed(command)] if schedule.is_open else []
    if not schedule.is_open:
        raise CommandRejected(f"the schedule {schedule.schedule_id} is over: {schedule.status}")
    if isinstance(command, PauseSchedule):
        return [_paused(command)] if schedule.status == "active" else []
    return [_resumed(command)] if schedule.status == "paused" else []


def _removed(command: RemoveSchedule) -> ScheduleRemoved:
    return ScheduleRemoved(
        schedule_id=command.schedule_id,
        command_id=command.command_id,
        removed_by=command.by,
        removed_at=command.now,
    )


def _paused(command: PauseSchedule) -> SchedulePaused:
    return SchedulePaused(
        schedule_id=command.schedule_id,
        command_id=command.command_id,
        paused_by=command.by,
        paused_at=command.now,
    )


def _resumed(command: ResumeSchedule) -> ScheduleResumed:
    return ScheduleResumed(
        schedule_id=command.schedule_id,
        command_id=command.command_id,
        resumed_by=command.by,
        resumed_at=command.now,
    )


def _rewind(command: RewindSchedule, state: SchedulesState) -> Sequence[ScheduleEvent]:
    """Nothing, if it is not ahead; a single moment stays where it was set."""
    schedule = _awaited(command, state)
    if schedule is None or isinstance(schedule.timing, Once) or schedule.after <= command.now:
        return []
    return [ScheduleRewound(schedule_id=schedule.schedule_id, rewound_at=command.now)]


def _awaited(
    command: FireSchedule | EndSchedule | RewindSchedule, state: SchedulesState
) -> Schedule | None:
    """The schedule, if this turn of it still waits for its outcome."""
    schedule = state.schedules.get(command.schedule_id)
    if schedule is None or schedule.status != "active" or schedule.turn != command.turn:
        return None
    return schedule


def _fire(command: FireSchedule, state: SchedulesState) -> Sequence[ScheduleEvent]:
    schedule = _awaited(command, state)
    if schedule is None:
        return []
    if command.due_at <= schedule.after:
        raise CommandRejected(f"a moment of {schedule.schedule_id} up to this one has fired")
    fired = ScheduleFired(
        schedule_id=schedule.schedule_id,
        due_at=command.due_at,
        fired_at=command.now,
        number=schedule.fired + 1,
        missed=command.missed,
        notice=_notice(schedule, command),
    )
    cause = _end_after(schedule, command.next_due)
    if cause is None:
        return [fired]
    ended = ScheduleEnded(schedule_id=schedule.schedule_id, cause=cause, ended_at=command.now)
    return [fired, ended]


def _end_after(schedule: Schedule, next_due: float | None) -> EndCause | None:
    """Why the firing at hand is the last one, if it is."""
    if schedule.max_fires is not None and schedule.fired + 1 >= schedule.max_fires:
        return "max_fires"
    if next_due is None:
        return "done" if isinstance(schedule.timing, Once) or schedule.until is None else "until"
    return None


def _notice(schedule: Schedule, command: FireSchedule) -> Mail:
    missed = f", {command.missed} earlier missed" if command.missed else ""
    about = f"({schedule.schedule_id}, set by {schedule.created_by}, due {command.due_words}"
    return Mail(
        mail_id=MailId(f"{schedule.command_id}/fired-{schedule.fired + 1}"),
        sender=_SENDER,
        to=schedule.agent_id,
        body=f"{schedule.body}\n\n{about}{missed})",
        sent_at=command.now,
        kind="timer",
    )


def evolve(state: SchedulesState, event: ScheduleEvent) -> SchedulesState:
    """State after one event; an event about an unknown schedule changes nothing."""
    schedule = schedule_after(state.schedules.get(event.schedule_id), event)
    if schedule is None:
        return state
    schedules = {**state.schedules, event.schedule_id: schedule}
    over = [one.schedule_id for one in schedules.values() if not one.is_open]
    for schedule_id in over[:-REMEMBERED_SCHEDULES]:
        del schedules[schedule_id]
    known = state.known_commands
    if not isinstance(event, ScheduleFired | ScheduleEnded | ScheduleRewound):
        known = remembered(known, event.command_id)
    return SchedulesState(
        schedules=schedules,
        added=state.added + isinstance(event, ScheduleAdded),
        known_commands=known,
    )


def pending(state: SchedulesState) -> Mapping[EffectId, AwaitMoment]:
    """The next moment of each schedule that is active."""
    return {
        EffectId(f"await-{one.schedule_id}-{one.turn}"): AwaitMoment(schedule=one)
        for one in state.schedules.values()
        if one.status == "active"
    }


def companions(event: ScheduleEvent) -> Sequence[Companion]:
    """The letter that wakes the agent."""
    if not isinstance(event, ScheduleFired):
        return ()
    return [Delivery(inbox_stream(event.notice.to), (MailDelivered(mail=event.notice),))]


SCHEDULES: Decider[ScheduleCommand, ScheduleEvent, SchedulesState, AwaitMoment] = Decider(
    category="schedule",
    initial=SchedulesState(),
    event_types=frozenset(get_args(ScheduleEvent)),
    decide=decide,
    evolve=evolve,
    pending=pending,
    companions=companions,
)
