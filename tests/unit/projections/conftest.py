"""A log in memory that tests write to, and events as they are read back."""

import pytest

from mentra_actors.codec.event_codec import tag_of
from mentra_actors.envelope import RecordedEvent
from mentra_actors.ids import StreamId
from mentra_actors.store.journal import Journal
from mentra_actors.store.memory_store import MemoryEventStore
from mentra_actors.store.ports import AppendRequest

RECORDED_AT_NS = 1_700_000_000 * 10**9


class Log:
    """A store in memory to which events are appended one by one."""

    def __init__(self):
        self.store = MemoryEventStore()
        self.journal = Journal(self.store)

    def append(self, stream_id, *events):
        """Append the events to a stream; the last position."""
        part = self.journal.stream_append(StreamId(stream_id), events, None)
        request = AppendRequest(streams=(part,), recorded_at_ns=RECORDED_AT_NS)
        return self.store.append(request).last_position


@pytest.fixture
def log():
    """An empty log."""
    return Log()


@pytest.fixture
def recorded():
    """Events of named streams as they are read back: `recorded((stream_id, event), ...)`."""

    def as_read(*pairs, first_version=1):
        versions = {}
        journal = []
        for position, (stream_id, event) in enumerate(pairs, start=1):
            versions[stream_id] = versions.get(stream_id, first_version - 1) + 1
            journal.append(
                RecordedEvent(
                    global_position=position,
                    stream_id=StreamId(stream_id),
                    stream_version=versions[stream_id],
                    event_type=tag_of(type(event)),
                    event=event,
                    recorded_at_ns=RECORDED_AT_NS + position * 10**9,
                )
            )
        return journal

    return as_read
