"""The index of memories, of a process that is killed between the log and the index."""

import os
import signal
import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest
from forked_python import ForkedPython

from mentra_actors.domain.memory import MemoryForgotten, MemoryRecord, MemoryRecorded
from mentra_actors.domain.memory_views import MemoryQuestion, agent_view
from mentra_actors.ids import AgentId, TeamId, memory_stream
from mentra_actors.store.journal import Journal
from mentra_actors.store.lmdb_store import LmdbEventStore
from mentra_actors.store.ports import AppendRequest
from projections.memory_index import MemoryIndex, open_memory_index

ROUNDS = 4 if os.environ.get("MENTRA_CRASH_CAMPAIGN") == "full" else 2
STREAMS = [memory_stream(AgentId(name)) for name in ("ann", "bob")]
VIEWS = [agent_view(AgentId(name), TeamId("main")) for name in ("ann", "bob")]
INDEX = "index.sqlite"


def append(store, stream_id, event):
    part = Journal(store).stream_append(stream_id, [event], None)
    store.append(AppendRequest(streams=(part,), recorded_at_ns=store.last_position()))


def remember(path, start):
    """Record, search and forget until killed; each fourth record is forgotten at once."""
    store = LmdbEventStore.open(path, durability="volatile")
    with open_memory_index(store, path / INDEX) as index:
        print("remembering", flush=True)
        for number in count(start):
            stream_id, view = STREAMS[number % 2], VIEWS[number % 2]
            record = MemoryRecord(
                record_id=f"r{number}",
                kind="episode",
                content=f"red boats and word{number}x",
                source="auto_ingest",
                recorded_at=float(number),
                by="ann",
            )
            append(store, stream_id, MemoryRecorded(record=record))
            if number % 3:
                index.search(view, MemoryQuestion(words=f"word{number}x", limit=3, now=1.0))
            if number % 4 == 0:
                gone = MemoryForgotten(record_id=f"r{number}", by="ann", forgotten_at=1.0)
                append(store, stream_id, gone)
                index.catch_up_with(stream_id)
            print(number, flush=True)


def everything(index):
    return [
        (
            list(index.records(one)),
            index.search(one, MemoryQuestion(words="red boats", limit=10_000, now=1.0)),
        )
        for one in VIEWS
    ]


@pytest.mark.crash
def test_a_kill_between_the_log_and_the_index_loses_nothing(tmp_path):
    """What is on the log is found, what is forgotten is not, not even in a byte of the file."""
    path, last = tmp_path / "log", 0
    for lines in range(1, ROUNDS + 1):
        child = ForkedPython(
            [sys.executable, __file__, str(path), str(last + 1)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert child.stdout.readline() == "remembering\n"
        for _line in range(lines * 4):
            last = int(child.stdout.readline())
        child.kill()
        last = max([last, *map(int, child.stdout.read().split())]) + 1  # one may be half done
        child.stdout.close()
        assert child.wait() == -signal.SIGKILL

        store = LmdbEventStore.open(path, durability="volatile")
        fresh = MemoryIndex(store)
        with open_memory_index(store, path / INDEX) as index:
            written = (path / INDEX).read_bytes()
            expected = everything(fresh)
            assert everything(index) == expected
            live = {one.record_id for records, _found in expected for one in records}
            forgotten = [n for n in range(4, last + 1, 4) if f"r{n}" not in live]
            assert len(forgotten) >= lines
            assert [n for n in forgotten if f"ord{n}x".encode() in written] == []
        fresh.close()
        store.close()


if __name__ == "__main__":
    remember(Path(sys.argv[1]), int(sys.argv[2]))
