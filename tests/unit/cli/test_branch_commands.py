"""`mentra fork`, `branches` and `branch`: futures of a store from the command line."""

import json
import re
import shutil

import pytest


@pytest.fixture
def store(team_store, tmp_path):
    """A store of a team of two that this test may fork."""
    return shutil.copytree(team_store, tmp_path / "team.mentra")


def files_of(store):
    """All but what open processes share: who reads, and who rings."""
    skipped = ("lock.mdb", "bell")
    own = [one for one in store.iterdir() if one.is_file() and one.name not in skipped]
    return {one.name: one.read_bytes() for one in own}


def log_of(mentra, *branch):
    assert mentra("log", "lead", *branch, "--json") == 0
    return [json.loads(line) for line in mentra.out.splitlines()]


def test_a_fork_says_where_it_goes_on_and_how_to_open_it(mentra, store):
    before = files_of(store)

    assert mentra("fork", "try", "--store", store, "--label", "without bob") == 0
    assert re.search(r"The branch try goes on from position \d+ of", mentra.out)
    assert f"mentra chat --store {store} --branch try" in mentra.err
    assert files_of(store) == before


def test_a_fork_at_a_version_of_an_agent_is_rounded_to_a_whole_append(mentra, store):
    answer = mentra.json("fork", "lead@4", "early", "--store", store)

    assert answer["name"] == "early"
    assert answer["cut"] >= answer["asked"]
    assert answer["open_effects"] == "interrupted"
    assert {one["kind"] for one in answer["open"]} == {"model call"}


def test_commands_read_a_branch_by_its_name(mentra, store):
    mentra.json("fork", "lead@4", "early", "--store", store)

    assert len(mentra.json("members", "--store", store, "--branch", "early")) == 1
    assert len(mentra.json("members", "--store", store)) == 2
    assert len(mentra.json("members", "--store", store / "branches" / "early")) == 1
    assert mentra("members", "--store", store, "--branch", "late") == 2
    assert "no branch is named 'late'" in mentra.err
    assert "early" in mentra.err


def test_branches_are_listed_as_a_tree(mentra, store):
    mentra.json("fork", "12", "first", "--store", store, "--label", "the first try")
    mentra.json("fork", "second", "--store", store, "--branch", "first")
    mentra.json("fork", "other", "--store", store, "--model", "scripted:y")

    assert mentra("branches", "--store", store) == 0
    tree = [line.rstrip() for line in mentra.out.splitlines()]
    assert [line.partition(" at ")[0].rstrip() for line in tree[1:]] == [
        "├─ first",
        "│  └─ second",
        "└─ other",
    ]
    assert tree[1].endswith("the first try")
    assert "lead: model" in tree[3]
    listed = mentra.json("branches", "--store", store)
    assert [one["name"] for one in listed["branches"]] == ["first", "other"]
    assert [one["name"] for one in listed["branches"][0]["branches"]] == ["second"]


def test_an_edit_stands_on_the_log_of_the_branch(mentra, store, tmp_path):
    prompt = tmp_path / "prompt.txt"
    prompt.write_text("Answer in one word.")

    edit = ("--edit", "message:1=How many, in all?", "--system", f"@{prompt}")
    assert mentra("fork", "edited", "--store", store, "--by", "ann", *edit) == 0
    branch = ("--store", store, "--branch", "edited")
    log = log_of(mentra, *branch)
    edited = [one for one in log if one["tag"] == "agent.conversation_edited.v1"]
    assert [one["event"]["by"] for one in edited] == ["ann"]
    reconfigured = [one for one in log if one["tag"] == "agent.reconfigured.v1"]
    assert [one["event"]["reason"] for one in reconfigured] == ["edited by ann"]
    assert reconfigured[0]["event"]["changes"]["system"] == "Answer in one word."
    assert mentra("transcript", "lead", *branch) == 0
    assert "message in the place of entry 1 by ann: How many, in all?" in mentra.out


def test_what_cannot_be_forked_is_refused_and_leaves_nothing(mentra, store):
    for words in (
        ("9999", "late"),
        ("lead@999", "late"),
        ("yesterday", "late"),
        ("a/b",),
        ("x", "--edit", "message"),
        ("x", "--system", "@not-there.txt"),
        ("x", "--edit", "answer:1=No."),
        ("x", "--edit", "result:tool-9.9=No."),
    ):
        assert mentra("fork", *words, "--store", store) == 2, words
    assert mentra.json("branches", "--store", store)["branches"] == []
    mentra.json("fork", "once", "--store", store)
    assert mentra("fork", "once", "--store", store) == 2
    assert "there is a branch 'once' already" in mentra.err


def test_a_branch_is_labelled_and_deleted(mentra, store):
    mentra.json("fork", "try", "--store", store)

    assert mentra("branch", "label", "try", "shorter prompts", "--store", store) == 0
    assert mentra.json("branches", "--store", store)["branches"][0]["label"] == "shorter prompts"
    assert mentra("branch", "delete", "try", "--store", store) == 0
    assert mentra.json("branches", "--store", store)["branches"] == []
    assert mentra("branch", "delete", "try", "--store", store) == 2


def test_doctor_removes_what_a_killed_fork_has_left(mentra, store):
    left = store / "branches" / ".new-try-0000"
    left.mkdir(parents=True)
    assert mentra("doctor", store) == 0
    assert "had left of 1 branch." in mentra.err
    assert not left.exists()
