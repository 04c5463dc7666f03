"""Puts another data file in the place of that of a store, by one renaming.

The store is locked against writers meanwhile. The new file is made in a directory within the
store and carries the number of the commit that it was made of: so it does not matter to LMDB that
the lock file, which readers of other processes keep in use, remembers that number. Those readers
go on with the old file until they notice that another one has its name, and open that.
"""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import lmdb

from mentra_actors.errors import StoreCorrupted, StoreLocked
from mentra_actors.store.care.copy_pages import copy_data_file
from mentra_actors.store.care.doctor import verify_store
from mentra_actors.store.care.new_directory import refusals, write_flushed
from mentra_actors.store.care.report import OnProgress, Report
from mentra_actors.store.embedded.data_file import store_error
from mentra_actors.store.embedded.tables import (
    DEFAULT_MAP_BYTES,
    OPTIONS,
    Tables,
    open_tables,
    whole_pages,
)
from mentra_actors.store.ownership.writer_lock import WriterLock, opening_turn
from mentra_actors.store.store_directory import (
    DATA_FILE,
    MANIFEST_FILE,
    UnsyncedMark,
    fsync_directory,
    require_manifest,
)

__all__ = ["Edit", "Replacement", "locked_store"]

_DRAFTS = ".compact.new"


class Replacement:
    """A store that nobody writes, whose data file is being replaced."""

    def __init__(self, path: Path, lock: WriterLock, on_progress: OnProgress | None) -> None:
        """Use `locked_store`.

        Raises:
            StoreCorrupted: the store is damaged; nothing was changed.
        """
        self.path = path
        self._lock = lock
        self._on_progress = on_progress
        self._drafts = path / _DRAFTS
        self.report = verify_store(path, is_alone=True, keys=False, on_progress=on_progress)
        """What the doctor says of the present file, which is sound."""
        _check_sound(self.report, path)

    def replace(self, edit: "Edit | None") -> Report:
        """Put a copy without free pages in its place, after `edit`; what the doctor says of it.

        Raises:
            StoreFull, StoreError: the store is as it was before.
        """
        with refusals(self.path), _directory(self._drafts):
            first = self._new_draft("copy")
            txn_id = copy_data_file(
                self.path, first / DATA_FILE, is_alone=True, on_progress=self._on_progress
            )
            if edit is not None:
                _edit(first, edit)
                edited, first = first, self._new_draft("edited")
                copy_data_file(edited, first / DATA_FILE, is_alone=True, txn_id=txn_id)
            report = verify_store(first, is_alone=True, keys=False, on_progress=self._on_progress)
            _check_sound(report, first)
            if (report.last_position, report.fingerprint) != (
                self.report.last_position,
                self.report.fingerprint,
            ):
                raise StoreCorrupted(f"the copy of {self.path} has another log; it was not used")
            self._put_in_place(first / DATA_FILE)
        return report

    def _put_in_place(self, draft: Path) -> None:
        done: list[bool] = []

        def rename() -> None:
            os.replace(draft, self.path / DATA_FILE)
            fsync_directory(self.path)
            done.append(True)

        self._lock.while_current(rename)
        if not done:
            raise StoreLocked(f"{self.path} was opened for writing by another process meanwhile")
        UnsyncedMark(self.path).clear()

    def _new_draft(self, name: str) -> Path:
        draft = self._drafts / name
        draft.mkdir()
        write_flushed(draft / MANIFEST_FILE, (self.path / MANIFEST_FILE).read_bytes())
        return draft


@contextlib.contextmanager
def locked_store(path: Path, on_progress: OnProgress | None) -> Iterator[Replacement]:
    """A store that nobody writes until the end of the block.

    Raises:
        StoreLocked: another process writes it, or one reads it that cannot lock pages.
        StoreCorrupted: it is damaged.
        StoreNotFound, StoreFormatError, StoreError: it cannot be used.
    """
    require_manifest(path)
    with opening_turn(path):
        require_manifest(path)
        lock = WriterLock(path)
    try:
        shutil.rmtree(path / _DRAFTS, ignore_errors=True)
        yield Replacement(path, lock, on_progress)
    finally:
        lock.release()


Edit = Callable[["lmdb.Transaction[bytes]", Tables], None]
"""Changes rows in one transaction."""


def _edit(directory: Path, edit: Edit) -> None:
    try:
        env = lmdb.open(
            str(directory), map_size=whole_pages(DEFAULT_MAP_BYTES), sync=False, **OPTIONS
        )
        try:
            tables = open_tables(env, create=False)
            with env.begin(write=True) as txn:
                edit(txn, tables)
            env.sync(force=True)
        finally:
            env.close()
    except lmdb.Error as error:
        raise store_error(error, directory) from error


@contextlib.contextmanager
def _directory(path: Path) -> Iterator[None]:
    path.mkdir()
    try:
        yield
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _check_sound(report: Report, path: Path) -> None:
    for finding in report.findings:
        if finding.severity == "damage":
            raise StoreCorrupted(
                f"{path} is damaged ({finding.where}: {finding.what}); nothing was changed"
            )
