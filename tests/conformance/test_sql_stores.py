"""The stores in SQLite and PostgreSQL keep the contract, at each durability and over reopens.

Those in PostgreSQL run where MENTRA_TEST_POSTGRES names a server; `.ci/with_postgres` starts one.
"""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from hypothesis import settings

from mentra_actors.store.ports import EventStore
from mentra_actors.store.sql.opening import open_sql_store
from mentra_actors.store.sql.sqlite_store import SqliteEventStore
from mentra_actors.testing.store_contract import DurableStoreContract
from mentra_actors.testing.store_machine import EventStoreMachine

SERVER = os.environ.get("MENTRA_TEST_POSTGRES", "")


@pytest.mark.skipif(
    not SERVER, reason="MENTRA_TEST_POSTGRES is not set: no PostgreSQL server to test on"
)
def test_the_server_answers():
    """One clear failure, where the variable names a server that is not there."""
    with psycopg.connect(SERVER) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def new_address() -> str:
    """A schema of its own on the server."""
    return f"{SERVER}{'&' if '?' in SERVER else '?'}schema=mentra_test_{uuid.uuid4().hex}"


def drop_schema(address: str) -> None:
    with psycopg.connect(SERVER, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS {address.rpartition('=')[2]} CASCADE")


class TestSqliteStore(DurableStoreContract):
    """The store for who wants one file that every tool can read."""

    def make_store(self, directory: Path) -> EventStore:
        return SqliteEventStore.open(directory / "team.db")


class TestVolatileSqliteStore(DurableStoreContract):
    """The store of other people's tests must differ in nothing but what a power loss does."""

    def make_store(self, directory: Path) -> EventStore:
        return SqliteEventStore.open(directory / "team.db", durability="volatile")


class TestRelaxedSqliteStore(DurableStoreContract):
    """The store of those who trade the last commits for speed must be the same in all else."""

    def make_store(self, directory: Path) -> EventStore:
        return SqliteEventStore.open(directory / "team.db", durability="relaxed")


class TestPostgresStore(DurableStoreContract):
    """The store for who has a database server, and wants its log there."""

    __test__ = bool(SERVER)

    @pytest.fixture(autouse=True)
    def address(self) -> Iterator[str]:
        self._address = new_address()
        yield self._address
        drop_schema(self._address)

    def make_store(self, directory: Path) -> EventStore:
        return open_sql_store(self._address)


class TestRelaxedPostgresStore(TestPostgresStore):
    """To wait for no disk must change nothing but what a crash of the server takes."""

    def make_store(self, directory: Path) -> EventStore:
        return open_sql_store(self._address, "relaxed")


class SqliteMachine(EventStoreMachine):
    """Against the model, flushed at each commit."""

    def open_store(self, directory: Path) -> EventStore:
        return SqliteEventStore.open(directory / "team.db")


class VolatileSqliteMachine(EventStoreMachine):
    """Against the model, with the mark set and cleared by each opening."""

    def open_store(self, directory: Path) -> EventStore:
        return SqliteEventStore.open(directory / "team.db", durability="volatile")


class PostgresMachine(EventStoreMachine):
    """Against the model, in a schema of its own."""

    _address = ""

    def open_store(self, directory: Path) -> EventStore:
        self._address = self._address or new_address()
        return open_sql_store(self._address)

    def teardown(self) -> None:
        try:
            super().teardown()
        finally:
            drop_schema(self._address)


patient = pytest.mark.timeout(300)  # many openings, each with a few files or tables
TestSqliteBesideItsModel = patient(SqliteMachine.TestCase)
TestSqliteBesideItsModel.settings = settings(
    stateful_step_count=20, max_examples=max(20, settings().max_examples // 5)
)
TestVolatileSqliteBesideItsModel = patient(VolatileSqliteMachine.TestCase)
TestVolatileSqliteBesideItsModel.settings = settings(
    stateful_step_count=20, max_examples=max(20, settings().max_examples // 5)
)
TestPostgresBesideItsModel = patient(PostgresMachine.TestCase)
TestPostgresBesideItsModel.settings = settings(stateful_step_count=25, max_examples=30)
TestPostgresBesideItsModel.__test__ = bool(SERVER)
