"""A writer that is killed at any moment has lost nothing that it acknowledged."""

import random
import subprocess
import sys
import textwrap

import pytest

from mentra_actors.ids import StreamId
from mentra_actors.store.lmdb_store import LmdbEventStore

KILLS = 10
WRITE_UNTIL_KILLED = """
    import itertools, os, sys
    from mentra_actors.ids import StreamId
    from mentra_actors.store.lmdb_store import LmdbEventStore
    from mentra_actors.store.ports import Appended, AppendRequest, EncodedEvent, StreamAppend

    def acknowledge(answer):
        assert isinstance(answer, Appended), answer
        os.write(1, b"%d %d\\n" % (answer.first_position, answer.last_position))
        free.release()

    import threading
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
        request = AppendRequest(streams=streams, open_streams=(streams[0].stream_id,))
        store.submit(request, acknowledge)
"""


def acknowledged_until_killed(path, durability, answers):
    """Last position that a writer acknowledged before it was killed, after about `answers`."""
    command = [sys.executable, "-c", textwrap.dedent(WRITE_UNTIL_KILLED), str(path), durability]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
        lines = [writer.stdout.readline() for _ in range(answers)]
        writer.kill()
        lines += writer.stdout.readlines()
    whole = [line for line in lines if line.endswith(b"\n")]
    return int(whole[-1].split()[1])


def streams_of_the_journal(journal):
    streams = {}
    for event in journal:
        streams.setdefault(event.stream_id, []).append(event)
    return streams


@pytest.mark.crash
@pytest.mark.parametrize("durability", ["sync", "volatile"])
def test_a_killed_writer_keeps_what_it_acknowledged(tmp_path, durability):
    """An answered command is never lost, and what a kill cut off leaves no trace."""
    path = tmp_path / "store"
    moments = random.Random(f"kill {durability}")  # the same moments each time, as far as it goes
    for _ in range(KILLS):
        acknowledged = acknowledged_until_killed(path, durability, moments.randrange(1, 150))

        store = LmdbEventStore.open(path, durability=durability)
        last = store.last_position()
        journal = store.read_journal(limit=last)
        streams = streams_of_the_journal(journal)
        assert last >= acknowledged
        assert [event.global_position for event in journal] == list(range(1, last + 1))
        assert list(store.stream_ids("agent")) == sorted(streams)
        for stream_id, events in streams.items():
            assert list(store.read_stream(stream_id)) == events
            assert [event.stream_version for event in events] == list(range(1, len(events) + 1))
        assert set(store.open_streams()) <= {StreamId(f"agent-{n}") for n in range(7)}
        store.close()
