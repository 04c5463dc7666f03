"""What every view store does alike, and what the one on disk does besides."""

import multiprocessing
import os
import uuid

import lmdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mentra_actors.errors import StoreClosed, StoreNotFound
from mentra_actors.testing.view_store_contract import (
    DurableViewStoreContract,
    ViewStoreContract,
    commit,
    whole,
)
from projections.stores.lmdb_views import LmdbViews
from projections.stores.memory_views import MemoryViews
from projections.stores.sql_opening import open_sql_views
from projections.stores.view_store import ViewDamaged, ViewId

SERVER = os.environ.get("MENTRA_TEST_POSTGRES", "")
VIEW = ViewId("count", 1)


class TestMemoryViews(ViewStoreContract):
    def make_views(self, directory):
        return MemoryViews()


class TestSqliteViews(DurableViewStoreContract):
    def make_views(self, directory):
        return open_sql_views(f"sqlite:{directory / 'views.db'}")


@pytest.mark.skipif(not SERVER, reason="MENTRA_TEST_POSTGRES is not set")
class TestPostgresViews(ViewStoreContract):
    @pytest.fixture(autouse=True)
    def _schema(self):
        self.schema = f"mentra_views_{uuid.uuid4().hex}"
        yield
        psycopg = pytest.importorskip("psycopg")
        with psycopg.connect(SERVER, autocommit=True) as connection:
            connection.execute(f"DROP SCHEMA IF EXISTS {self.schema} CASCADE")

    def make_views(self, directory):
        return open_sql_views(f"{SERVER}{'&' if '?' in SERVER else '?'}schema={self.schema}")


class TestLmdbViews(DurableViewStoreContract):
    def make_views(self, directory):
        return LmdbViews.open(directory / "views")


KEYS = st.text("ab/ä", max_size=4)
WRITES = st.lists(st.tuples(st.booleans(), st.dictionaries(KEYS, st.binary(max_size=9))))


@given(WRITES, KEYS)
def test_lmdb_and_memory_agree(tmp_path_factory, writes, prefix):
    """The store on disk answers as the one in memory does, also when it is opened again."""
    path = tmp_path_factory.mktemp("store") / "views"
    memory, disk = MemoryViews(), LmdbViews.open(path)
    for at, (is_drop, parts) in enumerate(writes):
        for views in (memory, disk):
            if is_drop:
                views.drop(VIEW)
            else:
                after = views.checkpoint(VIEW)
                views.commit([whole(parts, after=after, at=after + at + 1)])
        if at % 3 == 0:
            disk.close()
            disk = LmdbViews.open(path)

    assert disk.load_prefix(VIEW, prefix) == memory.load_prefix(VIEW, prefix)
    assert list(disk.keys(VIEW)) == list(memory.keys(VIEW))
    assert disk.checkpoint(VIEW) == memory.checkpoint(VIEW)
    disk.close()


def test_the_map_grows(tmp_path):
    """A small map is no limit, in one commit or in many."""
    views = LmdbViews.open(tmp_path / "views", map_size=1 << 16)
    large = os.urandom(50_000)
    for at in range(30):
        views.commit([whole({str(at): large}, after=at, at=at + 1)])
    views.commit([whole({f"x{n}": large for n in range(99)}, after=30, at=99)])

    assert len(views.keys(VIEW)) == 129
    assert views.load(VIEW, "x98") == large
    views.close()


def _write_from_another_process(path):
    views = LmdbViews.open(path)
    for at in range(40):
        views.commit([whole({str(at): bytes(50_000)}, after=at, at=at + 1)])
    views.close()


def test_another_process_may_grow_the_map(tmp_path):
    """A reader goes on when another process has made the file larger than its map."""
    views = LmdbViews.open(tmp_path / "views", map_size=1 << 16)
    views.drop(VIEW)
    child = multiprocessing.get_context("spawn").Process(
        target=_write_from_another_process, args=(tmp_path / "views",)
    )
    child.start()
    child.join()

    assert (child.exitcode, views.checkpoint(VIEW), len(views.keys(VIEW))) == (0, 40, 40)
    views.close()


def _read_in_a_fork(views, path, answers):
    try:
        views.load(VIEW, "a")
    except StoreClosed:
        own = LmdbViews.open(path)
        answers.put(own.load(VIEW, "a"))
        own.close()


def test_a_forked_child_opens_for_itself(tmp_path):
    """An inherited environment is refused in the child and stays good in the parent."""
    views = LmdbViews.open(tmp_path / "views")
    views.commit([commit(a=1)])
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()
    child = context.Process(target=_read_in_a_fork, args=(views, tmp_path / "views", answers))
    child.start()
    child.join()

    assert (child.exitcode, answers.get(), views.load(VIEW, "a")) == (0, b"1", b"1")
    views.close()


def test_views_need_a_directory_around_them(tmp_path):
    """A mistyped path makes no directories."""
    with pytest.raises(StoreNotFound):
        LmdbViews.open(tmp_path / "missing" / "views")

    assert list(tmp_path.iterdir()) == []


def damage_truncated(data):
    os.truncate(data, 9000)


def damage_shortened_to_nothing_useful(data):
    os.truncate(data, 100)


def damage_overwritten(data):
    data.write_bytes(b"not a database" * 1000)


def damage_newer_release(data):
    with lmdb.open(str(data.parent), max_dbs=4) as env, env.begin(write=True) as txn:
        txn.put(b"format", b"99", db=env.open_db(b"meta", txn))


def damage_marked(data):
    (data.parent / "DAMAGED").touch()


@pytest.mark.parametrize(
    "damage",
    [
        damage_truncated,
        damage_shortened_to_nothing_useful,
        damage_overwritten,
        damage_newer_release,
        damage_marked,
    ],
)
def test_unusable_views_are_set_aside(tmp_path, caplog, damage):
    """Nothing wrong with views keeps a store from opening: they begin again, and say so."""
    for _ in range(2):  # what was set aside before makes room
        views = LmdbViews.open(tmp_path / "views")
        views.commit([commit(at=3, **{f"part{n}": "x" * 3000 for n in range(40)})])
        views.close()
        damage(tmp_path / "views" / "data.mdb")
        again = LmdbViews.open(tmp_path / "views")

        assert (again.checkpoint(VIEW), again.keys(VIEW)) == (0, [])
        assert "rebuilt from the log" in caplog.text
        assert (tmp_path / "views.damaged" / "data.mdb").exists()
        again.close()


def test_a_changed_part_is_noticed(tmp_path):
    """A flipped bit in a part is an error and not a view."""
    views = LmdbViews.open(tmp_path / "views")
    views.commit([commit(a="needle in the haystack")])
    views.close()
    data = tmp_path / "views" / "data.mdb"
    data.write_bytes(data.read_bytes().replace(b"needle", b"noodle"))
    again = LmdbViews.open(tmp_path / "views")

    with pytest.raises(ViewDamaged):
        again.load(VIEW, "a")
    with pytest.raises(ViewDamaged):
        again.load_prefix(VIEW)
    again.close()
