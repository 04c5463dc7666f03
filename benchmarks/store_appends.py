"""Appends: one by one, by 100 actors at once, in batches of 100."""

import queue
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import count, cycle
from statistics import quantiles
from typing import Any, TypeAlias

from benchmarks.harness import Goal, at_least, interleaved, median, ratio_spread
from benchmarks.store_folder import folder, our_store
from benchmarks.store_peers import (
    Closing,
    Disk,
    Flushes,
    Library,
    Medium,
    RawLmdb,
    RawSqlite,
    record_of,
)
from benchmarks.store_workload import POOL, STREAMS, Requests
from mentra_actors.store.lmdb_store import Durability
from mentra_actors.store.ports import Appended, EventStore

ACTORS = 100
BATCH = 100
LEVELS: tuple[Durability, ...] = ("sync", "relaxed", "volatile")


def rate(seconds: float, write: Callable[[], int]) -> float:
    """Events per second of calls one after another."""
    done, begun = 0, time.perf_counter()
    while (now := time.perf_counter()) < begun + seconds:
        done += write()
    return done / (now - begun)


def order() -> Iterator[int]:
    """Streams as they come in a team: mixed."""
    source = random.Random(3)
    numbers = list(range(STREAMS))
    while True:
        source.shuffle(numbers)
        yield from numbers


def several(numbers: Iterator[int], count: int) -> list[int]:
    """The next streams, each once."""
    return [next(numbers) for _ in range(count)]


# --- ours ---------------------------------------------------------------------------------


class Actors:
    """Each has one append in flight. Its next one is made when the message of its end is handled.

    The message comes from `on_appended`, on the writer thread, and is handled on this one, as a
    dispatcher does it.
    """

    def __init__(self, store: EventStore, requests: Requests | None = None) -> None:
        self.seconds: list[float] = []
        """Of each append, from its submission to the handling of its message."""
        self._store = store
        self._requests = requests or Requests()
        self._inbox: queue.SimpleQueue[tuple[int, float, Any]] = queue.SimpleQueue()

    def rate(self, sizes: Iterator[int]) -> float:
        """Appends per second; `sizes` says how many events each has, and when it is over."""
        begun = time.perf_counter()
        working = sum(self._submits(actor, sizes) for actor in range(ACTORS))
        while working:
            number, started, answer = self._inbox.get()
            if not isinstance(answer, Appended):
                raise answer
            self.seconds.append(time.perf_counter() - started)
            if not self._submits(number + ACTORS, sizes):
                working -= 1
        return len(self.seconds) / (time.perf_counter() - begun)

    def _submits(self, number: int, sizes: Iterator[int]) -> bool:
        size = next(sizes, 0)
        if size:
            request = self._requests.take(number, size)
            put, started = self._inbox.put, time.perf_counter()
            self._store.submit(request, lambda answer: put((number, started, answer)))
        return bool(size)


def single_events(seconds: float) -> Iterator[int]:
    """Appends of one event, until the time is up."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        yield 1


class Ours:
    """The cases of our store; remembers how long appends took, by case."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = {}

    def one_by_one(self, durability: Durability, seconds: float) -> float:
        """Blocking appends of single events, each answered before the next."""
        with folder() as path, our_store(path, durability) as store:
            requests, numbers = Requests(), order()
            taken = self.seconds.setdefault(f"1 {durability}", [])

            def write() -> int:
                started = time.perf_counter()
                store.append(requests.take(next(numbers)))
                taken.append(time.perf_counter() - started)
                return 1

            return rate(seconds, write)

    def by_actors(self, durability: Durability, seconds: float) -> float:
        """100 at once."""
        with folder() as path, our_store(path, durability) as store:
            actors = Actors(store)
            figure = actors.rate(single_events(seconds))
            self.seconds.setdefault(f"{ACTORS} {durability}", []).extend(actors.seconds)
            return figure

    def batch_in_one(self, seconds: float) -> float:
        """Appends of 100 events of one stream."""
        with folder() as path, our_store(path) as store:
            requests, numbers = Requests(), order()

            def write() -> int:
                store.append(requests.take(next(numbers), BATCH))
                return BATCH

            return rate(seconds, write)

    def batch_together(self, seconds: float) -> float:
        """100 appends of single events, submitted together; the next 100 after the last answer."""
        with folder() as path, our_store(path) as store:
            requests, numbers = Requests(), order()
            answers: queue.SimpleQueue[Any] = queue.SimpleQueue()

            def write() -> int:
                for number in several(numbers, BATCH):
                    store.submit(requests.take(number), answers.put)
                for _ in range(BATCH):
                    answers.get()
                return BATCH

            return rate(seconds, write)


# --- peers --------------------------------------------------------------------------------


def timed(peer: Closing, seconds: float, write: Callable[[], int]) -> float:
    """Events per second of a peer, which is closed afterwards."""
    try:
        return rate(seconds, write)
    finally:
        peer.close()


def disk(seconds: float) -> float:
    """Flushes per second."""
    with folder() as path:
        peer = Disk(path)
        return timed(peer, seconds, peer.write)


def raw_lmdb(records: int, events_each: int, seconds: float) -> float:
    """The bare loop: so many records a transaction, so many events in each."""
    values = [record_of(n, 1, n % (POOL - events_each), events_each) for n in range(256)]
    with folder() as path:
        peer, numbers = RawLmdb(path), order()

        def write() -> int:
            chosen = [(number, values[number % 256]) for number in several(numbers, records)]
            return peer.write(chosen, events_each=events_each)

        return timed(peer, seconds, write)


def raw_sqlite(flushes: Flushes, batch: int, seconds: float) -> float:
    """The bare loop."""
    with folder() as path:
        peer, numbers, starts = RawSqlite(path, flushes), order(), cycle(range(POOL - batch))
        return timed(peer, seconds, lambda: peer.write(several(numbers, batch), next(starts)))


def library(medium: Medium, batch: int, seconds: float) -> float:
    """eventsourcing's recorder, called one time after another."""
    with folder() as path:
        peer, numbers, starts = Library(path, medium), order(), cycle(range(POOL - batch))
        return timed(peer, seconds, lambda: peer.write(several(numbers, batch), next(starts)))


def library_threads(medium: Medium, seconds: float) -> float:
    """eventsourcing's recorder under 100 threads, each with streams of its own.

    The size of its connection pool makes no difference: it lets one thread write at a time.
    """
    with folder() as path:
        peer, done, begun = Library(path, medium), [0] * ACTORS, [0.0]
        together = threading.Barrier(ACTORS, action=lambda: begun.insert(0, time.perf_counter()))

        def work(actor: int) -> None:
            together.wait()
            for number in count(actor, ACTORS):
                if time.perf_counter() > begun[0] + seconds:
                    return
                done[actor] += peer.write((number % STREAMS,), number % POOL)

        threads = [threading.Thread(target=work, args=(actor,)) for actor in range(ACTORS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        figure = sum(done) / (time.perf_counter() - begun[0])
        peer.close()
        return figure


# --- goals --------------------------------------------------------------------------------

_DISK, _RAW = "disk flushes/s", "raw LMDB events/s"
_RAW_RECORDS, _RAW_RECORD = f"raw LMDB, {BATCH} records", f"raw LMDB, one record of {BATCH}"
_FULL, _NORMAL = "raw SQLite FULL", "raw SQLite NORMAL"
_LIBRARY, _MEMORY = "eventsourcing SQLite", "eventsourcing memory"
Runs: TypeAlias = Mapping[str, Sequence[float]]
"""The figures of all rounds, by case."""
_ONE, _TOGETHER = f"ours, one append of {BATCH}", f"ours, {BATCH} appends together"


def append_goals(*, quick: bool) -> list[Goal]:
    """All cases in turn, a fresh store each time."""
    seconds, rounds = (0.25, 3) if quick else (1.5, 5)
    ours = Ours()
    cases = {name: partial(run, seconds) for name, run in _cases(ours).items()}
    runs = interleaved(cases, rounds)
    rates = {name: median(figures) for name, figures in runs.items()}
    return [
        Goal("disk: 4 KiB appended and flushed (fdatasync)", rates[_DISK], "/s"),
        *_single_goals(rates, runs),
        *_actor_goals(rates, runs),
        *_batch_goals(rates, runs),
        *_level_figures(rates, ours.seconds),
    ]


def _cases(ours: Ours) -> dict[str, Callable[[float], float]]:
    cases: dict[str, Callable[[float], float]] = {
        _DISK: disk,
        _RAW: partial(raw_lmdb, 1, 1),
        _RAW_RECORDS: partial(raw_lmdb, BATCH, 1),
        _RAW_RECORD: partial(raw_lmdb, 1, BATCH),
        _ONE: ours.batch_in_one,
        _TOGETHER: ours.batch_together,
        f"{_LIBRARY}, {ACTORS} threads": partial(library_threads, "sqlite"),
        f"{_MEMORY}, {ACTORS} threads": partial(library_threads, "memory"),
    }
    for level in LEVELS:
        cases[f"ours, 1 {level}"] = partial(ours.one_by_one, level)
        cases[f"ours, {ACTORS} {level}"] = partial(ours.by_actors, level)
    for batch in (1, BATCH):
        cases[f"{_FULL}, {batch}"] = partial(raw_sqlite, "FULL", batch)
        cases[f"{_NORMAL}, {batch}"] = partial(raw_sqlite, "NORMAL", batch)
        cases[f"{_LIBRARY}, {batch}"] = partial(library, "sqlite", batch)
        cases[f"{_MEMORY}, {batch}"] = partial(library, "memory", batch)
    return cases


def _chosen(rates: Mapping[str, float], *names: str) -> dict[str, float]:
    return {name: rates[name] for name in names}


def _single_goals(rates: Mapping[str, float], runs: Runs) -> list[Goal]:
    peers = _chosen(
        rates,
        "ours, 1 sync",
        _RAW,
        *(f"{peer}, 1" for peer in (_FULL, _NORMAL, _LIBRARY, _MEMORY)),
    )
    ratio = rates["ours, 1 sync"] / rates[_RAW]
    rounds = ratio_spread(runs["ours, 1 sync"], runs[_RAW])
    name = "single appends one by one, sync: over raw LMDB commits"
    return [at_least(name, ratio, 0.8, peers, rounds)]


def _actor_goals(rates: Mapping[str, float], runs: Runs) -> list[Goal]:
    ours, one, threads = f"ours, {ACTORS} sync", "ours, 1 sync", f"{ACTORS} threads"
    library_name = f"{_LIBRARY}, {threads}"
    peers = _chosen(rates, ours, one, library_name, f"{_MEMORY}, {threads}")
    name = f"{ACTORS} actors, an append in flight each, sync"
    return [
        at_least(
            f"{name}: over one by one",
            rates[ours] / rates[one],
            15,
            peers,
            ratio_spread(runs[ours], runs[one]),
        ),
        at_least(
            f"{name}: over eventsourcing SQLite under {threads}",
            rates[ours] / rates[library_name],
            10,
            peers,
            ratio_spread(runs[ours], runs[library_name]),
        ),
    ]


def _batch_goals(rates: Mapping[str, float], runs: Runs) -> list[Goal]:
    """Like beside like: as many records a transaction on both sides. The third crosses over."""
    peers = _chosen(
        rates,
        _ONE,
        _TOGETHER,
        _RAW_RECORD,
        _RAW_RECORDS,
        *(f"{peer}, {BATCH}" for peer in (_FULL, _NORMAL, _LIBRARY, _MEMORY)),
    )
    pairs = ((_ONE, _RAW_RECORD), (_TOGETHER, _RAW_RECORDS), (_ONE, _RAW_RECORDS))
    return [
        at_least(
            f"batches of {BATCH} events: {one} over {raw}",
            rates[one] / rates[raw],
            0.7,
            peers,
            ratio_spread(runs[one], runs[raw]),
        )
        for one, raw in pairs
    ]


def _level_figures(
    rates: Mapping[str, float], seconds: Mapping[str, Sequence[float]]
) -> list[Goal]:
    figures = []
    for case in (f"{actors} {level}" for actors in (1, ACTORS) for level in LEVELS):
        cuts = quantiles(seconds[case], n=100)
        peers = {"p50 ms": cuts[49] * 1e3, "p99 ms": cuts[98] * 1e3}
        figures.append(
            Goal(
                f"appends, actors and durability: {case}",
                rates[f"ours, {case}"],
                "/s",
                peers=peers,
            )
        )
    return figures
