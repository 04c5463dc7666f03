"""Agents and tasks, as rows for people and as JSON for programs."""

from collections.abc import Sequence
from typing import Any

from rich.text import Text

from mentra_actors.domain.board.state import Task, blockers_of, is_ready
from projections.roster import MemberView
from projections.task_board import BoardView, TaskTimes

__all__ = [
    "AGENT_COLUMNS",
    "BOARD_COLUMNS",
    "agent_document",
    "agent_row",
    "board_rows",
    "task_document",
    "task_state",
]

AGENT_COLUMNS = (
    "name",
    "role",
    "model",
    "status",
    "rounds",
    "calls",
    "mail",
    "tokens",
)
BOARD_COLUMNS = ("id", "state", "owner", "waits for", "task")

_STATUS_STYLES = {
    "working": "bold yellow",
    "waiting": "bold magenta",
    "failed": "bold red",
    "stopped": "dim",
}
_STATE_STYLES = {
    "completed": "green",
    "in progress": "bold yellow",
    "claimed": "yellow",
    "blocked": "dim",
}


def agent_row(member: MemberView) -> Sequence[Text]:
    """One agent."""
    figures = (
        member.rounds,
        len(member.open_calls),
        member.mail_waiting,
        member.usage.total_tokens,
    )
    return [
        Text(member.name, style="bold"),
        Text(member.role),
        Text(member.model),
        Text(member.status, style=_STATUS_STYLES.get(member.status, "")),
        *(Text(f"{figure:,}", justify="right") for figure in figures),
    ]


def agent_document(member: MemberView) -> dict[str, Any]:
    """One agent, for programs."""
    return {
        "name": member.name,
        "role": member.role,
        "model": member.model,
        "status": member.status,
        "failure": member.failure,
        "run_id": member.run_id,
        "rounds": member.rounds,
        "open_calls": list(member.open_calls),
        "mail_waiting": member.mail_waiting,
        "usage": member.usage,
        "last_activity": member.last_activity,
        "stream": f"agent-{member.agent_id}",
    }


def board_rows(view: BoardView) -> Sequence[Sequence[Text]]:
    """All tasks, by id."""
    return [_task_row(task, view) for task in view.tasks]


def task_state(task: Task, view: BoardView) -> str:
    """What can happen to a task next, in a word or two."""
    if task.status != "pending":
        return task.status.replace("_", " ")
    if task.owner:
        return "claimed"
    return "ready" if is_ready(task, view.state) else "blocked"


def _task_row(task: Task, view: BoardView) -> Sequence[Text]:
    state = task_state(task, view)
    waits = ", ".join(map(str, blockers_of(task, view.state)))
    return [
        Text(str(task.task_id)),
        Text(state, style=_STATE_STYLES.get(state, "")),
        Text(task.owner),
        Text(waits),
        Text(task.subject),
    ]


def task_document(task: Task, view: BoardView) -> dict[str, Any]:
    """One task, for programs."""
    times = view.times.get(task.task_id, TaskTimes())
    return {
        "id": task.task_id,
        "subject": task.subject,
        "description": task.description,
        "status": task.status,
        "state": task_state(task, view).replace(" ", "_"),
        "owner": task.owner,
        "blocked_by": list(task.blocked_by),
        "waits_for": list(blockers_of(task, view.state)),
        "created_by": task.created_by,
        "created_at": times.created_at,
        "claimed_at": times.claimed_at,
        "completed_at": times.completed_at,
    }
