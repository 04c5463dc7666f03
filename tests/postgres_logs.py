"""Logs in PostgreSQL for tests: each in a schema of its own, looked at without our code."""

import contextlib
import os
import uuid

import psycopg
import pytest

from mentra_actors.store.sql.postgres_address import PostgresAddress
from mentra_actors.store.sql.postgres_store import PostgresEventStore

__all__ = [
    "end_backends",
    "extended",
    "lock_held",
    "opened",
    "own_address",
    "required_server",
    "server",
    "waiting_writers",
]


def server():
    """The address of the database of this process; empty where there is no server."""
    return os.environ.get("MENTRA_TEST_POSTGRES", "")


def required_server():
    """The same; the module or the test that asks is skipped where there is no server."""
    if not server():
        pytest.skip(
            "MENTRA_TEST_POSTGRES is not set: no PostgreSQL server to test on",
            allow_module_level=True,
        )
    return server()


def extended(address, **parameters):
    extra = "&".join(f"{name}={value}" for name, value in parameters.items())
    return f"{address}{'&' if '?' in address else '?'}{extra}"


@contextlib.contextmanager
def own_address():
    """An address with a schema of its own, which is dropped."""
    schema = f"mentra_test_{uuid.uuid4().hex}"
    yield extended(server(), schema=schema)
    with psycopg.connect(server(), autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")


def end_backends(tool, condition):
    """End server processes that serve us; how many there were."""
    rows = tool.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
        "WHERE datname = current_database() AND application_name = 'mentra' "
        f"AND pid <> pg_backend_pid() AND {condition}"
    )
    return len(rows.fetchall())


@contextlib.contextmanager
def opened(address, **options):
    store = PostgresEventStore.open(address, **options)
    try:
        yield store
    finally:
        store.close()


@contextlib.contextmanager
def lock_held(address):
    """Another process that writes; its transaction is open while the block runs."""
    place = PostgresAddress.parse(address)
    with psycopg.connect(place.conninfo) as connection:
        connection.execute(f"SET search_path = {place.schema}")
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [place.lock_number])
        yield connection


def waiting_writers(tool, address):
    """Server processes that wait for the lock of this log."""
    number = PostgresAddress.parse(address).lock_number
    rows = tool.execute(
        "SELECT pid FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database "
        "WHERE datname = current_database() AND locktype = 'advisory' AND NOT granted "
        "AND objid = %s",
        [number & 0xFFFFFFFF],
    )
    return [pid for (pid,) in rows]
