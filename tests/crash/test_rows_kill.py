"""Rows of a process that is killed while it writes them, in SQLite and in PostgreSQL.

Those in PostgreSQL run where MENTRA_TEST_POSTGRES names a server; `.ci/with_postgres` starts one.
"""

import os
import random
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from forked_python import ForkedPython

from mentra_actors.domain.agent.events import PromptAccepted
from mentra_actors.ids import StreamId
from mentra_actors.store.journal import Journal
from mentra_actors.store.lmdb_reader import LmdbJournalReader
from mentra_actors.store.lmdb_store import LmdbEventStore
from mentra_actors.store.ports import AppendRequest
from projections import SqlProjection, projection
from projections.runner import ProjectionRunner
from projections.sql_opening import open_sql_views

ROUNDS = 6 if os.environ.get("MENTRA_CRASH_CAMPAIGN") == "full" else 3
TIMEOUT_S = 30.0
SERVER = os.environ.get("MENTRA_TEST_POSTGRES", "")


class Positions(SqlProjection):
    """A row for every event: one that is lost or doubled shows."""

    def create(self, cursor):
        cursor.execute("CREATE TABLE positions (position BIGINT)")

    def drop(self, cursor):
        cursor.execute("DROP TABLE IF EXISTS positions")

    def write(self, cursor, recorded):
        cursor.execute(f"INSERT INTO positions VALUES ({recorded.global_position})")


@projection(name="count", initial=int, view_type=int)
def count(view, _recorded):
    """How many events, in a part beside the rows."""
    return view + 1


def runner_of(path, address):
    reader, views = LmdbJournalReader.open(path), open_sql_views(address)
    return ProjectionRunner(reader, views, [Positions(), count], page_events=3), views


def follow(path, address):
    """Keep rows until killed; says when it has begun."""
    runner, _ = runner_of(path, address)
    with runner.follow():
        print("following", flush=True)
        while runner.wait_for(runner.checkpoint() + 1, timeout_s=TIMEOUT_S):
            pass


def append(store, numbers):
    journal = Journal(store)
    for number in numbers:
        event = PromptAccepted(prompt_id=str(number), text="hi", accepted_at=1.0)
        part = journal.stream_append(StreamId(f"agent-{number % 5}"), [event], None)
        store.append(AppendRequest(streams=(part,), recorded_at_ns=1))


@pytest.fixture(params=["sqlite", "postgres"])
def address(request, tmp_path):
    if request.param == "sqlite":
        yield f"sqlite:{tmp_path / 'views.db'}"
        return
    if not SERVER:
        pytest.skip("MENTRA_TEST_POSTGRES is not set: no PostgreSQL server to test on")
    psycopg = pytest.importorskip("psycopg")
    schema = f"mentra_rows_{uuid.uuid4().hex}"
    yield f"{SERVER}{'&' if '?' in SERVER else '?'}schema={schema}"
    with psycopg.connect(SERVER, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")


@pytest.mark.crash
def test_a_killed_process_loses_and_doubles_no_row(tmp_path, address):
    """Two follow and are killed, again and again; what is written is what the log says."""
    chance = random.Random(9)
    store = LmdbEventStore.open(tmp_path / "log", durability="volatile")
    append(store, [0])
    for _ in range(ROUNDS):
        command = [sys.executable, __file__, str(tmp_path / "log"), address]
        children = [ForkedPython(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
        for child in children:
            assert child.stdout.readline()
        append(store, range(chance.randrange(1, 120)))
        for child in children:
            child.kill()
            child.stdout.close()
            assert child.wait() == -signal.SIGKILL
    runner, views = runner_of(tmp_path / "log", address)
    runner.catch_up()

    with views._database.reading() as cursor:
        cursor.execute("SELECT position FROM positions ORDER BY position")
        found = [position for (position,) in cursor.fetchall()]
    assert found == list(range(1, store.last_position() + 1))
    assert runner.view("count") == store.last_position()
    views.close()
    store.close()


if __name__ == "__main__":
    follow(Path(sys.argv[1]), sys.argv[2])
