"""Long-term memory: recording, indexing, searching and forgetting in one of 10,000 records.

A store on disk, with every append flushed. Records are of 40 words that are as frequent as in
natural text, questions of six. Seconds are those of a whole call, waiting for the log included.
"""

import itertools
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from benchmarks.harness import Goal, parsed_arguments, report
from mentra_actors import open_runtime_sync
from mentra_actors.domain.memory import RecordEpisode
from mentra_actors.ids import AgentId, memory_stream
from mentra_actors.runtime.core import RuntimeCore
from mentra_actors.runtime.memories import index_file
from mentra_actors.runtime.settings import RuntimeSettings

AGENT = AgentId("ann")
WORDS_PER_RECORD = 40
WORDS_PER_QUESTION = 6
VOCABULARY = 20_000
LIMIT = 10


def texts(words: int, seed: int) -> Iterable[str]:
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


def spread(name: str, seconds: list[float], count: int) -> Goal:
    """The median in milliseconds, with p99 beside it."""
    p99 = statistics.quantiles(seconds, n=100)[98] if len(seconds) > 1 else seconds[0]
    peers = {"p99 ms": p99 * 1e3, "calls": float(len(seconds))}
    return Goal(
        f"{name}, {count:,} records: p50", statistics.median(seconds) * 1e3, "ms", peers=peers
    )


def recorded(core: RuntimeCore, count: int) -> list[float]:
    """Record so many episodes, one after the other; seconds of each."""
    stream_id, contents = memory_stream(AGENT), iter(texts(WORDS_PER_RECORD, 2))

    def record(number: int) -> "Future[Any]":
        command = RecordEpisode(
            record_id=f"r{number}", content=next(contents), by="ann", now=float(number)
        )
        return core.ask(stream_id, command)

    return [timed(lambda n=number: record(n).result()) for number in range(count)]


def goals_of(path: Path, *, quick: bool) -> list[Goal]:
    """All figures, of one store."""
    count, searches, forgets = (2_000, 100, 5) if quick else (10_000, 400, 30)
    questions = iter(texts(WORDS_PER_QUESTION, 3))
    settings = RuntimeSettings(path=path)
    core = RuntimeCore(settings)
    goals = [spread("record an episode", recorded(core, count), count)]
    memories = core.memories

    def search() -> None:
        assert memories.search(AGENT, next(questions), LIMIT) is not None

    first = timed(search)
    file = index_file(core.store, path)
    size = file.stat().st_size if file is not None else 0
    peers = {"us/record": first / count * 1e6, "bytes/record": size / count}
    goals.append(Goal(f"first search, which indexes {count:,} records", first, "s", peers=peers))
    goals.append(spread("search", [timed(search) for _ in range(searches)], count))

    def pin_and_search(number: int) -> None:
        memories.pin(AGENT, f"f{number}", f"fact {number}", by="ann").result()
        search()

    both = [timed(lambda n=number: pin_and_search(n)) for number in range(searches // 4)]
    goals.append(spread("pin a fact and search at once", both, count))

    def forget(number: int) -> None:
        memories.forget(AGENT, f"r{number}", by="ann").result()

    gone = [timed(lambda n=number: forget(n)) for number in range(forgets)]
    goals.append(spread("forget, until no byte is left in the index", gone, count))
    core.close()
    goals.append(
        Goal(f"open a store of {count:,} records and search", timed(lambda: opened(path)), "s")
    )
    return goals


def opened(path: Path) -> None:
    """Open, search once, close."""
    with open_runtime_sync(path) as runtime:
        runtime.spawn("ann", model="ollama:none", reuse=True).memory.search("fact 7")


def main() -> None:
    """Run and print."""
    arguments = parsed_arguments(__doc__ or "")
    with tempfile.TemporaryDirectory() as directory:
        goals = goals_of(Path(directory) / "team", quick=arguments.quick)
    report("Long-term memory", goals, as_json=arguments.json)


if __name__ == "__main__":
    main()
