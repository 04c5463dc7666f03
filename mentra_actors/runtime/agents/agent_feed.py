"""The feeds of one agent: its own words, and those of a session."""

from collections.abc import Sequence

from mentra_actors.domain.agent.commands import PartialAnswer
from mentra_actors.effects.models.live import LiveNotice, ModelDelta
from mentra_actors.effects.models.live_answers import LiveAnswer
from mentra_actors.ids import (
    AgentId,
    EffectId,
    agent_stream,
    background_stream,
    memory_stream,
    team_stream,
)
from mentra_actors.providers.port import TextDelta, ThinkingDelta, ToolCallDelta
from mentra_actors.runtime.core import RuntimeCore
from mentra_actors.runtime.views.feeds import FeedSource, FeedStart
from projections.feeds import agent_event as told
from projections.feeds.agent_event import AgentEvent
from projections.feeds.agent_events import AgentFeedState, agent_events
from projections.feeds.session_event import Mutability, SessionEvent
from projections.feeds.session_events import SessionFeedState, session_event, session_events

__all__ = ["agent_source", "session_source"]


def agent_source(core: RuntimeCore, agent_id: AgentId, after: FeedStart) -> FeedSource[AgentEvent]:
    """What an agent does; see `projections.feeds.agent_event`."""
    return FeedSource(core, agent_stream(agent_id), _AgentTeller(core, agent_id), after)


def session_source(
    core: RuntimeCore, agent_id: AgentId, after: FeedStart
) -> FeedSource[SessionEvent]:
    """The same in the words of a chat, with its jobs, its memory and its teammates.

    See `projections.feeds.session_event`.
    """
    return FeedSource(
        core,
        agent_stream(agent_id),
        _SessionTeller(core, agent_id),
        after,
        beside=(
            background_stream(agent_id),
            memory_stream(agent_id),
            team_stream(core.settings.team),
        ),
    )


class _Heard:
    """How much of the answer that is being given a reader has been told."""

    def __init__(self) -> None:
        self._effect_id = EffectId("")
        self._told = {told.TextDelta: 0, told.ReasoningDelta: 0}

    def told(
        self,
        kind: type[told.TextDelta] | type[told.ReasoningDelta],
        effect_id: EffectId,
        text: str,
        offset: int,
    ) -> Sequence[AgentEvent]:
        """The part of a piece of text that is new to the reader, if any is."""
        if effect_id != self._effect_id:
            self._effect_id, self._told = effect_id, dict.fromkeys(self._told, 0)
        known = max(self._told[kind] - offset, 0)
        if len(text) <= known:
            return ()
        self._told[kind] = offset + len(text)
        return (kind(effect_id=effect_id, delta=text[known:], offset=offset + known),)


class _AgentTeller:
    def __init__(self, core: RuntimeCore, agent_id: AgentId) -> None:
        self._answers = core.answers
        self._stream_id = agent_stream(agent_id)
        self.state = AgentFeedState()
        self._heard = _Heard()

    def recorded(self, event: object) -> Sequence[AgentEvent]:
        """See `feeds.Teller.recorded`."""
        self.state, events = agent_events(self.state, event)
        return events

    def live(self, notice: LiveNotice) -> Sequence[AgentEvent]:
        """See `feeds.Teller.live`."""
        if not isinstance(notice, ModelDelta):
            key = EffectId(notice.effect_id.partition("@")[0])
            if key not in self.state.calls:
                return ()
            line = told.ToolExecutionProgress(key=key, tool=notice.tool, progress=notice.text)
            return (line,)
        if notice.effect_id != self.state.heard:
            return ()
        return self._piece(notice)

    def _piece(self, notice: ModelDelta) -> Sequence[AgentEvent]:
        effect_id, offset = notice.effect_id, notice.offset
        match notice.event:
            case TextDelta(text=text):
                return self._heard.told(told.TextDelta, effect_id, text, offset)
            case ThinkingDelta(text=text):
                return self._heard.told(told.ReasoningDelta, effect_id, text, offset)
            case ToolCallDelta() as call:
                update = told.ToolUseUpdated(
                    effect_id=effect_id,
                    index=call.block_index,
                    call_id=call.call_id,
                    tool=call.name,
                    delta=call.arguments,
                )
                return (update,)
            case _:
                return ()

    def caught_up(self) -> Sequence[AgentEvent]:
        """See `feeds.Teller.caught_up`."""
        heard: LiveAnswer | None = self._answers.heard(self._stream_id)
        if heard is None or heard.effect_id != self.state.heard:
            return ()
        partial: PartialAnswer = heard.partial
        return (
            *self._heard.told(told.ReasoningDelta, heard.effect_id, partial.thinking, 0),
            *self._heard.told(told.TextDelta, heard.effect_id, partial.text, 0),
        )


class _SessionTeller:
    def __init__(self, core: RuntimeCore, agent_id: AgentId) -> None:
        self._agent = _AgentTeller(core, agent_id)
        self._tools, self._agent_id = core.tools, agent_id
        self._state = SessionFeedState()

    def recorded(self, event: object) -> Sequence[SessionEvent]:
        """See `feeds.Teller.recorded`."""
        self._state, events = session_events(self._state, event, mutability_of=self._mutability_of)
        self._agent.state = self._state.agent
        return events

    def _mutability_of(self, name: str) -> Mutability:
        tool = self._tools.of(self._agent_id).get(name)
        if tool is None:
            return "unknown"
        return "read_only" if tool.traits.changes_nothing else "mutating"

    def live(self, notice: LiveNotice) -> Sequence[SessionEvent]:
        """See `feeds.Teller.live`."""
        return _in_words(self._agent.live(notice))

    def caught_up(self) -> Sequence[SessionEvent]:
        """See `feeds.Teller.caught_up`."""
        return _in_words(self._agent.caught_up())


def _in_words(events: Sequence[AgentEvent]) -> Sequence[SessionEvent]:
    return [said for one in events if (said := session_event(one)) is not None]
