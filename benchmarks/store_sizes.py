"""Bytes on disk, and the memory that reading a whole log takes."""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path

import lmdb
import msgspec

from benchmarks.harness import Goal, at_most
from benchmarks.store_appends import BATCH, Actors
from benchmarks.store_folder import fill, folder, our_store
from benchmarks.store_peers import Library, RawLmdb, RawSqlite, record_of
from benchmarks.store_workload import (
    POOL,
    STREAMS,
    Requests,
    agent_sizes,
    different_events,
    encoded,
)
from mentra_actors.store.opening import open_event_store
from mentra_actors.store.ports import EventStore
from mentra_actors.store.sealing.options import Sealing
from mentra_actors.store.sealing.sealed_store import SealedEventStore

_ENCODER = msgspec.msgpack.Encoder()
_APPENDS_BEFORE_DICTIONARY = 300
_MAP_BYTES = 1 << 38
_MOST_MB = 16
_NOISE_MB = 4


def size_goals(*, quick: bool) -> list[Goal]:
    """The data file after 100,000 events of 100 actors, over what had to be kept.

    What had to be kept of an append: stream id, tags and payloads, as MessagePack. Compressed
    events are all different, so that the dictionary, which a store trains on its first thousand
    events, knows the words and not the events; it is counted.
    """
    events = 100_000
    return [
        _file_goal("appends of 1", [1] * events),
        _file_goal("appends of 3..10", agent_sizes(events)),
        _compressed_goal(20_000 if quick else events),
    ]


def _file_goal(name: str, sizes: Sequence[int]) -> Goal:
    with folder() as path:
        with our_store(path) as store:
            Actors(store).rate(iter(sizes))
        kept = _encoded_bytes(Requests(), sizes)
        files = {"ours": path / "store" / "data.mdb", **_peer_files(path, sizes)}
        over = {peer: file.stat().st_size / kept for peer, file in files.items()}
        over["ours, the log alone"] = _log_bytes(path / "store") / kept
    ratio, per_event = over.pop("ours"), {"kept bytes/event": kept / sum(sizes)}
    name = f"bytes on disk, {name}: data file over encoded bytes"
    return at_most(name, ratio, 1.4, {**per_event, **over})


def _compressed_goal(events: int) -> Goal:
    pool, sizes = encoded(different_events(events)), agent_sizes(events)
    with folder() as path:
        store = open_event_store(path / "store", sealing=Sealing(compression="zstd"))
        try:
            actors, left = Actors(store, Requests(pool)), iter(sizes)
            actors.rate(islice(left, _APPENDS_BEFORE_DICTIONARY))
            _await_dictionary(store)
            rate = actors.rate(left) * events / len(sizes)
        finally:
            store.close()
        files = [file for file in (path / "store").rglob("*") if file.name != "lock.mdb"]
        length = sum(file.stat().st_size for file in files if file.is_file())
        log = _log_bytes(path / "store")
    kept = _encoded_bytes(Requests(pool), sizes)
    peers = {"events/s": rate, "the log alone": log / kept}
    name = "bytes on disk, appends of 3..10, zstd with a trained dictionary: over encoded bytes"
    return at_most(name, length / kept, 0.7, peers)


def _await_dictionary(store: EventStore) -> None:
    """Wait for the thread on which it is trained."""
    if not isinstance(store, SealedEventStore):
        raise TypeError("a store that was opened with compression is not sealed")
    while not store.seal.dictionaries.newest:
        time.sleep(0.01)


def _encoded_bytes(requests: Requests, sizes: Sequence[int]) -> int:
    total = 0
    for number, size in enumerate(sizes):
        one = requests.take(number, size).streams[0]
        events = [(event.event_type, event.payload) for event in one.events]
        total += len(_ENCODER.encode((one.stream_id, events)))
    return total


def _log_bytes(store: Path) -> int:
    """Pages of the log alone, without the index by stream and without free pages."""
    env = lmdb.open(str(store), readonly=True, max_dbs=16, map_size=_MAP_BYTES)
    with env.begin() as txn:
        found = txn.stat(env.open_db(b"log", txn, create=False))
    env.close()
    pages = found["branch_pages"] + found["leaf_pages"] + found["overflow_pages"]
    return int(pages * found["psize"])


def _peer_files(path: Path, sizes: Sequence[int]) -> dict[str, Path]:
    """The same events by peers; the SQLite ones write single events, a hundred a transaction."""
    raw, numbers, taken = RawLmdb(path, flush=False), cycle(range(STREAMS)), 0
    for size in sizes:
        record = record_of(0, 1, taken % (POOL - size), size)
        raw.write([(next(numbers), record)], events_each=size)
        taken += size
    raw.close()
    sqlite, library = RawSqlite(path, "NORMAL"), Library(path, "sqlite")
    for number in range(0, sum(sizes), BATCH):
        chosen = [next(numbers) for _ in range(BATCH)]
        sqlite.write(chosen, number % (POOL - BATCH))
        library.write(chosen, number % (POOL - BATCH))
    sqlite.close()
    library.close()
    return {
        "raw LMDB": path / "raw" / "data.mdb",
        "raw SQLite": path / "raw.db",
        "eventsourcing SQLite": path / "library.db",
    }


def memory_goals(*, quick: bool) -> list[Goal]:
    """A process reads a whole log in pages; two lengths of log."""
    figures = {size_mb: _read_in_child(size_mb) for size_mb in ((25, 100) if quick else (50, 200))}
    short, long = figures.values()
    growth = long["anonymous_mb"]
    peers = {
        f"{name} at {size_mb} MB": figure[name]
        for size_mb, figure in figures.items()
        for name in ("anonymous_mb", "mapped_mb", "events_per_s")
    }
    is_bounded = growth <= _MOST_MB and growth <= short["anonymous_mb"] + _NOISE_MB
    name = f"memory to read a log of {max(figures)} MB in pages, growth at its highest"
    return [Goal(name, growth, "MB", f"<= {_MOST_MB}, either size", is_bounded, peers)]


def _read_in_child(size_mb: int) -> dict[str, float]:
    with folder() as path:
        with our_store(path, "volatile") as store:
            requests, sizes = Requests(), cycle(agent_sizes(10_000))
            numbers, data = cycle(range(STREAMS)), path / "store" / "data.mdb"
            while data.stat().st_size < size_mb << 20:
                fill(store, (requests.take(next(numbers), next(sizes)) for _ in range(1000)))
        command = [sys.executable, "-m", "benchmarks.store_memory", str(path / "store")]
        output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
        figures: dict[str, float] = json.loads(output)
        return figures
