"""What holds of a task board whoever works on it."""

from typing import get_args

from hypothesis import given as forall

from mentra_actors.domain.board.decider import BOARD
from mentra_actors.domain.board.events import BoardEvent, TaskClaimed, TaskCreated
from mentra_actors.domain.board.state import blockers_of, task_of
from mentra_actors.testing.decider_laws import (
    check_pure,
    check_restart,
    check_snapshots,
    check_total,
)
from mentra_actors.testing.given_when_then import given, play
from mentra_actors.testing.strategies import any_history, board_histories


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
    claimed = [
        event.task_id
        for answer in play(given(BOARD), commands)
        for event in answer.events
        if isinstance(event, TaskClaimed)
    ]

    assert len(claimed) == len(set(claimed))


@forall(board_histories())
def test_an_owner_is_who_claimed_and_stays(commands):
    """Only a claim makes an owner, so nobody finds a task taken without having decided it."""
    owners = {}
    for answer in play(given(BOARD), commands):
        for event in answer.events:
            if isinstance(event, TaskClaimed):
                owners[event.task_id] = event.owner

        assert {t.task_id: t.owner for t in answer.state.tasks.values() if t.owner} == owners


@forall(board_histories())
def test_task_ids_count_up_without_gap(commands):
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
def test_no_task_is_begun_before_its_blockers_are_done(commands):
    """The order of work is what dependencies are for; also when a finished task is reopened."""
    for answer in play(given(BOARD), commands):
        for task in answer.state.tasks.values():
            assert task.status == "pending" or not blockers_of(task, answer.state)


@forall(board_histories())
def test_a_claim_takes_a_ready_task(commands):
    """An agent that asks for work must get some that it can begin."""
    before = BOARD.initial
    for answer in play(given(BOARD), commands):
        for event in answer.events:
            if isinstance(event, TaskClaimed):
                task = before.tasks[event.task_id]
                assert (task.status, task.owner, blockers_of(task, before)) == ("pending", "", ())
        before = answer.state


@forall(board_histories())
def test_a_repeated_command_records_nothing(commands):
    """A tool call that runs again after a crash changes the board once and finds its task."""
    answers = play(given(BOARD), commands)
    for command, answer in zip(commands, answers, strict=True):
        if answer.events:
            assert answer.when(command) == []
            assert answers[-1].when(command) == []
            assert task_of(answer.state, command.command_id) is not None
            touched = {event.task_id for event in answer.events}
            assert {task_of(answers[-1].state, command.command_id).task_id} == touched
