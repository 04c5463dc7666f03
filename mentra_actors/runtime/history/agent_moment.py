"""One agent at one moment of the past: how it was, what it knew, what it was about to do."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property

from mentra_actors.domain.agent.decide import AGENT
from mentra_actors.domain.agent.effects import AgentEffect
from mentra_actors.domain.agent.profile import AgentProfile
from mentra_actors.domain.agent.run_options import RunOptions
from mentra_actors.domain.agent.state import AgentState
from mentra_actors.domain.background.jobs import BACKGROUND
from mentra_actors.domain.content import Message
from mentra_actors.domain.conversation_tree import Transcript
from mentra_actors.domain.past_calls import AgentPast, agent_past
from mentra_actors.domain.team import TEAM
from mentra_actors.envelope import SkippedEvent
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import (
    AgentId,
    EffectId,
    StreamId,
    agent_stream,
    background_stream,
    team_stream,
)
from mentra_actors.runtime.history.past import Past, recorded_time
from mentra_actors.runtime.history.versions import require_version
from mentra_actors.runtime.plain_arguments import require_whole
from mentra_actors.runtime.views.snapshots import (
    AgentSnapshot,
    agent_snapshot,
    with_jobs_of,
    with_team_of,
)
from projections.contract import fold_view
from projections.views.transcript import (
    TRANSCRIPT,
    items_of_pages,
    last_transcript_items,
    transcript_items,
)
from projections.views.transcript_item import TranscriptItem
from projections.views.usage import AgentUsage, agent_usage, usage_of_events

__all__ = ["AgentMoment", "agent_at"]


class AgentMoment:
    """An agent after one event of its stream. Safe from any thread; reading does file I/O."""

    def __init__(self, past: Past, agent_id: AgentId, version: int, position: int) -> None:
        """Made by `Moment.agent` and `agent.at`; the agent has the version at the position."""
        self.agent_id = agent_id
        self.version = version
        """Of the agent's stream; its last event that counts."""
        self.position = position
        """Global position as of which its jobs and its team are shown."""
        self.past = past
        """What it is a moment of: the log of one store."""

    def __repr__(self) -> str:
        return f"AgentMoment({self.agent_id!r}, version={self.version}, position={self.position})"

    @property
    def stream_id(self) -> StreamId:
        """The agent's own stream."""
        return agent_stream(self.agent_id)

    @cached_property
    def time(self) -> datetime:
        """When its last event was recorded."""
        (last, *_) = self.past.journal.read_stream(
            self.stream_id, after=self.version - 1, through=self.version
        )
        return recorded_time(last.recorded_at_ns)

    @property
    def name(self) -> str:
        """Its name of that moment."""
        return self.profile.name

    @property
    def profile(self) -> AgentProfile:
        """How it was configured: model, system prompt, tools, options."""
        profile = self.state.profile
        if profile is None:
            raise CommandRejected(self._why_unknown())
        return profile

    def _why_unknown(self) -> str:
        beginning = self.past.journal.read_stream(self.stream_id, through=min(self.version, 1))
        for first in beginning:
            if isinstance(first.event, SkippedEvent):
                why = f"its first event cannot be read ({first.event.reason})"
                return f"nobody can say what {self.agent_id} was: {why}"
        return f"{self.agent_id} was not an agent yet at {self.version}"

    @property
    def pending(self) -> Mapping[EffectId, AgentEffect]:
        """What it was about to do, or was doing: effects without an outcome, by id."""
        return AGENT.pending(self.state)

    @property
    def limits(self) -> RunOptions | None:
        """The limits of the run that was open: rounds, tokens, money, time; None at rest.

        `snapshot` has what the run had spent.
        """
        run = self.state.run
        return None if run is None else run.options

    @cached_property
    def snapshot(self) -> AgentSnapshot:
        """What it did at that moment, with what waited for it, its jobs and its team.

        It is what `agent.snapshot()` said then, but for words of an answer that was streaming.
        """
        jobs = self.past.state_at(BACKGROUND, background_stream(self.agent_id), self.position)
        team = self.past.state_at(TEAM, team_stream(self.profile.team_id), self.position)
        shown = agent_snapshot(self.state, self.version, None, self.time.timestamp())
        return with_team_of(with_jobs_of(shown, jobs), team)

    @cached_property
    def state(self) -> AgentState:
        """All that the agent decided by; its fields may change with releases."""
        state: AgentState = self.past.state(AGENT, self.stream_id, self.version)
        return state

    def transcript(self, *, last: int | None = None) -> Sequence[TranscriptItem]:
        """What it was told, said and did until then; with `last` only so many items of the end.

        Of a long conversation the end costs what it says, and not what came before.
        """
        journal = self.past.journal
        if last is not None:
            require_whole(last, "the number of items")
        if last is None:
            return transcript_items(journal, self.stream_id, through_version=self.version)
        return last_transcript_items(journal, self.stream_id, last, through_version=self.version)

    def items_since(self, version: int) -> Sequence[TranscriptItem]:
        """What was added to the transcript after an earlier version."""
        recorded = self.past.journal.read_stream(
            self.stream_id, after=version, through=self.version
        )
        return items_of_pages(fold_view(TRANSCRIPT, recorded))

    def is_of_same_past(self, other: "AgentMoment") -> bool:
        """True if both are moments of one stream of one store."""
        return self.past is other.past and self.agent_id == other.agent_id

    def conversation(self) -> Transcript:
        """All entries until then as a tree, the path, and what a model was told of it."""
        return self.past.conversations.at(self.stream_id, self.version)

    def messages(self) -> Sequence[Message]:
        """What a model would have been sent then: the request as of that moment."""
        return list(self.conversation().messages)

    def calls(self) -> AgentPast:
        """Its model calls until then, each with the conversation and the view it was sent."""
        pages = self.past.journal.event_pages(self.stream_id, through=self.version)
        return agent_past(event for events, _ in pages for event in events)

    def usage(self) -> AgentUsage:
        """Tokens and money until then, without its subagents."""
        recorded = self.past.journal.read_stream(self.stream_id, through=self.version)
        return agent_usage(usage_of_events(recorded), self.agent_id)


def agent_at(past: Past, agent_id: AgentId, version: int) -> AgentMoment:
    """The agent after the event with this version of its stream.

    Raises:
        CommandRejected: the version is to come, or is none.
    """
    stream_id = agent_stream(agent_id)
    last = past.reader.stream_version(stream_id)
    require_whole(version, "a version")
    if not last:
        raise CommandRejected(f"there is no agent {agent_id!r}")
    require_version(stream_id, version, last)
    return AgentMoment(past, agent_id, version, past.journal.position_of(stream_id, version))
