"""One schedule, as the log tells it."""

from typing import Literal, TypeAlias, assert_never

import msgspec

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
from mentra_actors.ids import AgentId, CommandId

__all__ = ["Schedule", "ScheduleStatus", "schedule_after"]

ScheduleStatus: TypeAlias = Literal["active", "paused", "ended", "removed"]


class Schedule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A wish to be woken, and what has come of it.

    Moments up to `after` are done with. `turn` is raised whenever `after` or the status changes.
    `fired` counts firings, `missed` moments that nobody was there for. `ended_at` is set once it
    is over, `cause` if it ended by itself.
    """

    schedule_id: str
    command_id: CommandId
    agent_id: AgentId
    body: str
    timing: Timing
    created_by: str
    added_at: float
    until: float | None = None
    max_fires: int | None = None
    status: ScheduleStatus = "active"
    after: float = 0.0
    turn: int = 1
    fired: int = 0
    missed: int = 0
    last_due_at: float | None = None
    last_fired_at: float | None = None
    ended_at: float | None = None
    cause: EndCause | None = None
    words: str = ""

    @property
    def is_open(self) -> bool:
        """Whether it may fire again."""
        return self.status in ("active", "paused")


_replace = msgspec.structs.replace


def schedule_after(schedule: Schedule | None, event: ScheduleEvent) -> Schedule | None:
    """The schedule of an event after it; None if it speaks of no schedule that is known.

    A schedule that is over stays as it is.
    """
    if isinstance(event, ScheduleAdded):
        return _added(event) if schedule is None else schedule
    if schedule is None or not schedule.is_open:
        return schedule
    turn = schedule.turn + 1
    match event:
        case ScheduleFired():
            return _fired(schedule, event)
        case SchedulePaused():
            return _replace(schedule, turn=turn, status="paused")
        case ScheduleResumed():
            is_once = isinstance(schedule.timing, Once)
            after = schedule.after if is_once else max(schedule.after, event.resumed_at)
            return _replace(schedule, turn=turn, status="active", after=after)
        case ScheduleRewound():
            return _rewound(schedule, event)
        case ScheduleRemoved():
            return _replace(schedule, turn=turn, status="removed", ended_at=event.removed_at)
        case ScheduleEnded():
            return _replace(
                schedule,
                turn=turn,
                status="ended",
                ended_at=event.ended_at,
                cause=event.cause,
                words=event.words,
            )
        case _:
            assert_never(event)


def _fired(schedule: Schedule, event: ScheduleFired) -> Schedule:
    return _replace(
        schedule,
        turn=schedule.turn + 1,
        after=max(schedule.after, event.due_at),
        fired=event.number,
        missed=schedule.missed + event.missed,
        last_due_at=event.due_at,
        last_fired_at=event.fired_at,
    )


def _rewound(schedule: Schedule, event: ScheduleRewound) -> Schedule:
    timing, now = schedule.timing, event.rewound_at
    if isinstance(timing, Every):
        timing = _replace(timing, anchor=now)
    return _replace(schedule, turn=schedule.turn + 1, after=now, timing=timing)


def _added(event: ScheduleAdded) -> Schedule:
    return Schedule(
        schedule_id=event.schedule_id,
        command_id=event.command_id,
        agent_id=event.agent_id,
        body=event.body,
        timing=event.timing,
        created_by=event.created_by,
        added_at=event.added_at,
        until=event.until,
        max_fires=event.max_fires,
        after=0.0 if isinstance(event.timing, Once) else event.added_at,
    )
