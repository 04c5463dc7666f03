"""Events of aggregates that have no place among all events of an application: snapshots.

They are rows beside the log, so they take no notification ids and may be deleted at any time.
"""

import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec
from eventsourcing.persistence import AggregateRecorder, StoredEvent

from mentra_actors.errors import StoreCorrupted
from mentra_actors.store.ports import Appended
from mentra_actors.store.recorders.datastore import LMDBDatastore
from mentra_actors.store.recorders.event_form import check_content, sequence_stream
from mentra_actors.store.recorders.library_errors import RowsClash, as_library_errors
from mentra_actors.store.recorders.side_keys import (
    pack_signed,
    snapshot_key,
    unpack_signed,
    version_bounds,
)
from mentra_actors.store.recorders.side_rows import (
    Row,
    find_one_of,
    put_rows,
    rows_between,
)
from mentra_actors.store.recorders.version_pages import VersionRange, select_versions

if TYPE_CHECKING:
    import lmdb

__all__ = ["LMDBAggregateRecorder"]

_CHECKSUM_BYTES = 4


class _Content(msgspec.Struct, frozen=True, array_like=True):
    topic: str
    state: bytes


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Content)


class LMDBAggregateRecorder(AggregateRecorder):
    """Keeps events by aggregate and version, and no order among aggregates."""

    def __init__(self, datastore: LMDBDatastore, purpose: str = "events") -> None:
        """Recorders of one datastore with the same purpose see the same events."""
        self.datastore = datastore
        self.sequence = datastore.sequence(purpose)

    def insert_events(self, stored_events: Sequence[StoredEvent], **_: object) -> None:
        """Insert all or none of them.

        Raises:
            IntegrityError: an aggregate has one of the versions.
            DataError: an id or a version cannot be kept.
            OperationalError, InterfaceError: see `as_library_errors`.
        """
        with as_library_errors():
            rows = [self._row(event) for event in stored_events]
            if rows:
                self.datastore.append((), _NewRows(self.sequence, rows))

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """Events of one aggregate with `gt < version <= lte`, by version."""
        with as_library_errors():
            text = self.datastore.id_text(originator_id)
            prefix = snapshot_key(self.sequence, text)

            def read_page(versions: VersionRange, count: int) -> tuple[list[StoredEvent], bool]:
                return self._read_page(prefix, text, versions, count)

            return select_versions(read_page, VersionRange(gt, lte, desc), limit)

    def _row(self, event: StoredEvent) -> Row:
        check_content(event.topic, event.state)
        text = self.datastore.id_text(event.originator_id)
        sequence_stream(self.sequence, text)  # the same ids as on the log, and no longer ones
        key = snapshot_key(self.sequence, text) + pack_signed(event.originator_version)
        content = _ENCODER.encode(_Content(event.topic, event.state))
        return key, _checksum(key, content) + content

    def _read_page(
        self, prefix: bytes, text: str, versions: VersionRange, count: int
    ) -> tuple[list[StoredEvent], bool]:
        bounds = version_bounds(versions.gt, versions.lte)
        if bounds is None:
            return [], True
        with self.datastore.reading() as (txn, side), txn.cursor(side) as cursor:
            first, last = (prefix + bound for bound in bounds)
            rows, is_end = rows_between(cursor, first, last, desc=versions.desc, limit=count)
        originator_id = self.datastore.id_from_text(text)
        found = []
        for key, value in rows:
            content = _decode(key, value)
            version = unpack_signed(key)
            found.append(StoredEvent(originator_id, version, content.topic, content.state))
        return found, is_end


class _NewRows:
    """Rows of which none may be there."""

    def __init__(self, sequence: str, rows: Sequence[Row]) -> None:
        self._sequence = sequence
        self._rows = dict(rows)
        if len(self._rows) < len(rows):
            raise RowsClash(f"{sequence}: two of the events have the same aggregate and version")

    def check(self, txn: "lmdb.Transaction", side: "lmdb._Database") -> None:
        """See `CommitExtension.check`."""
        key = find_one_of(txn, side, list(self._rows))
        if key is not None:
            version = unpack_signed(key)
            raise RowsClash(f"{self._sequence}: version {version} is already recorded")

    def write(self, txn: "lmdb.Transaction", side: "lmdb._Database", _: Appended) -> None:
        """See `CommitExtension.write`."""
        put_rows(txn, side, self._rows.items())


def _decode(key: bytes, value: bytes) -> _Content:
    content = value[_CHECKSUM_BYTES:]
    if value[:_CHECKSUM_BYTES] != _checksum(key, content):
        raise StoreCorrupted(f"{key!r}: the checksum does not match, bytes on disk have changed")
    return _DECODER.decode(content)


def _checksum(key: bytes, content: bytes) -> bytes:
    return zlib.crc32(content, zlib.crc32(key)).to_bytes(_CHECKSUM_BYTES, "big")
