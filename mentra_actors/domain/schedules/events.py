"""What happens to the schedules of one team. All moments are Unix seconds."""

from typing import Literal, TypeAlias

import msgspec

from mentra_actors.domain.inbox import Mail
from mentra_actors.ids import AgentId, CommandId

__all__ = [
    "Cron",
    "EndCause",
    "Every",
    "Once",
    "ScheduleAdded",
    "ScheduleEnded",
    "ScheduleEvent",
    "ScheduleFired",
    "SchedulePaused",
    "ScheduleRemoved",
    "ScheduleResumed",
    "ScheduleRewound",
    "Timing",
]


class Once(msgspec.Struct, frozen=True, kw_only=True, tag="once"):
    """Due at `at`; at once, if that is past."""

    at: float


class Every(msgspec.Struct, frozen=True, kw_only=True, tag="every"):
    """Due `seconds` after `anchor`, and again after each further `seconds`; never adrift."""

    seconds: float
    anchor: float


class Cron(msgspec.Struct, frozen=True, kw_only=True, tag="cron"):
    """Due when the five fields of a crontab line fit the clocks of an IANA time zone."""

    expression: str
    time_zone: str = "UTC"


Timing: TypeAlias = Once | Every | Cron

EndCause: TypeAlias = Literal["done", "until", "max_fires", "agent_stopped", "fault"]
"""Why a schedule ended by itself: it has no other moment, none before its end, it has fired as
often as it may, there is nobody to wake, or its moments cannot be told on this machine."""


class ScheduleAdded(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="schedule.added.v1"
):
    """The agent is to get `body` at each moment: none after `until`, `max_fires` at most.

    `command_id` is the id of the wish, `created_by` a name in the team, or `host`.
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


class ScheduleFired(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="schedule.fired.v1"
):
    """A moment has come: `notice` lies in the agent's inbox.

    `due_at` is the last moment that had come, `missed` how many before it were due since the
    firing before and nobody was there; `number` counts the firings from 1.
    """

    schedule_id: str
    due_at: float
    fired_at: float
    number: int
    notice: Mail
    missed: int = 0


class ScheduleEnded(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="schedule.ended.v1"
):
    """It fires no more, by itself; `words` say what was wrong, if something was."""

    schedule_id: str
    cause: EndCause
    ended_at: float
    words: str = ""


class ScheduleRemoved(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="schedule.removed.v1"
):
    """Somebody wants it to fire no more."""

    schedule_id: str
    command_id: CommandId
    removed_by: str
    removed_at: float


class SchedulePaused(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="schedule.paused.v1"
):
    """It fires no more until it is resumed."""

    schedule_id: str
    command_id: CommandId
    paused_by: str
    paused_at: float


class ScheduleResumed(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="schedule.resumed.v1"
):
    """It fires again. What was due in the pause is left out, but for the one moment of `Once`."""

    schedule_id: str
    command_id: CommandId
    resumed_by: str
    resumed_at: float


class ScheduleRewound(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="schedule.rewound.v1"
):
    """The clock had been ahead, and is back: moments are counted from `rewound_at` on."""

    schedule_id: str
    rewound_at: float


ScheduleEvent: TypeAlias = (
    ScheduleAdded
    | ScheduleFired
    | ScheduleEnded
    | ScheduleRemoved
    | SchedulePaused
    | ScheduleResumed
    | ScheduleRewound
)
