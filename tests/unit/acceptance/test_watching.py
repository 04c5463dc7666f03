"""What a page that shows a team is told: a snapshot, changes, and pieces of answers."""

import sys
from pathlib import Path

import anyio
import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from paced_model import PacedModel

from mentra_actors import ScriptedModel, open_runtime, open_runtime_sync
from mentra_actors.errors import RuntimeClosed
from mentra_actors.ids import agent_stream
from mentra_actors.runtime.views.store_watch import open_watch
from projections import ROSTER, TASK_BOARD, TRANSCRIPT, only, projection
from projections.running.view_changes import (
    AnswerPiece,
    ViewChange,
    ViewFailed,
    ViewSnapshot,
    ViewsReached,
)
from projections.views.transcript import transcript_prefix

pytestmark = pytest.mark.anyio


@pytest.fixture
def runtime():
    model = ScriptedModel(turns=["ready"], repeat=True)
    with open_runtime_sync(":memory:", providers=[model]) as opened:
        yield opened


def told_through(feed, position):
    """What a feed tells until all views have this position."""
    items = []
    for item in feed:
        items.append(item)
        if isinstance(item.event, ViewsReached | ViewSnapshot) and item.event.position >= position:
            return items
    raise AssertionError("the feed has ended")


def seen_of(items, seen=None):
    """What a page has that took these items."""
    for item in items:
        seen = item.event if seen is None else seen.after(item.event)
    return seen


def test_a_page_begins_with_all_views_at_one_position(runtime):
    reply = runtime.spawn("lead", model="scripted:x").send("hello")
    with runtime.watch_team() as feed:
        (first,) = told_through(feed, reply.position)

    assert isinstance(first.event, ViewSnapshot)
    assert first.cursor.position == first.event.position >= reply.position
    assert set(first.event.views) >= {"roster", "task_board", "approvals", "usage"}
    assert first.event.views["roster"] == runtime.view(ROSTER)


def test_then_it_is_told_what_changes(runtime):
    with runtime.watch_team(ROSTER, TASK_BOARD) as feed:
        items = told_through(feed, 0)
        reply = runtime.spawn("lead", model="scripted:x").send("hello")
        items += told_through(feed, reply.position)
        runtime.board.create("Look around")
        items += told_through(feed, runtime.history.last_position)

    seen = seen_of(items)
    assert seen.views["roster"] == runtime.view(ROSTER)
    assert seen.views["task_board"] == runtime.view(TASK_BOARD)
    assert {item.event.view for item in items if isinstance(item.event, ViewChange)} == {
        "roster",
        "task_board",
    }


def test_whoever_was_away_is_told_what_changed_and_no_more(runtime):
    lead = runtime.spawn("lead", model="scripted:x")
    lead.send("hello")
    with runtime.watch_team(ROSTER, TASK_BOARD) as feed:
        before = told_through(feed, 0)
    runtime.board.create("Look around")
    with runtime.watch_team(ROSTER, TASK_BOARD, after=before[-1].cursor) as feed:
        later = told_through(feed, runtime.history.last_position)

    assert not any(isinstance(item.event, ViewSnapshot) for item in later)
    assert {item.event.view for item in later if isinstance(item.event, ViewChange)} >= {
        "task_board"
    }
    seen = seen_of(later, seen_of(before))
    assert seen.views["task_board"] == runtime.view(TASK_BOARD)


def test_a_slow_reader_is_told_each_part_once(runtime):
    lead = runtime.spawn("lead", model="scripted:x")
    with runtime.watch_team(ROSTER) as feed:
        told_through(feed, 0)
        for _ in range(3):
            reply = lead.send("hello")
        items = told_through(feed, reply.position)

    changes = [item.event.key for item in items if isinstance(item.event, ViewChange)]
    assert len(changes) == len(set(changes)) == 1


def test_only_the_parts_that_are_wanted_are_told(runtime):
    lead, mate = (runtime.spawn(name, model="scripted:x") for name in ("lead", "mate"))
    lead.send("hello")
    mate.send("hello")
    prefix = transcript_prefix(agent_stream(mate.agent_id))
    with runtime.watch_team(only(TRANSCRIPT, prefix)) as feed:
        (first,) = told_through(feed, 0)

    (key,) = first.event.views["transcript"]
    assert key.startswith(prefix)


def test_a_view_that_fails_is_told_and_the_others_go_on(runtime):
    @projection(name="fussy", initial=int, view_type=int)
    def fussy(view, recorded):
        if recorded.event_type == "agent.run_started.v1":
            raise ZeroDivisionError("cannot bear it")
        return view + 1

    with runtime.watch_team(ROSTER, fussy) as feed:
        items = told_through(feed, 0)
        reply = runtime.spawn("lead", model="scripted:x").send("hello")
        items += told_through(feed, reply.position)

    (failed,) = [item.event for item in items if isinstance(item.event, ViewFailed)]
    assert (failed.view, "cannot bear it" in failed.cause) == ("fussy", True)
    assert seen_of(items).views["roster"] == runtime.view(ROSTER)


def test_a_place_that_is_to_come_is_refused(runtime):
    with pytest.raises(ValueError, match="is it of another store"):
        runtime.watch_team(after=10_000)
    with pytest.raises(TypeError, match="after a cursor or a whole position"):
        runtime.watch_team(after=1.5)


def test_the_feed_ends_with_the_runtime():
    with open_runtime_sync(":memory:", providers=[]) as runtime:
        feed = runtime.watch_team(ROSTER)
        with feed:
            told_through(feed, 0)
            runtime._operations.core.close()
            with pytest.raises(RuntimeClosed):
                list(feed)


async def test_who_comes_in_the_middle_of_an_answer_hears_all_of_it_once():
    model = PacedModel(["One two three."], delta_chars=5)
    async with (
        open_runtime(":memory:", providers=[model], durability="volatile") as runtime,
        anyio.create_task_group() as group,
    ):
        agent = await runtime.spawn("lead", model="scripted:lead")
        group.start_soon(agent.send, "Go")
        for _ in range(2):
            await model.gate.reached()
            model.gate.let_go()
        await model.gate.reached()
        items = []
        async with runtime.watch_team(ROSTER, TRANSCRIPT) as feed:
            with anyio.fail_after(10):
                async for item in feed:
                    items.append(item)
                    if isinstance(item.event, ViewSnapshot):
                        model.gate.let_go()
                    if "One two three." in repr(getattr(item.event, "part", "")):
                        break

    pieces = [item.event for item in items if isinstance(item.event, AnswerPiece)]
    assert "".join(one.text for one in pieces) == "One two three."
    assert [one.offset for one in pieces] == [
        sum(len(before.text) for before in pieces[:place]) for place in range(len(pieces))
    ]
    assert {one.stream_id for one in pieces} == {agent_stream(agent.agent_id)}
    kinds = [type(item.event) for item in items]
    assert kinds.index(ViewSnapshot) < kinds.index(AnswerPiece) < len(kinds) - 1


def test_another_process_watches_a_store(tmp_path):
    path = tmp_path / "team"
    model = ScriptedModel(turns=["ready"], repeat=True)
    with open_runtime_sync(path, providers=[model]) as runtime:
        runtime.spawn("lead", model="scripted:x").send("hello")
        with open_watch(path, ROSTER, follows=False) as feed:
            first, *rest = feed
        runtime.spawn("mate", model="scripted:x")
        with open_watch(path, ROSTER, after=first.cursor, follows=False) as feed:
            rest = list(feed)
        with open_watch(path, ROSTER, after=str(first.cursor), follows=False) as feed:
            assert list(feed) == rest
        seen = seen_of(rest, first.event)
        roster = runtime.history.at(seen.position).parts(ROSTER)

    assert seen.views["roster"] == roster
    assert msgspec.json.decode(msgspec.json.encode(rest[0].event))["kind"] == "view_change"
    with pytest.raises(ValueError, match="positions 1 to"), open_watch(path, after=9999):
        pass


def test_a_long_log_is_begun_at_the_views_beside_it(tmp_path, monkeypatch):
    """A second look costs what has come since the first one."""
    monkeypatch.setattr("mentra_actors.runtime.views.view_reading.LONG_LOG", 1)
    path = tmp_path / "team"
    model = ScriptedModel(turns=["ready"], repeat=True)
    with open_runtime_sync(path, providers=[model]) as runtime:
        lead = runtime.spawn("lead", model="scripted:x")
        lead.send("hello")
        for chosen in ((ROSTER, TRANSCRIPT), (only(TRANSCRIPT, "agent-"),)):
            with open_watch(path, *chosen, follows=False) as feed:
                (item,) = feed
            for one in chosen:
                parts = runtime.view(one, at_position=item.event.position)
                assert item.event.views[one.name] == parts
            lead.send("again")

    assert (path / "views").is_dir()


def test_a_view_that_fails_on_a_long_log_is_told_all_the_same(tmp_path, monkeypatch):
    """What cannot be kept is folded."""
    monkeypatch.setattr("mentra_actors.runtime.views.view_reading.LONG_LOG", 1)

    @projection(name="fussy", initial=int, view_type=int)
    def fussy(view, recorded):
        return view + 1 // (recorded.global_position < 5)

    path = tmp_path / "team"
    model = ScriptedModel(turns=["ready"], repeat=True)
    with open_runtime_sync(path, providers=[model]) as runtime:
        runtime.spawn("lead", model="scripted:x").send("hello")
        with open_watch(path, ROSTER, fussy, follows=False) as feed:
            told = [item.event for item in feed]

    assert isinstance(told[0], ViewSnapshot)
    assert told[0].views["fussy"] == {"": 4}
    assert set(told[0].views["roster"]) == {"team-main", "agent-lead"}
    assert [one.view for one in told if isinstance(one, ViewFailed)] == ["fussy"]
