"""Events of applications on the log: their form there, and the rows that find them.

One insert is one append. The stream of an aggregate holds its events in the order in which they
came; their versions are the library's, which are only unique, and so part of the payload.
"""

import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec
from eventsourcing.persistence import StoredEvent

from mentra_actors.errors import StoreCorrupted
from mentra_actors.ids import name_of
from mentra_actors.store.ports import Appended, EncodedEvent, StreamAppend
from mentra_actors.store.ports import StoredEvent as LoggedEvent
from mentra_actors.store.recorders.datastore import LMDBDatastore
from mentra_actors.store.recorders.event_form import check_content, sequence_stream
from mentra_actors.store.recorders.library_errors import RowsClash
from mentra_actors.store.recorders.side_keys import (
    append_key,
    event_key,
    pack_count,
    pack_place,
    pack_signed,
    row_key,
)
from mentra_actors.store.recorders.side_rows import find_one_of, put_rows

if TYPE_CHECKING:
    import lmdb

__all__ = ["NewEvents", "from_log", "stream_appends"]


class _Payload(msgspec.Struct, frozen=True, array_like=True):
    originator_version: int
    state: bytes


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Payload)


def stream_appends(
    datastore: LMDBDatastore, sequence: str, events: Sequence[StoredEvent]
) -> Iterator[StreamAppend]:
    """What puts `events` on the log in their order, any aggregate after any other.

    Raises:
        TypeError, ValueError: an id, a topic or a state cannot be kept.
    """
    for text, run in itertools.groupby(events, lambda e: datastore.id_text(e.originator_id)):
        stream_id = sequence_stream(sequence, text)
        yield StreamAppend(stream_id=stream_id, events=tuple(_encoded(event) for event in run))


def from_log(datastore: LMDBDatastore, logged: LoggedEvent) -> StoredEvent:
    """The event that `stream_appends` put on the log.

    Raises:
        StoreCorrupted: it was not put there by a recorder.
    """
    try:
        payload = _DECODER.decode(logged.payload)
    except msgspec.DecodeError as error:
        raise StoreCorrupted(
            f"position {logged.global_position} is not an event of a recorder: {error}"
        ) from error
    return StoredEvent(
        originator_id=datastore.id_from_text(name_of(logged.stream_id)),
        originator_version=payload.originator_version,
        topic=logged.event_type,
        state=payload.state,
    )


class NewEvents:
    """The rows of events that are being appended; none of their versions may be there."""

    def __init__(
        self, datastore: LMDBDatastore, sequence: str, events: Sequence[StoredEvent]
    ) -> None:
        """Compute the keys.

        Raises:
            RowsClash: two of the events have the same aggregate and version.
            ValueError: an id or a version cannot be kept.
        """
        self._sequence = sequence
        self._events_by_key = {
            event_key(sequence, datastore.id_text(event.originator_id))
            + pack_signed(event.originator_version): event
            for event in events
        }
        if len(self._events_by_key) < len(events):
            raise RowsClash(f"{sequence}: two of the events have the same aggregate and version")

    def check(self, txn: "lmdb.Transaction", side: "lmdb._Database") -> None:
        """See `CommitExtension.check`."""
        key = find_one_of(txn, side, list(self._events_by_key))
        if key is not None:
            event = self._events_by_key[key]
            raise RowsClash(
                f"{self._sequence}: version {event.originator_version} of "
                f"{event.originator_id} is already recorded; get the aggregate and try again"
            )

    def write(self, txn: "lmdb.Transaction", side: "lmdb._Database", appended: Appended) -> None:
        """See `CommitExtension.write`."""
        first = appended.first_position
        rows = [(key, pack_place(first, n)) for n, key in enumerate(self._events_by_key)]
        rows.append((row_key(append_key(self._sequence), first), pack_count(len(rows))))
        put_rows(txn, side, rows)


def _encoded(event: StoredEvent) -> EncodedEvent:
    check_content(event.topic, event.state)
    payload = _Payload(event.originator_version, event.state)
    return EncodedEvent(event.topic, _ENCODER.encode(payload))
