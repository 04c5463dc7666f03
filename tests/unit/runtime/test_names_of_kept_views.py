"""What is kept is found by its name: no view takes the place of a built-in one."""

import pytest

import mentra_actors as mentra
from mentra_actors.runtime.views.view_reading import ViewReading
from mentra_actors.store.memory_store import MemoryEventStore
from projections import USAGE, only, projection
from projections.views.usage import UsageProjection


@projection(name="usage", version=USAGE.version, initial=int, view_type=int)
def mine(view, recorded):
    """Events, not usage."""
    return view + 1


class Mended(UsageProjection):
    """The built-in one, as a newer release has it."""

    version = USAGE.version + 1


WORDS = "the name of a built-in view"


@pytest.fixture
def runtime(tmp_path):
    with mentra.open_runtime_sync(tmp_path / "team.mentra") as opened:
        yield opened


def test_another_view_of_that_name_is_not_kept(runtime, tmp_path):
    with pytest.raises(ValueError, match=WORDS):
        runtime.project(mine)
    with pytest.raises(ValueError, match=WORDS), mentra.open_views(tmp_path, [mine]):
        pass


@pytest.mark.parametrize("view", [mine, only(mine, "a")])
def test_nor_watched(view, tmp_path):
    """Of a long log a watch keeps the whole view."""
    with pytest.raises(ValueError, match=WORDS):
        ViewReading(MemoryEventStore(), tmp_path, [view])


def test_a_part_of_a_built_in_view_is_not_kept_as_the_whole(runtime):
    with pytest.raises(ValueError, match=WORDS):
        runtime.project(only(USAGE, "a"))


def test_a_built_in_one_is_kept_also_mended(runtime):
    runtime.project(USAGE).retry(Mended())


def test_it_can_be_folded_all_the_same(runtime):
    """Nothing is kept of that."""
    assert runtime.view(mine)
