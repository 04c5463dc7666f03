"""One agent, as a program without an event loop sees it: `agent`, without `await`."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import TypeVar, Unpack

from mentra_actors.domain.agent.events.inputs import QueueMode, QueueName
from mentra_actors.domain.agent.state import AgentState
from mentra_actors.domain.content import Attachment
from mentra_actors.domain.inbox import Mail
from mentra_actors.ids import AgentId, RunId
from mentra_actors.providers.catalogue import TokenCount
from mentra_actors.runtime.agents.agent_context import SyncAgentContext
from mentra_actors.runtime.agents.agent_feed import agent_source, session_source
from mentra_actors.runtime.agents.agent_forks import SyncAgentForks
from mentra_actors.runtime.agents.agent_memory import SyncAgentMemory
from mentra_actors.runtime.agents.agent_subagents import SyncAgentSubagents
from mentra_actors.runtime.agents.agent_team import SyncAgentTeam
from mentra_actors.runtime.agents.agent_versions import SyncAgentVersions
from mentra_actors.runtime.agents.conversation import SyncConversation
from mentra_actors.runtime.agents.decisions import Decision, Remembering, decision
from mentra_actors.runtime.agents.profiles import ProfileOptions, profile_changes
from mentra_actors.runtime.agents.run_options import STOP_GRACE_S, RunArguments
from mentra_actors.runtime.agents.run_watch import Reply
from mentra_actors.runtime.agents.typed_output import OutputArguments
from mentra_actors.runtime.blocking import result_of, waiting_limit, watched_result_of
from mentra_actors.runtime.operations import Operations
from mentra_actors.runtime.teams.board_operations import BoardOperations
from mentra_actors.runtime.teams.schedules import SyncAgentSchedules
from mentra_actors.runtime.teams.task_board import SyncTaskBoard
from mentra_actors.runtime.views.changes import changes_of
from mentra_actors.runtime.views.feeds import FeedStart, SyncFeed
from mentra_actors.runtime.views.snapshots import AgentSnapshot
from projections.feeds.agent_event import AgentEvent
from projections.feeds.session_event import SessionEvent
from projections.views.transcript_item import TranscriptItem
from projections.views.usage import AgentUsage, RunUsage

__all__ = ["SyncAgent"]

T = TypeVar("T")


class SyncAgent(SyncAgentForks):
    """One agent of a running team; see `Agent`. Every call blocks until it is answered.

    A call from an actor or loop thread raises RuntimeError: it would wait for itself. After
    `timeout_s` seconds (None: never) `TimeoutError` is raised, and the work goes on.
    """

    def __init__(self, name: str, agent_id: AgentId, operations: Operations) -> None:
        """Made by `SyncRuntime.spawn` and `SyncRuntime.agent`."""
        self.name = name
        self.agent_id = agent_id
        self.conversation = SyncConversation(agent_id, operations)
        """See `Agent.conversation`."""
        self.memory = SyncAgentMemory(operations.core, agent_id)
        """See `Agent.memory`."""
        self.board = SyncTaskBoard(BoardOperations(operations.core, agent_id))
        """See `Agent.board`."""
        self.team = SyncAgentTeam(agent_id, operations.core, operations.members)
        """See `Agent.team`."""
        self.schedules = SyncAgentSchedules(agent_id, operations.core)
        """See `Agent.schedules`."""
        self.subagents = SyncAgentSubagents(agent_id, operations.core)
        """See `Agent.subagents`."""
        self.context = SyncAgentContext(operations.core, agent_id)
        """See `Agent.context`."""
        self.at = SyncAgentVersions(operations.history, agent_id)
        """See `Agent.at`."""
        self._operations = operations
        self._core = operations.core
        self._runs = operations.runs
        self._agents = operations.agents

    def __repr__(self) -> str:
        return f"SyncAgent({self.name!r})"

    def _done(self, begin: "Callable[[], Future[T]]", timeout_s: float | None = None) -> T:
        return result_of(self._core, begin, timeout_s)

    # --- runs -----------------------------------------------------------------------------

    def send(
        self,
        text: str,
        *,
        attachments: Sequence[Attachment] = (),
        prompt_id: str | None = None,
        timeout_s: float | None = None,
        **run: Unpack[RunArguments],
    ) -> Reply:
        """See `Agent.send`."""
        return self._done(
            lambda: self._runs.send(self.agent_id, text, prompt_id, run, attachments=attachments),
            timeout_s,
        )

    def run_to(
        self,
        kind: type[T],
        text: str,
        *,
        attachments: Sequence[Attachment] = (),
        prompt_id: str | None = None,
        output: OutputArguments | None = None,
        timeout_s: float | None = None,
        **run: Unpack[RunArguments],
    ) -> T:
        """See `Agent.run_to`."""
        return self._done(
            lambda: self._runs.run_to(
                self.agent_id, kind, text, prompt_id, run, output or {}, attachments=attachments
            ),
            timeout_s,
        )

    def resume(self, *, timeout_s: float | None = None, **run: Unpack[RunArguments]) -> Reply:
        """See `Agent.resume`."""
        return self._done(lambda: self._runs.resume(self.agent_id, run), timeout_s)

    def run_queued(self, *, timeout_s: float | None = None, **run: Unpack[RunArguments]) -> Reply:
        """See `Agent.run_queued`."""
        return self._done(lambda: self._runs.run_queued(self.agent_id, run), timeout_s)

    def wait_for_run(self, *, timeout_s: float | None = None) -> Reply:
        """See `Agent.wait_for_run`."""
        watch = partial(self._runs.next_end, self.agent_id)
        return watched_result_of(self._core, watch, timeout_s)

    def cancel(self, reason: str = "cancelled") -> None:
        """See `Agent.cancel`."""
        self._done(lambda: self._runs.cancel(self.agent_id, reason))

    def stop_run(self, reason: str = "stopped", *, grace_s: float | None = STOP_GRACE_S) -> None:
        """See `Agent.stop_run`."""
        self._done(lambda: self._runs.stop_run(self.agent_id, reason, grace_s))

    # --- words for later ------------------------------------------------------------------

    def steer(
        self, text: str, *, attachments: Sequence[Attachment] = (), item_id: str | None = None
    ) -> None:
        """See `Agent.steer`."""
        queue = self._agents.queue
        self._done(lambda: queue(self.agent_id, "steer", text, item_id, attachments))

    def follow_up(
        self, text: str, *, attachments: Sequence[Attachment] = (), item_id: str | None = None
    ) -> None:
        """See `Agent.follow_up`."""
        queue = self._agents.queue
        self._done(lambda: queue(self.agent_id, "follow_up", text, item_id, attachments))

    def clear_queue(self, queue: QueueName) -> None:
        """See `Agent.clear_queue`."""
        self._done(lambda: self._agents.clear(self.agent_id, queue))

    def set_queue_mode(self, queue: QueueName, mode: QueueMode) -> None:
        """See `Agent.set_queue_mode`."""
        self._done(lambda: self._agents.set_mode(self.agent_id, queue, mode))

    def mail(self, body: str, *, mail_id: str | None = None) -> None:
        """See `Agent.mail`."""
        self._done(lambda: self._operations.letters.send(self.agent_id, body, mail_id))

    def read_mail(self) -> Sequence[Mail]:
        """See `Agent.read_mail`."""
        return self._done(lambda: self._agents.hand_over_mail(self.agent_id))

    def wait_for_mail(self, *, timeout_s: float | None = None) -> Sequence[Mail]:
        """See `Agent.wait_for_mail`; the time counts for each letter that another reader takes."""
        while True:
            self.wait_for_snapshot(lambda one: one.waiting_mail > 0, timeout_s=timeout_s)
            letters = self.read_mail()
            if letters:
                return letters

    # --- permissions ----------------------------------------------------------------------

    def allow(self, request_id: str, **more: Unpack[Remembering]) -> None:
        """See `Agent.allow`."""
        self._resolve(decision(request_id, allow=True, reason="", more=more))

    def deny(self, request_id: str, reason: str = "", **more: Unpack[Remembering]) -> None:
        """See `Agent.deny`."""
        self._resolve(decision(request_id, allow=False, reason=reason, more=more))

    def _resolve(self, made: Decision) -> None:
        self._done(lambda: self._agents.resolve_permission(self.agent_id, made))

    # --- the agent itself -----------------------------------------------------------------

    def configure(self, *, model: str | None = None, **options: Unpack[ProfileOptions]) -> None:
        """See `Agent.configure`."""
        changes = profile_changes(model, options)
        self._done(lambda: self._agents.configure(self.agent_id, changes))

    def compensate(self) -> None:
        """See `Agent.compensate`."""
        self._done(lambda: self._agents.compensate(self.agent_id))

    def give_up_undoing(self, reason: str = "given up") -> None:
        """See `Agent.give_up_undoing`."""
        self._done(lambda: self._agents.give_up_undoing(self.agent_id, reason))

    def stop(self) -> None:
        """See `Agent.stop`."""
        self._done(lambda: self._agents.stop(self.agent_id))

    # --- looking --------------------------------------------------------------------------

    def state(self) -> AgentState:
        """See `Agent.state`."""
        return self._done(lambda: self._agents.state(self.agent_id))

    def snapshot(self) -> AgentSnapshot:
        """See `Agent.snapshot`."""
        return self._done(lambda: self._agents.snapshot(self.agent_id))

    def wait_for_snapshot(
        self, is_wanted: Callable[[AgentSnapshot], bool], *, timeout_s: float | None = None
    ) -> AgentSnapshot:
        """See `Agent.wait_for_snapshot`; `timeout_s` counts from the last change."""
        more, limit_s = threading.Event(), waiting_limit(timeout_s)
        with changes_of(self._core, self.agent_id, more.set):
            while True:
                more.clear()
                snapshot = self.snapshot()
                if is_wanted(snapshot):
                    return snapshot
                if not more.wait(limit_s):
                    raise TimeoutError(f"nothing has changed within {timeout_s:g} s")

    def events(self, *, after: FeedStart = None) -> SyncFeed[AgentEvent]:
        """See `Agent.events`; use it with `with` and `for`."""
        return SyncFeed(agent_source(self._core, self.agent_id, after))

    def session_events(self, *, after: FeedStart = None) -> SyncFeed[SessionEvent]:
        """See `Agent.session_events`; use it with `with` and `for`."""
        return SyncFeed(session_source(self._core, self.agent_id, after))

    def transcript(self, *, at_version: int | None = None) -> Sequence[TranscriptItem]:
        """See `Agent.transcript`."""
        return self._agents.transcript(self.agent_id, at_version)

    def last_answer(self) -> str:
        """See `Agent.last_answer`."""
        return self._agents.last_answer(self.agent_id)

    def usage(self, *, with_subagents: bool = True) -> AgentUsage:
        """See `Agent.usage`."""
        return self._agents.usage(self.agent_id, with_subagents=with_subagents)

    def count_tokens(self) -> TokenCount:
        """See `Agent.count_tokens`."""
        return self._done(lambda: self._operations.models.count(self.agent_id))

    def usage_of_run(self, run_id: RunId) -> RunUsage:
        """See `Agent.usage_of_run`."""
        return self._agents.usage_of_run(self.agent_id, run_id)
