"""What every view store does alike, and what the one on disk does besides."""

import multiprocessing
import os
import threading

import lmdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mentra_actors.errors import StoreClosed, StoreNotFound
from projections.lmdb_views import LmdbViews
from projections.memory_views import MemoryViews
from projections.view_store import CheckpointMoved, ViewCommit, ViewDamaged, ViewId

VIEW = ViewId("count", 1)
OTHER = ViewId("count", 2)
NEIGHBOUR = ViewId("counter", 1)


@pytest.fixture(params=["memory", "lmdb"])
def views(request, tmp_path):
    """An empty view store."""
    opened = MemoryViews() if request.param == "memory" else LmdbViews.open(tmp_path / "views")
    yield opened
    opened.close()


def commit(view=VIEW, *, after=0, at=1, **parts):
    """A commit of some parts."""
    encoded = {key: str(value).encode() for key, value in parts.items()}
    return ViewCommit(view=view, parts=encoded, checkpoint=at, expected_checkpoint=after)


def whole(parts, *, after=0, at=1):
    """A commit of parts that are bytes already."""
    return ViewCommit(view=VIEW, parts=parts, checkpoint=at, expected_checkpoint=after)


def test_a_new_store_is_empty(views):
    """Reading what was never written is no error."""
    assert views.load(VIEW, "a") is None
    assert views.load_prefix(VIEW) == {}
    assert views.keys(VIEW) == []
    assert views.checkpoint(VIEW) == 0
    assert views.versions("count") == []


def test_parts_and_checkpoint_come_back(views):
    """What was committed is read back, and later commits replace parts by key."""
    views.commit([commit(at=3, a=1, b=1)])
    views.commit([commit(after=3, at=4, b=2)])

    assert views.load_prefix(VIEW) == {"a": b"1", "b": b"2"}
    assert views.checkpoint(VIEW) == 4


def test_a_commit_without_parts_moves_the_checkpoint(views):
    """Events that a view ignores still bring it forward."""
    views.commit([commit(at=7)])

    assert (views.checkpoint(VIEW), views.versions("count")) == (7, [1])


def test_a_moved_checkpoint_refuses_everything(views):
    """The slower of two followers writes nothing, in no view of its commit."""
    views.commit([commit(at=5, a=1)])
    with pytest.raises(CheckpointMoved) as refused:
        views.commit([commit(NEIGHBOUR, at=9, x=1), commit(after=4, at=9, a=2)])

    assert (refused.value.view, refused.value.expected, refused.value.actual) == (VIEW, 4, 5)
    assert views.load(VIEW, "a") == b"1"
    assert (views.checkpoint(NEIGHBOUR), views.keys(NEIGHBOUR)) == (0, [])


def test_a_part_is_read_as_of_a_checkpoint(views):
    """Nobody folds on a part that belongs to another moment."""
    views.commit([commit(at=5, a=1)])

    assert views.load(VIEW, "a", expected_checkpoint=5) == b"1"
    with pytest.raises(CheckpointMoved):
        views.load(VIEW, "a", expected_checkpoint=4)


@pytest.mark.parametrize(
    "wrong",
    [
        [commit(after=5, at=5)],
        [commit(after=6, at=5)],
        [commit(), commit()],
        [commit(ViewId("", 1))],
        [commit(ViewId("count", 0))],
        [commit(**{"x" * 381: 1})],
    ],
)
def test_what_cannot_be_kept_is_refused(views, wrong):
    """A checkpoint that stands still, a nameless view or an endless key is a bug of the caller."""
    with pytest.raises(ValueError, match=r"view|checkpoint"):
        views.commit(wrong)

    assert views.versions("count") == []


def test_keys_are_found_by_prefix_in_order(views):
    """Pages of one stream are found together and in order, whatever lies beside them."""
    names = ["b/2", "b/10", "b/1", "a", "b", "c/1", "b0", "ä/1", "bä"]
    views.commit([whole(dict.fromkeys(names, b""))])

    assert views.keys(VIEW, "b/") == ["b/1", "b/10", "b/2"]
    assert views.keys(VIEW) == sorted(names, key=str.encode)
    assert list(views.load_prefix(VIEW, "b/")) == views.keys(VIEW, "b/")


def test_versions_and_neighbours_are_apart(views):
    """Views do not share parts, however alike their names are."""
    views.commit([commit(VIEW, a=1), commit(OTHER, a=2), commit(NEIGHBOUR, a=3)])
    views.drop(VIEW)

    assert views.versions("count") == [2]
    assert (views.load(OTHER, "a"), views.load(NEIGHBOUR, "a")) == (b"2", b"3")


def test_a_newer_version_takes_the_place_of_older_ones(views):
    """People read one version at a time, and what an older process does changes nothing in it."""
    views.commit([commit(VIEW, a=1), commit(OTHER, a=2), commit(NEIGHBOUR, a=3)])
    assert views.serving("count") == 0
    views.serve(VIEW)
    assert (views.serving("count"), views.versions("count")) == (1, [1, 2])
    views.serve(OTHER)
    views.commit([commit(VIEW, b=1)])
    views.serve(VIEW)

    assert (views.serving("count"), views.versions("count")) == (2, [1, 2])
    assert (views.load(VIEW, "a"), views.load(OTHER, "a")) == (None, b"2")
    assert (views.serving("counter"), views.load(NEIGHBOUR, "a")) == (0, b"3")


def test_a_dropped_view_begins_again(views):
    """After a drop nothing of the old view is left to be folded on."""
    views.commit([commit(at=9, a=1, b=1)])
    views.drop(VIEW)
    views.drop(VIEW)

    assert (views.checkpoint(VIEW), views.keys(VIEW)) == (0, [])
    views.commit([commit(at=1, b=2)])
    assert views.load_prefix(VIEW) == {"b": b"2"}


def test_a_closed_store_says_so(views):
    """A call after `close` is refused by name instead of crashing in the storage engine."""
    views.close()
    views.close()

    for call in (
        lambda: views.load(VIEW, "a"),
        lambda: views.keys(VIEW),
        lambda: views.checkpoint(VIEW),
        lambda: views.versions("count"),
        lambda: views.commit([commit()]),
        lambda: views.drop(VIEW),
    ):
        with pytest.raises(StoreClosed):
            call()


def test_racing_writers_make_one_history(views):
    """Of all writers that start from one checkpoint one wins, so that no count is lost."""

    def add():
        for _ in range(25):
            while True:
                at = views.checkpoint(VIEW)
                try:
                    part = views.load(VIEW, "n", expected_checkpoint=at) or b"0"
                    views.commit([commit(after=at, at=at + 1, n=int(part) + 1)])
                except CheckpointMoved:
                    continue
                break

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (views.load(VIEW, "n"), views.checkpoint(VIEW)) == (b"100", 100)


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


def test_views_on_disk_stay(tmp_path):
    """A closed process has kept its views."""
    with_path = LmdbViews.open(tmp_path / "views")
    with_path.commit([commit(at=3, a=1)])
    with_path.close()
    again = LmdbViews.open(tmp_path / "views")

    assert (again.load(VIEW, "a"), again.checkpoint(VIEW)) == (b"1", 3)
    again.close()


def test_one_process_may_open_a_path_twice(tmp_path):
    """Who closes first does not close for the other."""
    first, second = (LmdbViews.open(tmp_path / "views") for _ in range(2))
    first.commit([commit(a=1)])
    first.close()

    assert second.load(VIEW, "a") == b"1"
    second.close()


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
