"""What happened on a task board, in the words of people."""

from mentra_actors.decider import ByEvent
from mentra_actors.domain.board import events as board

__all__ = ["BOARD_SENTENCES"]

_REASONS = {
    "released": "given back",
    "unassigned": "taken back",
    "expired": "free again, its claim has run out",
    "owner_gone": "free again, its owner has gone",
}


def _created(event: board.TaskCreated) -> str:
    owner = f", for {event.owner}" if event.owner else ""
    return f"task {event.task_id} created{owner}: {event.subject}"


def _status_changed(event: board.TaskStatusChanged) -> str:
    by = event.changed_by or "the host"
    told = f"task {event.task_id} went from {event.old} to {event.new}, by {by}"
    if event.reblocked_by:
        return f"{told}: task {event.reblocked_by} was reopened"
    unblocked = f"; it frees {_listed(event.unblocked)}" if event.unblocked else ""
    reblocked = f"; it blocks {_listed(event.reblocked)} again" if event.reblocked else ""
    return told + unblocked + reblocked


def _directory_changed(event: board.TaskDirectoryChanged) -> str:
    where = event.working_directory or "the directory of its owner"
    return f"task {event.task_id} is done in {where} now, by {event.changed_by}"


def _edited(event: board.TaskEdited) -> str:
    parts = ("subject", "description", "priority", "result")
    said = [f"{part} {getattr(event, part)}" for part in parts if getattr(event, part) is not None]
    return f"task {event.task_id} edited{_by(event.changed_by)}: {', '.join(said)}"


def _released(event: board.ClaimReleased) -> str:
    return f"task {event.task_id} of {event.owner} is {_REASONS[event.reason]}"


def _no_longer_waits(event: board.DependencyRemoved) -> str:
    return f"task {event.task_id} waits for task {event.blocker_id} no more"


def _compensated(event: board.RunCompensated) -> str:
    told = f"the changes of {event.run} were taken back, {len(event.reverted)} parts of tasks"
    return f"{told}; {len(event.conflicts)} stay" if event.conflicts else told


def _by(name: str) -> str:
    return f" by {name}" if name else ""


def _listed(task_ids: tuple[int, ...]) -> str:
    return ", ".join(map(str, task_ids))


BOARD_SENTENCES: ByEvent[str] = {
    board.TaskCreated: _created,
    board.TaskClaimed: lambda e: f"task {e.task_id} claimed by {e.owner}",
    board.ClaimRenewed: lambda e: f"the claim of task {e.task_id} holds longer",
    board.ClaimReleased: _released,
    board.TaskAssigned: lambda e: f"task {e.task_id} given to {e.owner}{_by(e.assigned_by)}",
    board.TaskStatusChanged: _status_changed,
    board.TaskEdited: _edited,
    board.TaskDirectoryChanged: _directory_changed,
    board.DependencyAdded: lambda e: f"task {e.task_id} waits for task {e.blocker_id}",
    board.DependencyRemoved: _no_longer_waits,
    board.TaskCommented: lambda e: f"{e.author} on task {e.task_id}: {e.text}",
    board.TaskDeleted: lambda e: f"task {e.task_id} deleted{_by(e.deleted_by)}",
    board.OwnerLeft: lambda e: f"{e.owner} has left and claims nothing any more",
    board.OwnerRenamed: lambda e: f"the tasks of {e.old} are those of {e.new}",
    board.RunCompensated: _compensated,
}
"""A sentence for each event of a board."""
