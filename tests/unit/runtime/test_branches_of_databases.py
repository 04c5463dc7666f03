"""Branches of stores in databases: of SQLite beside the file, of a server where it was said."""

import os
import uuid

import pytest

from mentra_actors import Edit, ScriptedModel, open_history, open_runtime_sync
from mentra_actors.errors import ConfigurationError
from mentra_actors.store.branches.forking import branches_directory

SERVER = os.environ.get("MENTRA_TEST_POSTGRES", "")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path, monkeypatch):
    """The address of a new store; those on a server have a place for their branches."""
    monkeypatch.delenv("MENTRA_BRANCHES", raising=False)
    if request.param == "sqlite":
        return f"sqlite:{tmp_path / 'team.db'}"
    if not SERVER:
        pytest.skip("MENTRA_TEST_POSTGRES is not set: no PostgreSQL server to test on")
    monkeypatch.setenv("MENTRA_BRANCHES", str(tmp_path / "futures" / "of servers"))
    server = os.environ["MENTRA_TEST_POSTGRES"]
    return f"{server}{'&' if '?' in server else '?'}schema=b{uuid.uuid4().hex[:12]}"


@pytest.fixture
def model():
    return ScriptedModel(lambda request: f"answer {len(request.messages)} {request.system}")


def test_a_branch_of_a_database_goes_on_is_listed_and_deleted(url, model):
    """What is in the database is only read; the branch has a log of its own in a directory."""
    with open_runtime_sync(url, providers=[model], durability="volatile") as runtime:
        lead = runtime.spawn("lead", model="scripted:words", system="so")
        lead.send("How many stars?", timeout_s=20)
        before = runtime.history.last_position
        edits = [Edit.profile("lead", system="short")]
        branch = runtime.history.fork("try", edits=edits)
        with runtime.open_branch("try") as there:
            assert there.agent("lead").send("And moons?", timeout_s=20).text == "answer 3 short"
            there.history.fork("second")
        assert runtime.history.last_position == before

    with open_history(url) as history:
        (listed,) = history.branches()
        assert (listed.name, listed.cut) == ("try", before)
        assert [one.name for one in listed.branches] == ["second"]
        assert history.common("try") == before
        assert history.branch("try/second").open_effects == ()
        with open_history(branch.path) as theirs:
            assert theirs.verify().is_same
            assert history.diff(theirs.at(), before).agents
        history.branch("try/second").delete()
        history.branch("try").delete()
        assert not history.branches()


def test_a_branch_in_a_directory_that_was_named_is_found_there(url, model, tmp_path):
    place = tmp_path / "here"
    with open_runtime_sync(url, providers=[model], durability="volatile") as runtime:
        runtime.spawn("lead", model="scripted:words", system="so").send("Stars?", timeout_s=20)
        runtime.history.fork("try", directory=place)
        with runtime.open_branch("try", directory=place) as there:
            assert there.agent("lead").send("Moons?", timeout_s=20).text == "answer 3 so"
        last = runtime.history.last_position
        assert runtime.history.common("try", directory=place) == last


def test_a_server_without_a_place_for_branches_is_refused_by_name(monkeypatch):
    """Nothing is connected to: there is no such server."""
    monkeypatch.setenv("MENTRA_BRANCHES", " ")
    with pytest.raises(ConfigurationError, match="MENTRA_BRANCHES"):
        branches_directory("postgresql://nowhere/db")


def test_stores_of_one_server_have_their_branches_apart_and_a_password_changes_nothing(
    monkeypatch, tmp_path
):
    monkeypatch.setenv("MENTRA_BRANCHES", str(tmp_path))
    addresses = ["postgresql://h/db?schema=a", "postgresql://h/db?schema=b"]
    places = [branches_directory(one) for one in addresses]
    assert places[0] != places[1]
    assert branches_directory("postgresql://h/db?schema=a&password=x") == places[0]
