"""Waits until no agent has anything to do, and no job runs if that is wanted too."""

import contextlib
from collections.abc import Sequence
from concurrent.futures import Future, InvalidStateError
from typing import get_args

from mentra_actors.actors.state_loading import StateLoader
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.decide import AGENT
from mentra_actors.domain.agent.effects import CLAIM
from mentra_actors.domain.agent.profile import AgentProfile
from mentra_actors.domain.background.events import JobEnd
from mentra_actors.domain.board.decider import BOARD
from mentra_actors.domain.board.state import can_claim
from mentra_actors.envelope import RecordedEvent
from mentra_actors.errors import ActorQuarantined, MentraError
from mentra_actors.ids import StreamId, board_stream, inbox_stream
from mentra_actors.runtime.core import RuntimeCore

__all__ = ["IdleWatch"]

CHECK_S = 0.5
_ENDS = (
    e.RunFinished,
    e.RunFailed,
    e.RunCancelled,
    e.AgentStopped,
    e.MailTaken,
    e.MailHandedOver,
    e.ToolCallCompensated,
    *get_args(JobEnd),
)


class IdleWatch:
    """`idle` is done when no agent has work, and fails if that can never be. Safe from any thread.

    With `with_jobs` it is done when no job runs in the background either. It looks after events
    that may end the work of an agent, and now and then without one.
    """

    def __init__(self, core: RuntimeCore, *, with_jobs: bool = False) -> None:
        self._core = core
        self._with_jobs = with_jobs
        self.idle: Future[None] = Future()
        self._is_due = False
        self._agents = StateLoader(AGENT, core.store, core.journal)
        self._boards = StateLoader(BOARD, core.store, core.journal)

    def begin(self) -> "Future[None]":
        """Look now, and go on looking; returns `idle`."""
        for end in (
            self._core.recorded.subscribe(self._on_recorded),
            self._core.trouble.subscribe(self._on_trouble),
        ):
            self.idle.add_done_callback(lambda _idle, end=end: end())  # type: ignore[misc]
        if self._core.ended is not None:  # asked after subscribing: one of the two is heard
            self._fail(self._core.ended)
        self._check_again()
        return self.idle

    def _on_recorded(self, recorded: Sequence[RecordedEvent[object]]) -> None:
        if not self._is_due and any(isinstance(one.event, _ENDS) for one in recorded):
            self._is_due = True  # one look for all that end until then
            self._core.call_later(0.0, self._check_soon)

    def _check_soon(self) -> None:
        self._is_due = False
        self._check()

    def _on_trouble(self, error: MentraError) -> None:
        if isinstance(error, ActorQuarantined):
            self._check()  # it is trouble only if the stream is an agent's with work
        else:
            self._fail(error)

    def _check_again(self) -> None:
        self._check()
        if not self.idle.done():
            self._core.call_later(CHECK_S, self._check_again)

    def _check(self) -> None:
        if self.idle.done():
            return
        try:
            busy = self._busy()
        except Exception as error:  # noqa: BLE001 - whoever waits must hear of it
            self._fail(error)
            return
        if not busy:
            with contextlib.suppress(InvalidStateError):  # another thread was first
                self.idle.set_result(None)

    def _fail(self, error: Exception) -> None:
        with contextlib.suppress(InvalidStateError):
            self.idle.set_exception(error)

    def _busy(self) -> list[StreamId]:
        busy, is_sure = self._look()
        while not busy and not is_sure:
            busy, is_sure = self._look()
        quarantined = self._core.directory.quarantined()
        for stream_id in busy:
            if stream_id in quarantined:
                raise ActorQuarantined(stream_id, cause=quarantined[stream_id])
        return busy

    def _look(self) -> tuple[list[StreamId], bool]:
        """Who is busy, and whether marks and states were read at one position.

        A letter that is taken between two readings would be seen neither here nor there.
        """
        position = self._core.journal.last_position()
        opened = frozenset(self._core.store.open_streams())
        busy = [one for one in self._core.open_owners("agent") if self._can_work(one, opened)]
        if self._with_jobs:
            busy += self._core.open_owners("background")
        return busy, self._core.journal.last_position() == position

    def _can_work(self, stream_id: StreamId, opened: frozenset[StreamId]) -> bool:
        """Whether it is busy, has mail, or is just about to claim a task.

        Mail to an agent that was never made is no work: nobody takes it.
        """
        flying = self._core.effects.in_flight(stream_id) if stream_id in opened else ()
        if not all(effect_id.startswith(CLAIM) for effect_id in flying):
            return True
        state = self._agents.load(stream_id).state
        profile = state.profile
        if profile is None or AGENT.is_busy is None or AGENT.is_busy(state):
            return stream_id in opened
        has_mail = inbox_stream(profile.agent_id) in opened
        if state.stopped:  # it says so to its team, and which letters came too late
            return has_mail or stream_id in opened
        return has_mail or (state.looks_for_tasks and self._has_task_for(profile))

    def _has_task_for(self, profile: AgentProfile) -> bool:
        board = board_stream(profile.team_id)
        if board in self._core.directory.quarantined():
            return False
        return can_claim(profile.name, self._boards.load(board).state)
