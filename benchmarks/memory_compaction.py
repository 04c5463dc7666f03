"""A conversation of 10,000 entries: opened again, told, looked at, compacted.

Each entry has some 20 words. The model answers at once, so what is measured is ours.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.harness import Goal
from benchmarks.memory_log import APPEND, run_of, texts
from mentra_actors import CompactionOptions, ScriptedModel, SyncRuntime, open_runtime_sync
from mentra_actors.domain.compaction import SUMMARY_SYSTEM
from mentra_actors.ids import AgentId, agent_stream
from mentra_actors.store.journal import Journal
from mentra_actors.store.lmdb_store import LmdbEventStore
from mentra_actors.store.ports import AppendRequest

__all__ = ["compaction_goals"]

NAME = "lead"
ENTRIES_PER_RUN = 2


def answer(request: Any) -> str:
    """A summary where one is asked for."""
    return '{"goal": "to look around"}' if request.system == SUMMARY_SYSTEM else "Nothing."


def opened(path: Path) -> Any:
    """The store, with a model that answers at once; nothing is compacted by itself."""
    return open_runtime_sync(path, providers=[ScriptedModel(answer)], durability="volatile")


def fill(path: Path, entries: int) -> None:
    """An agent that has answered so often, and whose runtime was closed."""
    with opened(path) as runtime:
        options = CompactionOptions(auto_compact_threshold_tokens=None)
        runtime.spawn(NAME, model="scripted:x", compaction=options)
    store = LmdbEventStore.open(path, durability="volatile")
    journal, said = Journal(store), texts(20, 5)
    for start in range(0, entries // ENTRIES_PER_RUN, APPEND):
        numbers = range(start, min(start + APPEND, entries // ENTRIES_PER_RUN))
        events = [one for n in numbers for one in run_of(n, next(said), next(said), agent=NAME)]
        part = journal.stream_append(agent_stream(AgentId(NAME)), events, None)
        store.append(AppendRequest(streams=(part,)))
    store.close()
    with opened(path) as runtime:  # leaves the snapshot that a runtime of that log has left
        runtime.agent(NAME).send("And?")


def steps(runtime: SyncRuntime) -> Iterator[tuple[str, Callable[[], Any]]]:
    """What is measured, in this order."""
    agent = runtime.agent(NAME)

    def compact() -> None:
        agent.conversation.compact()
        runtime.until_idle()

    yield "first round after reopening", lambda: agent.send("And?")
    yield "second round", lambda: agent.send("And?")
    yield "context()", agent.context
    yield "seen(), the last round", lambda: agent.conversation.seen(1)
    yield "manual compaction", compact
    yield "round after a compaction", lambda: agent.send("And?")


def compaction_goals(path: Path, entries: int) -> list[Goal]:
    """Seconds of each step."""
    fill(path, entries)
    start = time.perf_counter()
    with opened(path) as runtime:
        goals = [Goal(f"reopen, {entries:,} entries", time.perf_counter() - start, "s")]
        for name, step in steps(runtime):
            start = time.perf_counter()
            step()
            goals.append(Goal(f"{name}, {entries:,} entries", time.perf_counter() - start, "s"))
    return goals
