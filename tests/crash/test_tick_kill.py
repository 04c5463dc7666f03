"""A process that is killed while it saves ticks leaves whole ones, all up to some moment.

Those in PostgreSQL run where MENTRA_TEST_POSTGRES names a server; `.ci/with_postgres` starts one.
"""

import contextlib
import os
import random
import subprocess
import sys
import textwrap
import uuid

import psycopg
import pytest
from forked_python import ForkedPython

from mentra_actors.ids import EffectId, StreamId
from mentra_actors.store.care import verify_store
from mentra_actors.store.lmdb_store import LmdbEventStore
from mentra_actors.store.ports import AppendRequest, Tick, TickPiece
from mentra_actors.store.sql.opening import open_sql_store

SERVER = os.environ.get("MENTRA_TEST_POSTGRES", "")
KILLS = 60 if os.environ.get("MENTRA_CRASH_CAMPAIGN") == "full" else 2
KINDS = [
    "lmdb:sync",
    "lmdb:relaxed",
    "lmdb:volatile",
    "sqlite:sync",
    "sqlite:volatile",
    "postgres:sync",
]
SAVE_UNTIL_KILLED = """
    import itertools, os, sys
    sys.path.insert(0, sys.argv[1])
    from test_tick_kill import append_for, opened, saving_of

    store = opened(sys.argv[2], sys.argv[3])
    for number in itertools.count(1):
        tick, drop_below = saving_of(number)
        os.write(1, b"saving %d\\n" % number)
        store.save_tick(tick, drop_below=drop_below)
        if number % 5 == 0:
            store.submit(
                append_for(number), lambda _, n=number: os.write(1, b"durable %d\\n" % n)
            )
        if number % 40 == 0:
            store.append(append_for(number))  # or the queue would be all that is ever tested
"""


def saving_of(number):
    """The tick of a number, and below which number it drops; the same in each process."""
    chance = random.Random(number)
    streams = 0 if number % 13 == 0 else chance.choice([1, 3, 40])
    pieces = tuple(
        TickPiece(
            StreamId(f"agent-{one}"),
            EffectId(f"call-{number // 20}"),
            chance.randbytes(chance.choice([10, 200, 2000])),
        )
        for one in range(streams)
    )
    drop_below = number - chance.choice([0, 3, 25]) if number % 4 == 0 else 0
    return Tick(number=number, pieces=pieces), max(drop_below, 0)


def append_for(number):
    return AppendRequest(open_streams=(StreamId(f"agent-{number}"),))


def kept_after(last):
    """The ticks that are kept when the tick `last` has been written and none after it."""
    kept = {}
    for number in range(1, last + 1):
        tick, drop_below = saving_of(number)
        if tick.pieces:
            kept[number] = tick
        kept = {n: one for n, one in kept.items() if n >= drop_below}
    return list(kept.values())


def opened(address, durability):
    if address.startswith(("sqlite:", "postgres")):
        return open_sql_store(address, durability)
    return LmdbEventStore.open(address, durability=durability, map_size=1 << 16)


def saved_until_killed(address, durability, lines):
    """Number of the last tick that is surely durable, and of the last that may be written."""
    command = [sys.executable, "-c", textwrap.dedent(SAVE_UNTIL_KILLED), os.path.dirname(__file__)]
    with ForkedPython([*command, address, durability], stdout=subprocess.PIPE) as saver:
        said = [saver.stdout.readline() for _ in range(lines)]
        saver.kill()
        said += saver.stdout.readlines()
    words = [line.split() for line in said if line.endswith(b"\n")]
    durable = [int(number) for word, number in words if word == b"durable"]
    saving = [int(number) for word, number in words if word == b"saving"]
    return max(durable, default=0), saving[-1]


@contextlib.contextmanager
def place_for(kind, tmp_path):
    """The address of an empty store, which is gone after the block."""
    if kind == "lmdb":
        yield str(tmp_path / uuid.uuid4().hex)
    elif kind == "sqlite":
        yield f"sqlite:{tmp_path / uuid.uuid4().hex}"
    else:
        schema = f"mentra_test_{uuid.uuid4().hex}"
        yield f"{SERVER}{'&' if '?' in SERVER else '?'}schema={schema}"
        with psycopg.connect(SERVER, autocommit=True) as connection:
            connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")


@pytest.mark.crash
@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_process_leaves_the_ticks_of_some_moment(tmp_path, kind):
    """What is gone on with after a crash must be what was said: no piece torn, none missing."""
    kind, _, durability = kind.partition(":")
    if kind == "postgres" and not SERVER:
        pytest.skip("MENTRA_TEST_POSTGRES is not set: no PostgreSQL server to test on")
    moments = random.Random(f"kill ticks {kind}")  # the same each time, as far as it goes
    for _ in range(KILLS):
        with place_for(kind, tmp_path) as address:
            durable, last = saved_until_killed(address, durability, moments.randrange(1, 400))

            report = verify_store(address) if kind == "lmdb" else None
            store = opened(address, durability)
            found = list(store.load_ticks())
            marks = store.open_streams()
            store.close()
        assert any(found == kept_after(number) for number in range(durable, last + 1))
        assert len(marks) >= durable // 5
        if report is not None:
            assert (report.is_sound, report.ticks) == (True, len(found)), report.findings
