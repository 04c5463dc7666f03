"""A process that is killed at any moment has lost nothing that it acknowledged, in databases too.

Those in PostgreSQL run where MENTRA_TEST_POSTGRES names a server; `.ci/with_postgres` starts one.
"""

import os
import random
import subprocess
import sys
import textwrap
import uuid

import psycopg
import pytest
from forked_python import ForkedPython, run_forked

from mentra_actors.ids import StreamId
from mentra_actors.store.journal import Journal
from mentra_actors.store.sql.opening import open_sql_reader, open_sql_store

SERVER = os.environ.get("MENTRA_TEST_POSTGRES", "")
IS_CAMPAIGN = os.environ.get("MENTRA_CRASH_CAMPAIGN") == "full"
KILLS = {"sqlite": 40, "postgres": 20} if IS_CAMPAIGN else {"sqlite": 4, "postgres": 2}
WRITE_UNTIL_KILLED = """
    import itertools, os, sys, threading
    from mentra_actors.ids import StreamId
    from mentra_actors.store.ports import Appended, AppendRequest, EncodedEvent, StreamAppend
    from mentra_actors.store.sql.opening import open_sql_store

    def acknowledge(answer):
        assert isinstance(answer, Appended), answer
        os.write(1, b"%d %d\\n" % (answer.first_position, answer.last_position))
        free.release()

    free = threading.Semaphore(32)
    store = open_sql_store(sys.argv[1], sys.argv[2])
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
TALK = """
    import sys
    from pathlib import Path

    import mentra_actors as mentra
    from mentra_actors.store.sql.opening import open_sql_store
    from mentra_actors.testing.crash_points import CrashPoint, CrashPoints

    address, witness, point = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    points = CrashPoints(CrashPoint.parse(point) if point else None)

    @mentra.tool(retry="idempotent")
    def note(context: mentra.ToolContext, text: str) -> str:
        "Note a text, once for each key."
        lines = witness.read_text().splitlines() if witness.exists() else []
        if f"{context.idempotency_key} {text}" not in lines:
            witness.write_text("\\n".join([*lines, f"{context.idempotency_key} {text}"]))
        return f"noted {text}"

    turns = [[mentra.call("note", text=text)] for text in ("one", "two", "three")]
    with mentra.open_runtime_sync(
        ":memory:",
        tools=[note],
        providers=[mentra.ScriptedModel([*turns, "All noted."])],
        wrap_store=lambda _: points.wrap_store(open_sql_store(address)),
        wrap_effects=points.wrap_effects,
    ) as runtime:
        lead = runtime.spawn("lead", model="scripted:x", reuse=True)
        print(lead.send("Take notes.", prompt_id="the-work", timeout_s=30).text)
"""


@pytest.fixture
def address(database, tmp_path):
    """Of an empty store, which is gone after the test."""
    if database == "sqlite":
        yield f"sqlite:{tmp_path}/team.db"
        return
    if not SERVER:
        pytest.skip("MENTRA_TEST_POSTGRES is not set: no PostgreSQL server to test on")
    schema = f"mentra_test_{uuid.uuid4().hex}"
    yield f"{SERVER}{'&' if '?' in SERVER else '?'}schema={schema}"
    with psycopg.connect(SERVER, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")


def acknowledged_until_killed(address, durability, answers):
    """Last position that a writer acknowledged before it was killed, after about `answers`."""
    command = [sys.executable, "-c", textwrap.dedent(WRITE_UNTIL_KILLED), address, durability]
    with ForkedPython(command, stdout=subprocess.PIPE) as writer:
        lines = [writer.stdout.readline() for _ in range(answers)]
        writer.kill()
        lines += writer.stdout.readlines()
    whole = [line for line in lines if line.endswith(b"\n")]
    return int(whole[-1].split()[1])


@pytest.mark.crash
@pytest.mark.timeout(300)
@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_a_killed_writer_keeps_what_it_acknowledged(address, database):
    """An answered command is never lost, and what a kill cut off leaves no trace."""
    moments = random.Random(f"kill {database}")  # the same moments each time, as far as it goes
    for life in range(KILLS[database]):
        durability = ("sync", "volatile")[life % 2]
        acknowledged = acknowledged_until_killed(address, durability, moments.randrange(1, 150))

        store = open_sql_store(address, durability)
        last = store.last_position()
        journal = store.read_journal(limit=last)
        streams = {}
        for event in journal:
            streams.setdefault(event.stream_id, []).append(event)
        assert last >= acknowledged
        assert [event.global_position for event in journal] == list(range(1, last + 1))
        assert list(store.stream_ids("agent")) == sorted(streams)
        for stream_id, events in streams.items():
            assert list(store.read_stream(stream_id)) == events
            assert [event.stream_version for event in events] == list(range(1, len(events) + 1))
        assert set(store.open_streams()) <= {StreamId(f"agent-{n}") for n in range(7)}
        store.close()


def talk(address, witness, point=""):
    command = [sys.executable, "-c", textwrap.dedent(TALK), address, str(witness), point]
    return run_forked(command, capture_output=True, text=True, check=False, timeout=50)


@pytest.mark.crash
@pytest.mark.timeout(300)
@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_a_killed_team_goes_on_from_its_database(address, tmp_path):
    """Where the log is kept must not matter to an agent that is killed while it works."""
    witness = tmp_path / "witness"
    for point in ("append:3:after", "effect:1:after", "append:2:before", "effect:2:before"):
        assert talk(address, witness, point).returncode == -9
    end = talk(address, witness)
    assert (end.returncode, end.stdout) == (0, "All noted.\n"), end.stderr

    reader = open_sql_reader(address)
    recorded = list(Journal(reader).through())
    reader.close()
    notes = [line.split()[1] for line in witness.read_text().splitlines()]
    assert notes == ["one", "two", "three"]
    assert [one.global_position for one in recorded] == list(range(1, len(recorded) + 1))
    assert sum(one.event_type.startswith("agent.run_finished") for one in recorded) == 1
