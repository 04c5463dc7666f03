"""The named databases of a store, the options of its environment, and the number of its writer.

Every use of a handle is inside of a transaction of `lmdb_env`.
"""

import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import lmdb
import msgspec

from mentra_actors.errors import StoreCorrupted
from mentra_actors.store.embedded.data_file import reserve_page_locks, store_error
from mentra_actors.store.store_directory import Manifest

if TYPE_CHECKING:
    from lmdb import _Database

__all__ = [
    "DEFAULT_MAP_BYTES",
    "FLUSHES",
    "OPTIONS",
    "STORE_ID",
    "WRITER_EPOCH",
    "Durability",
    "Tables",
    "WriterTables",
    "create_data_file",
    "decode_epoch",
    "encode_epoch",
    "mark_value",
    "open_tables",
    "open_writer_tables",
    "raise_writer_epoch",
    "whole_pages",
    "writer_epoch",
]

Durability: TypeAlias = Literal["sync", "relaxed", "volatile"]
"""What an acknowledged append survives.

* sync: the loss of power.
* relaxed: the death of the process; a loss of power may take the last commit, and never corrupts.
* volatile: the death of the process; a loss of power may ruin the store.
"""

# LMDB's commit writes data pages, flushes, writes one meta page and flushes that. Without the
# last flush the older meta page, which is whole, may be the one that a power loss leaves.
FLUSHES: Mapping[Durability, Mapping[str, bool]] = {
    "sync": {"sync": True, "metasync": True},
    "relaxed": {"sync": True, "metasync": False},
    "volatile": {"sync": False, "metasync": True},
}
DEFAULT_MAP_BYTES = 1 << 38
"""256 GiB of address space; the file is only as long as its content."""
# Without `meminit` unused parts of pages would bring to disk what was in memory before: plain text
# of an encrypted store, or somebody's password.
OPTIONS: dict[str, Any] = {
    "max_dbs": 16,
    "max_readers": 512,
    "meminit": True,
    "readahead": True,
}
# A new file has the format of LMDB 0.9; an existing one is opened by the engine that made it.
_ENGINE_0_9: dict[str, Any] = (
    {"lib_version": 0} if hasattr(lmdb.Environment, "lib_version") else {}
)
STORE_ID = b"store_id"
WRITER_EPOCH = b"writer_epoch"
_EPOCH_BYTES = 8
_CHECKSUM_BYTES = 4
_NEW_FILE_BYTES = 1 << 20
_MAP_UNIT_BYTES = 1 << 16  # a multiple of every page size in use


class Tables(msgspec.Struct, frozen=True):
    """Handles of the named databases; `lmdb_layout` says what is in them."""

    log: "_Database"
    streams: "_Database"
    snapshots: "_Database"
    blobs: "_Database"
    open: "_Database"
    fences: "_Database"
    meta: "_Database"
    side: "_Database | None" = None
    """Of the writer; None as long as none has made it."""


class WriterTables(msgspec.Struct, frozen=True):
    """Handles of the databases that only the writer uses, and makes where they are missing."""

    requests: "_Database"
    side: "_Database"


def create_data_file(path: Path, manifest: Manifest, *, map_size: int) -> None:
    """Make the data file of a new store, with all its tables, durably; `map_size` in bytes."""
    size = whole_pages(max(map_size, _NEW_FILE_BYTES))
    reserve_page_locks(path, OPTIONS["max_readers"])
    try:
        env = lmdb.open(os.fsencode(path), map_size=size, **OPTIONS, **_ENGINE_0_9)
        try:
            tables = open_tables(env, create=True)
            with env.begin(write=True, db=tables.meta) as txn:
                txn.put(STORE_ID, manifest.store_id.encode())
            env.sync(force=True)
        finally:
            env.close()
    except lmdb.Error as error:
        raise store_error(error, path) from error


def open_tables(env: lmdb.Environment, *, create: bool) -> Tables:
    """Handles of the tables that every store has."""
    return Tables(
        log=env.open_db(b"log", create=create),
        streams=env.open_db(b"streams", create=create, dupsort=True, dupfixed=True),
        snapshots=env.open_db(b"snapshots", create=create),
        blobs=env.open_db(b"blobs", create=create),
        open=env.open_db(b"open", create=create),
        fences=env.open_db(b"fences", create=create),
        meta=env.open_db(b"meta", create=create),
        side=None if create else _table_if_there(env, b"side"),
    )


def _table_if_there(env: lmdb.Environment, name: bytes) -> "_Database | None":
    try:
        return env.open_db(name, create=False)
    except lmdb.NotFoundError:
        return None


def open_writer_tables(env: lmdb.Environment) -> WriterTables:
    """Handles of the writer's tables."""
    return WriterTables(
        requests=env.open_db(b"requests", create=True), side=env.open_db(b"side", create=True)
    )


def writer_epoch(txn: "lmdb.Transaction", tables: Tables) -> int:
    """Number of the writer that opened the store last; 0 if none did."""
    return int.from_bytes(bytes(txn.get(WRITER_EPOCH, db=tables.meta) or b""), "big")


def raise_writer_epoch(txn: "lmdb.Transaction", tables: Tables) -> int:
    """Number of a new writer; older ones may write no more."""
    epoch = writer_epoch(txn, tables) + 1
    txn.put(WRITER_EPOCH, epoch.to_bytes(8, "big"), db=tables.meta)
    return epoch


def mark_value(key: bytes) -> bytes:
    """What stands under a mark: the checksum of its key. Older releases wrote nothing."""
    return zlib.crc32(key).to_bytes(_CHECKSUM_BYTES, "big")


def encode_epoch(key: bytes, epoch: int) -> bytes:
    """Value of a fence: its epoch, and the checksum of both."""
    number = epoch.to_bytes(_EPOCH_BYTES, "big")
    return number + mark_value(key + number)


def decode_epoch(key: bytes, value: bytes | memoryview | None) -> int:
    """The epoch of a fence, 0 if it was never raised. Older releases wrote no checksum.

    Raises:
        StoreCorrupted: these are not the bytes that were written.
    """
    if value is None:
        return 0
    number, checksum = bytes(value[:_EPOCH_BYTES]), bytes(value[_EPOCH_BYTES:])
    if len(number) != _EPOCH_BYTES or checksum not in (b"", mark_value(key + number)):
        raise StoreCorrupted(f"fence {key!r}: bytes on disk have changed; restore a backup")
    return int.from_bytes(number, "big")


def whole_pages(size_bytes: int) -> int:
    """Map size for at least so many bytes."""
    return -(-size_bytes // _MAP_UNIT_BYTES) * _MAP_UNIT_BYTES
