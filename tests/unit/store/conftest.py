"""A small store that tests may damage, and places for stores in PostgreSQL."""

import subprocess
import sys
import textwrap
import uuid

import psycopg
import pytest
from forked_python import ForkedPython
from postgres_logs import extended, server

from mentra_actors.store.lmdb_store import LmdbEventStore
from mentra_actors.testing.append_contract import A, request_for, stream_append


@pytest.fixture
def path(tmp_path):
    """A closed store with three appends to one stream."""
    path = tmp_path / "store"
    store = LmdbEventStore.open(path)
    for number in range(3):
        store.append(request_for(stream_append(A, b"payload-%d" % number * 30)))
    store.close()
    return path


@pytest.fixture
def run_python():
    """Starts another process that runs some code."""

    def run(code, *arguments):
        return ForkedPython(
            [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    return run


@pytest.fixture
def flip_bit():
    """Changes one bit of some bytes in a file, also in copies of their page no longer in use."""

    def flip(file, needle):
        content = file.read_bytes()
        assert needle in content
        file.write_bytes(content.replace(needle, bytes([needle[0] ^ 0x01]) + needle[1:]))

    return flip


@pytest.fixture
def schema():
    """A schema of its own, which is dropped."""
    name = f"mentra_test_{uuid.uuid4().hex}"
    yield name
    with psycopg.connect(server(), autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS {name} CASCADE")


@pytest.fixture
def address(schema):
    return extended(server(), schema=schema)


@pytest.fixture
def tool(schema):
    """A connection without our code that sees the schema's tables."""
    with psycopg.connect(server(), autocommit=True) as connection:
        connection.execute(f"SET search_path = {schema}")
        yield connection
