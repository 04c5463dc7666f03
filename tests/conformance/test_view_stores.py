"""What every view store does alike, and what the one on disk does besides."""

import os
from pathlib import Path

import lmdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mentra_actors.errors import StoreNotFound
from mentra_actors.testing.view_store_contract import (
    DurableViewStoreContract,
    ViewStoreContract,
    commit,
    whole,
)
from projections.lmdb_views import LmdbViews
from projections.memory_views import MemoryViews
from projections.view_store import ViewDamaged, ViewId, ViewStore

VIEW = ViewId("count", 1)


class TestMemoryViews(ViewStoreContract):
    """The views of a store in memory."""

    def make_views(self, directory: Path) -> ViewStore:
        return MemoryViews()


class TestLmdbViews(DurableViewStoreContract):
    """The views beside a store on disk."""

    def make_views(self, directory: Path) -> ViewStore:
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
