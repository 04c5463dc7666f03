"""A writer that is killed at any moment has lost nothing that it acknowledged."""

import os
import random
import subprocess
import sys
import textwrap

import pytest
from forked_python import ForkedPython

from mentra_actors.ids import StreamId
from mentra_actors.store.care.doctor import verify_store
from mentra_actors.store.lmdb_store import LmdbEventStore
from mentra_actors.store.ports import AppendRequest, EncodedEvent, StreamAppend

KILLS = 70 if os.environ.get("MENTRA_CRASH_CAMPAIGN") == "full" else 3
WRITE_UNTIL_KILLED = """
    import itertools, os, sys, threading
    from mentra_actors.ids import StreamId
    from mentra_actors.store.lmdb_store import LmdbEventStore
    from mentra_actors.store.ports import (
        Appended, AppendRequest, EncodedEvent, StateSnapshot, StreamAppend
    )

    def acknowledge(answer):
        assert isinstance(answer, Appended), answer
        os.write(1, b"%d %d\\n" % (answer.first_position, answer.last_position))
        free.release()

    free = threading.Semaphore(32)
    store = LmdbEventStore.open(sys.argv[1], durability=sys.argv[2], map_size=1 << 16)
    for number in itertools.count():
        free.acquire()
        payload = b"%d " % number * (number % 400)
        events = tuple(EncodedEvent("a.b.v1", payload) for _ in range(1 + number % 3))
        streams = tuple(
            StreamAppend(stream_id=StreamId(f"agent-{(number + other) % 7}"), events=events)
            for other in range(1 + number % 2)
        )
        if number % 16 == 0:
            store.save_snapshot(StateSnapshot(
                stream_id=streams[0].stream_id, stream_version=1, fold_version=1, payload=payload
            ))
            store.put_blob(payload)
        request = AppendRequest(
            streams=streams,
            open_streams=(streams[0].stream_id,),
            request_id=f"{sys.argv[3]}-{number}",
        )
        store.submit(request, acknowledge)
"""


def acknowledged_until_killed(path, durability, life, answers):
    """Positions that a writer acknowledged before it was killed, after about `answers`."""
    command = [sys.executable, "-c", textwrap.dedent(WRITE_UNTIL_KILLED), str(path), durability]
    with ForkedPython([*command, str(life)], stdout=subprocess.PIPE) as writer:
        lines = [writer.stdout.readline() for _ in range(answers)]
        writer.kill()
        lines += writer.stdout.readlines()
    whole = [line for line in lines if line.endswith(b"\n")]
    return [tuple(map(int, line.split())) for line in whole]


def streams_of_the_journal(journal):
    streams = {}
    for event in journal:
        streams.setdefault(event.stream_id, []).append(event)
    return streams


def assert_whole(store):
    """Positions, streams and index agree, and nothing is half there."""
    last = store.last_position()
    journal = store.read_journal(limit=last)
    streams = streams_of_the_journal(journal)
    assert [event.global_position for event in journal] == list(range(1, last + 1))
    assert list(store.stream_ids("agent")) == sorted(streams)
    for stream_id, events in streams.items():
        assert list(store.read_stream(stream_id)) == events
        assert [event.stream_version for event in events] == list(range(1, len(events) + 1))
        store.load_snapshot(stream_id)
    assert set(store.open_streams()) <= {StreamId(f"agent-{n}") for n in range(7)}


def repeated(life, number):
    """A request with the id of one that was sent, and something else in it."""
    stream = StreamAppend(
        stream_id=StreamId("agent-0"), events=(EncodedEvent("a.b.v1", b"twice"),)
    )
    return AppendRequest(streams=(stream,), request_id=f"{life}-{number}")


@pytest.mark.crash
@pytest.mark.timeout(600)
@pytest.mark.parametrize("durability", ["sync", "relaxed", "volatile"])
def test_a_killed_writer_keeps_what_it_acknowledged(tmp_path, durability):
    """An answered command is never lost, and what a kill cut off leaves no trace."""
    path = tmp_path / "store"
    moments = random.Random(f"kill {durability}")  # the same moments each time, as far as it goes
    for life in range(KILLS):
        answers = acknowledged_until_killed(path, durability, life, moments.randrange(1, 150))

        found = verify_store(path)
        store = LmdbEventStore.open(path, durability=durability)
        last = store.last_position()
        assert found.is_sound, found.findings
        assert last >= answers[-1][1]
        assert_whole(store)
        # Who lost an answer asks again: what was acknowledged is answered as it was.
        for number, (first, end) in list(enumerate(answers))[-40:]:
            again = store.append(repeated(life, number))
            assert (again.first_position, again.last_position) == (first, end)
        assert store.last_position() == last
        store.close()
