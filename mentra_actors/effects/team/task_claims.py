"""Performs the claims of autonomous teammates: a task as soon as there is one, or the end."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeAlias

import anyio

from mentra_actors.domain.agent.commands import RecordIdleTimeout
from mentra_actors.domain.agent.effects import ClaimReadyTask
from mentra_actors.domain.agent.profile import AgentProfile
from mentra_actors.domain.board.commands import ClaimTask
from mentra_actors.domain.board.state import BoardState, can_claim, owner_name
from mentra_actors.domain.team.state import RenameOnBoard, TeamState, name_in
from mentra_actors.effects.models.live import LiveFeed
from mentra_actors.effects.ports import Clock
from mentra_actors.effects.runner import Order
from mentra_actors.envelope import RecordedEvent
from mentra_actors.errors import CommandRejected, StoreError
from mentra_actors.ids import CommandId, StreamId, board_stream, team_stream
from mentra_actors.tools.contract import Commands

__all__ = ["TaskClaims"]

_log = logging.getLogger(__name__)

_Recorded: TypeAlias = LiveFeed[tuple[RecordedEvent[object], ...]]


class TaskClaims:
    """The performer of `ClaimReadyTask`.

    It looks at the board, and again whenever something is recorded there. The claim brings the
    agent a letter, which ends the effect. Time only counts between two looks, so an agent never
    stops with a claim of its own on the way; and it counts from when somebody looks: an agent
    that could not work because no process was there has not been idle.
    """

    def __init__(
        self,
        commands: Commands,
        clock: Clock,
        recorded: _Recorded,
        post: Callable[[Callable[[], None]], None],
    ) -> None:
        """`post` has something called on the effects loop, from any thread."""
        self._commands = commands
        self._clock = clock
        self._recorded = recorded
        self._post = post

    async def __call__(self, order: Order) -> RecordIdleTimeout | None:
        """See `Performer`. Ends without an outcome when a task is claimed."""
        effect: ClaimReadyTask = order.effect
        timeout_s = effect.profile.autonomy.idle_timeout_s
        late_at = self._clock.now() + timeout_s if timeout_s else None
        claim_id = CommandId(f"{order.stream_id}/{effect.effect_id}")
        with self._changes_of(board_stream(effect.profile.team_id)) as changes:
            while True:
                changes.begin()
                if await self._is_claimed(effect, claim_id):
                    return None
                if not await self._is_changed(changes, late_at):
                    now = self._clock.now()
                    return RecordIdleTimeout(effect_id=effect.effect_id, now=now)

    async def _is_claimed(self, effect: ClaimReadyTask, claim_id: CommandId) -> bool:
        """It claims under its present name, which its profile may not have yet."""
        profile, board = effect.profile, board_stream(effect.profile.team_id)
        try:
            name, *older = await self._names(profile)
            state: BoardState = await self._commands.look(board)
            names = {name, *older, owner_name(profile.agent_id, name, state)}
            if not name or not all(can_claim(one, state) for one in names):
                return False
            claim = ClaimTask(
                command_id=claim_id,
                claimant=name,
                notify=profile.agent_id,
                agent_id=profile.agent_id,
                now=self._clock.now(),
            )
            await self._commands.ask(board, claim)
        except CommandRejected:  # somebody else was first
            return False
        except StoreError as error:
            _log.warning("%s claims no task for now: %s", profile.agent_id, error)
            return False
        return True

    async def _names(self, profile: AgentProfile) -> Sequence[str]:
        """What the team calls it, then what the board may still call it.

        The first one is empty if it has left, or is to stop.
        """
        agent_id = profile.agent_id
        team: TeamState = await self._commands.look(team_stream(profile.team_id))
        name = name_in(team, agent_id)
        if not name or team.members[name].stopping:
            return [""]
        renames = (one for one in team.board_work if isinstance(one, RenameOnBoard))
        return [name, *(one.old for one in renames if one.agent_id == agent_id)]

    async def _is_changed(self, changes: "_Changes", late_at: float | None) -> bool:
        """Wait for a change; False if it becomes late before there is one."""
        if late_at is None:
            await changes.wait()
            return True
        async with anyio.create_task_group() as group:
            group.start_soon(self._end_at, late_at, group.cancel_scope)
            await changes.wait()
            group.cancel_scope.cancel()
        return changes.has_come

    async def _end_at(self, at: float, scope: anyio.CancelScope) -> None:
        await self._clock.sleep_until(at)
        scope.cancel()

    @contextmanager
    def _changes_of(self, stream_id: StreamId) -> Iterator["_Changes"]:
        changes = _Changes()
        end = self._recorded.subscribe(lambda _recorded: self._post(changes.come), topic=stream_id)
        try:
            yield changes
        finally:
            end()


class _Changes:
    """What has come since `begin`. On the effects loop."""

    def __init__(self) -> None:
        self._event = anyio.Event()

    def begin(self) -> None:
        self._event = anyio.Event()

    def come(self) -> None:
        self._event.set()

    @property
    def has_come(self) -> bool:
        return self._event.is_set()

    async def wait(self) -> None:
        await self._event.wait()
