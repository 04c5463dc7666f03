"""One commit of a store, read as plain bytes: what every task of care reads.

Where a writer may be at work, a child process holds the commit still meanwhile. Damage is noted
in `faults` and passed over; what a table lacks by it shows in what is read.
"""

import contextlib
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

from mentra_actors.errors import StoreCorrupted, StoreError
from mentra_actors.store.care.held_commit import HeldCommit
from mentra_actors.store.embedded.page_file import PageFile
from mentra_actors.store.embedded.pages import FIXED_SIZE, LISTS, Meta, Tree, parse_meta
from mentra_actors.store.embedded.stream_index import INDEX_ENTRY_BYTES
from mentra_actors.store.embedded.walk import MAIN_TREE, FileWalk, TableFault, newest_meta
from mentra_actors.store.store_directory import DATA_FILE, os_errors

__all__ = [
    "LATER_TABLES",
    "TABLES",
    "HeldFile",
    "Row",
    "StoreImage",
    "held_file",
    "opened_image",
]

_LOG = logging.getLogger(__name__)
_INDEX = "streams"
TABLES = ("log", _INDEX, "snapshots", "blobs", "open", "fences", "meta")
LATER_TABLES = ("requests", "side")
"""Made together by the first writer of a release that has them."""
_TRIES = 5

Row: TypeAlias = tuple[bytes, bytes]


class StoreImage:
    """The tables of one commit. Each may be read once, by one thread."""

    def __init__(
        self, file: PageFile, meta: Meta, faults: Sequence[TableFault], *, is_held: bool
    ) -> None:
        """Use `opened_image`.

        Raises:
            StoreCorrupted: the commit cannot be in this file.
        """
        self.meta = meta
        self.file = file
        self._is_held = is_held
        self._meta_faults = tuple(faults)
        self._walk = FileWalk(file, meta)
        self._tables = self._walk.tables()
        self._check_tables()

    @property
    def faults(self) -> Sequence[TableFault]:
        """What was found wrong with the file so far."""
        return [*self._meta_faults, *self._walk.faults]

    @property
    def faults_count(self) -> int:
        """How many `faults` there are."""
        return len(self._meta_faults) + len(self._walk.faults)

    @property
    def progress(self) -> tuple[int, int]:
        """Bytes read and bytes in use, both about."""
        total = (self.meta.last_page + 1) * self.meta.page_bytes
        return min(self.file.bytes_read, total), total

    @property
    def was_overtaken(self) -> bool:
        """True if somebody wrote meanwhile, and may have used pages again that were read here."""
        metas = [meta for meta in self.file.metas() if isinstance(meta, Meta)]
        return not self._is_held and any(meta.txn_id > self.meta.txn_id for meta in metas)

    @property
    def has_log(self) -> bool:
        """True if there is a log, be it empty."""
        return TABLES[0] in self._tables

    def count(self, table: str) -> int:
        """Rows of a table, as it says itself; 0 if it is missing."""
        return self._tables[table].entries if table in self._tables else 0

    def rows(self, table: str) -> Iterator[Row]:
        """Keys and values of a table, but for the index; none if it is missing."""
        tree = self._tables.get(table)
        return iter(()) if tree is None else self._walk.rows(table, tree)

    def index(self) -> Iterator[tuple[bytes, Sequence[bytes]]]:
        """The stream index: stream ids, each perhaps several times, with entries in order."""
        tree = self._tables.get(_INDEX)
        if tree is None:
            return iter(())
        return self._walk.lists(_INDEX, tree, value_bytes=INDEX_ENTRY_BYTES)

    def check_pages(self) -> int:
        """Look at the free pages, after every table was read; how many bytes they take."""
        self._walk.check_pages()
        return self._walk.free_pages * self.meta.page_bytes

    def root_of(self, table: str) -> int:
        """The page at the top of a table."""
        return self._tables[table].root

    def pages_in_use(self) -> Sequence[int]:
        """Pages that belong to a table, once all of them were read."""
        return self._walk.pages_in_use

    def other_tables(self) -> list[str]:
        """Tables that this release does not know."""
        return sorted(self._tables.keys() - {*TABLES, *LATER_TABLES})

    def _check_tables(self) -> None:
        later = [name for name in LATER_TABLES if name in self._tables]
        missing = [name for name in TABLES if name not in self._tables]
        if later:
            missing += [name for name in LATER_TABLES if name not in later]
        for name in missing:
            self._walk.faults.append(TableFault(MAIN_TREE, f"the table {name!r} is missing"))
        for name, tree in list(self._tables.items()):
            if not _is_as_made(name, tree):
                what = (
                    f"the table {name!r} has options ({tree.flags:#x}) that it was not made with"
                )
                self._walk.faults.append(TableFault(MAIN_TREE, what))
                del self._tables[name]


class HeldFile(NamedTuple):
    """A data file and the commit of it that is to be read; `is_held` if nobody can change that."""

    file: PageFile
    meta: Meta
    faults: Sequence[TableFault]
    is_held: bool


@contextlib.contextmanager
def held_file(path: Path, *, is_alone: bool = False) -> Iterator[HeldFile]:
    """The data file in the directory `path`. With `is_alone` nobody else may be writing.

    Raises:
        StoreCorrupted: there is no commit to be read.
        StoreError: the file cannot be read.
    """
    with contextlib.ExitStack() as ends:
        held = None if is_alone else _held(path)
        if held is not None:
            ends.enter_context(held)
        with os_errors(path):
            file = PageFile.open(path / DATA_FILE)
        ends.callback(file.close)
        yield HeldFile(file, *_commit(file, held), is_alone or held is not None)


@contextlib.contextmanager
def opened_image(path: Path, *, is_alone: bool = False) -> Iterator[StoreImage]:
    """The present commit of the store at `path`; see `held_file`."""
    with held_file(path, is_alone=is_alone) as held:
        yield StoreImage(held.file, held.meta, held.faults, is_held=held.is_held)


def _held(path: Path) -> HeldCommit | None:
    try:
        return HeldCommit(path)
    except StoreError as error:
        # If LMDB cannot open it then nobody is writing it: the pages say what is wrong.
        _LOG.info("%s is read as it lies: %s", path, error)
        return None


def _commit(file: PageFile, held: HeldCommit | None) -> tuple[Meta, Sequence[TableFault]]:
    """The commit to read, and what is wrong with the meta pages."""
    if held is None:
        return newest_meta(file)
    faults: Sequence[TableFault] = ()
    for _ in range(_TRIES):  # a writer may be in the middle of writing one
        _, faults = newest_meta(file)
        if not faults:
            break
    for number, page in enumerate(held.meta_pages):
        with contextlib.suppress(StoreCorrupted):
            meta = parse_meta(page, number)
            if meta.txn_id == held.txn_id:
                return meta, faults
    raise StoreError("the writer was too fast to hold a commit still; try again")


def _is_as_made(name: str, tree: Tree) -> bool:
    if name == _INDEX:
        return tree.flags == LISTS | FIXED_SIZE
    return not tree.flags or name not in (*TABLES, *LATER_TABLES)
