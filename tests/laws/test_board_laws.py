"""What holds of a task board whoever works on it."""

from typing import get_args

import msgspec
from hypothesis import given as forall

from mentra_actors.domain.board.commands import (
    AddDependency,
    AssignTask,
    ClaimTask,
    CompensateRun,
    CreateTask,
    EditTask,
    ReleaseClaim,
    RemoveDependency,
    SetTaskDirectory,
    SetTaskStatus,
    UpdateTask,
)
from mentra_actors.domain.board.decider import BOARD
from mentra_actors.domain.board.events import (
    BoardEvent,
    ClaimReleased,
    OwnerRenamed,
    RunCompensated,
    TaskAssigned,
    TaskClaimed,
    TaskCreated,
)
from mentra_actors.domain.board.state import blockers_of, is_known, ready_tasks, task_of
from mentra_actors.testing.board_strategies import board_histories
from mentra_actors.testing.decider_laws import (
    check_pure,
    check_restart,
    check_snapshots,
    check_total,
)
from mentra_actors.testing.given_when_then import given, play
from mentra_actors.testing.strategies import any_history


@forall(board_histories())
def test_a_board_keeps_the_laws_of_deciders(commands):
    """Who owns a task must not depend on when the board's process restarted."""
    check_pure(BOARD, [], commands)
    check_restart(BOARD, [], commands)
    check_snapshots(BOARD, [], commands)


@forall(any_history(get_args(BoardEvent)))
def test_no_history_makes_a_board_raise(events):
    """A board that does not open stops the whole team."""
    check_total(BOARD, events)


@forall(board_histories())
def test_a_task_has_at_most_one_owner(commands):
    """Two agents that do the same task overwrite each other's work."""
    before = BOARD.initial
    for answer in play(given(BOARD), commands):
        for event in answer.events:
            if isinstance(event, TaskClaimed):
                assert before.tasks[event.task_id].owner == ""
        before = answer.state


@forall(board_histories())
def test_an_owner_changes_only_by_what_says_so(commands):
    """Nobody finds a task taken or lost without an event that tells who, and why."""
    says_so = TaskCreated | TaskClaimed | TaskAssigned | ClaimReleased | OwnerRenamed
    state = BOARD.initial
    for answer in play(given(BOARD), commands):
        for event in answer.events:
            after = BOARD.evolve(state, event)
            if not isinstance(event, says_so):
                for task_id, task in after.tasks.items():
                    assert task.owner == state.tasks[task_id].owner
            state = after


@forall(board_histories())
def test_no_id_is_used_twice(commands):
    """A task is named by its id in prompts and mail; a reused id would mean two tasks."""
    created = [
        event.task_id
        for answer in play(given(BOARD), commands)
        for event in answer.events
        if isinstance(event, TaskCreated)
    ]

    assert created == list(range(1, len(created) + 1))


@forall(board_histories())
def test_dependencies_have_no_cycle(commands):
    """Tasks that wait for each other are never done."""
    for answer in play(given(BOARD), commands):
        tasks = answer.state.tasks
        done = set()
        while ready := {i for i in tasks if i not in done and done >= set(tasks[i].blocked_by)}:
            done |= ready

        assert done == set(tasks)


@forall(board_histories())
def test_nothing_in_progress_is_blocked(commands):
    """The order of work is what dependencies are for; also when a finished task is reopened."""
    for answer in play(given(BOARD), commands):
        for task in answer.state.tasks.values():
            assert task.status != "in_progress" or not blockers_of(task, answer.state)


@forall(board_histories())
def test_a_claim_takes_a_ready_task_and_without_an_id_the_first_of_them(commands):
    """An agent that asks for work must get some that it can begin, the most urgent first."""
    before = BOARD.initial
    for command, answer in zip(commands, play(given(BOARD), commands), strict=True):
        ready = list(ready_tasks(before))
        keys = [(-task.priority, task.task_id) for task in ready]
        assert keys == sorted(keys)
        for event in answer.events:
            if isinstance(event, TaskClaimed):
                taken = before.tasks[event.task_id]
                assert taken in ready
                assert command.task_id is not None or taken == ready[0]
        if isinstance(command, ClaimTask) and ready and command.task_id is None:
            assert "No ready" not in (answer.rejection or "")
        before = answer.state


@forall(board_histories())
def test_a_repeated_command_records_nothing(commands):
    """A tool call that runs again after a crash changes the board once and finds its task."""
    answers = play(given(BOARD), commands)
    for command, answer in zip(commands, answers, strict=True):
        if answer.events:
            assert answer.when(command) == []
            assert answers[-1].when(command) == []
            assert is_known(answers[-1].state, command.command_id)
            first = getattr(answer.events[0], "task_id", 0)
            found = task_of(answer.state, command.command_id)
            assert found == answer.state.tasks.get(first)


@forall(board_histories())
def test_a_claim_ends_only_where_somebody_holds_it(commands):
    """A timer for a task that is nobody's, or done, would free what others work on."""
    for answer in play(given(BOARD), commands):
        tasks = answer.state.tasks
        limited = {i: t.expires_at for i, t in tasks.items() if t.expires_at is not None}

        assert limited == answer.state.expiring
        assert all(tasks[i].owner and tasks[i].status != "completed" for i in limited)
        assert {effect.at for effect in BOARD.pending(answer.state).values()} == {
            *limited.values()
        }


# --- runs that are taken back -------------------------------------------------------------------

_CREATIONS = CreateTask
_OF_RUNS = (
    CreateTask
    | ClaimTask
    | UpdateTask
    | SetTaskStatus
    | AddDependency
    | RemoveDependency
    | SetTaskDirectory
    | EditTask
    | AssignTask
    | ReleaseClaim
)
_PARTS = ("subject", "description", "priority", "result", "owner", "status", "working_directory")


def parts_of(state):
    """Every part of every task, as it can be changed."""
    parts = {(i, part): getattr(task, part) for i, task in state.tasks.items() for part in _PARTS}
    edges = {(i, "blocked_by", b): True for i, t in state.tasks.items() for b in t.blocked_by}
    return {**parts, **edges, **{(i, "created"): True for i in state.tasks}}


def changed(before, after):
    """Keys of the parts in which two states differ."""
    one, other = parts_of(before), parts_of(after)
    return {key for key in {*one, *other} if one.get(key) != other.get(key)}


def key_of(field):
    edge = (field.blocker_id,) if field.part == "blocked_by" else ()
    return (field.task_id, field.part, *edge)


@forall(board_histories())
def test_taking_a_run_back_touches_only_what_it_says(commands):
    """What others have done since stays, and people read in the log what was undone."""
    before = BOARD.initial
    for command, answer in zip(commands, play(given(BOARD), commands), strict=True):
        if isinstance(command, CompensateRun) and answer.events:
            said = answer.events[-1]
            assert isinstance(said, RunCompensated)
            reverted = {key_of(field) for field in said.reverted}
            gone = {field.task_id for field in said.reverted if field.part == "created"}
            found = changed(before, answer.state)
            assert {k for k in found if not gone & {k[0], k[-1]}} <= reverted
            assert not reverted & {key_of(field) for field in said.conflicts}
        before = answer.state


@forall(board_histories())
def test_a_run_that_nobody_else_has_met_is_taken_back_whole(commands):
    """If the board was the run's alone since it began, it is as it was."""
    opening = play(given(BOARD), [one for one in commands if isinstance(one, _CREATIONS)])
    start = opening[-1].after if opening else given(BOARD)
    of_run = [
        msgspec.structs.replace(one, run="z/run-1", command_id=f"z{n}")
        for n, one in enumerate(commands)
        if isinstance(one, _OF_RUNS)
    ]
    answers = play(start, of_run)
    end = answers[-1].after if answers else start
    back = end.when(CompensateRun(command_id="back", run="z/run-1", now=1.0))

    left = changed(start.state, back.state)
    conflicts = {key_of(field) for field in back.events[-1].conflicts} if back.events else set()
    assert left <= conflicts
