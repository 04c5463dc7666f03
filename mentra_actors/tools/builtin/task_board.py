"""Tools with which agents use the task board of their team."""

import json
from typing import Any, Literal

from mentra_actors.domain.task_board import (
    AddDependency,
    BoardCommand,
    BoardState,
    ClaimTask,
    CreateTask,
    SetTaskDirectory,
    SetTaskStatus,
    Task,
    blockers_of,
    is_ready,
    task_of,
)
from mentra_actors.ids import CommandId, agent_stream, board_stream
from mentra_actors.tools.contract import Tool, ToolContext, ToolError
from mentra_actors.tools.functions.decorator import tool
from mentra_actors.tools.tool_errors import refusals_told

__all__ = ["board_tools", "task_json"]


def board_tools() -> list[Tool]:
    """The tools `task_create`, `task_claim`, `task_update`, `task_list` and `task_get`."""
    return [task_create, task_claim, task_update, task_list, task_get]


@tool(
    retry="idempotent",
    capabilities=["task_mutation"],
    side_effects="local_state",
    durability="persistent",
    approval="default",
)
async def task_create(
    context: ToolContext,
    subject: str,
    description: str = "",
    blocked_by: list[int] | None = None,
    working_directory: str = "",
) -> str:
    """Put a task on the team's board.

    Args:
        subject: What is to be done, in one line.
        description: Details for whoever does it.
        blocked_by: Ids of tasks that must be completed before.
        working_directory: Where commands of its owner run that name no directory.
    """
    command = CreateTask(
        command_id=CommandId(context.idempotency_key),
        subject=subject,
        description=description,
        blocked_by=tuple(blocked_by or ()),
        created_by=context.agent_name,
        now=context.commands.now(),
        working_directory=working_directory,
    )
    return await _changed(context, command, "create the task")


@tool(
    retry="idempotent",
    capabilities=["task_mutation"],
    side_effects="local_state",
    durability="persistent",
    approval="default",
)
async def task_claim(context: ToolContext, task_id: int | None = None) -> str:
    """Become the owner of a ready task; nobody else can take it then.

    Args:
        task_id: The task; without it the ready one with the lowest id.
    """
    command = ClaimTask(
        command_id=CommandId(context.idempotency_key),
        task_id=task_id,
        claimant=context.agent_name,
        now=context.commands.now(),
    )
    return await _changed(context, command, "claim a task")


@tool(
    retry="idempotent",
    capabilities=["task_mutation"],
    side_effects="local_state",
    durability="persistent",
    approval="default",
)
async def task_update(
    context: ToolContext,
    task_id: int,
    status: Literal["pending", "in_progress", "completed"] | None = None,
    add_blocked_by: list[int] | None = None,
    working_directory: str | None = None,
) -> str:
    """Say how far a task is or where it is done, or let it wait for others.

    Args:
        task_id: The task; teammates can change only their own.
        status: The new status.
        add_blocked_by: Ids of tasks that must be completed before.
        working_directory: Where commands of its owner run that name no directory.
    """
    is_lead = not await _has_lead(context)
    if add_blocked_by and not is_lead:
        raise ToolError(f"Teammate '{context.agent_name}' cannot edit dependencies")
    key, board = context.idempotency_key, await _board(context)
    for blocker in add_blocked_by or ():
        edge = AddDependency(
            command_id=CommandId(f"{key}/{blocker}"), task_id=task_id, blocker_id=blocker
        )
        board = await _asked(context, edge, "update the task")
    changes: list[BoardCommand] = []
    if working_directory is not None:
        changes.append(
            SetTaskDirectory(
                command_id=CommandId(f"{key}/directory"),
                working_directory=working_directory,
                **_change(context, task_id, may_change_any=is_lead),
            )
        )
    if status is not None:
        changes.append(
            SetTaskStatus(
                command_id=CommandId(key),
                status=status,
                **_change(context, task_id, may_change_any=is_lead),
            )
        )
    for change in changes:
        board = await _asked(context, change, "update the task")
    return json.dumps(task_json(_task(board, task_id), board))


@tool(
    retry="safe",
    parallel=True,
    capabilities=["read_only"],
    side_effects="none",
    approval="read_only",
)
async def task_list(context: ToolContext) -> str:
    """List all tasks of the team's board, grouped by what can be done with them."""
    board = await _board(context)
    tasks = [board.tasks[task_id] for task_id in sorted(board.tasks)]
    groups = {
        "tasks": [task_json(task, board) for task in tasks],
        "ready": [t.task_id for t in tasks if is_ready(t, board)],
        "blocked": [t.task_id for t in tasks if t.status == "pending" and blockers_of(t, board)],
        "inProgress": [t.task_id for t in tasks if t.status == "in_progress"],
        "completed": [t.task_id for t in tasks if t.status == "completed"],
    }
    return json.dumps(groups)


@tool(
    retry="safe",
    parallel=True,
    capabilities=["read_only"],
    side_effects="none",
    approval="read_only",
)
async def task_get(context: ToolContext, task_id: int) -> str:
    """Show one task of the team's board.

    Args:
        task_id: The task.
    """
    board = await _board(context)
    return json.dumps(task_json(_task(board, task_id), board))


def task_json(task: Task, board: BoardState) -> dict[str, Any]:
    """A task as models see it; `blockedBy` holds only what is not completed."""
    place = {"workingDirectory": task.working_directory} if task.working_directory else {}
    return {
        "id": task.task_id,
        "subject": task.subject,
        "description": task.description,
        "status": task.status,
        "owner": task.owner,
        "blockedBy": list(blockers_of(task, board)),
        **place,
    }


def _change(context: ToolContext, task_id: int, *, may_change_any: bool) -> dict[str, Any]:
    """What all changes of a task say."""
    return {
        "task_id": task_id,
        "changed_by": context.agent_name,
        "may_change_any": may_change_any,
        "now": context.commands.now(),
    }


async def _changed(context: ToolContext, command: BoardCommand, wish: str) -> str:
    board = await _asked(context, command, wish)
    task = task_of(board, command.command_id)
    if task is None:
        raise ToolError(f"Failed to {wish}: the board has forgotten this command")
    return json.dumps(task_json(task, board))


async def _asked(context: ToolContext, command: BoardCommand, wish: str) -> BoardState:
    with refusals_told(wish):
        state: BoardState = await context.commands.ask(board_stream(context.team_id), command)
    return state


async def _board(context: ToolContext) -> BoardState:
    state: BoardState = await context.commands.look(board_stream(context.team_id))
    return state


def _task(board: BoardState, task_id: int) -> Task:
    if task_id not in board.tasks:
        raise ToolError(f"Task {task_id} does not exist")
    return board.tasks[task_id]


async def _has_lead(context: ToolContext) -> bool:
    state = await context.commands.look(agent_stream(context.agent_id))
    return bool(state.profile.lead)
