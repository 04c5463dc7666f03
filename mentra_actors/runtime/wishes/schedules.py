"""Wishes of a person about schedules, as any process may leave them for the writer of a store."""

from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias

import msgspec

from mentra_actors.domain.schedules.events import Timing
from mentra_actors.domain.schedules.schedules import (
    AddSchedule,
    PauseSchedule,
    RemoveSchedule,
    ResumeSchedule,
    ScheduleCommand,
)
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import MAX_AGENT_ID_BYTES, AgentId, CommandId, StreamId
from mentra_actors.tools.schedule_moments import checked_timing, moment_of

__all__ = ["AddScheduleWish", "ChangeScheduleWish", "ScheduleWish", "schedule_command"]

_CHANGES: Mapping[str, Callable[..., ScheduleCommand]] = {
    "pause": PauseSchedule,
    "resume": ResumeSchedule,
    "remove": RemoveSchedule,
}


class AddScheduleWish(msgspec.Struct, frozen=True, kw_only=True, tag="add_schedule.v1"):
    """Wake an agent; see `AddSchedule`. `key` is its command id, so that it is found again."""

    schedules: StreamId
    key: CommandId
    agent_id: AgentId
    body: str
    timing: Timing
    until: float | None = None
    max_fires: int | None = None


class ChangeScheduleWish(msgspec.Struct, frozen=True, kw_only=True, tag="change_schedule.v1"):
    """Pause, resume or remove a schedule."""

    schedules: StreamId
    schedule_id: str
    change: Literal["pause", "resume", "remove"]


ScheduleWish: TypeAlias = AddScheduleWish | ChangeScheduleWish


def schedule_command(
    wish: ScheduleWish, command_id: CommandId, *, by: str, now: float
) -> ScheduleCommand:
    """The command that a wish asks for.

    Raises:
        CommandRejected: nothing could be due like this, or it names no agent.
    """
    if isinstance(wish, ChangeScheduleWish):
        change = _CHANGES[wish.change]
        return change(command_id=command_id, schedule_id=wish.schedule_id, by=by, now=now)
    _require_agent(wish.agent_id)
    try:
        timing = checked_timing(wish.timing, now)
        until = None if wish.until is None else moment_of(wish.until)
    except (TypeError, ValueError) as error:
        raise CommandRejected(str(error)) from error
    return AddSchedule(
        command_id=wish.key,
        agent_id=wish.agent_id,
        body=wish.body,
        timing=timing,
        created_by=by,
        now=now,
        until=until,
        max_fires=wish.max_fires,
    )


def _require_agent(agent_id: AgentId) -> None:
    if not (agent_id.isascii() and agent_id.isprintable() and len(agent_id) <= MAX_AGENT_ID_BYTES):
        raise CommandRejected(f"{agent_id[:60]!r} is no agent")
