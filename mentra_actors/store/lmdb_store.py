"""The embedded event store: one LMDB file, written by one process, read by many."""

import contextlib
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self, get_args

from mentra_actors.errors import StoreCorrupted, StoreFormatError, StoreNotFound
from mentra_actors.ids import StreamId
from mentra_actors.store.lmdb_commit import GroupCommit
from mentra_actors.store.lmdb_env import SharedEnv, open_shared_env
from mentra_actors.store.lmdb_extension import CommitExtension
from mentra_actors.store.lmdb_file import check_structure
from mentra_actors.store.lmdb_layout import (
    decode_record,
    decode_snapshot,
    position_key,
    stored_events,
)
from mentra_actors.store.lmdb_reader import LmdbJournalReader
from mentra_actors.store.lmdb_tables import (
    DEFAULT_MAP_BYTES,
    Durability,
    create_data_file,
    decode_epoch,
)
from mentra_actors.store.lmdb_ticks import kept_rows
from mentra_actors.store.ports import (
    Appended,
    AppendRequest,
    OnAppended,
    StateSnapshot,
    StoredEvent,
    Tick,
)
from mentra_actors.store.reader_watch import LaggingReader
from mentra_actors.store.store_directory import (
    Manifest,
    UnsyncedMark,
    find_manifest,
    new_manifest,
    os_errors,
    publish_manifest,
)
from mentra_actors.store.take_over import lock_of_store
from mentra_actors.store.tick_rows import readable_ticks
from mentra_actors.store.writer import GroupWriter
from mentra_actors.store.writer_lock import WriterLock, opening_turn

if TYPE_CHECKING:
    import lmdb

__all__ = ["Durability", "LmdbEventStore", "LmdbJournalReader"]

_LOG = logging.getLogger(__name__)


class LmdbEventStore(LmdbJournalReader):
    """The one writer of a store; see `EventStore`. It is a reader of its store as well."""

    def __init__(self, env: SharedEnv, lock: WriterLock, mark: UnsyncedMark) -> None:
        """Use `open`; the store owns one use of `env`, to which `lock` is attached."""
        super().__init__(env)
        self._lock = lock
        self._mark = mark
        self._writer = GroupWriter(GroupCommit(env).write, name=f"store {env.path}")

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        durability: Durability = "sync",
        create: bool = True,
        map_size: int = DEFAULT_MAP_BYTES,
        take_over_from: int | None = None,
    ) -> Self:
        """The store at `path`, for writing; where there is none it is made, if `create`.

        With `volatile` a power loss may ruin the store; it is then checked at the next open.
        `map_size` is the address space to begin with, in bytes; it grows by itself.
        `take_over_from` is for a process that hangs: if another one writes the store, and its
        number (`writer_epoch`) is still this one, it is refused as `Fenced` from now on.

        Raises:
            StoreLocked, StoreNotFound, StoreFormatError, StoreCorrupted, StoreError: nothing is
                open and nothing that was there has changed.
        """
        if durability not in get_args(Durability):
            names = ", ".join(get_args(Durability))
            raise ValueError(f"durability is one of {names}, not {durability!r}")
        path = Path(path).absolute()  # the process may change its directory
        if find_manifest(path) is None:
            if not create:
                raise StoreNotFound(f"there is no store at {path}")
            with os_errors(path):
                path.mkdir(parents=True, exist_ok=True)
        with opening_turn(path):
            lock = lock_of_store(path, find_manifest(path), take_over_from=take_over_from)
            try:
                manifest = find_manifest(path) or _create(path, map_size)
                return cls._open_locked(path, manifest, lock, durability, map_size)
            except BaseException:
                lock.release()
                raise

    @classmethod
    def _open_locked(
        cls,
        path: Path,
        manifest: Manifest,
        lock: WriterLock,
        durability: Durability,
        map_size: int,
    ) -> Self:
        mark = UnsyncedMark(path)
        is_doubtful = mark.is_doubtful()
        if is_doubtful:
            _LOG.warning("%s was not closed before the machine stopped: checking all of it", path)
            check_structure(path)
        env = open_shared_env(path, manifest, map_size=map_size)
        if is_doubtful:
            LmdbJournalReader(env).check_or_close()
        try:
            if durability == "volatile":  # before the first commit, which the opening makes
                mark.set()
            env.attach_writer(lock, durability=durability, map_size=map_size)
            if durability != "volatile":
                mark.clear()
            return cls(env, lock, mark)
        except BaseException:
            env.detach_writer(lock)
            env.leave()
            raise

    def submit(self, request: AppendRequest, on_appended: OnAppended) -> None:
        """See `EventStore.submit`. After `close`, the refusal comes on the calling thread.

        Raises:
            TypeError, ValueError: the request is malformed; nothing was queued.
        """
        self._writer.submit(request, on_appended)

    def append_with(self, request: AppendRequest, extension: CommitExtension) -> Appended:
        """Like `append`, with one more condition and more rows in the same transaction."""
        return self._writer.append(request, extension)

    def append(self, request: AppendRequest) -> Appended:
        """See `EventStore.append`.

        Raises:
            VersionConflict, Fenced, StoreFull, StoreClosed: nothing was written.
            RuntimeError: called by an `on_appended`, on the writer thread.
        """
        return self._writer.append(request)

    def put_blob(self, content: bytes) -> str:
        """See `BlobStore.put_blob`.

        Raises:
            StoreClosed: the blob is not stored.
        """
        return self._writer.put_blob(content)

    def save_snapshot(self, snapshot: StateSnapshot) -> None:
        """See `EventStore.save_snapshot`. Failures are logged: a snapshot only saves time."""
        self._writer.save_snapshot(snapshot)

    def load_snapshot(self, stream_id: StreamId) -> StateSnapshot | None:
        """See `EventStore.load_snapshot`; a damaged snapshot is as good as none."""
        with self._open_env().reading() as txn:
            value = txn.get(stream_id.encode(), db=self._env.tables.snapshots)
        if value is None:
            return None
        try:
            return decode_snapshot(stream_id, value)
        except (StoreCorrupted, StoreFormatError) as error:
            _LOG.warning("ignored: %s", error)
            return None

    def save_tick(self, tick: Tick, *, drop_below: int = 0) -> None:
        """See `EventStore.save_tick`. The row is made on the calling thread.

        Raises:
            TypeError, ValueError: the tick is malformed; nothing was queued.
        """
        self._writer.save_tick(tick, drop_below)

    def load_ticks(self) -> Sequence[Tick]:
        """See `EventStore.load_ticks`."""
        with self.reading_side() as (txn, side):
            rows = kept_rows(txn, side)
        return readable_ticks(rows)

    @contextlib.contextmanager
    def reading_side(self) -> "Iterator[tuple[lmdb.Transaction[bytes], lmdb._Database]]":
        """A short read transaction, and the table of extensions to read in it."""
        with self._open_env().reading() as txn:
            yield txn, self._env.writer_tables.side

    def events_of_append(
        self, txn: "lmdb.Transaction[bytes]", first_position: int
    ) -> Sequence[StoredEvent]:
        """The append whose first event is at a position, in a transaction of `reading_side`.

        Raises:
            StoreCorrupted: no append begins there, or it is damaged.
        """
        record = txn.get(position_key(first_position), db=self._env.tables.log)
        if record is None:
            raise StoreCorrupted(f"{self._env.path}: no append begins at {first_position}")
        return list(stored_events(first_position, decode_record(first_position, record)))

    @property
    def announced(self) -> int:
        """How often those who wait for this store were woken."""
        return self._open_env().announced

    def announce(self) -> None:
        """Wake all who wait for this store, as each commit does."""
        self._env.announce()

    def wait_for_announcement(self, seen: int, *, timeout_s: float | None = None) -> None:
        """Block until `announced` is no longer `seen`, or the time is up.

        Raises:
            StoreClosed: there will be no more announcements.
        """
        env = self._open_env()
        with env.advanced:
            if env.announced == seen:
                env.advanced.wait(timeout_s)

    def open_streams(self) -> Sequence[StreamId]:
        """See `EventStore.open_streams`."""
        with self._open_env().reading() as txn, txn.cursor(self._env.tables.open) as cursor:
            return [StreamId(key.decode()) for key in cursor.iternext(keys=True, values=False)]

    def fence_epoch(self, resource: str) -> int:
        """See `EventStore.fence_epoch`."""
        fence = resource.encode()
        with self._open_env().reading() as txn:
            return decode_epoch(fence, txn.get(fence, db=self._env.tables.fences))

    def lagging_readers(self) -> Sequence[LaggingReader]:
        """Reads, in any process, that were begun long ago and keep the file growing.

        Each is told once as a warning in the log too. Slots of dead processes are freed.
        """
        return self._open_env().release_readers()

    def close(self) -> None:
        """Write what is queued, flush, and give the store free. Calling it twice is allowed.

        Raises:
            RuntimeError: called by an `on_appended`, on the writer thread.
        """
        self._writer.close()
        try:
            self._env.detach_writer(self._lock, on_flushed=self._clear_mark)
        finally:
            super().close()

    def _clear_mark(self) -> None:
        """Everything is flushed; but the mark may be that of a process that took over."""
        self._lock.while_current(self._mark.clear)


def _create(path: Path, map_size: int) -> Manifest:
    """A new empty store; the caller holds its lock."""
    manifest = new_manifest(path)
    create_data_file(path, manifest, map_size=map_size)
    publish_manifest(path)
    return manifest
