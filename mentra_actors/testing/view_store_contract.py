"""What every view store must do; authors of an adapter run it under pytest.

    class TestMyViews(DurableViewStoreContract):
        def make_views(self, directory: Path) -> ViewStore:
            return MyViews.open(directory / "views")

A store that begins empty at each opening passes `ViewStoreContract` alone.
"""
# ruff: noqa: PLR2004 - the methods are tests

import abc
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from mentra_actors.errors import StoreClosed
from mentra_actors.testing.patience import PatientContract
from projections.stores.view_store import CheckpointMoved, ViewCommit, ViewId, ViewStore

__all__ = ["DurableViewStoreContract", "ViewStoreContract", "commit", "whole"]

VIEW = ViewId("count", 1)
OTHER = ViewId("count", 2)
NEIGHBOUR = ViewId("counter", 1)


def whole(parts: Mapping[str, bytes], *, after: int = 0, at: int = 1) -> ViewCommit:
    """A commit of parts that are bytes already."""
    return ViewCommit(view=VIEW, parts=dict(parts), checkpoint=at, expected_checkpoint=after)


def commit(view: ViewId = VIEW, *, after: int = 0, at: int = 1, **parts: object) -> ViewCommit:
    """A commit of some parts, as the texts of their values."""
    encoded = {key: str(value).encode() for key, value in parts.items()}
    return ViewCommit(view=view, parts=encoded, checkpoint=at, expected_checkpoint=after)


class ViewStoreContract(PatientContract, abc.ABC):
    """Subclass it, say how a view store is made, and pytest collects the tests."""

    @abc.abstractmethod
    def make_views(self, directory: Path) -> ViewStore:
        """A view store; the suite closes it. `directory` is empty at the first time."""

    @pytest.fixture
    def views(self, tmp_path: Path) -> Iterator[ViewStore]:
        """A new view store per test."""
        opened = self.make_views(tmp_path)
        yield opened
        opened.close()

    def test_a_new_store_is_empty(self, views: ViewStore) -> None:
        """Reading what was never written is no error."""
        assert views.load(VIEW, "a") is None
        assert views.load_prefix(VIEW) == {}
        assert views.keys(VIEW) == []
        assert views.checkpoint(VIEW) == 0
        assert views.versions("count") == []

    def test_parts_and_checkpoint_come_back(self, views: ViewStore) -> None:
        """What was committed is read back, and later commits replace parts by key."""
        views.commit([commit(at=3, a=1, b=1)])
        views.commit([commit(after=3, at=4, b=2)])

        assert views.load_prefix(VIEW) == {"a": b"1", "b": b"2"}
        assert views.checkpoint(VIEW) == 4

    def test_a_commit_without_parts_moves_the_checkpoint(self, views: ViewStore) -> None:
        """Events that a view ignores still bring it forward."""
        views.commit([commit(at=7)])

        assert (views.checkpoint(VIEW), views.versions("count")) == (7, [1])

    def test_a_moved_checkpoint_refuses_everything(self, views: ViewStore) -> None:
        """The slower of two followers writes nothing, in no view of its commit."""
        views.commit([commit(at=5, a=1)])
        with pytest.raises(CheckpointMoved) as refused:
            views.commit([commit(NEIGHBOUR, at=9, x=1), commit(after=4, at=9, a=2)])

        assert (refused.value.view, refused.value.expected, refused.value.actual) == (VIEW, 4, 5)
        assert views.load(VIEW, "a") == b"1"
        assert (views.checkpoint(NEIGHBOUR), views.keys(NEIGHBOUR)) == (0, [])

    def test_a_part_is_read_as_of_a_checkpoint(self, views: ViewStore) -> None:
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
            [whole({"x" * 381: b"1"})],
        ],
    )
    def test_what_cannot_be_kept_is_refused(
        self, views: ViewStore, wrong: list[ViewCommit]
    ) -> None:
        """A checkpoint that stands still, a nameless view or an endless key is a bug."""
        with pytest.raises(ValueError, match=r"view|checkpoint"):
            views.commit(wrong)

        assert views.versions("count") == []

    def test_keys_are_found_by_prefix_in_order(self, views: ViewStore) -> None:
        """Pages of one stream are found together and in order, whatever lies beside them."""
        names = ["b/2", "b/10", "b/1", "a", "b", "c/1", "b0", "ä/1", "bä"]
        views.commit([whole(dict.fromkeys(names, b""))])

        assert views.keys(VIEW, "b/") == ["b/1", "b/10", "b/2"]
        assert views.keys(VIEW) == sorted(names, key=str.encode)
        assert list(views.load_prefix(VIEW, "b/")) == views.keys(VIEW, "b/")

    def test_versions_and_neighbours_are_apart(self, views: ViewStore) -> None:
        """Views do not share parts, however alike their names are."""
        views.commit([commit(VIEW, a=1), commit(OTHER, a=2), commit(NEIGHBOUR, a=3)])
        views.drop(VIEW)

        assert views.versions("count") == [2]
        assert (views.load(OTHER, "a"), views.load(NEIGHBOUR, "a")) == (b"2", b"3")

    def test_a_newer_version_takes_the_place_of_older_ones(self, views: ViewStore) -> None:
        """People read one version at a time, and no older process changes it."""
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

    def test_a_dropped_view_begins_again(self, views: ViewStore) -> None:
        """After a drop nothing of the old view is left to be folded on."""
        views.commit([commit(at=9, a=1, b=1)])
        views.drop(VIEW)
        views.drop(VIEW)

        assert (views.checkpoint(VIEW), views.keys(VIEW)) == (0, [])
        views.commit([commit(at=1, b=2)])
        assert views.load_prefix(VIEW) == {"b": b"2"}

    def test_a_closed_store_says_so(self, views: ViewStore) -> None:
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

    def test_racing_writers_make_one_history(self, views: ViewStore) -> None:
        """Of all writers that start from one checkpoint one wins, so that no count is lost."""

        def add() -> None:
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

    def test_a_page_of_parts_begins_behind_a_key(self, views: ViewStore) -> None:
        """Long views are read page by page, whether or not the last key is still there."""
        names = ["a/1", "a/10", "a/2", "b/1", "ä/1"]
        views.commit([whole(dict.fromkeys(names, b"x"))])

        assert list(views.load_prefix(VIEW, "a/", limit=2)) == ["a/1", "a/10"]
        assert list(views.load_prefix(VIEW, "a/", after="a/10", limit=2)) == ["a/2"]
        assert list(views.load_prefix(VIEW, after="a/15")) == ["a/2", "b/1", "ä/1"]
        assert list(views.load_prefix(VIEW, "b", after="ä", limit=9)) == []

    def test_a_view_takes_the_place_of_another(self, views: ViewStore) -> None:
        """What was made anew is there at once, and nothing of the older one is left."""
        views.commit([commit(at=5, old=1, n=1), commit(OTHER, at=7, n=2, new=2)])
        views.replace(VIEW, OTHER)

        assert views.load_prefix(VIEW) == {"n": b"2", "new": b"2"}
        assert (views.checkpoint(VIEW), views.checkpoint(OTHER)) == (7, 0)
        assert views.load_prefix(OTHER) == {}
        views.replace(VIEW, OTHER)
        assert views.checkpoint(VIEW) == 7

    def test_a_view_that_is_behind_takes_no_place(self, views: ViewStore) -> None:
        """What people see never goes back."""
        views.commit([commit(at=5, n=1), commit(OTHER, at=4, n=2)])
        with pytest.raises(CheckpointMoved):
            views.replace(VIEW, OTHER)

        assert (views.load(VIEW, "n"), views.load(OTHER, "n")) == (b"1", b"2")


class DurableViewStoreContract(ViewStoreContract):
    """For views that survive their end: `make_views` opens what it made there before."""

    def test_views_stay(self, views: ViewStore, tmp_path: Path) -> None:
        """A closed process has kept its views."""
        views.commit([commit(at=3, a=1)])
        views.serve(VIEW)
        views.close()
        again = self.make_views(tmp_path)

        try:
            assert (again.load(VIEW, "a"), again.checkpoint(VIEW)) == (b"1", 3)
            assert again.serving("count") == 1
        finally:
            again.close()

    def test_a_path_may_be_opened_twice(self, views: ViewStore, tmp_path: Path) -> None:
        """Who closes first does not close for the other."""
        second = self.make_views(tmp_path)
        try:
            views.commit([commit(a=1)])
            views.close()

            assert second.load(VIEW, "a") == b"1"
        finally:
            second.close()
