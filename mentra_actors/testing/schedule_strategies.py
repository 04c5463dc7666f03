"""Arbitrary histories of schedules: wishes, firings of this turn and of older ones, changes."""

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from mentra_actors.domain.schedules.events import Cron, Every, Once, Timing
from mentra_actors.domain.schedules.schedules import (
    AddSchedule,
    EndSchedule,
    FireSchedule,
    PauseSchedule,
    RemoveSchedule,
    ResumeSchedule,
    RewindSchedule,
    ScheduleCommand,
)
from mentra_actors.ids import AgentId, CommandId

__all__ = ["schedule_histories", "timings"]

_moments = st.integers(1, 400).map(float)
_command_ids = st.integers(1, 12).map(lambda number: CommandId(f"wish-{number}"))
_schedule_ids = st.sampled_from(["s1", "s2", "s3", "s4"])
_agents = st.sampled_from([AgentId("lead"), AgentId("mate")])

_CRON_LINES = ("*/20 * * * *", "*/7 3 * * *", "30 2 * * *", "0 */6 * * 1-5", "15 9 1,15 * *")
_ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe")


def timings(first: float = 1.0, last: float = 400.0) -> SearchStrategy[Timing]:
    """Timings of all kinds, whose moments begin between `first` and `last` (Unix seconds)."""
    moments = st.integers(int(first), int(last)).map(float)
    return st.one_of(
        st.builds(Once, at=moments),
        st.builds(Every, seconds=st.sampled_from([7.5, 600.0, 3600.1]), anchor=moments),
        st.builds(
            Cron, expression=st.sampled_from(_CRON_LINES), time_zone=st.sampled_from(_ZONES)
        ),
    )


_additions: SearchStrategy[ScheduleCommand] = st.builds(
    AddSchedule,
    command_id=_command_ids,
    agent_id=_agents,
    body=st.sampled_from(["look", "look", "count", " "]),
    timing=timings(),
    created_by=st.sampled_from(["lead", "host"]),
    now=_moments,
    until=st.none() | st.none() | _moments,
    max_fires=st.none() | st.integers(0, 3),
)
_about = {
    "command_id": _command_ids,
    "schedule_id": _schedule_ids,
    "by": st.just("host"),
    "now": _moments,
}
_changes: SearchStrategy[ScheduleCommand] = st.one_of(
    st.builds(RemoveSchedule, **_about),
    st.builds(PauseSchedule, **_about),
    st.builds(ResumeSchedule, **_about),
)
_firings: SearchStrategy[ScheduleCommand] = st.builds(
    FireSchedule,
    schedule_id=_schedule_ids,
    turn=st.integers(1, 6),
    due_at=_moments,
    missed=st.integers(0, 5),
    next_due=st.none() | _moments,
    due_words=st.just("then"),
    now=_moments,
)
_ends: SearchStrategy[ScheduleCommand] = st.builds(
    EndSchedule,
    schedule_id=_schedule_ids,
    turn=st.integers(1, 6),
    cause=st.sampled_from(["done", "agent_stopped", "fault"]),
    words=st.sampled_from(["", "broken"]),
    now=_moments,
)


_rewinds: SearchStrategy[ScheduleCommand] = st.builds(
    RewindSchedule, schedule_id=_schedule_ids, turn=st.integers(1, 6), now=_moments
)


def schedule_histories(max_size: int = 30) -> SearchStrategy[list[ScheduleCommand]]:
    """Wishes for few schedules, some repeated; firings, changes and ends of any, in any order."""
    commands = [*[_additions] * 4, *[_firings] * 6, *[_changes] * 2, _ends, _rewinds]
    step = st.sampled_from(commands).flatmap(lambda strategy: strategy)
    return st.lists(step, max_size=max_size)
