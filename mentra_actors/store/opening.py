"""Opens stores, whatever they are kept in and however they are sealed: the only way to one.

* a directory: LMDB. Its manifest says if it is sealed; keys and dictionaries are in `sealing/`.
* a directory of a branch: LMDB, over an origin that is any of these.
* `sqlite:FILE`, `postgresql://…`: a database. If it is sealed a fence in it says so, and keys and
  dictionaries are in the directory that `Sealing` names.
* `:memory:`: ends with the process, and is never sealed.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mentra_actors.errors import ConfigurationError, StoreError, WrongKey
from mentra_actors.late_module import LateModule
from mentra_actors.store.branches.branch_file import find_branch, is_branch
from mentra_actors.store.embedded.lmdb_store import LmdbEventStore
from mentra_actors.store.embedded.reader import LmdbJournalReader
from mentra_actors.store.embedded.tables import Durability
from mentra_actors.store.memory_store import MemoryEventStore
from mentra_actors.store.ports import EventStore, JournalReader
from mentra_actors.store.sealing.marks import FenceMark, ManifestMark
from mentra_actors.store.sealing.options import Sealing
from mentra_actors.store.sealing.part_seal import PartSeal
from mentra_actors.store.sealing.sealing_record import SEALING_DIRECTORY, find_record
from mentra_actors.store.sql.opening import (
    files_of_database,
    is_sql_url,
    open_sql_reader,
    open_sql_store,
)
from mentra_actors.store.store_directory import require_manifest

if TYPE_CHECKING:
    from mentra_actors.store.branches import opening as branch_opening
    from mentra_actors.store.sealing import sealed_opening
else:
    branch_opening = LateModule("mentra_actors.store.branches.opening")
    sealed_opening = LateModule("mentra_actors.store.sealing.sealed_opening")

__all__ = [
    "MEMORY",
    "files_of_store",
    "open_event_store",
    "open_journal_reader",
    "open_own_log",
    "part_seal_of",
]

MEMORY = ":memory:"
"""The path of a store that ends with the process."""


def open_event_store(
    path: str | Path,
    *,
    durability: Durability = "sync",
    create: bool = True,
    sealing: Sealing | None = None,
    take_over_from: int | None = None,
) -> EventStore:
    """The store at `path`, for writing; where there is none it is made, if `create`.

    A sealed store without encryption needs no `sealing` to be opened; an encrypted one its key.
    `take_over_from` is for stores in a directory; see `LmdbEventStore.open`.

    Raises:
        WrongKey: the key is not that of the store, or is missing, or one too many.
        StoreError: nothing is open.
        ConfigurationError: a key cannot be read, or a library is missing; nothing was made.
    """
    if path == MEMORY:
        if sealing is not None:
            raise ConfigurationError("a store in memory is not sealed: nothing of it is on disk")
        return MemoryEventStore()
    if is_sql_url(path):
        return _open_database(path, durability, sealing, create=create)
    open_lmdb = partial(
        LmdbEventStore.open, durability=durability, create=create, take_over_from=take_over_from
    )
    is_flushed = durability != "volatile"
    if is_branch(Path(path)):
        make_lmdb = partial(open_lmdb, create=True)
        return branch_opening.open_branch_store(
            Path(path),
            sealing,
            open_origin=_reader_of,
            open_own=lambda own, key: _open_directory(own, make_lmdb, key, is_flushed=is_flushed),
        )
    return _open_directory(Path(path), open_lmdb, sealing, is_flushed=is_flushed)


def open_own_log(path: str | Path, *, sealing: Sealing | None = None) -> EventStore:
    """The store at `path` as it is kept there: of a branch the log that is its own alone.

    Raises:
        StoreError: there is none, or it cannot be opened.
    """
    if path == MEMORY or is_sql_url(path) or not is_branch(Path(path)):
        return open_event_store(path, create=False, sealing=sealing)
    own = branch_opening.own_sealing(sealing)
    open_lmdb = partial(LmdbEventStore.open, create=False)
    return _open_directory(Path(path), open_lmdb, own, is_flushed=True)


def files_of_store(path: str | Path) -> tuple[str, ...]:
    """Files and directories of this machine that hold the store at `path`, if it is there."""
    if path == MEMORY:
        return ()
    if is_sql_url(path):
        return files_of_database(path)
    record = find_branch(Path(path))
    origin = () if record is None else files_of_store(branch_opening.origin_of(Path(path), record))
    return (str(path), *origin)


def open_journal_reader(path: str | Path, *, sealing: Sealing | None = None) -> JournalReader:
    """A reader of the store at `path`, which must exist; another process may be writing it.

    A database does not tell a reader that it is sealed: name the directory of its keys.

    Raises:
        WrongKey: the key is not that of the store, or is missing, or one too many.
        StoreError: nothing is open.
        ConfigurationError: a key cannot be read, or a library is missing.
    """
    if is_sql_url(path):
        if sealing is None:
            return open_sql_reader(path)
        directory = _named_directory(path, sealing)
        sealed_opening.check_key(directory, sealing.master_key())
        return _sealed_or_closed(open_sql_reader(path), directory, sealing)
    if is_branch(Path(path)):
        return branch_opening.open_branch_reader(
            Path(path), sealing, open_origin=_reader_of, open_own=_directory_reader
        )
    return _directory_reader(path, sealing)


def _reader_of(path: str | Path, sealing: Sealing | None) -> JournalReader:
    return open_journal_reader(path, sealing=sealing)


def _directory_reader(path: str | Path, sealing: Sealing | None) -> JournalReader:
    path, chosen = Path(path), sealing or Sealing()
    key = chosen.master_key()
    if not require_manifest(path).sealing:
        _refuse_key(path, key)
        return LmdbJournalReader.open(path)
    directory = _directory_of(path, chosen)
    sealed_opening.check_key(directory, key, ManifestMark(path))
    return _sealed_or_closed(LmdbJournalReader.open(path), directory, chosen)


def part_seal_of(reader: JournalReader, path: str | Path) -> PartSeal | None:
    """What views of the store at `path` are to be sealed with; None if they may be plain.

    Raises:
        StoreError: the store is encrypted, and `reader` does not know the key.
    """
    found: PartSeal | None
    try:
        found = reader.part_seal  # type: ignore[attr-defined]
    except AttributeError:
        if path == MEMORY or is_sql_url(path) or not require_manifest(Path(path)).sealing:
            return None
        record = find_record(Path(path) / SEALING_DIRECTORY)
        if record is None or record.is_encrypted:
            raise StoreError(
                f"{path} is encrypted: its views need a reader that knows the key"
            ) from None
        return None
    return found


def _open_directory(
    path: Path,
    open_lmdb: Callable[[Path], LmdbEventStore],
    sealing: Sealing | None,
    *,
    is_flushed: bool,
) -> EventStore:
    chosen, mark = sealing or Sealing(), ManifestMark(path)
    key, directory = chosen.master_key(), _directory_of(path, chosen)
    if mark.is_set():
        sealed_opening.check_key(directory, key, mark)
    elif sealing is not None:
        sealed_opening.check_libraries(key)
    store = open_lmdb(path)
    try:
        if sealing is None and not mark.is_set():
            return store
        return sealed_opening.sealed_event_store(
            store, mark, directory, chosen, is_flushed=is_flushed
        )
    except BaseException:
        store.close()
        raise


def _open_database(
    url: str | Path, durability: Durability, sealing: Sealing | None, *, create: bool
) -> EventStore:
    if sealing is not None:
        sealed_opening.check_libraries(sealing.master_key())
        directory = _named_directory(url, sealing)
    store = open_sql_store(url, durability, create=create)
    try:
        mark = FenceMark(store)
        if sealing is None:
            if mark.is_set():
                raise WrongKey(f"{url} is sealed: name the directory of its keys")
            return store
        return sealed_opening.sealed_event_store(
            store, mark, directory, sealing, is_flushed=durability != "volatile"
        )
    except BaseException:
        store.close()
        raise


def _sealed_or_closed(reader: JournalReader, directory: Path, sealing: Sealing) -> JournalReader:
    try:
        return sealed_opening.sealed_journal_reader(reader, directory, sealing)
    except BaseException:
        reader.close()
        raise


def _refuse_key(path: Path, key: bytes | None) -> None:
    if key is not None:
        raise WrongKey(f"{path} is not encrypted: open it without a key")


def _directory_of(path: Path, sealing: Sealing) -> Path:
    return path / SEALING_DIRECTORY if sealing.directory is None else Path(sealing.directory)


def _named_directory(url: str | Path, sealing: Sealing) -> Path:
    if sealing.directory is None:
        raise ConfigurationError(f"{url} is no directory: say where its keys are to be kept")
    return Path(sealing.directory)
