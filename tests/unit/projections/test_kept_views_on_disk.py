"""Views on disk beside a log that lost its last commit with the power, and has grown again."""

import logging
import shutil

import lmdb
import pytest

from mentra_actors.domain.agent.events import PromptAccepted
from mentra_actors.ids import StreamId
from mentra_actors.store.care import compact_store, restore_archive
from mentra_actors.store.embedded.lmdb_store import LmdbEventStore
from mentra_actors.store.journal import Journal
from mentra_actors.store.ports import AppendRequest
from projections import projection
from projections.running.runner import ProjectionRunner
from projections.stores.lmdb_views import LmdbViews
from projections.stores.view_store import Checkpoint, ViewId


@projection(name="texts", initial=list, view_type=list[str])
def texts(view, recorded):
    """Every prompt, in order."""
    return [*view, recorded.event.text]


@projection(name="texts", version=2, initial=list, view_type=list[str])
def loud_texts(view, recorded):
    """Every prompt, in capitals."""
    return [*view, recorded.event.text.upper()]


@projection(name="fussy", initial=int, view_type=int)
def fussy(view, recorded):
    """Breaks at the last prompt of a page."""
    if recorded.event.text == "c":
        raise ZeroDivisionError("cannot bear it")
    return view + 1


def append(path, *words, at, stream="agent-lead"):
    """Append a prompt for each word, as a process that begins and ends."""
    store = LmdbEventStore.open(path, durability="relaxed")
    for word in words:
        event = PromptAccepted(prompt_id=word, text=word, accepted_at=1.0)
        part = Journal(store).stream_append(StreamId(stream), [event], None)
        store.append(AppendRequest(streams=(part,), recorded_at_ns=at))
        at += 1
    store.close()


def views_of(path, *projections):
    """What a process that shows views finds, and keeps."""
    store, views = LmdbEventStore.open(path), LmdbViews.open(path / "views")
    runner = ProjectionRunner(store, views, projections)
    runner.catch_up()
    found = [runner.view(one.name) for one in projections]
    views.close()
    store.close()
    return found


@pytest.fixture
def path(tmp_path):
    """A store of three prompts with views, which then loses the third, with the power."""
    path = tmp_path / "store"
    append(path, "a", "b", at=1)
    shutil.copy(path / "data.mdb", tmp_path / "before")
    append(path, "c", at=3)
    assert views_of(path, texts, fussy) == [["a", "b", "c"], 2]
    shutil.copy(tmp_path / "before", path / "data.mdb")
    return path


def test_a_log_that_is_shorter_than_its_views(path, caplog):
    """What a view shows after a power loss must be on the log."""
    assert views_of(path, texts, fussy) == [["a", "b"], 2]
    assert [one.getMessage() for one in caplog.records if "texts" in one.getMessage()]


@pytest.mark.parametrize(
    ("words", "times"), [(["d"], 4), (["d", "e"], 4), (["c"], 4), (["c", "d"], 9)]
)
def test_a_log_that_has_grown_again(path, words, times, caplog):
    """The lost event must not stay in a view because something else stands in its place."""
    append(path, *words, at=times)

    assert views_of(path, texts) == [["a", "b", *words]]
    assert "lost its tail and has grown again" in caplog.text


def test_an_older_view_that_still_serves_is_compared_too(path):
    """While a raised version is being folded people read the older one: it must not lie either."""
    append(path, "d", at=4)
    store, views = LmdbEventStore.open(path), LmdbViews.open(path / "views")
    raised = ProjectionRunner(store, views, [loud_texts], page_events=1)
    raised.catch_up(through=1)
    shown = raised.view("texts")
    views.close()
    store.close()

    assert shown == ["A"]


def test_views_of_the_same_past_are_kept(path, caplog):
    """A view is not folded anew at each start: on a long log that takes minutes."""
    caplog.set_level(logging.WARNING)
    append(path, "d", at=4)
    for _ in range(2):
        found = views_of(path, texts)
        caplog.clear()

    assert found == [["a", "b", "d"]]
    assert views_of(path, texts) == found
    assert caplog.text == ""


def test_a_projection_that_failed_in_a_page_is_marked_where_it_stopped(path, caplog):
    """The mark of a view that is behind must be that of its own last event."""
    append(path, "d", at=4)
    caplog.clear()

    assert views_of(path, texts, fussy) == [["a", "b", "d"], 3]
    assert "fussy" not in caplog.text


def test_the_fingerprint_is_committed_with_the_checkpoint(path):
    """One without the other would rebuild a view for nothing, or keep one that lies."""
    views_of(path, texts)
    views = LmdbViews.open(path / "views")
    mark = views.marked_checkpoint(ViewId("texts", 1))
    assert mark.position == views.checkpoint(ViewId("texts", 1)) == 2
    assert mark.fingerprint
    assert views.marked_checkpoint(ViewId("none", 1)) == Checkpoint()
    views.close()


def test_views_of_the_release_before_are_made_anew(path, caplog):
    """They cannot say which log they belong to."""
    append(path, "d", at=4)
    with lmdb.open(str(path / "views"), max_dbs=4) as env, env.begin(write=True) as txn:
        txn.put(b"format", b"1", db=env.open_db(b"meta", txn))

    assert views_of(path, texts) == [["a", "b", "d"]]
    assert "set aside" in caplog.text


@pytest.mark.parametrize("is_open_here", [False, True])
def test_views_are_made_again_when_a_stream_is_archived_and_when_it_is_back(
    tmp_path, is_open_here
):
    """They show what the log shows: neither what it has no more, nor a gap that it has not."""
    path, archive = tmp_path / "store", tmp_path / "lead.jsonl"
    append(path, "a", "b", at=1)
    append(path, "c", at=1, stream="agent-bob")
    assert views_of(path, texts) == [["a", "b", "c"]]

    holder = LmdbViews.open(path / "views") if is_open_here else None
    compact_store(path, archive=archive, streams=["agent-lead"])
    assert views_of(path, texts) == [["c"]]

    restore_archive(path, archive)
    assert views_of(path, texts) == [["a", "b", "c"]]
    if holder is not None:
        holder.close()


def test_views_of_a_branch_are_made_again_when_a_stream_of_its_origin_is_archived(tmp_path):
    """A branch reads what its origin reads."""
    path = tmp_path / "store"
    append(path, "a", at=1)
    (views := path / "branches" / "try" / "views").mkdir(parents=True)
    (path / "views").mkdir()

    compact_store(path)
    assert not (views / "OUTDATED").exists()  # only free pages went
    compact_store(path, archive=tmp_path / "lead.jsonl", streams=["agent-lead"])
    assert (views / "OUTDATED").exists()
