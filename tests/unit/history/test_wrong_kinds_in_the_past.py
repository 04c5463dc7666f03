"""Whoever gives the past a thing of another kind is told what is meant, and nothing is done."""

from dataclasses import replace

import anyio
import pytest
from msgspec.structs import replace as replaced

import mentra_actors as mentra
from mentra_actors import Edit
from mentra_actors.domain.agent.decide import AGENT
from mentra_actors.domain.agent.profile import ProfileChanges
from mentra_actors.envelope import FORGOTTEN_PAYLOAD
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import AgentId
from mentra_actors.runtime.history.history import History
from mentra_actors.runtime.replay.scratch_store import copied
from mentra_actors.store.memory_store import MemoryEventStore


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("past") / "store"
    model = mentra.ScriptedModel(["ready"], repeat=True)
    with mentra.open_runtime_sync(path, providers=[model], durability="volatile") as runtime:
        runtime.spawn("lead", model="scripted:words").send("Begin.")
    return path


@pytest.fixture
def history(path):
    with mentra.open_history(path) as history:
        yield history


def forgotten(stored):
    is_of_lead = stored.stream_id in ("agent-lead", "inbox-lead")
    return replaced(stored, payload=FORGOTTEN_PAYLOAD) if is_of_lead else stored


def breaks(*_arguments):
    raise KeyError("boom")


def test_the_name_of_a_view_is_no_view(history):
    now = history.at()
    for ask in (
        lambda: now.view("board"),
        lambda: now.parts("board"),
        lambda: history.diff(0, view="board"),
        lambda: history.diff(0, view="board", key="board-main"),
        lambda: history.bisect(bool, view="board"),
        lambda: history.bisect(bool, view="board", key="board-main"),
    ):
        with pytest.raises(TypeError, match=r"'board' is a name: pass the projection itself"):
            ask()


def test_what_cannot_be_asked_is_no_predicate(history):
    with pytest.raises(TypeError, match="a predicate is a function"):
        history.bisect("len(board.tasks) > 2")


@pytest.mark.parametrize("wrong", [5, "scripted", mentra.ScriptedModel])
def test_what_answers_nothing_is_no_provider(history, wrong):
    for ask in (
        lambda: history.replay("lead", live_from=1, providers=[wrong]),
        lambda: history.replay_all(live_from=1, providers=[wrong]),
        lambda: mentra.open_runtime_sync(":memory:", providers=[wrong]).__enter__(),
    ):
        with pytest.raises(TypeError, match="a provider is an object with a name"):
            ask()


def test_one_provider_alone_is_no_sequence_of_them(history):
    model = mentra.ScriptedModel(["no"])
    for ask in (
        lambda: history.replay("lead", live_from=1, providers=model),
        lambda: mentra.open_runtime_sync(":memory:", providers=model).__enter__(),
    ):
        with pytest.raises(TypeError, match=r"write \[provider\] for one alone"):
            ask()


def test_tools_and_options_of_a_replay_are_looked_at_before_anything_is_asked(history):
    with pytest.raises(TypeError, match="each of tools is a Tool"):
        history.replay("lead", live_from=1, tools=[len])
    with pytest.raises(TypeError, match="options are those of a runtime"):
        history.replay("lead", live_from=1, options=5)


def test_an_edit_that_changes_nothing_is_refused(history):
    with pytest.raises(ValueError, match="an edit of lead changes nothing"):
        Edit.profile("lead")
    with pytest.raises(CommandRejected, match="changes nothing"):
        history.fork("same", edits=[Edit(agent="lead", changes=ProfileChanges())])
    with pytest.raises(TypeError, match="an edit is wrong"):
        Edit.profile(5, system="Be brief.")
    assert not history.branches()


def test_one_edit_or_one_name_is_no_list_of_them(history):
    for alone in ({"edits": Edit.message("lead", "No.")}, {"agents": "lead"}, {"agents": 5}):
        with pytest.raises(TypeError, match=r"(edits|agents) are a list of (Edits|names), not"):
            history.fork("alone", **alone)
    assert not history.branches()


def test_an_agent_that_was_forgotten_is_said_to_be_so(path):
    """Its place is on the log, so it is no agent that was not there yet."""
    store = MemoryEventStore()
    with mentra.open_history(path) as history:
        copied(store, map(forgotten, history._reader.read_journal(after=0)))
    moment = History(store).at().agent(AgentId("lead"))

    assert list(moment.transcript()) == []
    with pytest.raises(CommandRejected, match=r"read \(forgotten: its key was destroyed"):
        _ = moment.snapshot
    with pytest.raises(CommandRejected, match="'lead' was forgotten, with all its runs: there"):
        History(store).replay("lead")
    recording = path.parent / "lead.jsonl"
    with pytest.raises(CommandRejected, match="'lead' was forgotten, with all its runs: there"):
        History(store).record("lead", recording)
    assert not recording.exists()


@pytest.mark.parametrize(
    ("broken", "command"),
    [
        ({"evolve": breaks, "evolve_all": None}, "AddMember"),
        ({"companions": breaks}, "AcceptPrompt"),
        ({"decide": breaks}, "AcceptPrompt"),
    ],
)
def test_a_decider_that_breaks_is_a_difference_where_it_breaks(history, broken, command):
    """What is tried on a log may be half done: where it breaks is what one wants to know."""
    found = history.verify(deciders={"agent": replace(AGENT, **broken)})

    first = found.differences[0]
    assert not found.is_same
    assert first.command == command
    assert "KeyError: 'boom'" in first.refusal


def test_what_comes_after_a_state_that_cannot_be_folded_is_counted_and_not_decided(history):
    broken = replace(AGENT, evolve=breaks, evolve_all=None)
    found = history.verify(deciders={"agent": broken})

    assert "agent-lead cannot be folded" in found.differences[0].refusal
    assert len(found.differences) == 1
    assert any("the state before it is not known" in what for what in found.untold)


def test_a_moment_of_a_running_team_is_had_from_both_faces():
    """A coroutine waits for it, since the log is read."""

    model = mentra.ScriptedModel(["ready"])

    async def look():
        async with mentra.open_runtime(":memory:", providers=[model]) as runtime:
            await runtime.spawn("lead", model="scripted:words")
            now = await runtime.at()
            assert not (await runtime.at(0)).roster()
            assert (await runtime.at(time=now.time)).position == now.position
            with pytest.raises(CommandRejected, match="is not there"):
                await runtime.at(999)
            return [one.name for one in now.roster()]

    assert anyio.run(look) == ["lead"]
    with mentra.open_runtime_sync(":memory:") as runtime:
        assert runtime.at(0).position == 0
        assert runtime.at().position == runtime.history.last_position
