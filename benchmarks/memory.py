"""Long-term memory: 100,000 records of runs and facts, searched and recalled; beside plain FTS5.

A store on disk. Records are of 40 words that are as frequent as in natural text, questions of six;
what a request recalls is asked for by the last messages, some 100 words. Seconds are those of a
whole call, waiting for the log included.
"""

import itertools
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.harness import Goal, parsed_arguments, report
from mentra_actors import open_runtime_sync
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.content import TextBlock
from mentra_actors.domain.memory import MemoryRecord, MemoryRecorded, PinFact
from mentra_actors.domain.memory_views import MemoryQuestion, MemoryView, SeenWords, agent_view
from mentra_actors.domain.model_call import StopReason
from mentra_actors.domain.team import DEFAULT_TEAM
from mentra_actors.ids import AgentId, CommandId, EffectId, RunId, agent_stream, memory_stream
from mentra_actors.runtime.core import RuntimeCore
from mentra_actors.runtime.memories import index_file
from mentra_actors.runtime.settings import RuntimeSettings
from mentra_actors.store.journal import Journal
from mentra_actors.store.lmdb_store import LmdbEventStore
from mentra_actors.store.ports import AppendRequest
from projections.memory_index import MemoryIndex
from projections.memory_ranking import match_expression, phrases_of, searchable

AGENT = AgentId("ann")
VIEW = agent_view(AGENT, DEFAULT_TEAM)
WORDS_PER_RECORD = 40
WORDS_PER_QUESTION = 6
WORDS_PER_RECALL = 100
VOCABULARY = 20_000
LIMIT = 10
APPEND = 20


def texts(words: int, seed: int) -> Iterator[str]:
    """Texts of so many words; the n-th most frequent word has the weight 1/n."""
    chance = random.Random(seed)
    named = random.Random(1)
    vocabulary = [
        "".join(named.choices("abcdefghijklmnopqrstuvwxyz", k=named.randrange(3, 11)))
        for _ in range(VOCABULARY)
    ]
    cumulative = list(itertools.accumulate(1 / rank for rank in range(1, VOCABULARY + 1)))
    while True:
        yield " ".join(chance.choices(vocabulary, cum_weights=cumulative, k=words))


def timed(call: Callable[[], Any]) -> float:
    """Seconds of a call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def spread(name: str, seconds: list[float], count: int, **peers: float) -> Goal:
    """The median in milliseconds, with p99 beside it."""
    p99 = statistics.quantiles(seconds, n=100)[98] if len(seconds) > 1 else seconds[0]
    beside = {"p99 ms": p99 * 1e3, "calls": float(len(seconds)), **peers}
    return Goal(
        f"{name}, {count:,} records: p50", statistics.median(seconds) * 1e3, "ms", peers=beside
    )


def run_of(number: int, said: str, answer: str) -> list[Any]:
    """The events of a run of one round."""
    prompt, run = CommandId(f"p{number}"), RunId(f"ann/run-{number}")
    effect = EffectId(f"model-{number}")
    return [
        e.PromptAccepted(prompt_id=prompt, text=said, accepted_at=float(number)),
        e.RunStarted(run_id=run, started_at=float(number)),
        e.InputPlaced(run_id=run, prompt_ids=(prompt,)),
        e.ModelCallRequested(effect_id=effect, run_id=run, round=1),
        e.ModelReplied(
            effect_id=effect, blocks=(TextBlock(text=answer),), stop_reason=StopReason.END_TURN
        ),
        e.RunFinished(run_id=run, finished_at=float(number), answer=effect),
    ]


def facts_of(numbers: Iterable[int], contents: Iterator[str]) -> list[Any]:
    """Pinned facts."""
    return [
        MemoryRecorded(
            record=MemoryRecord(
                record_id=f"r{number}",
                kind="fact",
                content=next(contents),
                source="manual_pin",
                recorded_at=float(number),
                by="ann",
                pinned=True,
            )
        )
        for number in numbers
    ]


def fill(path: Path, count: int) -> list[str]:
    """A log with so many records, half of them runs and half of them facts; their texts."""
    contents, kept = texts(WORDS_PER_RECORD, 2), []
    store = LmdbEventStore.open(path, durability="volatile")
    journal = Journal(store)
    for start in range(0, count // 2, APPEND):
        numbers = range(start, min(start + APPEND, count // 2))
        said: list[Any] = []
        for number in numbers:
            words = next(contents)
            kept.append(words)
            half = len(words) // 2
            said += run_of(number, words[:half], words[half:])
        facts = facts_of(numbers, contents)
        kept += [one.record.content for one in facts]
        parts = (
            journal.stream_append(agent_stream(AGENT), said, None),
            journal.stream_append(memory_stream(AGENT), facts, None),
        )
        store.append(AppendRequest(streams=parts))
    store.close()
    return kept


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
    index, waits = MemoryIndex(store), []
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


def goals_of(path: Path, *, quick: bool) -> list[Goal]:
    """All figures, of one store."""
    count, searches, forgets = (4_000, 60, 3) if quick else (100_000, 300, 5)
    contents = fill(path, count)
    plain, plain_insert = plain_search(contents)
    goals = bounded_goals(path, count)
    questions, recalls = texts(WORDS_PER_QUESTION, 3), texts(WORDS_PER_RECALL, 4)
    core = RuntimeCore(RuntimeSettings(path=path, durability="volatile", resume="none"))
    memories = core.memories
    first = timed(lambda: memories.search(VIEW, next(questions), LIMIT))
    file = index_file(core.store, path)
    size = file.stat().st_size if file is not None else 0
    peers = {"us/record": first / count * 1e6, "bytes/record": size / count}
    peers["FTS5 us/record"] = plain_insert * 1e6
    goals.append(Goal(f"first search, which indexes {count:,} records", first, "s", peers=peers))
    asked = [next(questions) for _ in range(searches)]
    alone = [timed(lambda q=one: plain(q)) for one in asked]
    seconds = [timed(lambda q=one: memories.search(VIEW, q, LIMIT)) for one in asked]
    beside = {"FTS5 p50 ms": statistics.median(alone) * 1e3}
    goals.append(spread("search", seconds, count, **beside))
    goals.append(recall_goal(core, VIEW, recalls, searches // 3, count))

    def pin_and_search(number: int) -> None:
        command = PinFact(record_id=f"f{number}", content=f"fact {number}", by="ann", now=0.0)
        memories.pin(VIEW, command).result()
        memories.search(VIEW, f"fact {number}", LIMIT)

    both = [timed(lambda n=number: pin_and_search(n)) for number in range(searches // 4)]
    goals.append(spread("pin a fact and search at once", both, count))
    gone = [
        timed(lambda n=number: memories.forget(VIEW, f"r{n}", by="ann").result())
        for number in range(forgets)
    ]
    goals.append(spread("forget, until no byte is left in the index", gone, count))
    core.close()
    name = f"open a store of {count:,} records and search"
    goals.append(Goal(name, timed(lambda: opened(path)), "s"))
    return goals


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
    return spread(f"recall for a round, {WORDS_PER_RECALL} words", seconds, count)


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
    report("Long-term memory", goals, as_json=arguments.json)


if __name__ == "__main__":
    main()
