"""Tools with which agents have themselves woken, once or by a calendar."""

from mentra_actors.domain.schedules.schedule import Schedule
from mentra_actors.domain.schedules.schedules import (
    AddSchedule,
    RemoveSchedule,
    SchedulesState,
    schedule_of,
)
from mentra_actors.ids import AgentId, CommandId, schedule_stream
from mentra_actors.tools.builtin.team_looks import member_id, own_profile, team_state
from mentra_actors.tools.builtin.told_json import told_json
from mentra_actors.tools.contract import Tool, ToolContext, ToolError
from mentra_actors.tools.functions.decorator import tool
from mentra_actors.tools.schedule_moments import listed_schedules, new_timing, schedule_json
from mentra_actors.tools.tool_errors import refusals_told

__all__ = ["schedule_tools"]


def schedule_tools() -> list[Tool]:
    """The tools `wake_me`, `schedule_list` and `schedule_cancel`."""
    return [wake_me, schedule_list, schedule_cancel]


@tool(
    retry="idempotent",
    capabilities=["team_coordination"],
    side_effects="local_state",
    durability="persistent",
    approval="default",
)
async def wake_me(  # noqa: PLR0913, PLR0917 - four ways to say when
    context: ToolContext,
    message: str,
    in_s: float | None = None,
    at: str | None = None,
    every_s: float | None = None,
    cron: str | None = None,
    time_zone: str | None = None,
    to: str | None = None,
) -> str:
    """Be woken by mail later, even after a restart. Say when by one of in_s, at, every_s, cron.

    Args:
        message: What the mail is to say: what you will have to do then.
        in_s: Once, after so many seconds.
        at: Once, at a moment in ISO 8601.
        every_s: Again and again, each time after so many seconds.
        cron: Again and again: minute hour day-of-month month day-of-week.
        time_zone: IANA name for cron and for `at` without an offset; UTC if left out.
        to: For a lead: wake this member of the team instead.
    """
    now = context.commands.now()
    try:
        timing = new_timing(
            now=now, at=at, in_s=in_s, every_s=every_s, cron=cron, time_zone=time_zone
        )
    except (TypeError, ValueError) as error:
        raise ToolError(f"Failed to set the timer: {error}") from error
    command_id = CommandId(context.idempotency_key)
    command = AddSchedule(
        command_id=command_id,
        agent_id=await _woken(context, to or context.agent_name),
        body=message,
        timing=timing,
        created_by=context.agent_name,
        now=now,
    )
    with refusals_told("set the timer"):
        state = await context.commands.ask(schedule_stream(context.team_id), command)
    schedule = schedule_of(state, command_id)
    if schedule is None:
        raise ToolError("Failed to set the timer: it was set, and is forgotten by now")
    return _shown(schedule)


@tool(
    retry="safe",
    parallel=True,
    capabilities=["read_only"],
    side_effects="none",
    approval="read_only",
)
async def schedule_list(context: ToolContext) -> str:
    """List the timers that are still to fire: yours, and for a lead those of the team."""
    is_lead = not (await own_profile(context)).lead
    state = await _state(context)
    shown = [
        one
        for one in state.schedules.values()
        if one.is_open and (is_lead or one.agent_id == context.agent_id)
    ]
    listed = [schedule_json(one) for one in listed_schedules(shown)]
    return told_json(listed)


@tool(
    retry="idempotent",
    capabilities=["team_coordination"],
    side_effects="local_state",
    durability="persistent",
    approval="default",
)
async def schedule_cancel(context: ToolContext, schedule_id: str) -> str:
    """Cancel a timer of yours; a lead can cancel those of the team.

    Args:
        schedule_id: Its id, as wake_me and schedule_list show it.
    """
    state = await _state(context)
    schedule = state.schedules.get(schedule_id)
    is_own = schedule is not None and schedule.agent_id == context.agent_id
    if not is_own and (await own_profile(context)).lead:
        raise ToolError(f"Failed to cancel: you have no timer {schedule_id!r}")
    command = RemoveSchedule(
        command_id=CommandId(context.idempotency_key),
        schedule_id=schedule_id,
        by=context.agent_name,
        now=context.commands.now(),
    )
    with refusals_told("cancel"):
        await context.commands.ask(schedule_stream(context.team_id), command)
    return f"Timer {schedule_id} fires no more."


def _shown(schedule: Schedule) -> str:
    (listed,) = listed_schedules([schedule])
    return told_json(schedule_json(listed))


async def _state(context: ToolContext) -> SchedulesState:
    state: SchedulesState = await context.commands.look(schedule_stream(context.team_id))
    return state


async def _woken(context: ToolContext, name: str) -> AgentId:
    """A member of the team; only a lead can name another than itself."""
    profile = await own_profile(context)
    if profile.parent:
        raise ToolError("Failed to set the timer: a subagent ends with its answer")
    if name == profile.name:
        return profile.agent_id
    if profile.lead:
        raise ToolError("Failed to set the timer: only a lead can have others woken")
    return member_id(await team_state(context), name)
