"""From the directory of a branch to its reader or its store, with a look at the origin."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from mentra_actors.errors import (
    BranchOriginLost,
    StoreError,
    StoreFormatError,
    StoreNotFound,
)
from mentra_actors.store.branches.branch_file import BranchRecord, find_branch, place_of
from mentra_actors.store.branches.branch_reader import BranchReader
from mentra_actors.store.branches.branch_store import BranchStore
from mentra_actors.store.branches.late_log import LateLog
from mentra_actors.store.branches.shared_past import SharedPast
from mentra_actors.store.ports import EventStore, JournalReader
from mentra_actors.store.sealing.options import Sealing
from mentra_actors.store.sql.opening import is_sql_url, moved_url
from mentra_actors.store.store_directory import find_manifest

__all__ = [
    "OpenReader",
    "id_of_store",
    "open_branch_reader",
    "open_branch_store",
    "origin_of",
    "own_sealing",
    "require_branch",
]

OpenReader: TypeAlias = Callable[[str | Path, Sealing | None], JournalReader]


def require_branch(path: Path) -> BranchRecord:
    """What the directory is a branch of.

    Raises:
        StoreNotFound: it is no branch.
        StoreError: it cannot be read.
    """
    record = find_branch(path)
    if record is None:
        raise StoreNotFound(f"there is no branch at {path}")
    return record


def origin_of(path: Path, record: BranchRecord) -> str | Path:
    """Where the store is that the branch at `path` goes on from, if it is still there."""
    if is_sql_url(record.origin):
        return moved_url(record.origin, path)
    return Path(os.path.normpath(path / record.origin))


def id_of_store(path: str | Path) -> str:
    """The id of a store or a branch; empty for a database, which has none.

    Raises:
        StoreError: there is no store.
    """
    if is_sql_url(path):
        return ""
    record = find_branch(Path(path))
    if record is not None:
        return record.branch_id
    manifest = find_manifest(Path(path))
    if manifest is None:
        raise StoreNotFound(f"there is no store at {path}")
    return manifest.store_id


def open_branch_reader(
    path: Path, sealing: Sealing | None, *, open_origin: OpenReader, open_own: OpenReader
) -> BranchReader:
    """A reader of the branch at `path`, whether it has recorded something or not.

    Raises:
        BranchOriginLost: what it goes on from is not there any more.
        StoreError: nothing is open.
    """
    path = path.absolute()
    record = require_branch(path)
    past = _shared_past(path, record, sealing, open_origin)
    try:
        own = LateLog(
            lambda: open_own(path, own_sealing(sealing)) if find_manifest(path) else None
        )
        return BranchReader(past, own, record)
    except BaseException:
        past.close()
        raise


def open_branch_store(
    path: Path,
    sealing: Sealing | None,
    *,
    open_origin: OpenReader,
    open_own: Callable[[Path, Sealing | None], EventStore],
) -> BranchStore:
    """The branch at `path`, for writing; its own log is made if it is not there yet.

    Where the origin is encrypted, that log is, with keys of its own under the same master key.

    Raises:
        BranchOriginLost: what it goes on from is not there any more.
        StoreError: nothing is open.
    """
    path = path.absolute()
    record = require_branch(path)
    past = _shared_past(path, record, sealing, open_origin)
    try:
        return BranchStore(past, open_own(path, own_sealing(sealing)), record)
    except BaseException:
        past.close()
        raise


def own_sealing(sealing: Sealing | None) -> Sealing | None:
    """The same key, with the keys of subjects in the directory of the branch."""
    return None if sealing is None else replace(sealing, directory=None)


def _shared_past(
    path: Path, record: BranchRecord, sealing: Sealing | None, open_origin: OpenReader
) -> SharedPast:
    origin = origin_of(path, record)
    try:
        found_id = _id_there(path, record, origin)
        reader = open_origin(origin, sealing)
    except StoreNotFound as error:
        raise _lost(path, record, f"there is no store at {origin}; put it back") from error
    except RecursionError:
        why = "its origins lead back to itself, or there are too many of them one behind the other"
        raise _lost(path, record, why) from None
    try:
        if record.origin_id != found_id:
            raise _lost(path, record, f"{origin} is another store now; put the old one back")
        _check_history(path, record, origin, reader)
    except BaseException:
        reader.close()
        raise
    return SharedPast(reader, record.cut)


def _id_there(path: Path, record: BranchRecord, origin: str | Path) -> str:
    """The id of the origin; a branch that was moved alone finds any directory in its place."""
    try:
        return id_of_store(origin)
    except StoreFormatError as error:
        raise _lost(path, record, f"{error}; is the branch where it was made?") from error


def _check_history(
    path: Path, record: BranchRecord, origin: str | Path, reader: JournalReader
) -> None:
    last = reader.last_position()
    if last < record.cut:
        raise _lost(
            path,
            record,
            f"{origin} ends at position {last:,}: an older backup was put in its place; "
            "restore a younger one",
        )
    if record.place is None:
        return
    found = reader.read_journal(after=record.cut - 1, limit=1)
    if place_of(found[0]) != record.place:
        raise _lost(
            path,
            record,
            f"{origin} has another history by now: an older backup was put in its place and "
            "has gone on; restore the one that the branch was made of",
        )


def _lost(path: Path, record: BranchRecord, why: str) -> StoreError:
    return BranchOriginLost(
        f"the branch {record.name!r} begins at position {record.cut:,} of its origin: {why}. "
        f"What the branch has recorded itself is safe in {path}"
    )
