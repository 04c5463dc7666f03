"""What is asked for and not answered, since when, and whether that is long; from the log alone.

The age of an effect is computed when somebody looks, from the time of the event after which it was
open: nothing is recorded for it, and a look at a past moment tells what was open then.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from mentra_actors.decider import AnyDecider
from mentra_actors.domain.agent.decide import AGENT
from mentra_actors.domain.agent.effects import ClaimReadyTask
from mentra_actors.domain.timer import WaitUntil
from mentra_actors.envelope import RecordedEvent
from mentra_actors.ids import StreamId, agent_stream
from projections.views.roster import MemberView

__all__ = [
    "LONG_S",
    "AwaitedEffect",
    "awaited_by_members",
    "awaited_effects",
    "awaited_words",
    "open_for_long",
]

LONG_S = 900.0
"""From how many seconds on an effect is open for long, where nobody says otherwise."""

_WAITS = frozenset({WaitUntil.__name__, ClaimReadyTask.__name__})
"""Kinds that are there to wait: their age says nothing."""
_WORDS = {
    "CallModel": "a model call",
    "RunTool": "the tool {of}",
    "ProbeTool": "the question what became of the tool {of}",
    "ReviewCall": "the review of a call of {of}",
    "CompensateCall": "the undoing of a call of {of}",
    "SummarizeConversation": "a summary of the conversation",
}


class AwaitedEffect(msgspec.Struct, frozen=True, kw_only=True):
    """An effect of a stream that has no outcome. `of` is its tool, if it has one.

    `since` is when it was asked for, in Unix seconds.
    """

    stream_id: StreamId
    effect_id: str
    kind: str
    of: str = ""
    since: float


def awaited_by_members(
    members: Iterable[MemberView], events_of: Callable[[StreamId], Iterable[RecordedEvent[object]]]
) -> Sequence[AwaitedEffect]:
    """What some agents wait for, the oldest first; the events of those that work are read."""
    found: list[AwaitedEffect] = []
    for one in members:
        if one.is_working or one.open_calls:
            stream_id = agent_stream(one.agent_id)
            found += awaited_effects(AGENT, stream_id, events_of(stream_id))
    return sorted(found, key=lambda effect: effect.since)


def awaited_effects(
    decider: AnyDecider,
    stream_id: StreamId,
    recorded_events: Iterable[RecordedEvent[object]],
) -> Sequence[AwaitedEffect]:
    """What the last of all events of a stream leaves open."""
    state, since = decider.initial, dict[str, float]()
    effects: Mapping[Any, object] = {}
    for one in recorded_events:
        state = decider.fold([one.event], state)
        effects = decider.pending(state)
        asked_at = one.recorded_at_ns / 1e9
        since = {effect_id: since.get(effect_id, asked_at) for effect_id in effects}
    return [
        AwaitedEffect(
            stream_id=stream_id,
            effect_id=effect_id,
            kind=type(effect).__name__,
            of=getattr(effect, "tool", ""),
            since=since[effect_id],
        )
        for effect_id, effect in effects.items()
    ]


def open_for_long(
    effects: Iterable[AwaitedEffect], now: float, long_s: float | None = LONG_S
) -> Sequence[AwaitedEffect]:
    """Those that were asked for at least `long_s` seconds before `now`, and are no mere waits."""
    if long_s is None:
        return []
    return [one for one in effects if one.kind not in _WAITS and now - one.since >= long_s]


def awaited_words(effect: AwaitedEffect) -> str:
    """What an effect is, for people."""
    return _WORDS.get(effect.kind, effect.kind).format(of=effect.of)
