"""Tools with which agents use the task board of their team."""

from collections.abc import Callable
from typing import Literal, ParamSpec, TypeVar

import msgspec

from mentra_actors.domain.board.commands import (
    BoardCommand,
    ClaimTask,
    CommentTask,
    CreateTask,
    DeleteTask,
    ReleaseClaim,
    UpdateTask,
)
from mentra_actors.domain.board.state import BoardState, consequence_of, existing_task, task_of
from mentra_actors.domain.team import owner_in
from mentra_actors.ids import AgentId, CommandId, board_stream
from mentra_actors.json_types import JsonObject
from mentra_actors.tools.builtin.task_json import board_json, task_json
from mentra_actors.tools.builtin.team_looks import own_profile, team_state
from mentra_actors.tools.builtin.told_json import told_json
from mentra_actors.tools.contract import Tool, ToolContext, ToolError
from mentra_actors.tools.functions.decorator import FunctionTool, tool
from mentra_actors.tools.tool_errors import refusals_told

__all__ = ["board_tools"]

P = ParamSpec("P")
R = TypeVar("R")
Status = Literal["pending", "in_progress", "completed"]


def board_tools() -> list[Tool]:
    """The tools whose names begin with `task_`: six that change the board, and two that look."""
    changing: list[Tool] = [task_create, task_claim, task_update]
    return [*changing, task_comment, task_release, task_delete, task_list, task_get]


def _changing(function: Callable[P, R]) -> FunctionTool[P, R]:
    return tool(
        rename="camel",
        retry="idempotent",
        capabilities=["task_mutation"],
        side_effects="local_state",
        durability="persistent",
        approval="default",
    )(function)


def _looking(function: Callable[P, R]) -> FunctionTool[P, R]:
    return tool(
        rename="camel",
        retry="safe",
        parallel=True,
        capabilities=["read_only"],
        side_effects="none",
        approval="read_only",
    )(function)


@_changing
async def task_create(  # noqa: PLR0913, PLR0917 - a task has so many parts
    context: ToolContext,
    subject: str,
    description: str = "",
    owner: str = "",
    working_directory: str = "",
    blocked_by: list[int] | None = None,
    priority: int = 0,
) -> str:
    """Put a task on the team's board.

    Args:
        subject: What is to be done, in one line.
        description: Details for whoever does it.
        owner: Name of the teammate who is to do it; without one anybody may claim it.
        working_directory: Where commands of its owner run that name no directory.
        blocked_by: Ids of tasks that must be completed before.
        priority: Higher is claimed first.
    """
    command = CreateTask(
        command_id=CommandId(context.idempotency_key),
        subject=subject,
        description=description,
        blocked_by=tuple(blocked_by or ()),
        created_by=context.agent_name,
        now=context.commands.now(),
        working_directory=working_directory,
        owner=owner,
        owner_id=await _owner_id(context, owner, "create the task"),
        priority=priority,
        run=context.run_id,
    )
    return await _changed(context, command, "create the task")


@_changing
async def task_claim(context: ToolContext, task_id: int | None = None) -> str:
    """Become the owner of a ready task; nobody else can take it then.

    Args:
        task_id: The task; without it the ready one of the highest priority, then the lowest id.
    """
    profile = await own_profile(context)
    if not profile.lead or profile.parent:
        raise ToolError("Only named teammates can claim tasks")
    command = ClaimTask(
        command_id=CommandId(context.idempotency_key),
        task_id=task_id,
        claimant=context.agent_name,
        agent_id=profile.agent_id,
        now=context.commands.now(),
        run=context.run_id,
    )
    return await _changed(context, command, "claim a task")


@_changing
async def task_update(  # noqa: PLR0913, PLR0917 - a task has so many parts
    context: ToolContext,
    task_id: int,
    subject: str | None = None,
    description: str | None = None,
    owner: str | None = None,
    working_directory: str | msgspec.UnsetType | None = msgspec.UNSET,
    status: Status | None = None,
    result: str | None = None,
    priority: int | None = None,
    add_blocked_by: list[int] | None = None,
    remove_blocked_by: list[int] | None = None,
    add_blocks: list[int] | None = None,
    remove_blocks: list[int] | None = None,
) -> str:
    """Change a task: all that is asked for, or nothing if one part of it cannot be.

    Tells the task, which tasks are unblocked by it, and which are blocked again. A teammate may
    change only its own tasks, and neither their owner nor what they wait for.

    Args:
        task_id: The task.
        subject: What is to be done, in one line.
        description: Details for whoever does it.
        owner: Name of the teammate who is to do it; an empty one gives it back to all.
        working_directory: Where commands of its owner run that name no directory; null for none.
        status: How far it is.
        result: What came of it, for those who read it later.
        priority: Higher is claimed first.
        add_blocked_by: Ids of tasks that must be completed before.
        remove_blocked_by: Ids of tasks that it need not wait for.
        add_blocks: Ids of tasks that must wait for this one.
        remove_blocks: Ids of tasks that need not wait for this one.
    """
    place = "" if working_directory is None else working_directory
    command = UpdateTask(
        subject=subject,
        description=description,
        priority=priority,
        result=result,
        working_directory=None if isinstance(place, msgspec.UnsetType) else place,
        owner=owner,
        owner_id=await _owner_id(context, owner or "", "update the task"),
        add_blocked_by=tuple(add_blocked_by or ()),
        remove_blocked_by=tuple(remove_blocked_by or ()),
        add_blocks=tuple(add_blocks or ()),
        remove_blocks=tuple(remove_blocks or ()),
        status=status,
        **await _change(context, task_id),
    )
    board = await _asked(context, command, "update the task")
    told = consequence_of(board, command.command_id)
    return told_json(
        {
            "task": _shown(board, task_id),
            "unblocked": list(told.unblocked),
            "reblocked": list(told.reblocked),
        }
    )


@_changing
async def task_comment(context: ToolContext, task_id: int, text: str) -> str:
    """Say something about a task, for all who look at it. Its owner need not be you.

    Args:
        task_id: The task.
        text: What you want to say.
    """
    command = CommentTask(text=text, **await _change(context, task_id))
    return await _changed(context, command, "comment on the task")


@_changing
async def task_release(context: ToolContext, task_id: int) -> str:
    """Give a task of yours back, so that somebody else can claim it.

    Args:
        task_id: The task; it must not be completed.
    """
    command = ReleaseClaim(**await _change(context, task_id))
    return await _changed(context, command, "release the task")


@_changing
async def task_delete(context: ToolContext, task_id: int) -> str:
    """Take a task from the board; tasks that wait for it wait no more. Not for teammates.

    Args:
        task_id: The task. No other task will ever have this id.
    """
    command = DeleteTask(**await _change(context, task_id))
    board = await _asked(context, command, "delete the task")
    unblocked = consequence_of(board, command.command_id).unblocked
    return told_json({"deleted": task_id, "unblocked": list(unblocked)})


@_looking
async def task_list(context: ToolContext) -> str:
    """List all tasks of the team's board, grouped by what can be done with them."""
    return told_json(board_json(await _board(context)))


@_looking
async def task_get(context: ToolContext, task_id: int) -> str:
    """Show one task of the team's board, with its last comments.

    Args:
        task_id: The task.
    """
    return told_json(_shown(await _board(context), task_id))


async def _change(context: ToolContext, task_id: int) -> JsonObject:
    """What all changes of a task say; a lead may change any."""
    return {
        "command_id": CommandId(context.idempotency_key),
        "task_id": task_id,
        "changed_by": context.agent_name,
        "may_change_any": not (await own_profile(context)).lead,
        "now": context.commands.now(),
        "run": context.run_id,
    }


async def _owner_id(context: ToolContext, owner: str, wish: str) -> AgentId:
    if not owner.strip():
        return AgentId("")
    with refusals_told(wish):
        return owner_in(await team_state(context), owner)


async def _changed(context: ToolContext, command: BoardCommand, wish: str) -> str:
    board = await _asked(context, command, wish)
    task = task_of(board, command.command_id)
    if task is None:
        raise ToolError(f"Failed to {wish}: the board has forgotten this command")
    return told_json(task_json(task, board))


async def _asked(context: ToolContext, command: BoardCommand, wish: str) -> BoardState:
    with refusals_told(wish):
        state: BoardState = await context.commands.ask(board_stream(context.team_id), command)
    return state


async def _board(context: ToolContext) -> BoardState:
    state: BoardState = await context.commands.look(board_stream(context.team_id))
    return state


def _shown(board: BoardState, task_id: int) -> JsonObject:
    with refusals_told():
        return task_json(existing_task(task_id, board), board)
