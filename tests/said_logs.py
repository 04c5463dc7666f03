"""Logs of plain payloads for tests: written and read as stores have them."""

from mentra_actors.ids import StreamId
from mentra_actors.store.opening import open_event_store, open_journal_reader
from mentra_actors.store.ports import AppendRequest, EncodedEvent, StreamAppend

A = StreamId("agent-a")


def write(path, *payloads, sealing=None, recorded_at_ns=1, stream=A):
    """Append events, two in one append where a payload is a pair."""
    store = open_event_store(path, durability="volatile", sealing=sealing)
    try:
        for one in payloads:
            parts = one if isinstance(one, tuple) else (one,)
            events = tuple(EncodedEvent("test.said.v1", part) for part in parts)
            streams = (StreamAppend(stream_id=stream, events=events),)
            store.append(AppendRequest(streams=streams, recorded_at_ns=recorded_at_ns))
    finally:
        store.close()


def said(path, sealing=None):
    """The payloads of a whole log, in order."""
    reader = open_journal_reader(path, sealing=sealing)
    try:
        return [one.payload for one in reader.read_journal()]
    finally:
        reader.close()
