"""What was forgotten, or archived, is compared by its place: its stream and its tag are there."""

from collections.abc import Sequence
from typing import Any

from mentra_actors.codec.event_codec import tag_of
from mentra_actors.envelope import FORGOTTEN_PAYLOAD, RecordedEvent, RetiredEvent
from mentra_actors.ids import StreamId
from mentra_actors.store.archived_parts import archived_tag

__all__ = ["are_the_same", "can_be_said_by", "is_forgotten", "lost_tag", "may_be"]


def is_forgotten(event: object) -> bool:
    """Whether the key of an event was destroyed, so that nobody knows what it said."""
    return isinstance(event, RetiredEvent) and event.payload == FORGOTTEN_PAYLOAD


def lost_tag(event: Any) -> str:
    """The tag of an event of which the log has no words: forgotten, or archived; else empty."""
    return event.event_type if is_forgotten(event) else archived_tag(event)


def may_be(recorded: RecordedEvent[Any], kind: type[Any]) -> bool:
    """Whether an event is of a class; one of which no words are there, by its tag."""
    event = recorded.event
    return isinstance(event, kind) or _is_tagged(lost_tag(event), kind)


def can_be_said_by(recorded: Any, decided: Any) -> bool:
    """Whether a decided event is the recorded one, as far as that can be read."""
    if tag := lost_tag(recorded):
        return _is_tagged(tag, type(decided))
    return type(recorded) is type(decided) and bool(recorded == decided)


def are_the_same(
    recorded: Sequence[tuple[StreamId, object]], decided: Sequence[tuple[StreamId, object]]
) -> bool:
    """Whether these events, each with its stream, are the recorded ones as far as can be read."""
    return len(recorded) == len(decided) and all(
        old[0] == new[0] and can_be_said_by(old[1], new[1])
        for old, new in zip(recorded, decided, strict=True)
    )


def _is_tagged(tag: str, kind: type[Any]) -> bool:
    """Whether a tag is that of a class, in any version; the empty one is of none."""
    return bool(tag) and _unversioned(tag) == _unversioned(tag_of(kind))


def _unversioned(tag: str) -> str:
    return tag.rpartition(".v")[0] or tag
