"""Views that catch up with a long log, and one that is followed under load.

The log has events of two types in 1000 streams. *Rare* is a view of a third type, of which there
are none; *half* sees one of the two types, *all* sees both; all have a part for each stream.
Beside them stands eventsourcing's runner with the view of *half*, on a smaller log.
"""

import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.harness import Goal, interleaved, median, spread
from benchmarks.past_logs import plain_log
from benchmarks.store_folder import folder, our_store
from benchmarks.store_library import MemoryTokens, RelaxedSqliteTokens, filled_log
from benchmarks.store_views import TokensByStream, library, ours
from benchmarks.store_workload import ModelAnswered, Requests, ToolEnded
from mentra_actors.codec.event_codec import EventCodec
from mentra_actors.envelope import RecordedEvent
from mentra_actors.store.lmdb_store import Durability, LmdbEventStore
from mentra_actors.store.ports import Appended
from projections.lmdb_views import LmdbViews
from projections.runner import ProjectionRunner

__all__ = ["lag_goals", "view_goals"]

LEAST_RARE = 150_000
LEAST_HANDLED = 60_000
APPENDS_PER_S = 1000
_LIBRARY_STREAMS = 50
_MOST_S = 30.0


class Rare(msgspec.Struct, frozen=True, tag="bench.rare.v1"):
    """An event that no log has."""

    name: str


CODEC = EventCodec((ModelAnswered, ToolEnded, Rare))


class RareByStream(TokensByStream):
    """A view of events that there are none of."""

    name = "rare_by_stream"
    handles = frozenset((Rare,))


class EventsByStream(TokensByStream):
    """How many events each stream has."""

    name = "events_by_stream"
    handles = frozenset((ModelAnswered, ToolEnded))

    def apply(self, view: int, key: str, recorded: RecordedEvent[Any]) -> int:  # noqa: ARG002
        return view + 1


def view_goals(*, events: int, library_events: int, rounds: int) -> list[Goal]:
    """Events of the log a second, until a new view has all of them."""
    recorder = filled_log(library_events, _LIBRARY_STREAMS)
    with folder() as path, our_store(path, "volatile") as store:
        plain_log(store, events)
        cases = {
            "rare": partial(ours, store, RareByStream(), events, CODEC),
            "half": partial(ours, store, TokensByStream(), events, CODEC),
            "all": partial(ours, store, EventsByStream(), events, CODEC),
            "eventsourcing, SQLite NORMAL": partial(library, recorder, RelaxedSqliteTokens),
            "eventsourcing, memory": partial(library, recorder, MemoryTokens),
        }
        runs = interleaved(cases, rounds)
    rates = {name: median(some) for name, some in runs.items()}
    beside = {name: rate for name, rate in rates.items() if name.startswith("eventsourcing")}
    return [
        _at_least(f"catch-up over {events:,} events, none handled", runs["rare"], LEAST_RARE),
        Goal(
            f"catch-up over {events:,} events, half handled",
            rates["half"],
            "/s",
            peers=beside,
            spread=spread(runs["half"]),
        ),
        _at_least(f"a new view of all of {events:,} events", runs["all"], LEAST_HANDLED),
    ]


def lag_goals(*, seconds: float) -> list[Goal]:
    """How old an event is when a followed view has it, from the beginning of its append."""
    count = int(seconds * APPENDS_PER_S)
    goals = []
    levels: tuple[Durability, ...] = ("sync", "relaxed")
    for durability in levels:
        with folder() as path, our_store(path, durability) as store:
            begun, acknowledged, seen = _followed(store, path, count)
        name = f"{APPENDS_PER_S:,} appends a second, {durability}"
        for label, part in (("p50", 0.5), ("p99", 0.99)):
            value = _part(begun, seen, part)
            beside = {"until acknowledged": _part(begun, acknowledged, part)}
            goals.append(
                Goal(f"{name}: until it is in a view, {label}", value, "ms", peers=beside)
            )
        rate = count / (max(acknowledged.values()) - begun[1])
        goals.append(Goal(f"{name}: appends", rate, "/s"))
    return goals


def _followed(
    store: LmdbEventStore, path: Path, count: int
) -> tuple[dict[int, float], dict[int, float], dict[int, float]]:
    """By position: when an append was begun, acknowledged, and seen in the view."""
    begun: dict[int, float] = {}
    acknowledged: dict[int, float] = {}
    seen: dict[int, float] = {}
    views = LmdbViews.open(path / "views")
    runner = ProjectionRunner(store, views, [EventsByStream()], codec=CODEC)

    def told(answer: Any) -> None:
        if isinstance(answer, Appended):
            acknowledged[answer.last_position] = time.perf_counter()

    def watch() -> None:
        while len(seen) < count and runner.wait_for(len(seen) + 1, timeout_s=_MOST_S):
            reached, now = runner.checkpoint(), time.perf_counter()
            seen.update(dict.fromkeys(range(len(seen) + 1, reached + 1), now))

    with runner.follow():
        watching = threading.Thread(target=watch)
        watching.start()
        _write(store, count, begun, told)
        watching.join()
    views.close()
    return begun, acknowledged, seen


def _write(store: LmdbEventStore, count: int, begun: dict[int, float], told: Any) -> None:
    """One event an append, each at its time, whether those before are acknowledged or not."""
    requests, start = Requests(), time.perf_counter()
    for number in range(count):
        request = requests.take(number)
        time.sleep(max(start + number / APPENDS_PER_S - time.perf_counter(), 0.0))
        begun[number + 1] = time.perf_counter()
        store.submit(request, told)


def _part(begun: dict[int, float], ended: dict[int, float], part: float) -> float:
    ages = sorted(when - begun[position] for position, when in ended.items())
    return ages[int((len(ages) - 1) * part)] * 1e3


def _at_least(name: str, rates: list[float], least: float) -> Goal:
    rate = median(rates)
    goal = f">= {least:,.0f}"
    return Goal(name, rate, "/s", goal, rate >= least, spread=spread(rates))
