"""The schedules of a team and of one agent, as a program sees and changes them."""

from collections.abc import Sequence
from typing import Protocol, Unpack

from mentra_actors.ids import AgentId
from mentra_actors.runtime.awaiting import asked
from mentra_actors.runtime.blocking import result_of
from mentra_actors.runtime.core import RuntimeCore
from mentra_actors.runtime.plain_arguments import id_of
from mentra_actors.runtime.teams.schedule_operations import ScheduleOperations, WhenArguments
from mentra_actors.tools.schedule_moments import ListedSchedule

__all__ = ["AgentSchedules", "Schedules", "SyncAgentSchedules", "SyncSchedules"]


class OneAgent(Protocol):
    """An agent of either face."""

    @property
    def agent_id(self) -> AgentId:
        """Its id."""
        ...


class Schedules:
    """The schedules of the team. They are on the log: a restart takes none of them away."""

    def __init__(self, core: RuntimeCore) -> None:
        """Made by `Runtime`."""
        self._operations = ScheduleOperations(core)

    async def add(
        self,
        body: str,
        *,
        to: OneAgent,
        schedule_key: str | None = None,
        **when: Unpack[WhenArguments],
    ) -> str:
        """Wake an agent with `body`, as mail of the kind `timer`, and return the schedule's id.

        Say when by exactly one of: `at`, a datetime, Unix seconds or ISO 8601 (without an offset
        it is read in `time_zone`, UTC if there is none); `in_s` seconds from now; `every_s`
        seconds, from now; `cron`, the five fields of a crontab line on the clocks of
        `time_zone`. It ends after the moment `until`, or when it has fired `max_fires` times. A
        moment that comes while no runtime is open fires at the next opening; several that were
        missed fire once. The same `schedule_key` again records nothing, so a program may add its
        schedules at each start.

        Raises:
            CommandRejected: the text is empty or too long, or the agent has 100 schedules.
            TypeError, ValueError: nothing could be due like this; the words say why.
        """
        agent_id = _agent_of(to)
        add = self._operations.add
        return await asked(lambda: add(agent_id, body, when, schedule_key=schedule_key))

    async def list(self) -> Sequence[ListedSchedule]:
        """All schedules with their next moments, the oldest first: also the last that are over."""
        return await asked(self._operations.listed)

    async def pause(self, schedule_id: str) -> None:
        """Let it fire no more until it is resumed.

        Raises:
            CommandRejected: there is no such schedule, or it is over.
        """
        await asked(self._operations.pause, schedule_id)

    async def resume(self, schedule_id: str) -> None:
        """Let it fire again from now on. What was due in the pause is left out.

        Only the one moment of a schedule that fires once is not: it fires now, if it is past.

        Raises:
            CommandRejected: there is no such schedule, or it is over.
        """
        await asked(self._operations.resume, schedule_id)

    async def remove(self, schedule_id: str) -> None:
        """Let it fire no more. One that is over stays as it is.

        Raises:
            CommandRejected: there is no such schedule.
        """
        await asked(self._operations.remove, schedule_id)


class AgentSchedules:
    """The schedules of one agent; `runtime.schedules` pauses, resumes and removes them."""

    def __init__(self, agent_id: AgentId, core: RuntimeCore) -> None:
        """Made by `Agent`."""
        self._agent_id = agent_id
        self._operations = ScheduleOperations(core)

    async def add(
        self, body: str, *, schedule_key: str | None = None, **when: Unpack[WhenArguments]
    ) -> str:
        """See `Schedules.add`."""
        add, agent_id = self._operations.add, self._agent_id
        return await asked(lambda: add(agent_id, body, when, schedule_key=schedule_key))

    async def list(self) -> Sequence[ListedSchedule]:
        """See `Schedules.list`."""
        return await asked(self._operations.listed, self._agent_id)


class SyncSchedules:
    """See `Schedules`. Every call blocks."""

    def __init__(self, core: RuntimeCore) -> None:
        """Made by `SyncRuntime`."""
        self._core = core
        self._operations = ScheduleOperations(core)

    def add(
        self,
        body: str,
        *,
        to: OneAgent,
        schedule_key: str | None = None,
        **when: Unpack[WhenArguments],
    ) -> str:
        """See `Schedules.add`."""
        agent_id = _agent_of(to)
        add = self._operations.add
        return result_of(self._core, lambda: add(agent_id, body, when, schedule_key=schedule_key))

    def list(self) -> Sequence[ListedSchedule]:
        """See `Schedules.list`."""
        return result_of(self._core, self._operations.listed)

    def pause(self, schedule_id: str) -> None:
        """See `Schedules.pause`."""
        result_of(self._core, lambda: self._operations.pause(schedule_id))

    def resume(self, schedule_id: str) -> None:
        """See `Schedules.resume`."""
        result_of(self._core, lambda: self._operations.resume(schedule_id))

    def remove(self, schedule_id: str) -> None:
        """See `Schedules.remove`."""
        result_of(self._core, lambda: self._operations.remove(schedule_id))


class SyncAgentSchedules:
    """See `AgentSchedules`. Every call blocks."""

    def __init__(self, agent_id: AgentId, core: RuntimeCore) -> None:
        """Made by `SyncAgent`."""
        self._agent_id = agent_id
        self._core = core
        self._operations = ScheduleOperations(core)

    def add(
        self, body: str, *, schedule_key: str | None = None, **when: Unpack[WhenArguments]
    ) -> str:
        """See `Schedules.add`."""
        add, agent_id = self._operations.add, self._agent_id
        return result_of(self._core, lambda: add(agent_id, body, when, schedule_key=schedule_key))

    def list(self) -> Sequence[ListedSchedule]:
        """See `Schedules.list`."""
        return result_of(self._core, lambda: self._operations.listed(self._agent_id))


def _agent_of(to: OneAgent) -> AgentId:
    agent_id = id_of(to)
    if agent_id is None:
        raise TypeError("to is the agent that is woken; none is named")
    return agent_id
