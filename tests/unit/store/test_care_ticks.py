"""Ticks under care: checked and kept where a store is kept, left out where one is made anew."""

import shutil

import pytest
from store_damage import flip_bit

from mentra_actors.store.care import (
    ExportScope,
    backup_store,
    compact_store,
    export_store,
    import_store,
    salvage_store,
    verify_store,
)
from mentra_actors.store.care.store_image import opened_image
from mentra_actors.store.embedded.lmdb_store import LmdbEventStore
from mentra_actors.store.embedded.ticks import is_tick_key
from mentra_actors.testing.full_store import make_full_store


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A store with some of everything; never to be changed."""
    return make_full_store(tmp_path_factory.mktemp("sound") / "store", appends=40)


@pytest.fixture
def store(sound, tmp_path):
    """A copy of it."""
    return shutil.copytree(sound, tmp_path / "store")


def loaded_from(path):
    store = LmdbEventStore.open(path, create=False)
    ticks = list(store.load_ticks())
    store.close()
    return ticks


def rows_of(path):
    """The rows of ticks, as they lie on disk."""
    with opened_image(path, is_alone=True) as image:
        return [row for key, row in image.rows("side") if is_tick_key(key)]


def test_the_doctor_counts_ticks(store):
    """One that counts wrong has not looked."""
    report = verify_store(store)

    assert report.findings == ()
    assert report.ticks == len(rows_of(store)) == 6


def test_no_flipped_bit_of_a_tick_goes_unnoticed(store):
    """A damaged tick is damage: something on this disk has changed by itself."""
    file = store / "data.mdb"
    content = file.read_bytes()
    for row in sorted(rows_of(store), key=len)[::2]:
        for place in range(0, len(row), 1 + len(row) // 12):
            flip_bit(file, row, place=place, bit=place % 8)
            report = verify_store(store, is_alone=True)
            file.write_bytes(content)

            damage = [one.where for one in report.findings if one.severity == "damage"]
            assert damage == ["ticks"]
            assert report.ticks == 6


def test_copies_of_a_store_keep_ticks(store, tmp_path):
    """Who goes on with a backup, or after compacting, goes on where the answers were."""
    before = rows_of(store)
    backup_store(store, tmp_path / "backup")
    compact_store(store)

    assert rows_of(store) == rows_of(tmp_path / "backup") == before
    assert len(loaded_from(store)) == len(loaded_from(tmp_path / "backup")) == 6


def test_a_store_that_is_made_anew_has_no_ticks(store, tmp_path):
    """Half an answer is of use to the process that goes on with it, and is no history."""
    export_store(store, tmp_path / "export.jsonl")
    import_store(tmp_path / "export.jsonl", tmp_path / "imported")
    salvaged = salvage_store(store, tmp_path / "salvaged")
    for copy in ("imported", "salvaged"):
        assert loaded_from(tmp_path / copy) == []
        assert verify_store(tmp_path / copy).is_sound
    assert salvaged.notes == ()


def test_a_log_that_is_cut_does_not_miss_ticks(tmp_path):
    """A note about rows of other libraries would make people look for what is not there."""
    path = make_full_store(tmp_path / "store", appends=3)
    with opened_image(path, is_alone=True) as image:
        others = [key for key, _ in image.rows("side") if not is_tick_key(key)]
    cut = export_store(path, tmp_path / "cut.jsonl", scope=ExportScope(through=1))

    assert (others, cut.notes) == ([], ())
