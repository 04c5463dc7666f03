"""Builds a data file from records and rows, and checks that they follow from each other.

Whatever makes a store of something that was stored before - an export, a damaged store - puts it
in here, the records in the order of the log. Nothing is flushed before `finish`.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import lmdb

from mentra_actors.errors import StoreCorrupted
from mentra_actors.ids import StreamId
from mentra_actors.store.care.store_image import Row
from mentra_actors.store.embedded.data_file import store_error
from mentra_actors.store.embedded.layout import (
    LINKED_FORMAT,
    NO_LINK,
    LogRecord,
    RecordBytes,
    content_link,
    join_record,
    position_key,
)
from mentra_actors.store.embedded.stream_index import IndexEntry, index_entries
from mentra_actors.store.embedded.tables import (
    DEFAULT_MAP_BYTES,
    OPTIONS,
    create_data_file,
    open_tables,
    open_writer_tables,
    whole_pages,
)
from mentra_actors.store.store_directory import Manifest

__all__ = ["StoreBuilder"]

_BATCH_BYTES = 8 << 20
_BATCH_ROWS = 10_000


class _StreamHead(NamedTuple):
    version: int
    link: bytes


_NO_HEAD = _StreamHead(0, NO_LINK)


class StoreBuilder:
    """Fills the data file of a directory; a context that closes it. Used by one thread."""

    def __init__(self, directory: Path, manifest: Manifest) -> None:
        """Make the data file, with all its tables.

        Raises:
            StoreFull, StoreError: it cannot be made.
        """
        self.last_position = 0
        self._directory = directory
        self._heads: dict[StreamId, _StreamHead] = {}
        self._rows: dict[str, list[Row]] = {}
        self._rows_count = self._rows_bytes = 0
        with self._errors():
            create_data_file(directory, manifest, map_size=DEFAULT_MAP_BYTES)
            self._env = lmdb.open(
                str(directory), map_size=whole_pages(DEFAULT_MAP_BYTES), sync=False, **OPTIONS
            )
            tables, later = open_tables(self._env, create=False), open_writer_tables(self._env)
        self._tables = {name: getattr(tables, name) for name in tables.__struct_fields__}
        self._tables.update({name: getattr(later, name) for name in later.__struct_fields__})

    def version(self, stream_id: StreamId) -> int:
        """How many events of a stream there are so far."""
        return self._heads.get(stream_id, _NO_HEAD).version

    def streams(self) -> Iterator[StreamId]:
        """The streams that have events."""
        return iter(self._heads)

    def add_record(self, position: int, record: LogRecord, pieces: RecordBytes) -> None:
        """The next record of the log, and what the index has for it.

        Raises:
            StoreCorrupted: it does not follow from those before it; it was not added.
        """
        if position != self.last_position + 1:
            raise StoreCorrupted(f"position {position} follows {self.last_position}")
        entries = index_entries(position, record)
        self._check_versions(record, entries)
        links = [self._heads.get(one, _NO_HEAD).link for one in entries]
        if pieces.format == LINKED_FORMAT and content_link(pieces.content, links) != pieces.link:
            raise StoreCorrupted(f"the link of position {position} does not fit its content")
        self.put("log", position_key(position), join_record(position, pieces))
        for stream_id, entry in entries.items():
            self._heads[stream_id] = _StreamHead(entry.last_version, pieces.link)
            self.put("streams", stream_id.encode(), entry.encode())
        self.last_position += pieces.event_count

    def put(self, table: str, key: bytes, value: bytes) -> None:
        """A row that needs no check."""
        self._rows.setdefault(table, []).append((key, value))
        self._rows_count += 1
        self._rows_bytes += len(key) + len(value)
        if self._rows_bytes > _BATCH_BYTES or self._rows_count > _BATCH_ROWS:
            self._write()

    def finish(self) -> None:
        """Write and flush everything.

        Raises:
            StoreFull, StoreError: the file is of no use.
        """
        self._write()
        with self._errors():
            self._env.sync(force=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._env.close()

    def _check_versions(self, record: LogRecord, entries: dict[StreamId, IndexEntry]) -> None:
        versions = {one: self._heads.get(one, _NO_HEAD).version for one in entries}
        for first, (stream_id, events) in zip(
            record.first_versions, record.body.parts, strict=True
        ):
            if first != versions[stream_id] + 1:
                raise StoreCorrupted(
                    f"version {first} of {stream_id} follows {versions[stream_id]}"
                )
            versions[stream_id] += len(events)

    def _write(self) -> None:
        rows, self._rows = self._rows, {}
        self._rows_count = self._rows_bytes = 0
        with self._errors(), self._env.begin(write=True) as txn:
            for table, found in rows.items():
                is_log = table == "log"
                with txn.cursor(self._tables[table]) as cursor:
                    cursor.putmulti(found if is_log else sorted(found), append=is_log)

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except lmdb.Error as error:
            raise store_error(error, self._directory) from error
