"""What can be done on a task board, as futures: the one body of both public faces."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, TypedDict, get_args

import msgspec

from mentra_actors.actors.messages import Accepted
from mentra_actors.domain.agent.state import AgentState
from mentra_actors.domain.board import commands as c
from mentra_actors.domain.board.events import TaskStatus
from mentra_actors.domain.board.state import (
    BoardState,
    Consequence,
    Task,
    consequence_of,
    existing_task,
    task_of,
)
from mentra_actors.domain.storable import as_stored
from mentra_actors.domain.team import TeamState, owner_in
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import AgentId, CommandId, agent_stream, board_stream, team_stream
from mentra_actors.runtime.agents.run_operations import HOST, new_id
from mentra_actors.runtime.core import RuntimeCore
from mentra_actors.runtime.futures import chained, mapped
from mentra_actors.runtime.plain_arguments import require_known, require_whole

__all__ = ["BoardOperations", "NewTask", "TaskChanges", "TaskUpdate"]


class NewTask(TypedDict, total=False):
    """What may be said of a new task; see `TaskBoard.create`."""

    description: str
    owner: str
    working_directory: str
    blocked_by: Sequence[int]
    priority: int


class TaskChanges(TypedDict, total=False):
    """What may be changed of a task, in this order; see `TaskBoard.update`."""

    subject: str
    description: str
    priority: int
    result: str
    expected_version: int
    working_directory: str
    owner: str
    add_blocked_by: Sequence[int]
    remove_blocked_by: Sequence[int]
    add_blocks: Sequence[int]
    remove_blocks: Sequence[int]
    status: TaskStatus


class TaskUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """A task after a change, and what that did to others.

    `unblocked` are tasks that wait for nothing any more, `reblocked` those that wait again.
    """

    task: Task
    unblocked: tuple[int, ...] = ()
    reblocked: tuple[int, ...] = ()


class _Asker(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks. A teammate has what is its own, a lead everything."""

    name: str
    may_change_any: bool
    is_teammate: bool = False


_PROGRAM = _Asker(name=HOST, may_change_any=True)
_Sent = tuple[BoardState, CommandId]


class BoardOperations:
    """The board of a team for the program, or for one of its agents. Safe from any thread."""

    def __init__(self, core: RuntimeCore, agent_id: AgentId | None = None) -> None:
        self.core = core
        self._agent_id = agent_id
        self._stream = board_stream(core.settings.team)

    def state(self) -> "Future[BoardState]":
        """The whole board."""
        return mapped(self.core.look(self._stream), lambda accepted: accepted.state)

    def task(self, task_id: int) -> "Future[Task]":
        """One task."""
        require_whole(task_id, "the id of a task")
        return mapped(self.state(), lambda board: existing_task(task_id, board))

    def create(self, subject: str, said: NewTask) -> "Future[Task]":
        """Put a task on the board."""
        require_known(said, NewTask.__annotations__, "a task has no field")
        more: dict[str, Any] = {**said, "blocked_by": tuple(said.get("blocked_by", ()))}

        def create(asker: _Asker, common: dict[str, Any]) -> c.CreateTask:
            return c.CreateTask(subject=subject, created_by=asker.name, **common, **more)

        return mapped(self._send(create), _touched)

    def claim(self, task_id: int | None, owner: str, ttl_s: float | None) -> "Future[Task]":
        """Take a task, or have somebody take it; a teammate takes it for itself."""

        def claim(asker: _Asker, common: dict[str, Any]) -> c.ClaimTask:
            return c.ClaimTask(
                task_id=task_id,
                claimant=owner or (asker.name if asker.is_teammate else ""),
                ttl_s=ttl_s,
                asked_by=asker.name,
                may_change_any=asker.may_change_any,
                **common,
            )

        return mapped(self._send(claim), _touched)

    def change(self, kind: type[object], task_id: int, **fields: object) -> "Future[TaskUpdate]":
        """One change, or an update, of one task."""

        def made(sent: _Sent) -> TaskUpdate:
            told, task = _told(sent), existing_task(task_id, sent[0])
            return TaskUpdate(task=task, unblocked=told.unblocked, reblocked=told.reblocked)

        return mapped(self._change(kind, task_id, fields), made)

    def delete(self, task_id: int) -> "Future[tuple[int, ...]]":
        """Take a task away; the tasks that waited for nothing else."""
        return mapped(self._change(c.DeleteTask, task_id, {}), lambda sent: _told(sent).unblocked)

    def update(self, task_id: int, changes: TaskChanges) -> "Future[TaskUpdate]":
        """Several changes of one task.

        Raises:
            TypeError, ValueError: one is not known, or there is no such status.
        """
        require_known(changes, TaskChanges.__annotations__, "a task has no field")
        status = changes.get("status")
        if status is not None and status not in get_args(TaskStatus):
            known = ", ".join(get_args(TaskStatus))
            raise ValueError(f"there is no status {status!r}; a task is {known}")
        return self.change(c.UpdateTask, task_id, **changes)

    def _change(self, kind: type[Any], task_id: int, fields: dict[str, object]) -> "Future[_Sent]":
        said = {name: tuple(one) if isinstance(one, list) else one for name, one in fields.items()}

        def change(asker: _Asker, common: dict[str, object]) -> c.BoardCommand:
            command: c.BoardCommand = kind(
                task_id=task_id,
                changed_by=asker.name,
                may_change_any=asker.may_change_any,
                **common,
                **said,
            )
            return command

        return self._send(change)

    def _send(self, make: Callable[[_Asker, dict[str, Any]], c.BoardCommand]) -> "Future[_Sent]":
        """Have the board decide; done when that is durable.

        Raises:
            TypeError, ValueError: an argument is not known, or cannot be stored.
        """
        command_id = new_id()
        common = {"command_id": command_id, "now": self.core.clock.now()}
        made = make(_PROGRAM, common)
        as_stored(made, type(made), "the board")
        if self._agent_id is None:
            return self._ask(made)

        def ask(looked: Accepted) -> "Future[_Sent]":
            return self._ask(make(_asker_of(looked.state), common))

        return chained(self.core.look(agent_stream(self._agent_id)), ask)

    def _ask(self, command: c.BoardCommand) -> "Future[_Sent]":
        """Send it; who is to own the task is looked up in the team before."""
        if not _owner_of(command):
            sent = self.core.ask(self._stream, command)
            return mapped(sent, lambda done: (done.state, command.command_id))

        def ask(looked: Accepted) -> "Future[_Sent]":
            sent = self.core.ask(self._stream, _owned_by_member(command, looked.state))
            return mapped(sent, lambda done: (done.state, command.command_id))

        return chained(self.core.look(team_stream(self.core.settings.team)), ask)


def _owner_of(command: c.BoardCommand) -> str:
    """Who is to own the task of a command; empty if it does not say."""
    if isinstance(command, c.ClaimTask):
        return command.claimant
    if isinstance(command, c.CreateTask | c.AssignTask | c.UpdateTask):
        return command.owner or ""
    return ""


def _owned_by_member(command: Any, team: TeamState) -> c.BoardCommand:
    field = "agent_id" if isinstance(command, c.ClaimTask) else "owner_id"
    owner_id = owner_in(team, _owner_of(command))
    changed: c.BoardCommand = msgspec.structs.replace(command, **{field: owner_id})
    return changed


def _asker_of(agent: AgentState) -> _Asker:
    profile = agent.profile
    if profile is None:
        raise CommandRejected("there is no such agent")
    is_teammate = bool(profile.lead)
    return _Asker(name=profile.name, may_change_any=not is_teammate, is_teammate=is_teammate)


def _touched(sent: _Sent) -> Task:
    board, command_id = sent
    task = task_of(board, command_id)
    if task is None:
        raise CommandRejected("the task was deleted at once")
    return task


def _told(sent: _Sent) -> Consequence:
    return consequence_of(*sent)
