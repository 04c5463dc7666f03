"""Where the bytes of our store are: by type of event, by what they say, and by table."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import lmdb
import msgspec

from mentra_actors.codec.event_codec import CODEC
from mentra_actors.store.embedded.reader import LmdbJournalReader
from mentra_actors.store.journal import Journal

__all__ = ["WHOLE_FILE", "Share", "bytes_by_kind", "bytes_by_table", "bytes_by_type"]

DATA_FILE = "data.mdb"
WHOLE_FILE = "the whole file"
_LONG_TEXT = 90


class Share(NamedTuple):
    """What one kind of thing takes of a turn."""

    name: str
    count: float
    size_bytes: float


def bytes_by_type(store: Path, turns: int) -> Sequence[Share]:
    """Events of a turn by type, with the bytes of their tags and payloads; the largest first."""
    counts: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for tag, payload in _encoded_events(store):
        counts[tag] += 1
        sizes[tag] += len(tag.encode()) + len(payload)
    return _shares(counts, sizes, turns)


def bytes_by_kind(store: Path, turns: int) -> Sequence[Share]:
    """The same bytes by what they say; the count is that of the strings that say it.

    The conversation is every text of some length. The rest is short values and the first bytes of
    all values.
    """
    counts: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    said: set[str] = set()
    for tag, payload in _encoded_events(store):
        found = [("tags", tag), *_strings(msgspec.msgpack.decode(payload), tag, said)]
        for kind, text in found:
            counts[kind] += 1
            sizes[kind] += len(text.encode())
        in_payload = sum(len(text.encode()) for _kind, text in found[1:])
        sizes["short values and first bytes"] += len(payload) - in_payload
    return _shares(counts, sizes, turns)


def _strings(value: Any, tag: str, said: set[str]) -> Iterator[tuple[str, str]]:
    """Field names, tags and texts in a decoded payload, each with its kind."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield "field names", name
            yield from _strings(inner, tag, said)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner, tag, said)
    elif value == tag:
        yield "tags, again in the payload", tag
    elif isinstance(value, str) and len(value) >= _LONG_TEXT:
        yield ("the conversation, said again" if value in said else "the conversation"), value
        said.add(value)


def _encoded_events(store: Path) -> Iterator[tuple[str, bytes]]:
    with closing(LmdbJournalReader.open(store)) as reader:
        for recorded in Journal(reader).through():
            yield CODEC.encode(recorded.event)


def _shares(counts: Counter[str], sizes: Counter[str], turns: int) -> Sequence[Share]:
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
