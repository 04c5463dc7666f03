"""Rows of a process that is killed while it writes them, in SQLite and in PostgreSQL.

Those in PostgreSQL run where MENTRA_TEST_POSTGRES names a server; `.ci/with_postgres` starts one.
"""

import importlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import uuid
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
from forked_python import ForkedPython

from mentra_actors.domain.agent.events import PromptAccepted
from mentra_actors.ids import StreamId
from mentra_actors.store.embedded.lmdb_store import LmdbEventStore
from mentra_actors.store.embedded.reader import LmdbJournalReader
from mentra_actors.store.journal import Journal
from mentra_actors.store.ports import AppendRequest
from projections import SqlProjection, projection
from projections.running.runner import ProjectionRunner
from projections.stores.sql_opening import open_sql_views
from projections.stores.view_store import ViewId

IS_FULL = os.environ.get("MENTRA_CRASH_CAMPAIGN") == "full"
ROUNDS = 6 if IS_FULL else 3
TIMEOUT_S = 30.0
SERVER = os.environ.get("MENTRA_TEST_POSTGRES", "")
SERVER_ERRORS = (importlib.import_module("psycopg").Error,) if SERVER else ()


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


@contextmanager
def opened_runner(path, address, kept=None):
    """A runner that writes rows, and the views that it writes."""
    with (
        closing(LmdbJournalReader.open(path)) as reader,
        closing(open_sql_views(address)) as views,
    ):
        yield ProjectionRunner(reader, views, [kept or Positions(), count], page_events=3), views


def follow(path, address):
    """Keep rows until killed; says when it has begun."""
    with opened_runner(path, address) as (runner, _), runner.follow():
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


class PositionsAnew(Positions, name="positions", version=2):
    """The same rows under another version: its tables are made anew with the first page."""


def keep(path, address):
    """Catch up once, some events at a time."""
    with opened_runner(path, address) as (runner, _):
        runner.catch_up()


def keep_anew(path, address):
    """The first start of a program in which the version of the rows is raised."""
    with opened_runner(path, address, PositionsAnew()) as (runner, _):
        runner.catch_up()


def rebuild(path, address):
    """Write all rows anew, as they are."""
    with opened_runner(path, address) as (runner, _):
        runner.catch_up()
        runner.rebuild("positions")


def rows_in(views):
    """The rows, in the order of their positions; none where the table is not there yet."""
    with views._database.reading() as cursor, suppress(sqlite3.Error, *SERVER_ERRORS):
        cursor.execute("SELECT position FROM positions ORDER BY position")
        return [position for (position,) in cursor.fetchall()]
    return []


def assert_rows_and_checkpoint_agree(path, address):
    """The rows are those of the events up to the checkpoint of the version that has begun.

    Where none has, rows of before may be left: they go with the first page.
    """
    with opened_runner(path, address) as (runner, views):
        kept = [views.checkpoint(ViewId("positions", version)) for version in (1, 2)]
        assert 0 in kept
        assert not max(kept) or rows_in(views) == list(range(1, max(kept) + 1))
        assert (runner.view("count") or 0) == views.checkpoint(ViewId("count", count.version))


@pytest.mark.crash
@pytest.mark.timeout(600)
@pytest.mark.parametrize("task", [keep, keep_anew, rebuild])
def test_a_kill_at_any_step_leaves_rows_that_are_those_of_the_checkpoint(
    killer, tmp_path, address, task
):
    """Between any two statements, and before and after each commit."""
    store = LmdbEventStore.open(tmp_path / "log", durability="volatile")
    append(store, range(10))
    whole, kills = list(range(1, store.last_position() + 1)), 0

    def fresh():
        with closing(open_sql_views(address)) as views, views._database.writing() as cursor:
            for table in ("positions", "mentra_view_marks", "mentra_view_parts"):
                cursor.execute(f"DROP TABLE IF EXISTS {table}")
        if task is not keep:
            keep(tmp_path / "log", address)
        return [tmp_path / "log", address]

    for _, is_killed in killer.steps(task.__name__, fresh, every=1 if IS_FULL else 7):
        kills += is_killed
        assert_rows_and_checkpoint_agree(tmp_path / "log", address)
        task(tmp_path / "log", address)
        assert_rows_and_checkpoint_agree(tmp_path / "log", address)
        with closing(open_sql_views(address)) as views:
            assert rows_in(views) == whole
    assert kills > 5
    store.close()


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
    with opened_runner(tmp_path / "log", address) as (runner, views):
        runner.catch_up()

        assert rows_in(views) == list(range(1, store.last_position() + 1))
        assert runner.view("count") == store.last_position()
    store.close()


if __name__ == "__main__":
    follow(Path(sys.argv[1]), sys.argv[2])
