"""The task boards as people see them: the domain's own state of each board, and times."""

from collections.abc import Sequence
from typing import TypeAlias, get_args

import msgspec

from mentra_actors.domain.board.decider import BOARD
from mentra_actors.domain.board.events import (
    BoardEvent,
    ClaimReleased,
    TaskAssigned,
    TaskClaimed,
    TaskCreated,
    TaskDeleted,
    TaskStatusChanged,
)
from mentra_actors.domain.board.state import BoardState, Task, blockers_of, ready_tasks
from mentra_actors.envelope import RecordedEvent
from mentra_actors.ids import StreamId

__all__ = [
    "TASK_BOARD",
    "BoardGroups",
    "BoardView",
    "TaskBoardProjection",
    "TaskTimes",
    "board_groups",
]

_EVENTS: frozenset[type[object]] = frozenset(get_args(BoardEvent))
_replace = msgspec.structs.replace


class TaskTimes(msgspec.Struct, frozen=True, kw_only=True):
    """When a task was created, last claimed and completed, in Unix seconds; None for not yet."""

    created_at: float | None = None
    claimed_at: float | None = None
    completed_at: float | None = None


class BoardView(msgspec.Struct, frozen=True, kw_only=True):
    """One board. `state` is the domain's, without its memory of recent commands and runs."""

    state: BoardState = BoardState()
    times: dict[int, TaskTimes] = {}

    @property
    def tasks(self) -> Sequence[Task]:
        """All tasks, by ascending id."""
        return [task for _, task in sorted(self.state.tasks.items())]


class BoardGroups(msgspec.Struct, frozen=True, kw_only=True):
    """The tasks of a board, each in one group, by ascending id; `ready` by priority before that.

    `ready` may be claimed; `blocked` waits for other tasks; `claimed` has an owner who has not
    begun it.
    """

    ready: tuple[Task, ...]
    blocked: tuple[Task, ...]
    claimed: tuple[Task, ...]
    in_progress: tuple[Task, ...]
    completed: tuple[Task, ...]


class TaskBoardProjection:
    """The tasks of every board, and their times.

    View: one part per board stream, under the stream's id.
    """

    name = "task_board"
    version = 3
    handles: frozenset[type[object]] | None = _EVENTS
    view_type = BoardView

    def keys(self, recorded: RecordedEvent[object]) -> Sequence[str]:
        """See `Projection.keys`."""
        return (recorded.stream_id,) if type(recorded.event) in _EVENTS else ()

    def stream_of(self, key: str) -> StreamId | None:
        """See `PartsOfStreams.stream_of`."""
        return StreamId(key)

    def initial(self, key: str) -> BoardView:  # noqa: ARG002 - all boards start empty
        """See `Projection.initial`."""
        return BoardView()

    def apply(self, view: BoardView, key: str, recorded: RecordedEvent[object]) -> BoardView:  # noqa: ARG002 - one key per board
        """See `Projection.apply`."""
        event = recorded.event
        if not isinstance(event, BoardEvent):
            return view
        state = BOARD.evolve(view.state, event)
        state = BoardState(tasks=state.tasks, highest_deleted=state.highest_deleted)
        return BoardView(state=state, times=_times_of(view.times, event, state))


TASK_BOARD = TaskBoardProjection()


def board_groups(view: BoardView) -> BoardGroups:
    """The tasks by what can happen to them next."""
    begun = {
        status: tuple(task for task in view.tasks if task.status == status)
        for status in ("in_progress", "completed")
    }
    pending = [task for task in view.tasks if task.status == "pending"]
    blocked = tuple(task for task in pending if blockers_of(task, view.state))
    return BoardGroups(
        ready=tuple(ready_tasks(view.state)),
        blocked=blocked,
        claimed=tuple(task for task in pending if task.owner and task not in blocked),
        in_progress=begun["in_progress"],
        completed=begun["completed"],
    )


def _times_of(
    times: dict[int, TaskTimes], event: BoardEvent, state: BoardState
) -> dict[int, TaskTimes]:
    if isinstance(event, TaskDeleted):
        return {one: kept for one, kept in times.items() if one != event.task_id}
    if not isinstance(event, _Timed) or event.task_id not in state.tasks:
        return times
    return {**times, event.task_id: _after(times.get(event.task_id, TaskTimes()), event)}


_Timed: TypeAlias = TaskCreated | TaskClaimed | TaskAssigned | ClaimReleased | TaskStatusChanged


def _after(times: TaskTimes, event: _Timed) -> TaskTimes:
    match event:
        case TaskCreated():
            return TaskTimes(created_at=event.created_at)
        case TaskClaimed():
            return _replace(times, claimed_at=event.claimed_at)
        case TaskAssigned():
            return _replace(times, claimed_at=event.assigned_at)
        case ClaimReleased():
            return _replace(times, claimed_at=None)
        case TaskStatusChanged():
            completed_at = event.changed_at if event.new == "completed" else None
            return _replace(times, completed_at=completed_at)
