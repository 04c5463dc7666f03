"""A process that is killed at any step of what it does with branches, in each kind of store.

Making one with edits, opening it for the first time, saying what it is for, deleting it: after a
kill a branch is there whole or not at all, the same is done again without an obstacle, and the
origin has the bytes that it had.
"""

import os
import shutil
import sqlite3

import pytest

from mentra_actors import ScriptedModel, call, open_history, open_runtime_sync, tool
from mentra_actors.domain.agent import events as e
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import AgentId, agent_stream
from mentra_actors.runtime.history.edits import Edit
from mentra_actors.store.care import verify_store
from mentra_actors.store.journal import Journal
from mentra_actors.store.opening import open_journal_reader

IS_FULL = os.environ.get("MENTRA_CRASH_CAMPAIGN") == "full"
OPTIONS = {"durability": "volatile", "close_grace_s": 0.0}
LEAD = agent_stream(AgentId("lead"))
WORDS = "Say it in green."


def saying():
    return ScriptedModel(lambda _request: "Yes.")


# --- what is killed ---------------------------------------------------------------------------


def while_paying(history):
    """The position at which the call was open."""
    began = (one for one in history._journal.through() if isinstance(one.event, e.ToolCallStarted))
    return next(began).global_position


def fork(name):
    """Make a branch in which the lead has other words, and a subagent's call is interrupted."""
    with open_history(name) as history:
        edits = [Edit.profile("lead", system=WORDS), Edit.message("lead", "Once more.")]
        history.fork("try", at=while_paying(history), label="green", edits=edits)


def fork_plainly(name):
    """Make a branch as it was."""
    with open_history(name) as history:
        history.fork("try", at=while_paying(history), label="green")


def open_first(name):
    """Open it: what was open at the cut is answered."""
    with open_runtime_sync(branch_of(name).path, providers=[saying()], **OPTIONS) as runtime:
        runtime.agent("lead").send("Go on.", prompt_id="go", timeout_s=20)


def relabel(name):
    branch_of(name).label("blue")


def delete(name):
    branch_of(name).delete()


TASKS = {
    "fork": (None, 23),
    "fork_plainly": (None, 3),
    "open_first": (fork_plainly, 29),
    "relabel": (fork_plainly, 2),
    "delete": (fork, 2),
}
"""Each, what must have been done before, and which part of its steps the short version tries."""


# --- looking at it ----------------------------------------------------------------------------


def branch_of(name):
    with open_history(name) as history:
        return history.branch("try")


def listed(name):
    """Names of branches; nothing half made is among them. It removes what the dead have left."""
    with open_history(name) as history:
        found = history.branches()
        assert [one.problem for one in found] == [""] * len(found)
        return [one.name for one in found]


def events_of(name):
    reader = open_journal_reader(name)
    try:
        return [one.event for one in Journal(reader).read_stream(LEAD)]
    finally:
        reader.close()


def content(name):
    """The origin, byte by byte; of a database what its tables hold: reading may fold its log."""
    if not isinstance(name, str):
        return (name / "data.mdb").read_bytes()
    with sqlite3.connect(name.removeprefix("sqlite:")) as raw:
        found = list(raw.iterdump())
    raw.close()
    return found


def assert_forked(name, *, edited):
    """The branch is the one that was asked for."""
    branch = branch_of(name)
    assert branch.record.label in ("green", "blue")
    with open_history(branch.path) as history:
        assert (history.at().agent("lead").profile.system == WORDS) == edited


def assert_opened(name):
    """What was open is answered once, and the prompt that was sent has its answer, once."""
    events = events_of(branch_of(name).path)
    prompts = [one for one in events if isinstance(one, e.PromptAccepted) and one.text == "Go on."]
    branched = [one for one in events if isinstance(one, e.AgentBranched)]

    assert len(prompts) == len(branched) == 1
    assert isinstance(events[-1], e.RunFinished)
    assert verify_store(branch_of(name).path).is_sound


# --- the tests --------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["lmdb", "sqlite"])
def kind(request):
    return request.param


def store_in(directory, kind):
    return directory / "team" if kind == "lmdb" else f"sqlite:{directory / 'team.sqlite'}"


@pytest.fixture(scope="module")
def begin(kind, tmp_path_factory):
    """A store in which the lead has paid: a branch begins while it was paying."""
    place = tmp_path_factory.mktemp("begin")

    @tool(retry="never")
    def pay() -> str:
        """Pay."""
        return "paid"

    model = ScriptedModel([[call("pay")], "Paid."])
    with open_runtime_sync(
        store_in(place, kind), providers=[model], tools=[pay], **OPTIONS
    ) as runtime:
        runtime.spawn("lead", model="scripted:x").send("Pay.", timeout_s=20)
    return place


def beside(name):
    """All that stands where the branches are."""
    if isinstance(name, str):
        return os.listdir(f"{name.removeprefix('sqlite:')}.branches")
    return os.listdir(name / "branches")


@pytest.mark.crash
@pytest.mark.timeout(600)
@pytest.mark.parametrize("task", TASKS)
def test_a_kill_at_any_step_leaves_a_whole_branch_or_none(killer, kind, begin, tmp_path, task):
    place = tmp_path / "place"
    name = store_in(place, kind)
    do, (prepare, part) = globals()[task], TASKS[task]

    def fresh():
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(begin, place)
        if prepare is not None:
            prepare(name)
        return [name]

    fresh()
    origin, states, kills = content(name), set(), 0
    for _, is_killed in killer.steps(task, fresh, every=1 if IS_FULL else part):
        kills += is_killed
        is_there = listed(name) == ["try"]
        states.add(is_there)
        if is_there:
            assert_forked(name, edited=task in ("fork", "delete"))
        if task.startswith("fork") and is_there:
            with pytest.raises(CommandRejected, match="already"):
                do(name)
        elif is_there or task != "delete":
            do(name)
        if task == "open_first":
            assert_opened(name)
        assert listed(name) == ([] if task == "delete" else ["try"])
        if task == "delete":  # and the name is free
            fork_plainly(name)
        assert beside(name) == ["try"]
        assert content(name) == origin
    assert kills > 2
    assert states == ({True} if task in ("open_first", "relabel") else {True, False})
