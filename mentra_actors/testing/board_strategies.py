"""Hypothesis strategies for task boards: commands that reach deep states."""

from typing import Any

import msgspec
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from mentra_actors.domain.board.commands import (
    AddDependency,
    AssignTask,
    BoardCommand,
    ClaimTask,
    CommentTask,
    CompensateRun,
    CreateTask,
    DeleteTask,
    EditTask,
    ExpireClaim,
    OwnerGone,
    ReleaseClaim,
    RemoveDependency,
    RenameOwner,
    SetTaskDirectory,
    SetTaskStatus,
    UpdateTask,
)
from mentra_actors.ids import AgentId, CommandId
from mentra_actors.testing.strategies import moments, words

__all__ = ["board_histories"]

_names = st.sampled_from(["ann", "bob", "cy"])
_agents = st.sampled_from([AgentId(""), AgentId("ann"), AgentId("bob")])
_tasks = st.sampled_from([1, 2, 3, 1, 2, 3, 4, 5])
_runs = st.sampled_from(["", "", "ann/run-1", "bob/run-1"])
_priorities = st.sampled_from([0, 0, 1, -1, 5])
_ANY = CommandId("c")


@st.composite
def board_histories(draw: st.DrawFn, max_size: int = 30) -> list[BoardCommand]:
    """Commands for a board of few tasks; now and then one carries the id of an earlier one."""
    least = draw(st.sampled_from([0, 12, 20]))
    tasks = st.lists(_free_tasks, min_size=min(least, 3), max_size=4)
    first: list[BoardCommand] = [*draw(tasks)]
    if len(first) > 1 and draw(st.booleans()):  # something to order, from the start
        first[1] = msgspec.structs.replace(first[0], blocked_by=(1,))
    rest = draw(st.lists(_board_commands, min_size=min(least, max_size), max_size=max_size))
    again = draw(st.sets(st.integers(1, 40), max_size=4))
    return [
        msgspec.structs.replace(
            command, command_id=CommandId(f"c{place - 1 if place in again else place}")
        )
        for place, command in enumerate([*first, *rest])
    ]


_made = {"command_id": st.just(_ANY), "created_by": _names, "now": moments, "run": _runs}
_free_tasks = st.builds(CreateTask, subject=st.just("task"), priority=_priorities, **_made)
_ordered_tasks = st.builds(
    CreateTask,
    subject=words,
    blocked_by=st.lists(_tasks, max_size=2).map(tuple),
    owner=st.sampled_from(["", "", "ann"]),
    **_made,
)
_claims = st.builds(
    ClaimTask,
    command_id=st.just(_ANY),
    claimant=_names,
    now=moments,
    task_id=st.none() | _tasks,
    ttl_s=st.sampled_from([None, None, 30.0]),
    notify=st.sampled_from([AgentId(""), AgentId("ann")]),
    agent_id=_agents,
    run=_runs,
)
_change: dict[str, SearchStrategy[Any]] = {
    "command_id": st.just(_ANY),
    "task_id": _tasks,
    "changed_by": _names,
    "now": moments,
    "may_change_any": st.sampled_from([True, True, True, False]),
    "run": _runs,
}
_statuses = st.sampled_from(["pending", "in_progress", "completed", "completed"])
_text = {
    "subject": st.none() | words,
    "priority": st.none() | _priorities,
    "result": st.none() | words,
}
_few = st.lists(_tasks, max_size=1).map(tuple)
_updates = st.builds(
    UpdateTask,
    status=st.none() | _statuses,
    owner=st.none() | st.just("") | _names,
    working_directory=st.sampled_from([None, "", "a"]),
    add_blocked_by=_few,
    remove_blocked_by=_few,
    add_blocks=_few,
    remove_blocks=_few,
    **_text,
    **_change,
)
_of_many: SearchStrategy[Any] = st.one_of(
    st.builds(ExpireClaim, command_id=st.just(_ANY), task_id=_tasks, now=moments),
    st.builds(OwnerGone, command_id=st.just(_ANY), owner=_names, now=moments, agent_id=_agents),
    st.builds(
        RenameOwner,
        command_id=st.just(_ANY),
        old=_names,
        new=_names,
        now=moments,
        agent_id=_agents,
    ),
    st.builds(CompensateRun, command_id=st.just(_ANY), run=_runs, now=moments),
)
_BOARD: list[SearchStrategy[Any]] = [
    _ordered_tasks,
    *[_claims] * 2,
    *[st.builds(SetTaskStatus, status=_statuses, **_change)] * 5,
    *[st.builds(AddDependency, blocker_id=_tasks, **_change)] * 2,
    st.builds(RemoveDependency, blocker_id=_tasks, **_change),
    st.builds(SetTaskDirectory, working_directory=st.sampled_from(["", "a", "b"]), **_change),
    st.builds(EditTask, expected_version=st.sampled_from([None, None, 1]), **_text, **_change),
    st.builds(AssignTask, owner=st.just("") | _names, **_change),
    st.builds(ReleaseClaim, **_change),
    st.builds(CommentTask, text=words, **_change),
    st.builds(DeleteTask, **_change),
    *[_updates] * 2,
    *[_of_many] * 2,
]
_board_commands = st.sampled_from(_BOARD).flatmap(lambda strategy: strategy)
