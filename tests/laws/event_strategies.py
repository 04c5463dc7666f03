"""Arbitrary journals: every stored event type, few names so that events meet, skipped events."""

import functools
import types
import typing
from enum import Enum
from typing import Any, Literal, Union

import msgspec
from hypothesis import strategies as st

from mentra_actors.codec.event_types import EVENT_TYPES
from mentra_actors.ids import StreamId
from mentra_actors.store.ports import AppendRequest
from mentra_actors.testing.decider_strategies import RETIRED, STREAMS, UNKNOWN
from mentra_actors.testing.decider_strategies import recorded_journal as recorded

_TASKS = st.integers(1, 4)
_BY_FIELD = {
    "task_id": _TASKS,
    "blocker_id": _TASKS,
    "blocked_by": st.lists(_TASKS, max_size=2).map(tuple),
    "effect_id": st.sampled_from(["model-1", "model-2", "model-3"]),
    "key": st.sampled_from(["tool-1.0", "tool-1.1", "tool-2.0", "tool-3.0"]),
    "agent_id": st.sampled_from(["lead", "mate"]),
    "name": st.sampled_from(["lead", "mate", "read"]),
    "team_id": st.sampled_from(["red", "blue"]),
    "schedule_id": st.sampled_from(["s1", "s2"]),
    "mail_id": st.sampled_from(["m1", "m2", "m3"]),
}
_PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(max_size=8),
    int: st.integers(0, 2**40),
    float: st.floats(0, 4e9, allow_nan=False),
    bool: st.booleans(),
    type(None): st.none(),
    bytes: st.binary(max_size=4),
    Any: st.none() | st.booleans() | st.text(max_size=4),
    msgspec.UnsetType: st.just(msgspec.UNSET),
}


def of_type(hint: Any) -> st.SearchStrategy[Any]:
    """Values of a field type as the events use it."""
    while hasattr(hint, "__supertype__"):
        hint = hint.__supertype__
    if hint in _PLAIN:
        return _PLAIN[hint]
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin in (Union, types.UnionType):
        return st.one_of(*map(of_type, arguments))
    if origin is tuple:
        return st.lists(of_type(arguments[0]), max_size=3).map(tuple)
    if origin is dict:
        return st.dictionaries(*map(of_type, arguments), max_size=2)
    if issubclass(hint, Enum):
        return st.sampled_from(list(hint))
    return events_of(hint)


@functools.cache
def events_of(event_type: type[Any]) -> st.SearchStrategy[Any]:
    """Values of one struct class."""
    hints = typing.get_type_hints(event_type)
    fields = {
        field.name: _BY_FIELD[field.name]
        if field.name in _BY_FIELD
        else of_type(hints[field.name])
        for field in msgspec.structs.fields(event_type)
    }
    return st.builds(event_type, **fields)


KNOWN_EVENTS = st.sampled_from(EVENT_TYPES).flatmap(events_of)
EVENTS = st.one_of(KNOWN_EVENTS, KNOWN_EVENTS, KNOWN_EVENTS, UNKNOWN, RETIRED)
APPENDS = st.lists(st.tuples(st.sampled_from(STREAMS), EVENTS), min_size=1, max_size=4)
"""Events of one append, each with its stream."""


JOURNALS = st.lists(st.tuples(st.sampled_from(STREAMS), EVENTS), max_size=30).map(recorded)
"""Journals as they are read back."""


def append_request(journal: Any, pairs: list[tuple[StreamId, Any]]) -> AppendRequest:
    """One append of these events, with the codec of `journal`."""
    parts = tuple(journal.stream_append(stream_id, [event], None) for stream_id, event in pairs)
    return AppendRequest(streams=parts, recorded_at_ns=10**18)


def replaced(request: AppendRequest, **fields: Any) -> AppendRequest:
    """The same append with other fields."""
    return msgspec.structs.replace(request, **fields)


def tag(event_type: type[Any]) -> str:
    """The stored name of an event class."""
    return str(event_type.__struct_config__.tag)
