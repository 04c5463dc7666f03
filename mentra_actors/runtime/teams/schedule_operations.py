"""What people wish of the schedules of a team, as futures. Safe from any thread."""

from collections.abc import Sequence
from concurrent.futures import Future
from datetime import datetime
from typing import Protocol, TypedDict

from mentra_actors.actors.messages import Accepted
from mentra_actors.domain.schedules.schedules import (
    AddSchedule,
    PauseSchedule,
    RemoveSchedule,
    ResumeSchedule,
    SchedulesState,
    schedule_of,
)
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import AgentId, CommandId, schedule_stream
from mentra_actors.runtime.agents.run_operations import HOST, new_id
from mentra_actors.runtime.core import RuntimeCore
from mentra_actors.runtime.futures import mapped
from mentra_actors.runtime.plain_arguments import require_known, require_text
from mentra_actors.tools.plain_kinds import require_number
from mentra_actors.tools.schedule_moments import (
    ListedSchedule,
    listed_schedules,
    moment_of,
    new_timing,
)

__all__ = ["ScheduleOperations", "WhenArguments"]


class WhenArguments(TypedDict, total=False):
    """When to wake, by exactly one of the first four; see `Schedules.add`."""

    at: datetime | float | str
    in_s: float
    every_s: float
    cron: str
    time_zone: str
    until: datetime | float | str
    max_fires: int


class _Change(Protocol):
    def __call__(
        self, *, command_id: CommandId, schedule_id: str, by: str, now: float
    ) -> PauseSchedule | ResumeSchedule | RemoveSchedule: ...


class ScheduleOperations:
    """The schedules of one runtime."""

    def __init__(self, core: RuntimeCore) -> None:
        self._core = core
        self._stream = schedule_stream(core.settings.team)

    def add(
        self, agent_id: AgentId, body: str, when: WhenArguments, *, schedule_key: str | None
    ) -> "Future[str]":
        """See `Schedules.add`."""
        require_text(body, "the text of a schedule")
        if schedule_key is not None:
            require_text(schedule_key, "a schedule_key")
        command = self._command(agent_id, body, when, CommandId(schedule_key or new_id()))

        def id_of_added(accepted: Accepted) -> str:
            schedule = schedule_of(accepted.state, command.command_id)
            if schedule is None:
                raise CommandRejected(f"a schedule was added as {schedule_key!r}, and is over")
            return schedule.schedule_id

        return mapped(self._core.ask(self._stream, command), id_of_added)

    def listed(self, agent_id: AgentId | None = None) -> "Future[Sequence[ListedSchedule]]":
        """The schedules of an agent or of all, the oldest first."""

        def chosen(accepted: Accepted) -> Sequence[ListedSchedule]:
            state: SchedulesState = accepted.state
            schedules = state.schedules.values()
            return listed_schedules(
                one for one in schedules if agent_id is None or one.agent_id == agent_id
            )

        return mapped(self._core.look(self._stream), chosen, on=self._core.readers)

    def pause(self, schedule_id: str) -> "Future[None]":
        """See `Schedules.pause`."""
        return self._changed(PauseSchedule, schedule_id)

    def resume(self, schedule_id: str) -> "Future[None]":
        """See `Schedules.resume`."""
        return self._changed(ResumeSchedule, schedule_id)

    def remove(self, schedule_id: str) -> "Future[None]":
        """See `Schedules.remove`."""
        return self._changed(RemoveSchedule, schedule_id)

    def _command(
        self, agent_id: AgentId, body: str, when: WhenArguments, command_id: CommandId
    ) -> AddSchedule:
        require_known(when, WhenArguments.__annotations__, "a schedule has no argument")
        now, until, max_fires = self._core.clock.now(), when.get("until"), when.get("max_fires")
        time_zone = when.get("time_zone")
        if max_fires is not None:
            require_number(max_fires, "max_fires", whole=True)
        return AddSchedule(
            command_id=command_id,
            agent_id=agent_id,
            body=body,
            timing=new_timing(
                now=now,
                at=when.get("at"),
                in_s=when.get("in_s"),
                every_s=when.get("every_s"),
                cron=when.get("cron"),
                time_zone=time_zone,
            ),
            created_by=HOST,
            now=now,
            until=None if until is None else moment_of(until, time_zone or "UTC"),
            max_fires=max_fires,
        )

    def _changed(self, change: _Change, schedule_id: str) -> "Future[None]":
        require_text(schedule_id, "the id of a schedule")
        now = self._core.clock.now()
        command = change(command_id=new_id(), schedule_id=schedule_id, by=HOST, now=now)
        return mapped(self._core.ask(self._stream, command), lambda _accepted: None)
