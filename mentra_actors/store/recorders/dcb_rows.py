"""Tagged events on the log: their form there, the rows that find them, the append condition."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec
from eventsourcing.dcb.api import DCBAppendCondition, DCBEvent, DCBSequencedEvent

from mentra_actors.errors import StoreCorrupted
from mentra_actors.store.ports import Appended, EncodedEvent
from mentra_actors.store.ports import StoredEvent as LoggedEvent
from mentra_actors.store.recorders.dcb_postings import open_matches
from mentra_actors.store.recorders.event_form import check_content
from mentra_actors.store.recorders.library_errors import RowsClash
from mentra_actors.store.recorders.side_keys import (
    append_key,
    pack_count,
    posting_prefix,
    row_key,
)
from mentra_actors.store.recorders.side_rows import Row, put_rows

if TYPE_CHECKING:
    import lmdb

__all__ = ["NewPostings", "NothingMatches", "dcb_event_from_log", "encoded_dcb_event"]


class _Payload(msgspec.Struct, frozen=True, array_like=True):
    tags: list[str]
    data: bytes


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Payload)


def encoded_dcb_event(event: DCBEvent) -> EncodedEvent:
    """What puts an event on the log.

    Raises:
        TypeError: the type or a tag is not text, or the data are not bytes.
    """
    check_content(event.type, event.data)
    for tag in event.tags:
        check_content(tag, event.data)
    return EncodedEvent(event.type, _ENCODER.encode(_Payload(list(event.tags), event.data)))


def dcb_event_from_log(logged: LoggedEvent) -> DCBSequencedEvent:
    """The event that `encoded_dcb_event` put on the log.

    Raises:
        StoreCorrupted: it was not put there by a recorder.
    """
    try:
        payload = _DECODER.decode(logged.payload)
    except msgspec.DecodeError as error:
        raise StoreCorrupted(
            f"position {logged.global_position} is not an event of a recorder: {error}"
        ) from error
    event = DCBEvent(type=logged.event_type, data=payload.data, tags=payload.tags)
    return DCBSequencedEvent(event=event, position=logged.global_position)


class NewPostings:
    """The rows by which events are found that are being appended."""

    def __init__(self, sequence: str, events: Sequence[DCBEvent]) -> None:
        self._sequence = sequence
        self._prefixes = [
            [
                posting_prefix(sequence, "type", event.type),
                *(posting_prefix(sequence, "tag", tag) for tag in set(event.tags)),
            ]
            for event in events
        ]

    def check(self, txn: "lmdb.Transaction", side: "lmdb._Database") -> None:
        """See `CommitExtension.check`; any event may be appended."""

    def write(self, txn: "lmdb.Transaction", side: "lmdb._Database", appended: Appended) -> None:
        """See `CommitExtension.write`."""
        put_rows(txn, side, self._rows(appended.first_position))

    def _rows(self, first: int) -> Iterator[Row]:
        yield row_key(append_key(self._sequence), first), pack_count(len(self._prefixes))
        for offset, prefixes in enumerate(self._prefixes):
            place = pack_count(offset)
            yield from ((row_key(prefix, first + offset), place) for prefix in prefixes)


class NothingMatches:
    """The condition of an append: no event after a position matches the query."""

    def __init__(self, sequence: str, condition: DCBAppendCondition) -> None:
        self._sequence = sequence
        self._query = condition.fail_if_events_match
        self._after = max(condition.after or 0, 0)

    def check(self, txn: "lmdb.Transaction", side: "lmdb._Database") -> None:
        """See `CommitExtension.check`."""
        with contextlib.ExitStack() as stack:
            matches = open_matches(stack, txn, side, self._sequence, self._query)
            place = matches.at_or_after(self._after + 1)
        if place is not None:
            raise RowsClash(
                f"{self._sequence}: the event at {place[0]} matches {self._query}; "
                "read what is there and decide again"
            )

    def write(self, txn: "lmdb.Transaction", side: "lmdb._Database", appended: Appended) -> None:
        """See `CommitExtension.write`; a condition writes nothing."""
