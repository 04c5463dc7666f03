"""A session: the conversation of a person or a program with one lead."""

from collections.abc import Sequence
from typing import TypeVar, Unpack

import anyio

from mentra_actors.domain.content import Attachment, Message
from mentra_actors.domain.conversation_tree import Entry
from mentra_actors.domain.model_call import ReasoningOptions
from mentra_actors.ids import AgentId, EntryId
from mentra_actors.runtime.agents.agent import Agent
from mentra_actors.runtime.agents.run_options import RunArguments
from mentra_actors.runtime.agents.run_watch import Reply
from mentra_actors.runtime.agents.typed_output import OutputArguments
from mentra_actors.runtime.awaiting import asked
from mentra_actors.runtime.sessions.session_operations import SessionOperations
from mentra_actors.runtime.sessions.session_permissions import SessionPermissions
from mentra_actors.runtime.teams.member_views import TeamMember
from mentra_actors.runtime.views.feeds import Feed, FeedItem, FeedStart
from projections.feeds.session_event import SessionEvent
from projections.views.sessions import SessionMetadata

__all__ = ["Session"]

T = TypeVar("T")


class Session:
    """The conversation with one lead. Its id is that of the agent, so it lasts as long."""

    def __init__(self, agent: Agent, operations: SessionOperations) -> None:
        """Made by `Sessions.start` and `Sessions.resume`."""
        self.agent = agent
        """The lead itself, with all that an agent can be told."""
        self.subagents = agent.subagents
        """Agents that a program lets work for this session; see `AgentSubagents`."""
        self.permissions = SessionPermissions(agent.agent_id, operations)
        """Calls that wait for a person, and what is remembered of decisions."""
        self._operations = operations

    def __repr__(self) -> str:
        return f"Session({self.session_id!r})"

    @property
    def session_id(self) -> AgentId:
        """The id of the lead; `Sessions.resume` takes it, in any later process."""
        return self.agent.agent_id

    async def metadata(self) -> SessionMetadata:
        """Title, model, status, turns and times, as the log has them now."""
        return await anyio.to_thread.run_sync(self._operations.metadata, self.session_id)

    # --- turns ----------------------------------------------------------------------------

    async def append_turn(
        self,
        text: str,
        *,
        attachments: Sequence[Attachment] = (),
        prompt_id: str | None = None,
        **run: Unpack[RunArguments],
    ) -> Reply:
        """Say something and return how the turn ended; see `Agent.send`.

        A turn that fails raises, and the next one works.

        Raises:
            CommandRejected, RunFailed, TypeError, ValueError, ActorError, StoreError: see there.
        """
        return await self.agent.send(text, attachments=attachments, prompt_id=prompt_id, **run)

    async def append_turn_to(
        self,
        kind: type[T],
        text: str,
        *,
        attachments: Sequence[Attachment] = (),
        prompt_id: str | None = None,
        output: OutputArguments | None = None,
        **run: Unpack[RunArguments],
    ) -> T:
        """Say something and return the typed value with which the turn ends; see `Agent.run_to`.

        Raises:
            NoOutput: there was none; the turn counts as failed.
            ConfigurationError, CommandRejected, RunFailed, TypeError, ValueError: see there.
        """
        return await self.agent.run_to(
            kind, text, attachments=attachments, prompt_id=prompt_id, output=output, **run
        )

    async def resume_turn(self, **run: Unpack[RunArguments]) -> Reply:
        """Go on with the turn that was broken off last; see `Agent.resume`."""
        return await self.agent.resume(**run)

    # --- what was said --------------------------------------------------------------------

    async def replay(self) -> Sequence[FeedItem[SessionEvent]]:
        """All that has happened so far, each with its place; `events` goes on after the last."""
        return await anyio.to_thread.run_sync(self._operations.replay, self.session_id)

    def events(self, *, after: FeedStart = None) -> Feed[SessionEvent]:
        """What happens, as it comes, in the words of a chat; see `Agent.events` for the places."""
        return self.agent.session_events(after=after)

    async def history(self) -> Sequence[Message]:
        """The messages of the present branch: what a model would be sent now."""
        return await self.agent.conversation.history()

    async def leaf(self) -> EntryId:
        """The entry from which the conversation goes on; 0 at its beginning."""
        return await self.agent.conversation.leaf()

    async def children(self, entry_id: int) -> Sequence[Entry]:
        """Entries that follow this one, on any branch; those of 0 are the first ones."""
        return await self.agent.conversation.children(entry_id)

    async def branch_from(self, entry_id: int) -> int:
        """Go on from another entry; how many entries leave the path. Nothing is deleted.

        Raises:
            CommandRejected, TypeError: see `Conversation.move_to`.
        """
        return await self.agent.conversation.move_to(entry_id)

    # --- how it works ---------------------------------------------------------------------

    async def set_model(self, model: str) -> None:
        """Let another model answer from the next call on.

        Raises:
            UnknownModel: no provider serves it; nothing was recorded.
        """
        await self.agent.configure(model=model)

    async def set_reasoning(self, reasoning: ReasoningOptions | None) -> None:
        """Let the model think more or less from the next call on; None leaves it to the model."""
        await self.agent.configure(reasoning=reasoning)

    async def rename(self, title: str) -> None:
        """Give the session a title; an empty one makes it the first words of the first prompt.

        Raises:
            CommandRejected: it has more than one line, more than 200 characters, control
                characters, or only spaces.
        """
        await self.agent.configure(title=title)

    async def teammates(self) -> Sequence[TeamMember]:
        """The members of the team that this lead has spawned, with their status."""
        return await asked(self._operations.teammates, self.session_id)
