"""The doctor finds everything that is not as it was written, and nothing else."""

import json
import os
import random
import shutil
import subprocess
import sys
import textwrap
from collections import Counter

import lmdb
import pytest

from mentra_actors.store.care import verify_store
from mentra_actors.store.care.store_image import opened_image
from mentra_actors.store.lmdb_store import LmdbEventStore
from mentra_actors.testing.full_store import fill_store, make_full_store

PAGE_BYTES = 4096
FLIPS = int(os.environ.get("MENTRA_FLIPS", "400"))


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A store with some of everything; never to be changed."""
    return make_full_store(tmp_path_factory.mktemp("sound") / "store")


@pytest.fixture
def store(sound, tmp_path):
    """A copy of it."""
    return shutil.copytree(sound, tmp_path / "store")


def raw(path):
    """The data file by LMDB, without our code: for faults that have right checksums."""
    return lmdb.open(str(path), max_dbs=16, create=False)


def records_of(path):
    with opened_image(path, is_alone=True) as image:
        return dict(image.rows("log"))


def damage_in(report):
    return [finding for finding in report.findings if finding.severity == "damage"]


def only_damage(path):
    """The report of a store in which the doctor must find damage."""
    report = verify_store(path)
    assert damage_in(report), report
    assert not report.is_sound
    return report


def test_a_sound_store_is_called_sound(sound):
    """A doctor that cries wolf is not called again; one that counts wrong has not looked."""
    report = verify_store(sound)
    reader = LmdbEventStore.open(sound, create=False)
    last, marks, epoch = reader.last_position(), reader.open_streams(), reader.fence_epoch
    events = reader.read_journal(limit=last)
    reader.close()

    assert report.findings == ()
    assert (report.last_position, report.last_good_position) == (last, last)
    assert report.first_bad_position is None
    assert (report.events, report.records) == (len(events), 200)
    assert report.streams == len({event.stream_id for event in events})
    assert report.open_marks == len(marks)
    assert min(report.snapshots, report.blobs, report.fences, report.remembered_requests) > 0
    assert epoch is not None


@pytest.mark.parametrize("seed", range(3))
def test_stores_of_any_shape_are_sound(tmp_path, seed):
    """Few streams make long lists in the index, many make short ones; both are ordinary."""
    path = make_full_store(tmp_path / "store", appends=600, seed=seed, streams=[1, 3, 200][seed])

    assert verify_store(path).findings == ()


def test_a_store_is_looked_at_while_it_is_written(store):
    """The doctor comes to a store that is in use, and must not take its growth for damage."""
    writing = """
        import itertools, sys
        from mentra_actors.store.lmdb_store import LmdbEventStore
        from mentra_actors.testing.full_store import fill_store
        store = LmdbEventStore.open(sys.argv[1], durability="volatile")
        print("open", flush=True)
        for seed in itertools.count():
            fill_store(store, appends=20, seed=seed)
    """
    command = [sys.executable, "-c", textwrap.dedent(writing).strip(), str(store)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
        assert writer.stdout.readline() == b"open\n"
        reports = [verify_store(store) for _ in range(6)]
        writer.kill()

    positions = [report.last_position for report in reports]
    assert [report.findings for report in reports] == [()] * 6
    assert positions == sorted(positions)
    assert len(set(positions)) > 1


def test_looking_changes_nothing(store):
    """Evidence must stay as it was found."""
    before = {
        file.name: (file.read_bytes(), file.stat().st_mtime_ns)
        for file in store.iterdir()
        if file.name != "lock.mdb"
    }

    verify_store(store)
    after = {
        name: ((store / name).read_bytes(), (store / name).stat().st_mtime_ns) for name in before
    }
    assert after == before


def test_a_writer_in_this_process_goes_on(store):
    """A program may look after its own store."""
    writer = LmdbEventStore.open(store)
    first = verify_store(store)
    fill_store(writer, appends=5)
    second = verify_store(store)
    writer.close()

    assert first.findings == second.findings == ()
    assert second.last_position > first.last_position


# --- bits ------------------------------------------------------------------------------------

READ_ALL = """
    import hashlib, json, sys, lmdb
    path = sys.argv[1]

    def everything():
        found = hashlib.blake2b()
        env = lmdb.open(path, readonly=True, lock=False, max_dbs=16)
        try:
            with env.begin() as txn:
                found.update(repr(list(txn.cursor().iternext(values=False))).encode())
            for name in sys.argv[2].split():
                with env.begin(db=env.open_db(name.encode(), create=False)) as txn:
                    cursor = txn.cursor()
                    rows = list(cursor.iternext())
                    found.update(repr(rows).encode())
                    for key, value in rows:
                        if name == "streams":
                            seen = cursor.set_key(key), cursor.last_dup(), cursor.value()
                            seen += cursor.set_range_dup(key, value[:8]), cursor.value()
                        else:
                            seen = txn.get(key)
                        found.update(repr(seen).encode())
        finally:
            env.close()
        return found.hexdigest()

    for line in sys.stdin:
        place, bit = json.loads(line)
        with open(path + "/data.mdb", "r+b") as file:
            file.seek(place)
            byte = file.read(1)
            file.seek(place)
            file.write(bytes([byte[0] ^ bit]))
        try:
            answer = everything()
        except Exception as error:
            answer = "refused: " + type(error).__name__
        with open(path + "/data.mdb", "r+b") as file:
            file.seek(place)
            file.write(byte)
        print(answer, flush=True)
"""
TABLES = "log streams snapshots blobs open fences meta requests side"


class LmdbReader:
    """What LMDB makes of a file with one bit flipped, in a process that may die of it."""

    def __init__(self, path):
        self._path = path
        self._start()

    def _start(self):
        command = [sys.executable, "-c", textwrap.dedent(READ_ALL), str(self._path), TABLES]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def read(self, place, bit):
        self._process.stdin.write(json.dumps([place, bit]) + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip() or "died"

    def close(self):
        self._process.communicate()


def pages_in_use(path):
    with opened_image(path, is_alone=True) as image:
        for table in TABLES.split():
            list(image.index() if table == "streams" else image.rows(table))
        image.check_pages()
        return [0, 1, *image.pages_in_use()]


def flip(file, place, bit):
    with file.open("r+b") as opened:
        opened.seek(place)
        byte = opened.read(1)[0]
        opened.seek(place)
        opened.write(bytes([byte ^ bit]))


def test_no_flipped_bit_that_matters_goes_unnoticed(store, tmp_path, record_property):
    """A disk that lies changes single bits; whatever a reader would see of it must be found.

    MENTRA_FLIPS sets how many flips are tried; 400 take some 10 s.
    """
    reader = LmdbReader(shutil.copytree(store, tmp_path / "read"))
    pages = pages_in_use(store)
    chance = random.Random("flips")
    as_written = reader.read(24, 1)  # LMDB does not look at this bit
    outcomes = Counter()
    for _ in range(FLIPS):
        place = chance.choice(pages) * PAGE_BYTES + chance.randrange(PAGE_BYTES)
        bit = 1 << chance.randrange(8)
        flip(store / "data.mdb", place, bit)
        is_noticed = bool(verify_store(store, is_alone=True).findings)
        flip(store / "data.mdb", place, bit)
        if is_noticed:
            outcomes["noticed"] += 1
            continue
        outcomes["harmless"] += 1
        assert reader.read(place, bit) == as_written, (place, bit)
    reader.close()

    for name, count in outcomes.items():
        record_property(name, count)
    assert outcomes["noticed"] > FLIPS // 2
