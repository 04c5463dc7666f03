"""Tasks as models see them."""

from collections import defaultdict
from collections.abc import Sequence

from mentra_actors.domain.board.state import (
    BoardState,
    Task,
    blockers_of,
    dependents_of,
    ready_tasks,
)
from mentra_actors.json_types import JsonObject

__all__ = ["board_json", "task_json"]


def board_json(board: BoardState) -> JsonObject:
    """All tasks, and their ids by what can be done with them; `ready` by priority."""
    tasks = [board.tasks[task_id] for task_id in sorted(board.tasks)]
    blocks: dict[int, list[int]] = defaultdict(list)
    for task in tasks:
        for blocker in task.blocked_by:
            blocks[blocker].append(task.task_id)
    return {
        "tasks": [_listed(task, board, blocks.get(task.task_id, ())) for task in tasks],
        "ready": [task.task_id for task in ready_tasks(board)],
        "blocked": [t.task_id for t in tasks if t.status == "pending" and blockers_of(t, board)],
        "inProgress": [t.task_id for t in tasks if t.status == "in_progress"],
        "completed": [t.task_id for t in tasks if t.status == "completed"],
    }


def task_json(task: Task, board: BoardState) -> JsonObject:
    """One task with what was said about it; `blockedBy` holds only what is not completed."""
    said = [{"author": one.author, "text": one.text, "at": one.at} for one in task.comments]
    listed = _listed(task, board, [one.task_id for one in dependents_of(task.task_id, board)])
    return {**listed, "comments": said} if said else listed


def _listed(task: Task, board: BoardState, blocks: Sequence[int]) -> JsonObject:
    more = {
        "workingDirectory": task.working_directory,
        "priority": task.priority,
        "result": task.result,
        "claimExpiresAt": task.expires_at,
    }
    return {
        "id": task.task_id,
        "subject": task.subject,
        "description": task.description,
        "status": task.status,
        "owner": task.owner,
        "blockedBy": list(blockers_of(task, board)),
        "blocks": list(blocks),
        **{name: said for name, said in more.items() if said},
    }
