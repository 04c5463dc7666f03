"""Hypothesis strategies by decider, and whole journals. Importing this module needs `hypothesis`.

    @given(commands_of(BOARD))
    def test_no_task_has_two_owners(commands):
        for answer in play(given_events(BOARD), commands):
            ...

`commands_of` gives lists of commands that reach deep states, `events_of` any event of a decider,
`journals` any log of a store. What is drawn takes ids from small pools, so that it meets.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from mentra_actors.codec.event_types import EVENT_TYPES
from mentra_actors.decider import AnyDecider
from mentra_actors.domain.permission_rules import ClearScope, RememberRule, RevokeRule
from mentra_actors.envelope import RecordedEvent, RetiredEvent, SkippedEvent, UnknownEvent
from mentra_actors.ids import StreamId
from mentra_actors.testing.agent_strategies import agent_histories
from mentra_actors.testing.board_strategies import board_histories
from mentra_actors.testing.schedule_strategies import schedule_histories
from mentra_actors.testing.strategies import (
    background_histories,
    inbox_histories,
    instances,
    lease_histories,
    memory_histories,
)
from mentra_actors.testing.supervision_strategies import supervision_histories
from mentra_actors.testing.team_strategies import team_histories

__all__ = [
    "RETIRED",
    "STREAMS",
    "UNKNOWN",
    "commands_of",
    "events_of",
    "journals",
    "recorded_journal",
    "stored_events",
]

STREAMS = tuple(
    StreamId(name)
    for name in (
        "agent-lead",
        "agent-mate",
        "inbox-lead",
        "inbox-mate",
        "team-red",
        "board-red",
        "lease-x",
        "schedule-red",
        "odd",
        "ä-é" * 30,
    )
)
"""Few names, so that events meet, and odd ones."""
UNKNOWN = st.builds(
    UnknownEvent,
    event_type=st.sampled_from(["agent.dreamt.v1", "inbox.burnt.v9"]),
    payload=st.binary(max_size=4),
)
"""Events of a later release."""
RETIRED = st.builds(
    RetiredEvent, event_type=st.just("agent.mumbled.v0"), payload=st.binary(max_size=4)
)
"""Events that say nothing any more."""


def _rule_histories(max_size: int = 20) -> SearchStrategy[list[object]]:
    kinds = st.sampled_from([RememberRule, RememberRule, RevokeRule, ClearScope])
    return st.lists(kinds.flatmap(instances), max_size=max_size)


_HISTORIES: Mapping[str, Callable[..., SearchStrategy[list[Any]]]] = {
    "agent": agent_histories,
    "background": background_histories,
    "board": board_histories,
    "inbox": inbox_histories,
    "lease": lease_histories,
    "memory": memory_histories,
    "rules": _rule_histories,
    "schedule": schedule_histories,
    "supervision": supervision_histories,
    "team": team_histories,
}


def commands_of(decider: AnyDecider, *, max_size: int = 20) -> SearchStrategy[list[Any]]:
    """Lists of commands for one stream of a decider of this package.

    Those of agents are for one that was spawned: `given(AGENT, SPAWNED)`, with `SPAWNED` of
    `mentra_actors.testing.agent_strategies`.

    Raises:
        LookupError: the decider is not of this package.
    """
    if decider.category not in _HISTORIES:
        known = ", ".join(_HISTORIES)
        raise LookupError(f"no commands are known for {decider.category!r}, only for {known}")
    return _HISTORIES[decider.category](max_size=max_size)


def events_of(decider: AnyDecider) -> SearchStrategy[Any]:
    """Any event of a decider, yours or one of this package, built from the types of its fields.

    Raises:
        TypeError: a field is of a type for which no value is known.
    """
    kinds = sorted(decider.event_types, key=lambda kind: kind.__name__)
    return st.sampled_from(kinds).flatmap(instances)


def stored_events() -> SearchStrategy[Any]:
    """Any event that a store may hold: of each type, of later releases, retired ones."""
    known = st.sampled_from(EVENT_TYPES).flatmap(instances)
    return st.one_of(known, known, known, UNKNOWN, RETIRED)


def journals(
    max_size: int = 30,
    *,
    events: SearchStrategy[object] | None = None,
    streams: Sequence[StreamId] = STREAMS,
) -> SearchStrategy[list[RecordedEvent[object]]]:
    """Logs that no team would write: any events, in any order, in any streams.

    With `events` two in three are of those, in `streams`: for who counts only some kinds, which
    a log of all kinds seldom holds.
    """
    pairs = st.tuples(st.sampled_from(STREAMS), stored_events())
    if events is not None:
        chosen = st.tuples(st.sampled_from(streams), events)
        pairs = st.one_of(pairs, chosen, chosen)
    return st.lists(pairs, max_size=max_size).map(recorded_journal)


def recorded_journal(
    pairs: Iterable[tuple[StreamId, object]], *, first_ns: int = 10**18
) -> list[RecordedEvent[object]]:
    """The journal that holds these events in this order, a second apart."""
    versions: dict[StreamId, int] = {}
    journal = []
    for position, (stream_id, event) in enumerate(pairs, start=1):
        versions[stream_id] = versions.get(stream_id, 0) + 1
        journal.append(
            RecordedEvent(
                global_position=position,
                stream_id=stream_id,
                stream_version=versions[stream_id],
                event_type=_tag_of(event),
                event=event,
                recorded_at_ns=first_ns + position * 10**9,
            )
        )
    return journal


def _tag_of(event: Any) -> str:
    if isinstance(event, SkippedEvent):
        return event.event_type
    return str(type(event).__struct_config__.tag)
