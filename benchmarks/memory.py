"""Long-term memory: 100,000 records of runs and facts, searched and recalled; beside plain FTS5.

Then 20,000 records with vectors, if the extra `embeddings` is installed, and a conversation of
10,000 entries that is compacted. The steps are told on standard error, with the CPU until then.
The store is on disk. Records are of 40 words that are as frequent as in natural text, questions
of six; what a request recalls is asked for by the last messages, some 100 words. Seconds are
those of a whole call, waiting for the log included.
"""

import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.harness import Goal, parsed_arguments, report, spread
from benchmarks.memory_compaction import compaction_goals
from benchmarks.memory_log import AGENT, fill, texts
from mentra_actors import ConfigurationError, LocalEmbeddings, open_runtime_sync
from mentra_actors.domain.memory import PinFact
from mentra_actors.domain.memory_views import MemoryQuestion, MemoryView, SeenWords, agent_view
from mentra_actors.domain.team import DEFAULT_TEAM
from mentra_actors.runtime.core import RuntimeCore
from mentra_actors.runtime.memory.memories import Memories, index_file
from mentra_actors.runtime.settings import RuntimeSettings
from mentra_actors.store.embedded.lmdb_store import LmdbEventStore
from projections.memory.index import MemoryIndex
from projections.memory.ranking import match_expression, phrases_of, searchable

VIEW = agent_view(AGENT, DEFAULT_TEAM)
WORDS_PER_QUESTION = 6
WORDS_PER_RECALL = 100
LIMIT = 10
PEER_SEARCHES = 30
"""Of FTS5 alone, which ranks every match: most of the time of a whole run would be its own."""
MOST_VECTORS = 20_000
"""The model takes half a millisecond for each."""


def tell(step: str) -> None:
    """Say on standard error what is done now."""
    print(f"  [{time.process_time():5.1f} s of CPU] {step}", file=sys.stderr, flush=True)


def timed(call: Callable[[], Any]) -> float:
    """Seconds of a call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def of_calls(name: str, seconds: list[float], count: int, **peers: float) -> Goal:
    """The median in milliseconds, with p99 beside it."""
    p99 = statistics.quantiles(seconds, n=100)[98] if len(seconds) > 1 else seconds[0]
    beside = {"p99 ms": p99 * 1e3, "calls": float(len(seconds)), **peers}
    return Goal(
        f"{name}, {count:,} records: p50",
        statistics.median(seconds) * 1e3,
        "ms",
        peers=beside,
        spread=spread([one * 1e3 for one in seconds]),
    )


def plain_search(contents: list[str]) -> tuple[Callable[[str], Any], float]:
    """A search of FTS5 alone over the same texts, and the seconds to insert each."""
    database = sqlite3.connect(":memory:")
    database.execute("CREATE VIRTUAL TABLE words USING fts5(text, tokenize='porter unicode61')")
    start = time.perf_counter()
    with database:
        rows = ((searchable(one),) for one in contents)
        database.executemany("INSERT INTO words (text) VALUES (?)", rows)
    each = (time.perf_counter() - start) / len(contents)
    query = "SELECT rowid FROM words WHERE words MATCH ? ORDER BY rank LIMIT 10"

    def search(words: str) -> list[Any]:
        return database.execute(query, (match_expression(phrases_of(words)),)).fetchall()

    return search, each


def bounded_goals(path: Path, count: int) -> list[Goal]:
    """How long a request waits for an index that is not there yet, and how often until it is."""
    store = LmdbEventStore.open(path, durability="volatile")
    index, waits = MemoryIndex(store, index_file(store, path)), []
    while True:
        until = time.monotonic() + 0.25
        start = time.perf_counter()
        is_current = index.catch_up(VIEW, until=until)
        waits.append(time.perf_counter() - start)
        if is_current:
            break
    index.close()
    store.close()
    goal = Goal(
        f"longest wait of a request for an index of {count:,} records that is being made",
        max(waits) * 1e3,
        "ms",
        peers={"requests": float(len(waits)), "ingest records/s": count / sum(waits)},
    )
    return [goal]


def pin_goal(memories: Memories, calls: int, count: int) -> Goal:
    """Pins, each with a search at once, of a process that has pinned already.

    The log has no snapshot, so the first pin folds all facts: it stands beside the others.
    """

    def pin_and_search(number: int) -> None:
        command = PinFact(record_id=f"f{number}", content=f"fact {number}", by="ann", now=0.0)
        memories.pin(VIEW, command).result()
        memories.search(VIEW, f"fact {number}", LIMIT)

    first, *both = [timed(lambda n=number: pin_and_search(n)) for number in range(calls + 1)]
    beside = {"first of a process, no snapshot, ms": first * 1e3}
    return of_calls("pin a fact and search at once", both, count, **beside)


def goals_of(path: Path, *, quick: bool) -> list[Goal]:
    """All figures, of one store."""
    count, searches, forgets = (4_000, 60, 3) if quick else (100_000, 300, 5)
    tell(f"a log of {count:,} records")
    contents = fill(path, count)
    tell("FTS5 alone")
    plain, plain_insert = plain_search(contents)
    tell("the index")
    goals = bounded_goals(path, count)
    questions, recalls = texts(WORDS_PER_QUESTION, 3), texts(WORDS_PER_RECALL, 4)
    core = RuntimeCore(RuntimeSettings(path=path, durability="volatile", resume="none"))
    memories = core.memories
    first = timed(lambda: memories.search(VIEW, next(questions), LIMIT))
    file = index_file(core.store, path)
    size = file.stat().st_size if file is not None else 0
    peers = {"bytes/record": size / count, "FTS5 insert us/record": plain_insert * 1e6}
    goals.append(Goal(f"first search of a process, {count:,} records", first, "s", peers=peers))
    asked = [next(questions) for _ in range(searches)]
    tell("searches of FTS5 alone")
    alone = [timed(lambda q=one: plain(q)) for one in asked[:PEER_SEARCHES]]
    tell("searches, recalls, pins")
    seconds = [timed(lambda q=one: memories.search(VIEW, q, LIMIT)) for one in asked]
    beside = {"FTS5 p50 ms": statistics.median(alone) * 1e3}
    goals.append(of_calls("search", seconds, count, **beside))
    goals.append(recall_goal(core, VIEW, recalls, searches // 3, count))

    goals.append(pin_goal(memories, searches // 4, count))
    tell("forgetting")
    gone = [
        timed(lambda n=number: memories.forget(VIEW, f"r{n}", by="ann").result())
        for number in range(forgets)
    ]
    goals.append(of_calls("forget, until no byte is left in the index", gone, count))
    core.close()
    name = f"open a store of {count:,} records and search"
    goals.append(Goal(name, timed(lambda: opened(path)), "s"))
    if count > MOST_VECTORS:
        path, count = path.with_name("vectors"), MOST_VECTORS
        tell(f"a log of {count:,} records")
        fill(path, count)
    return goals + vector_goals(path, questions, searches // 3, count)


def vector_goals(path: Path, questions: Iterator[str], searches: int, count: int) -> list[Goal]:
    """The same search by words and by what they mean; none without a model."""
    try:
        embeddings = LocalEmbeddings()
    except ConfigurationError:
        return []
    settings = RuntimeSettings(
        path=path, durability="volatile", resume="none", embeddings=embeddings
    )
    core = RuntimeCore(settings)
    core.memories.index.catch_up(VIEW)
    tell(f"{count:,} vectors")
    made = core.memories.vectors
    each = timed(lambda: made.fill().result()) / count if made is not None else 0.0
    first = timed(lambda: core.memories.search(VIEW, next(questions), LIMIT))
    asked = [next(questions) for _ in range(searches)]
    tell("searches with vectors")
    seconds = [timed(lambda q=one: core.memories.search(VIEW, q, LIMIT)) for one in asked]
    core.close()
    peers = {"us/vector": each * 1e6, "first ms": first * 1e3}
    return [of_calls("search with vectors", seconds, count, **peers)]


def recall_goal(
    core: RuntimeCore, view: MemoryView, recalls: Iterator[str], times: int, count: int
) -> Goal:
    """What a round pays for what it recalls."""

    def recall() -> None:
        asked = MemoryQuestion(
            words=next(recalls), limit=3, now=core.clock.now(), seen=SeenWords()
        )
        core.memories.index.search(view, asked)

    seconds = [timed(recall) for _ in range(times)]
    return of_calls(f"recall for a round, {WORDS_PER_RECALL} words", seconds, count)


def opened(path: Path) -> None:
    """Open, search once, close."""
    with open_runtime_sync(path, resume="none") as runtime:
        runtime.spawn("bob", model="ollama:none", reuse=True)
        core = runtime._operations.core  # noqa: SLF001 - the log has no such agent, only its runs
        core.memories.search(VIEW, "fact 7", LIMIT)


def main() -> None:
    """Run and print."""
    arguments = parsed_arguments(__doc__ or "")
    with tempfile.TemporaryDirectory() as directory:
        goals = goals_of(Path(directory) / "team", quick=arguments.quick)
        entries = 1_000 if arguments.quick else 10_000
        tell(f"a conversation of {entries:,} entries")
        goals += compaction_goals(Path(directory) / "long", entries)
    report("Long-term memory", goals, as_json=arguments.json)


if __name__ == "__main__":
    main()
