"""Catching up: a new view over a whole log; beside eventsourcing's runner.

The view is the same: output tokens by stream, a row each. Ours writes a page of events in one
transaction with its checkpoint; the library writes each event with its tracking. Both views are
durable; after a power loss ours may be a page older and catches up, which is also what SQLite's
`synchronous=NORMAL` promises. So both of its settings stand beside it, and its view in memory.
"""

import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from benchmarks.harness import Goal, at_least, interleaved, median, ratio_spread
from benchmarks.store_folder import fill, folder, our_store
from benchmarks.store_library import (
    MemoryTokens,
    RelaxedSqliteTokens,
    SqliteTokens,
    filled_log,
    project,
)
from benchmarks.store_workload import (
    CODEC,
    STREAMS,
    ModelAnswered,
    Requests,
    agent_sizes,
)
from mentra_actors.codec.event_codec import EventCodec
from mentra_actors.envelope import RecordedEvent
from mentra_actors.store.ports import JournalReader
from projections.contract import Projection, projection
from projections.lmdb_views import LmdbViews
from projections.runner import ProjectionRunner

_LIBRARY_STREAMS = 50


class TokensByStream:
    """A part of the view for each stream."""

    name = "tokens_by_stream"
    version = 1
    handles = frozenset((ModelAnswered,))
    view_type = int

    def keys(self, recorded: RecordedEvent[Any]) -> Sequence[str]:
        return (recorded.stream_id,)

    def initial(self, key: str) -> int:  # noqa: ARG002 - all begin alike
        return 0

    def apply(self, view: int, key: str, recorded: RecordedEvent[Any]) -> int:  # noqa: ARG002
        return view + int(recorded.event.output_tokens)


@projection(name="tokens", initial=lambda: 0, view_type=int, handles=(ModelAnswered,))
def all_tokens(view: int, recorded: RecordedEvent[Any]) -> int:
    """A view of one part."""
    return view + int(recorded.event.output_tokens)


def ours(
    reader: JournalReader, chosen: Projection[Any], events: int, codec: EventCodec = CODEC
) -> float:
    """Events per second into a new view store."""
    with folder() as path:
        views = LmdbViews.open(path / "views")
        try:
            runner = ProjectionRunner(reader, views, [chosen], codec=codec)
            begun = time.perf_counter()
            runner.catch_up()
            return events / (time.perf_counter() - begun)
        finally:
            views.close()


def library(recorder: Any, view: type[Any]) -> float:
    """Events per second into a new view."""
    with folder() as path:
        begun = time.perf_counter()
        project(recorder, view, path)
        return (recorder.max_notification_id() or 0) / (time.perf_counter() - begun)


def view_goals(*, quick: bool) -> list[Goal]:
    """100,000 events of 1000 streams, in appends of 3 to 10; the library gets fewer of them."""
    events, recorder = 100_000, filled_log(1500 if quick else 10_000, _LIBRARY_STREAMS)
    with folder() as path, our_store(path, "volatile") as store:
        requests = Requests()
        sizes = enumerate(agent_sizes(events))
        fill(store, (requests.take(number % STREAMS, size) for number, size in sizes))
        cases = {
            "ours": partial(ours, store, TokensByStream(), events),
            "ours, one part": partial(ours, store, all_tokens, events),
            "library, SQLite FULL": partial(library, recorder, SqliteTokens),
            "library, SQLite NORMAL": partial(library, recorder, RelaxedSqliteTokens),
            "library, memory": partial(library, recorder, MemoryTokens),
        }
        rates = interleaved(cases, 3 if quick else 5)
    figures = {f"{name} events/s": median(rates[name]) for name in cases}
    ratio = figures["ours events/s"] / figures["library, SQLite FULL events/s"]
    name = "catch-up of a durable view: over eventsourcing's runner, tracking by event"
    around = ratio_spread(rates["ours"], rates["library, SQLite FULL"])
    return [at_least(name, ratio, 100, figures, around)]
