"""Replay: read a stream, decode it, fold it; beside eventsourcing and a bare cursor loop."""

import struct
import time
from collections.abc import Callable, Sequence
from functools import partial

import msgspec

from benchmarks.harness import Goal, at_least, interleaved, median, ratio_spread
from benchmarks.store_folder import fill, folder, our_store
from benchmarks.store_library import sqlite_log, write_conversation
from benchmarks.store_peers import RawLmdb, record_of
from benchmarks.store_workload import (
    CODEC,
    POOL,
    SPENDING,
    ModelAnswered,
    Requests,
    Spent,
    ToolEnded,
    agent_sizes,
    evolve,
    stream_id,
)
from mentra_actors.actors.state_loading import StateLoader
from mentra_actors.codec.event_codec import tag_of
from mentra_actors.store.embedded.lmdb_store import LmdbEventStore
from mentra_actors.store.journal import Journal

_POSITION = struct.Struct(">8xQ8x")
_KEY = struct.Struct(">Q")
_HEADER_BYTES = 17
_Body = tuple[int, int, str, str, tuple[tuple[str, tuple[tuple[str, bytes], ...]], ...]]
_RECORD = msgspec.msgpack.Decoder(tuple[tuple[int, ...], _Body])
_EVENTS = {tag_of(kind): msgspec.msgpack.Decoder(kind) for kind in (ModelAnswered, ToolEnded)}


def load_ours(store: LmdbEventStore) -> Spent:
    """What an actor does when it starts without a snapshot."""
    return StateLoader(SPENDING, store, Journal(store, CODEC)).load(stream_id(0)).state


def fold_list(store: LmdbEventStore) -> Spent:
    """The same by the list of recorded events, each with its place."""
    recorded = Journal(store, CODEC).read_stream(stream_id(0))
    return SPENDING.fold(one.event for one in recorded)


def fold_raw(raw: RawLmdb) -> Spent:
    """The same records by a bare loop: no checksum, no envelope of an event, nothing checked."""
    state = Spent()
    with raw.env.begin() as txn:
        entries = txn.cursor(raw.index)
        entries.set_key(stream_id(0).encode())
        for entry in entries.iternext_dup():
            value = txn.get(_KEY.pack(*_POSITION.unpack(entry)), db=raw.log)
            _, body = _RECORD.decode(memoryview(value)[_HEADER_BYTES:])
            for _, events in body[4]:
                for tag, payload in events:
                    state = evolve(state, _EVENTS[tag].decode(payload))
    return state


def write_raw(raw: RawLmdb, sizes: Sequence[int]) -> None:
    """What `Requests` makes of these sizes, as bare rows."""
    taken, version = 0, 1
    for size in sizes:
        value = record_of(0, version, taken % (POOL - size), size)
        raw.write([(0, value)], events_each=size)
        taken += size
        version += size


def timed(events: int, run: Callable[[], object]) -> float:
    """Events per second."""
    begun = time.perf_counter()
    run()
    return events / (time.perf_counter() - begun)


def replay_goals(*, quick: bool) -> list[Goal]:
    """One stream of 100,000 events: in appends of 3 to 10 events as agents make them, and of 1.

    The library's is shorter with `--quick`; its rate does not depend on the length.
    """
    events, library_events = 100_000, 5_000 if quick else 100_000
    rounds = 3 if quick else 5
    goals = []
    with folder() as path:
        log = sqlite_log(path)
        conversation = write_conversation(log, library_events)
        get = partial(log.repository.get, conversation)
        for name, sizes in (
            ("appends of 3..10", agent_sizes(events)),
            ("appends of 1", [1] * events),
        ):
            goals += _beside_peers(name, sizes, get, library_events, rounds)
        log.close()
    return goals


def _beside_peers(
    name: str,
    sizes: Sequence[int],
    library_get: Callable[[], object],
    library_events: int,
    rounds: int,
) -> list[Goal]:
    events = sum(sizes)
    with folder() as path, our_store(path, "volatile") as store:
        requests, raw = Requests(), RawLmdb(path, flush=False)
        fill(store, (requests.take(0, size) for size in sizes))
        write_raw(raw, sizes)
        if not load_ours(store) == fold_list(store) == fold_raw(raw):
            raise AssertionError("the sides fold different events")
        cases = {
            "ours": lambda: timed(events, lambda: load_ours(store)),
            "ours, read_stream and fold": lambda: timed(events, lambda: fold_list(store)),
            "raw cursor": lambda: timed(events, lambda: fold_raw(raw)),
            "repository.get": lambda: timed(library_events, library_get),
        }
        runs = interleaved(cases, rounds)
        rates = {side: median(figures) for side, figures in runs.items()}
        raw.close()
    peers = {f"{side} events/s": rate for side, rate in rates.items()}
    return [
        at_least(
            f"replay, {name}: over {what}",
            rates["ours"] / rates[peer],
            least,
            peers,
            ratio_spread(runs["ours"], runs[peer]),
        )
        for what, peer, least in (
            ("eventsourcing repository.get (SQLite, JSON)", "repository.get", 25.0),
            ("raw cursor, msgspec and fold", "raw cursor", 0.7),
        )
    ]
