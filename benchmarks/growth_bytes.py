"""Where the bytes of our store are: by type of event, and by table of the data file."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import lmdb

from mentra_actors.codec.event_codec import CODEC
from mentra_actors.store.journal import Journal
from mentra_actors.store.lmdb_reader import LmdbJournalReader

__all__ = ["WHOLE_FILE", "Share", "bytes_by_table", "bytes_by_type"]

DATA_FILE = "data.mdb"
WHOLE_FILE = "the whole file"


class Share(NamedTuple):
    """What one kind of thing takes of a turn."""

    name: str
    count: float
    size_bytes: float


def bytes_by_type(store: Path, turns: int) -> Sequence[Share]:
    """Events of a turn by type, with the bytes of their tags and payloads; the largest first."""
    counts: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    reader = LmdbJournalReader.open(store)
    try:
        for one in Journal(reader).through():
            encoded = CODEC.encode(one.event)
            counts[one.event_type] += 1
            sizes[one.event_type] += len(encoded[0].encode()) + len(encoded[1])
    finally:
        reader.close()
    return [Share(name, counts[name] / turns, size / turns) for name, size in sizes.most_common()]


def bytes_by_table(store: Path, turns: int) -> Sequence[Share]:
    """The data file by table: rows of a turn, and the pages that they lie on.

    "rows of …" is the keys and values of a table without the unused ends of its pages. What is
    on no table is free pages, the first pages of the file, and its unused end. The count of the
    whole file is that of commits. A commit writes one page for each level (`depth`) of each table
    that it touches, and some of its own.
    """
    shares: list[Share] = []
    size = (store / DATA_FILE).stat().st_size
    with lmdb.open(str(store), readonly=True, lock=False, max_dbs=64) as env:
        with env.begin() as txn:
            names = [bytes(name).decode() for name, _value in txn.cursor()]
        for name in names:
            shares += _of_table(env, name, turns)
        commits = env.info()["last_txnid"] / turns
    on_pages = sum(one.size_bytes for one in shares if one.name.startswith("pages"))
    shares.append(Share("free pages and the rest", 0.0, size / turns - on_pages))
    shares.append(Share(WHOLE_FILE, commits, size / turns))
    return shares


def _of_table(env: Any, name: str, turns: int) -> Sequence[Share]:
    try:
        table = env.open_db(name.encode(), create=False)
    except lmdb.Error:
        return []  # a plain row of the main table
    with env.begin(db=table) as txn:
        stat = txn.stat(table)
        rows = sum(len(key) + len(value) for key, value in txn.cursor())
    pages = stat["leaf_pages"] + stat["branch_pages"] + stat["overflow_pages"]
    count = stat["entries"] / turns
    return [
        Share(f"pages of {name}, depth {stat['depth']}", count, pages * stat["psize"] / turns),
        Share(f"rows of {name}", count, rows / turns),
    ]
