"""What was forgotten is compared by its place alone: its stream and its tag are still there."""

from collections.abc import Sequence
from typing import Any

from mentra_actors.codec.event_codec import tag_of
from mentra_actors.envelope import FORGOTTEN_PAYLOAD, RecordedEvent, RetiredEvent
from mentra_actors.ids import StreamId

__all__ = ["are_the_same", "can_be_said_by", "is_forgotten", "may_be"]


def is_forgotten(event: object) -> bool:
    """Whether the key of an event was destroyed, so that nobody knows what it said."""
    return isinstance(event, RetiredEvent) and event.payload == FORGOTTEN_PAYLOAD


def may_be(recorded: RecordedEvent[Any], kind: type[Any]) -> bool:
    """Whether an event is of a class; one that was forgotten, by its tag in any version."""
    event = recorded.event
    return isinstance(event, kind) or (
        is_forgotten(event) and _unversioned(event.event_type) == _unversioned(tag_of(kind))
    )


def can_be_said_by(recorded: Any, decided: Any) -> bool:
    """Whether a decided event is the recorded one, as far as that can be read."""
    if not is_forgotten(recorded):
        return type(recorded) is type(decided) and bool(recorded == decided)
    return _unversioned(recorded.event_type) == _unversioned(tag_of(type(decided)))


def are_the_same(
    recorded: Sequence[tuple[StreamId, object]], decided: Sequence[tuple[StreamId, object]]
) -> bool:
    """Whether these events, each with its stream, are the recorded ones as far as can be read."""
    return len(recorded) == len(decided) and all(
        old[0] == new[0] and can_be_said_by(old[1], new[1])
        for old, new in zip(recorded, decided, strict=True)
    )


def _unversioned(tag: str) -> str:
    return tag.rpartition(".v")[0] or tag
