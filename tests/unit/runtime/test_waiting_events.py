"""Events of a group are taken from its front: what stands next is always that of the first one."""

from itertools import takewhile

from hypothesis import given
from hypothesis import strategies as st

from mentra_actors.domain.agent.events import AgentRenamed
from mentra_actors.envelope import RecordedEvent, UnknownEvent
from mentra_actors.ids import StreamId
from mentra_actors.runtime.replay.waiting_events import WaitingEvents

RENAMED = AgentRenamed(name="x", renamed_at=0.0)
UNREAD = UnknownEvent(event_type="future.v9", payload=b"")


def recorded(position, stream, event):
    return RecordedEvent(
        global_position=position,
        stream_id=StreamId(stream),
        stream_version=position,
        event_type="any",
        event=event,
        recorded_at_ns=0,
    )


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([RENAMED, UNREAD])), max_size=12),
    st.lists(st.integers(1, 4)),
)
def test_they_are_as_in_a_list(told, takes):
    """However many are taken between two looks, also of several streams at once."""
    left = [recorded(place, *one) for place, one in enumerate(told)]
    waiting = WaitingEvents(tuple(left))
    for count in [*takes, *[1] * len(told)]:
        assert bool(waiting) == bool(left)
        if not left:
            return
        own = list(takewhile(lambda one: one.stream_id == left[0].stream_id, left))
        assert list(waiting.own) == own
        assert list(waiting.own_events) == [one.event for one in own]
        assert waiting.has_unread == (UNREAD in [one.event for one in own])
        assert list(waiting.behind(1)) == left[1:]
        for _ in range(min(count, len(left))):
            assert waiting.take() is left.pop(0)
