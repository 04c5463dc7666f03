"""The task board of a team, as a program sees and changes it.

The board of a runtime is that of its lead: it may change every task. The board of a teammate
(`agent.board`) lets it change what is its own, as its tools do.
"""

from collections.abc import Sequence
from typing import Unpack

from mentra_actors.domain.board import commands as c
from mentra_actors.domain.board.state import BoardState, Task
from mentra_actors.runtime.awaiting import asked
from mentra_actors.runtime.blocking import result_of
from mentra_actors.runtime.teams.board_operations import (
    BoardOperations,
    NewTask,
    TaskChanges,
    TaskUpdate,
)
from projections.views.task_board import BoardGroups, BoardView, board_groups

__all__ = ["SyncTaskBoard", "TaskBoard"]


class TaskBoard:
    """The board of a team. Each change is one append: all of it, or nothing.

    What is refused raises `CommandRejected` with the words that a model would read: there is no
    such task, it is owned or blocked, the order of work would be a circle, or it is not the
    agent's to change.
    """

    def __init__(self, operations: BoardOperations) -> None:
        """Made by `Runtime` and `Agent`."""
        self._operations = operations

    async def __call__(self) -> BoardState:
        """The whole board, with everything that was sent to it before: `await runtime.board()`."""
        return await asked(self._operations.state)

    async def list(self) -> Sequence[Task]:
        """All tasks, by id."""
        return _listed(await self())

    async def groups(self) -> BoardGroups:
        """The tasks by what can be done with them; those that are ready by priority."""
        return board_groups(BoardView(state=await self()))

    async def get(self, task_id: int) -> Task:
        """One task."""
        return await asked(lambda: self._operations.task(task_id))

    async def create(self, subject: str, **said: Unpack[NewTask]) -> Task:
        """Put a task on the board; `description`, `owner`, `blocked_by`, `priority` and more.

        await runtime.board.create("Count the files", priority=2, blocked_by=[1])
        """
        return await asked(lambda: self._operations.create(subject, said))

    async def update(self, task_id: int, **changes: Unpack[TaskChanges]) -> TaskUpdate:
        """Change a task, in the order of `TaskChanges`: words, owner, dependencies, status.

            await agent.board.update(1, status="completed", result="There are 3.")

        An empty `owner` gives it back to all, an empty `working_directory` takes that away. With
        `expected_version` it is refused if the text was edited since (`Task.text_version`).
        """
        return await asked(lambda: self._operations.update(task_id, changes))

    async def claim(
        self, task_id: int | None = None, *, owner: str = "", ttl_s: float | None = None
    ) -> Task:
        """Take a ready task; without an id the one of the highest priority, then the lowest id.

        A lead says for whom (`owner`), a teammate can only claim for itself. With `ttl_s` the
        claim ends when its owner has changed nothing for so long.
        """
        return await asked(lambda: self._operations.claim(task_id, owner, ttl_s))

    async def release(self, task_id: int) -> Task:
        """Give a task back that is not completed; one in progress is pending again."""
        return (await asked(lambda: self._operations.change(c.ReleaseClaim, task_id))).task

    async def assign(self, task_id: int, owner: str) -> Task:
        """Give a task to somebody, or to nobody: `""`."""
        begin = self._operations.change
        return (await asked(lambda: begin(c.AssignTask, task_id, owner=owner))).task

    async def comment(self, task_id: int, text: str) -> Task:
        """Say something about a task; it has the last 20 comments, the log has all."""
        begin = self._operations.change
        return (await asked(lambda: begin(c.CommentTask, task_id, text=text))).task

    async def delete(self, task_id: int) -> Sequence[int]:
        """Take a task away for ever; the ids of those that waited for nothing else."""
        return await asked(lambda: self._operations.delete(task_id))

    async def add_dependency(self, task_id: int, blocker_id: int) -> TaskUpdate:
        """Let a task wait for another."""
        begin = self._operations.change
        return await asked(lambda: begin(c.AddDependency, task_id, blocker_id=blocker_id))

    async def remove_dependency(self, task_id: int, blocker_id: int) -> TaskUpdate:
        """Let a task wait for another no more."""
        begin = self._operations.change
        return await asked(lambda: begin(c.RemoveDependency, task_id, blocker_id=blocker_id))


class SyncTaskBoard:
    """See `TaskBoard`. Every call blocks."""

    def __init__(self, operations: BoardOperations) -> None:
        """Made by `SyncRuntime` and `SyncAgent`."""
        self._operations = operations
        self._core = operations.core

    def __call__(self) -> BoardState:
        """See `TaskBoard.__call__`."""
        return result_of(self._core, self._operations.state)

    def list(self) -> Sequence[Task]:
        """See `TaskBoard.list`."""
        return _listed(self())

    def groups(self) -> BoardGroups:
        """See `TaskBoard.groups`."""
        return board_groups(BoardView(state=self()))

    def get(self, task_id: int) -> Task:
        """See `TaskBoard.get`."""
        return result_of(self._core, lambda: self._operations.task(task_id))

    def create(self, subject: str, **said: Unpack[NewTask]) -> Task:
        """See `TaskBoard.create`."""
        return result_of(self._core, lambda: self._operations.create(subject, said))

    def update(self, task_id: int, **changes: Unpack[TaskChanges]) -> TaskUpdate:
        """See `TaskBoard.update`."""
        return result_of(self._core, lambda: self._operations.update(task_id, changes))

    def claim(
        self, task_id: int | None = None, *, owner: str = "", ttl_s: float | None = None
    ) -> Task:
        """See `TaskBoard.claim`."""
        return result_of(self._core, lambda: self._operations.claim(task_id, owner, ttl_s))

    def release(self, task_id: int) -> Task:
        """See `TaskBoard.release`."""
        begin = self._operations.change
        return result_of(self._core, lambda: begin(c.ReleaseClaim, task_id)).task

    def assign(self, task_id: int, owner: str) -> Task:
        """See `TaskBoard.assign`."""
        begin = self._operations.change
        return result_of(self._core, lambda: begin(c.AssignTask, task_id, owner=owner)).task

    def comment(self, task_id: int, text: str) -> Task:
        """See `TaskBoard.comment`."""
        begin = self._operations.change
        return result_of(self._core, lambda: begin(c.CommentTask, task_id, text=text)).task

    def delete(self, task_id: int) -> Sequence[int]:
        """See `TaskBoard.delete`."""
        return result_of(self._core, lambda: self._operations.delete(task_id))

    def add_dependency(self, task_id: int, blocker_id: int) -> TaskUpdate:
        """See `TaskBoard.add_dependency`."""
        begin = self._operations.change
        return result_of(
            self._core, lambda: begin(c.AddDependency, task_id, blocker_id=blocker_id)
        )

    def remove_dependency(self, task_id: int, blocker_id: int) -> TaskUpdate:
        """See `TaskBoard.remove_dependency`."""
        begin = self._operations.change
        return result_of(
            self._core, lambda: begin(c.RemoveDependency, task_id, blocker_id=blocker_id)
        )


def _listed(board: BoardState) -> Sequence[Task]:
    return [board.tasks[task_id] for task_id in sorted(board.tasks)]
