"""Any event store, with payloads that are sealed on the way in and opened on the way out.

Ids of streams, tags, times, causation and correlation stay readable: the store needs them to
find, to order and to filter.
"""

import logging
import threading
from collections.abc import Collection, Sequence

import msgspec

from mentra_actors.errors import ConfigurationError, MentraError, StoreError
from mentra_actors.ids import StreamId
from mentra_actors.store.append_plan import check_request, check_tick
from mentra_actors.store.ports import (
    Appended,
    AppendRequest,
    EventStore,
    JournalReader,
    OnAppended,
    SnapshotReader,
    StateSnapshot,
    StoredEvent,
    StreamAppend,
    Tick,
)
from mentra_actors.store.sealing.dictionaries import trained_dictionary
from mentra_actors.store.sealing.part_seal import PartSeal
from mentra_actors.store.sealing.store_seal import StoreSeal

__all__ = ["SealedEventStore", "SealedJournalReader"]

_LOG = logging.getLogger(__name__)
_EVENTS_BEFORE_DICTIONARY = 1000
_SAMPLES = 4000
_DISK_PATIENCE_S = 60.0
_PAGE_EVENTS = 1000


class SealedJournalReader:
    """See `JournalReader`. It closes the reader behind it."""

    def __init__(self, reader: JournalReader, seal: StoreSeal) -> None:
        self._reader = reader
        self._seal = seal

    @property
    def seal(self) -> StoreSeal:
        """What opens the payloads."""
        return self._seal

    @property
    def behind(self) -> JournalReader:
        """What the sealed payloads are read from."""
        return self._reader

    @property
    def part_seal(self) -> PartSeal | None:
        """What views of this store are to be sealed with; None if it is not encrypted."""
        return self._seal.part_seal

    def read_stream(
        self, stream_id: StreamId, *, after: int = 0, through: int | None = None
    ) -> Sequence[StoredEvent]:
        """See `JournalReader.read_stream`."""
        return self._opened(self._reader.read_stream(stream_id, after=after, through=through))

    def read_journal(
        self,
        *,
        after: int = 0,
        limit: int = 1000,
        through: int | None = None,
        categories: Collection[str] = (),
        event_types: Collection[str] = (),
    ) -> Sequence[StoredEvent]:
        """See `JournalReader.read_journal`."""
        page = self._reader.read_journal(
            after=after,
            limit=limit,
            through=through,
            categories=categories,
            event_types=event_types,
        )
        return self._opened(page)

    def stream_version(self, stream_id: StreamId) -> int:
        """See `JournalReader.stream_version`."""
        return self._reader.stream_version(stream_id)

    def stream_ids(self, category: str) -> Sequence[StreamId]:
        """See `JournalReader.stream_ids`."""
        return self._reader.stream_ids(category)

    def last_position(self) -> int:
        """See `JournalReader.last_position`."""
        return self._reader.last_position()

    def wait_for_position(self, position: int, *, timeout_s: float) -> int:
        """See `JournalReader.wait_for_position`."""
        return self._reader.wait_for_position(position, timeout_s=timeout_s)

    def read_blob(self, digest: str) -> bytes | None:
        """See `JournalReader.read_blob`; None also for one that was forgotten."""
        if self._seal.blobs is None:
            return self._reader.read_blob(digest)
        return self._seal.blobs.read(digest, self._reader)

    def snapshot_through(self, stream_id: StreamId, version: int) -> StateSnapshot | None:
        """See `SnapshotReader.snapshot_through`; one that does not open is as good as none."""
        if not isinstance(self._reader, SnapshotReader):
            return None
        stored = self._reader.snapshot_through(stream_id, version)
        return None if stored is None else self._seal.snapshot_opened(stored)

    def close(self) -> None:
        """See `JournalReader.close`."""
        self._reader.close()

    def _opened(self, page: Sequence[StoredEvent]) -> Sequence[StoredEvent]:
        self._seal.notice_changes()
        event_opened = self._seal.event_opened
        return [event_opened(stored) for stored in page]


class SealedEventStore(SealedJournalReader):
    """See `EventStore`. It closes the store behind it.

    The first thousand events train a dictionary, on a thread of its own, if the store is
    compressed and not encrypted: a dictionary of an encrypted one would keep pieces of what is to
    be forgotten one day.
    """

    def __init__(self, store: EventStore, seal: StoreSeal) -> None:
        super().__init__(store, seal)
        self._store = store
        self._training: threading.Thread | None = None
        is_wanted = seal.record.compression == "zstd" and not seal.record.is_encrypted
        self._is_trained = not is_wanted or bool(seal.dictionaries.newest)
        self._begin_training = threading.Lock()
        self._events_seen = 0 if self._is_trained else store.last_position()

    def submit(self, request: AppendRequest, on_appended: OnAppended) -> None:
        """See `EventStore.submit`; sealed on the calling thread.

        The first event of a subject waits there until its key is on disk.

        Raises:
            TypeError, ValueError: the request is malformed; nothing was queued.
        """
        check_request(request)
        try:
            sealed = self._closed(request)
        except StoreError as error:
            on_appended(error)
            return
        self._store.submit(sealed, on_appended)

    def append(self, request: AppendRequest) -> Appended:
        """See `EventStore.append`.

        Raises:
            VersionConflict, Fenced, StoreFull, StoreClosed: nothing was written.
        """
        check_request(request)
        return self._store.append(self._closed(request))

    def put_blob(self, content: bytes) -> str:
        """See `BlobStore.put_blob`; if encrypted, a new blob waits for its key to be on disk.

        Raises:
            StoreError: the blob is not stored.
        """
        if self._seal.blobs is None:
            return self._store.put_blob(content)
        return self._seal.blobs.put(content, self._store)

    def save_snapshot(self, snapshot: StateSnapshot) -> None:
        """See `EventStore.save_snapshot`."""
        self._store.save_snapshot(self._seal.snapshot_closed(snapshot))

    def load_snapshot(self, stream_id: StreamId) -> StateSnapshot | None:
        """See `EventStore.load_snapshot`; one that does not open is as good as none."""
        stored = self._store.load_snapshot(stream_id)
        return None if stored is None else self._seal.snapshot_opened(stored)

    def save_tick(self, tick: Tick, *, drop_below: int = 0) -> None:
        """See `EventStore.save_tick`; sealed on the calling thread.

        The first piece of a subject without events waits there until its key is on disk.

        Raises:
            TypeError, ValueError: the tick is malformed; nothing was queued.
        """
        check_tick(tick, drop_below)
        try:
            sealed = self._seal.tick_closed(tick)
        except StoreError as error:
            _LOG.warning("tick %d was not saved: %s", tick.number, error)
            return
        self._store.save_tick(sealed, drop_below=drop_below)

    def load_ticks(self) -> Sequence[Tick]:
        """See `EventStore.load_ticks`."""
        self._seal.notice_changes()
        found: list[Tick] = []
        for stored in self._store.load_ticks():
            try:
                found.append(self._seal.tick_opened(stored))
            except StoreError as error:
                _LOG.warning("tick %d is ignored: %s", stored.number, error)
        return found

    def open_streams(self) -> Sequence[StreamId]:
        """See `EventStore.open_streams`."""
        return self._store.open_streams()

    def fence_epoch(self, resource: str) -> int:
        """See `EventStore.fence_epoch`."""
        return self._store.fence_epoch(resource)

    def close(self) -> None:
        """See `EventStore.close`."""
        super().close()
        if self._training is not None:
            self._training.join()  # it finds the store closed

    def train_dictionary(self) -> int:
        """Train a new dictionary on the youngest events and use it from now on; its number.

        Raises:
            ConfigurationError: there are too few events, or they have nothing in common; or the
                store is encrypted, and pieces of them would outlive their subjects.
            StoreError: the log cannot be read, or the dictionary cannot be kept.
        """
        if self._seal.record.is_encrypted:
            raise ConfigurationError(
                "a dictionary keeps pieces of what it is trained on, also of subjects that are "
                "forgotten: give an encrypted store samples that are nobody's"
            )
        after = max(self.last_position() - _SAMPLES, 0)
        samples: list[bytes] = []
        while len(samples) < _SAMPLES and (
            page := self.read_journal(after=after, limit=_PAGE_EVENTS)
        ):
            samples.extend(stored.payload for stored in page)
            after = page[-1].global_position
        return self._seal.dictionaries.publish(trained_dictionary(samples))

    def _closed(self, request: AppendRequest) -> AppendRequest:
        streams = tuple(self._stream_closed(stream) for stream in request.streams)
        if not self._is_trained:
            self._count(sum(len(stream.events) for stream in streams))
        return msgspec.structs.replace(request, streams=streams)

    def _stream_closed(self, stream: StreamAppend) -> StreamAppend:
        event_closed = self._seal.event_closed
        events = tuple(event_closed(stream.stream_id, event) for event in stream.events)
        return msgspec.structs.replace(stream, events=events)

    def _count(self, events: int) -> None:
        with self._begin_training:
            self._events_seen += events
            if self._is_trained or self._events_seen < _EVENTS_BEFORE_DICTIONARY:
                return
            self._is_trained = True
            self._training = threading.Thread(target=self._train, name="dictionary", daemon=True)
            self._training.start()

    def _train(self) -> None:
        try:
            self.wait_for_position(_EVENTS_BEFORE_DICTIONARY, timeout_s=_DISK_PATIENCE_S)
            self.train_dictionary()
        except MentraError as error:
            _LOG.info("no dictionary was trained: %s", error)
