"""What differs between two task boards, task by task. Pure."""

import msgspec

from mentra_actors.domain.board.state import Task
from projections.views.task_board import BoardView, board_groups
from projections.views.view_differences import FieldChange, field_changes

__all__ = ["BoardDifference", "TaskChange", "board_difference"]

_OWN_USE = ("task_id", "text_version", "owner_id")


class TaskChange(msgspec.Struct, frozen=True, kw_only=True):
    """A task that is on both boards and differs. `task` is the one of the board after.

    `was` and `is_now` are the groups of the board that it was and is in (`ready`, `blocked`,
    `claimed`, `in_progress`, `completed`): they differ if it has moved.
    """

    task: Task
    was: str
    is_now: str
    fields: tuple[FieldChange, ...]


class BoardDifference(msgspec.Struct, frozen=True, kw_only=True):
    """Tasks that only one board has, and those that differ, by ascending id."""

    created: tuple[Task, ...] = ()
    deleted: tuple[Task, ...] = ()
    changed: tuple[TaskChange, ...] = ()


def board_difference(before: BoardView, after: BoardView) -> BoardDifference:
    """What has become of each task."""
    old, new = before.state.tasks, after.state.tasks
    groups_before, groups_after = _groups(before), _groups(after)
    changed = []
    for task_id in sorted(old.keys() & new.keys()):
        fields = field_changes(old[task_id], new[task_id], without=_OWN_USE)
        was, is_now = groups_before.get(task_id, ""), groups_after.get(task_id, "")
        if fields or was != is_now:
            changed.append(TaskChange(task=new[task_id], was=was, is_now=is_now, fields=fields))
    return BoardDifference(
        created=tuple(new[one] for one in sorted(new.keys() - old.keys())),
        deleted=tuple(old[one] for one in sorted(old.keys() - new.keys())),
        changed=tuple(changed),
    )


def _groups(view: BoardView) -> dict[int, str]:
    groups = board_groups(view)
    return {
        task.task_id: name for name in groups.__struct_fields__ for task in getattr(groups, name)
    }
