"""Whoever asks the past for what is not there, or damages it, is told so in words."""

import datetime
import json
from dataclasses import replace

import pytest

import mentra_actors as mentra
from mentra_actors.domain.agent.decide import AGENT
from mentra_actors.errors import BranchOriginLost, CommandRejected, StoreError, StoreFormatError
from mentra_actors.runtime.history import branches as branches_module
from mentra_actors.runtime.replay.recordings import read_recording

TOO_LARGE = 10**22


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


@pytest.fixture
def places(tmp_path):
    """A directory of branches for one test."""
    return tmp_path / "futures"


@pytest.mark.parametrize("number", [True, 2.5, "5", float("nan")])
def test_what_is_no_whole_number_is_no_place_of_the_past(history, number):
    for ask in (
        history.at,
        history.why,
        history.effects_of,
        lambda one: history.agent_at("lead", one),
        lambda one: history.diff(0, one),
        lambda one: history.verify(at=one),
        lambda one: history.fork("try", at=one),
        lambda one: history.effects_of(1, limit=one),
        lambda one: history.at().agent("lead").transcript(last=one),
        lambda one: history.replay("lead", live_from=one),
    ):
        with pytest.raises(TypeError, match="is a whole number, not"):
            ask(number)


def test_a_number_that_no_log_can_hold_is_not_there(history):
    for ask in (history.at, history.why, history.effects_of):
        with pytest.raises(CommandRejected, match="is not there"):
            ask(TOO_LARGE)
    with pytest.raises(CommandRejected, match="is not there"):
        history.verify(at=history.last_position + 1)


def test_a_day_is_no_moment(history):
    with pytest.raises(TypeError, match="a time is a datetime with a zone"):
        history.at(time=datetime.date(2026, 1, 1))


def test_who_never_was_has_no_versions(history):
    with pytest.raises(CommandRejected, match="there is no agent 'nobody'"):
        history.agent_at("nobody", 1)


def test_half_a_character_is_nobodys_name(history):
    for ask in (history.at().agent, history.verify, history.replay):
        with pytest.raises(CommandRejected, match="no agent"):
            ask("x\ud800")
        with pytest.raises(TypeError, match="a name is a plain string"):
            ask(5)


@pytest.mark.parametrize(
    ("choices", "told"),
    [
        ({"nope": 1}, "a replay has no option 'nope'"),
        ({"model": 5}, "model is a plain string"),
        ({"system": 5}, "system is a plain string"),
        ({"changes": {"model": 5}}, "changes: "),
        ({"unrecorded": "make"}, "unrecorded is one of refuse, live"),
        ({"timeout_s": -1}, "timeout_s must be a number of seconds"),
        ({"timeout_s": float("nan")}, "timeout_s must be a number of seconds"),
    ],
)
def test_a_choice_that_cannot_be_meant_is_refused_before_anything_runs(history, choices, told):
    for ask in (lambda **given: history.replay("lead", **given), history.replay_all):
        with pytest.raises((TypeError, ValueError), match=told):
            ask(live_from=1, **choices)


def test_agents_to_be_replayed_are_a_list_of_names(history):
    with pytest.raises(TypeError, match="a list of names"):
        history.replay_all("lead")


def test_only_a_decider_of_a_category_that_there_is_decides_again(history):
    with pytest.raises(TypeError, match="no streams are of the category 'nope'; there are agent"):
        history.verify(deciders={"nope": replace(AGENT)})
    with pytest.raises(TypeError, match="what decides 'agent' is a Decider"):
        history.verify(deciders={"agent": None})


def test_a_mask_that_gives_no_text_leaves_no_file(history, tmp_path):
    with pytest.raises(TypeError, match="a mask gives a text"):
        history.record("lead", tmp_path / "run.jsonl", mask=len)
    assert not list(tmp_path.iterdir())


def test_a_compressed_recording_with_a_damaged_middle_cannot_be_read(history, tmp_path):
    file = tmp_path / "run.jsonl.gz"
    history.record("lead", file)
    content = bytearray(file.read_bytes())
    content[12:60] = b"\xff" * 48
    file.write_bytes(content)

    with pytest.raises(StoreError, match="cannot be read"):
        read_recording(file)


def test_a_moment_of_another_store_is_no_place_to_fork_this_one(history, places, tmp_path):
    model = mentra.ScriptedModel(["ready"], repeat=True)
    with mentra.open_runtime_sync(tmp_path / "b", providers=[model]) as runtime:
        runtime.spawn("lead", model="scripted:words")
        other = runtime.history.at(2)
        with pytest.raises(CommandRejected, match="is one of another store"):
            history.fork("try", at=other, directory=places)


def test_a_moment_of_a_branch_that_is_shared_is_one_of_its_origin(history, places):
    branch = history.fork("try", directory=places)
    with mentra.open_history(branch.path) as theirs:
        same = history.fork("again", at=theirs.at(3), directory=places)
    assert same.record.asked == 3


def test_branches_are_not_put_where_the_process_happens_to_stand(history):
    with pytest.raises(ValueError, match="the directory of branches is empty"):
        history.fork("try", directory="")


@pytest.mark.parametrize(
    "content", [b"", b"\xff", b'{"name":5}', b'{"format":9,"name":"","created_at":1}']
)
def test_a_branch_that_cannot_be_read_hides_no_other_and_can_be_deleted(history, places, content):
    history.fork("good", directory=places)
    bad = history.fork("bad", directory=places)
    (bad.path / "branch.json").write_bytes(content)

    listed = {one.name: one.problem for one in history.branches(directory=places)}
    assert listed["good"] == ""
    assert str(bad.path) in listed["bad"]
    with pytest.raises(StoreFormatError):
        mentra.open_history(bad.path).__enter__()

    bad.delete()
    assert [one.name for one in history.branches(directory=places)] == ["good"]


def test_a_branch_that_goes_on_from_itself_is_lost_in_words(history, places):
    branch = history.fork("try", directory=places)
    file = branch.path / "branch.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "origin": "."}))

    with pytest.raises(BranchOriginLost, match="lead back to itself"):
        mentra.open_history(branch.path).__enter__()


def test_a_branch_of_a_branch_is_named_with_slashes(path, tmp_path):
    model = mentra.ScriptedModel(["ready"], repeat=True)
    with mentra.open_runtime_sync(tmp_path / "c", providers=[model]) as runtime:
        first = runtime.history.fork("one")
        with mentra.open_history(first.path) as below:
            below.fork("two")
        assert runtime.history.branch("one/two").path == first.path / "branches" / "two"
        for name in ("one/nope", "/", "one/../one"):
            with pytest.raises(CommandRejected, match="no branch is named"):
                runtime.history.branch(name)


def test_a_fork_that_comes_while_its_origin_is_deleted_is_not_deleted_with_it(
    tmp_path, monkeypatch
):
    """Somebody forks between the look for branches and the end of the branch."""
    model = mentra.ScriptedModel(["ready"], repeat=True)
    with mentra.open_runtime_sync(tmp_path / "d", providers=[model]) as runtime:
        branch = runtime.history.fork("one")

        class Lock(branches_module.WriterLock):
            def __init__(self, place):
                super().__init__(place)
                with mentra.open_history(place) as below:
                    below.fork("late")

        monkeypatch.setattr(branches_module, "WriterLock", Lock)
        with pytest.raises(CommandRejected, match="has branches: late"):
            branch.delete()
        assert runtime.history.branch("one/late").cut == branch.cut
