"""A session, as a program without an event loop sees it: `session`, without `await`."""

from collections.abc import Sequence
from typing import TypeVar, Unpack

from mentra_actors.domain.content import Attachment, Message
from mentra_actors.domain.conversation_tree import Entry
from mentra_actors.domain.model_call import ReasoningOptions
from mentra_actors.ids import AgentId, EntryId
from mentra_actors.runtime.agents.run_options import RunArguments
from mentra_actors.runtime.agents.run_watch import Reply
from mentra_actors.runtime.agents.sync_agent import SyncAgent
from mentra_actors.runtime.agents.typed_output import OutputArguments
from mentra_actors.runtime.blocking import result_of
from mentra_actors.runtime.sessions.session_operations import SessionOperations
from mentra_actors.runtime.sessions.session_permissions import SyncSessionPermissions
from mentra_actors.runtime.teams.member_views import TeamMember
from mentra_actors.runtime.views.feeds import FeedItem, FeedStart, SyncFeed
from projections.feeds.session_event import SessionEvent
from projections.views.sessions import SessionMetadata

__all__ = ["SyncSession"]

T = TypeVar("T")


class SyncSession:
    """See `Session`. Every call blocks; `timeout_s` is as in `SyncAgent`."""

    def __init__(self, agent: SyncAgent, operations: SessionOperations) -> None:
        """Made by `SyncSessions.start` and `SyncSessions.resume`."""
        self.agent = agent
        """See `Session.agent`."""
        self.subagents = agent.subagents
        """See `Session.subagents`."""
        self.permissions = SyncSessionPermissions(agent.agent_id, operations)
        """See `Session.permissions`."""
        self._operations = operations

    def __repr__(self) -> str:
        return f"SyncSession({self.session_id!r})"

    @property
    def session_id(self) -> AgentId:
        """See `Session.session_id`."""
        return self.agent.agent_id

    def metadata(self) -> SessionMetadata:
        """See `Session.metadata`."""
        return self._operations.metadata(self.session_id)

    def append_turn(
        self,
        text: str,
        *,
        attachments: Sequence[Attachment] = (),
        prompt_id: str | None = None,
        timeout_s: float | None = None,
        **run: Unpack[RunArguments],
    ) -> Reply:
        """See `Session.append_turn`."""
        return self.agent.send(
            text, attachments=attachments, prompt_id=prompt_id, timeout_s=timeout_s, **run
        )

    def append_turn_to(
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
        """See `Session.append_turn_to`."""
        return self.agent.run_to(
            kind,
            text,
            attachments=attachments,
            prompt_id=prompt_id,
            output=output,
            timeout_s=timeout_s,
            **run,
        )

    def resume_turn(self, *, timeout_s: float | None = None, **run: Unpack[RunArguments]) -> Reply:
        """See `Session.resume_turn`."""
        return self.agent.resume(timeout_s=timeout_s, **run)

    def replay(self) -> Sequence[FeedItem[SessionEvent]]:
        """See `Session.replay`."""
        return self._operations.replay(self.session_id)

    def events(self, *, after: FeedStart = None) -> SyncFeed[SessionEvent]:
        """See `Session.events`."""
        return self.agent.session_events(after=after)

    def history(self) -> Sequence[Message]:
        """See `Session.history`."""
        return self.agent.conversation.history()

    def leaf(self) -> EntryId:
        """See `Session.leaf`."""
        return self.agent.conversation.leaf()

    def children(self, entry_id: int) -> Sequence[Entry]:
        """See `Session.children`."""
        return self.agent.conversation.children(entry_id)

    def branch_from(self, entry_id: int) -> int:
        """See `Session.branch_from`."""
        return self.agent.conversation.move_to(entry_id)

    def set_model(self, model: str) -> None:
        """See `Session.set_model`."""
        self.agent.configure(model=model)

    def set_reasoning(self, reasoning: ReasoningOptions | None) -> None:
        """See `Session.set_reasoning`."""
        self.agent.configure(reasoning=reasoning)

    def rename(self, title: str) -> None:
        """See `Session.rename`."""
        self.agent.configure(title=title)

    def teammates(self) -> Sequence[TeamMember]:
        """See `Session.teammates`."""
        core = self._operations.core
        return result_of(core, lambda: self._operations.teammates(self.session_id))
