"""Short words for what is said to a board in examples."""

import msgspec

from mentra_actors.domain.board import commands as c
from mentra_actors.domain.board.decider import BOARD
from mentra_actors.testing.given_when_then import given

__all__ = ["create", "lead", "mate", "of_run", "played"]


def create(*blocked_by, command_id="new", run="", **fields):
    return c.CreateTask(
        command_id=command_id,
        subject="task",
        created_by="lead",
        now=1.0,
        blocked_by=blocked_by,
        run=run,
        **fields,
    )


def _change(kind, task_id, who, fields):
    known = {"command_id": f"{kind.__name__}-{who}-{task_id}", "changed_by": who, "now": 1.0}
    return kind(task_id=task_id, **{**known, **fields})


def lead(kind, task_id=1, **fields):
    """A change by the lead, who may make any."""
    return _change(kind, task_id, "lead", {"may_change_any": True, **fields})


def mate(kind, task_id=1, *, name="ann", **fields):
    """A change by a teammate."""
    return _change(kind, task_id, name, fields)


def of_run(command_id, kind, task_id=1, **fields):
    """A change that a tool call of the run `ann/run-1` makes, as a lead."""
    return lead(kind, task_id, command_id=command_id, run="ann/run-1", **fields)


def played(*commands):
    """A board after these commands, each of which was taken."""
    board = given(BOARD)
    for number, command in enumerate(commands):
        new = command.command_id == "new"
        sent = msgspec.structs.replace(command, command_id=f"new-{number}") if new else command
        answer = board.when(sent)
        assert answer.rejection is None, answer
        board = answer.after
    return board
