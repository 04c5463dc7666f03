"""Moments, places and questions on a command line that cannot be meant."""

import shutil
import sys

import pytest


@pytest.fixture
def store(team_store, tmp_path):
    return shutil.copytree(team_store, tmp_path / "team.mentra")


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (("at", "999999999w"), "is no moment"),
        (("why", "9" * 30), "is not there"),
        (("log", "--after", "soon"), "'soon' is no moment: it is a position (57)"),
        (("log", "bob", "--after", "soon"), "'soon' is no moment"),
        (("fork", "9" * 30, "try"), "is no moment"),
        (("fork", "lead@999", "try"), "999 is not there"),
        (("fork", "try", "--agent", "nobody"), "--agent says whom"),
        (("at", "now", "x\udcff"), "no agent had the name"),
        (("why", "x\udcff"), "is no Unicode text"),
        (("bisect", "--view", "roster", "--where", "length(@) > 'a'"), "cannot be asked"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_words(mentra, team_store, command, told):
    assert mentra(*command, "--store", team_store) == 2
    assert told in mentra.err
    assert "Traceback" not in mentra.err


def test_an_answer_that_is_neither_true_nor_false_is_told_of(
    mentra, team_store, tmp_path, monkeypatch
):
    (tmp_path / "my_question.py").write_text(
        "class Neither:\n"
        "    def __bool__(self):\n"
        "        raise RuntimeError('who knows')\n\n"
        "def ask(moment):\n"
        "    return Neither()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    try:
        assert mentra("bisect", "--python", "my_question:ask", "--store", team_store) == 2
    finally:
        sys.modules.pop("my_question", None)
    assert "my_question:ask raised RuntimeError: who knows" in mentra.err


def test_a_fork_takes_every_moment_that_looking_back_takes(mentra, store):
    last = mentra.json("branches", "--store", store)["last_position"]

    assert mentra.json("fork", "-3", "one", "--store", store)["asked"] == last - 3
    assert mentra.json("fork", "now", "two", "--store", store)["asked"] == last
    assert mentra.json("fork", "100d ago", "three", "--store", store)["asked"] == 0


def test_a_branch_of_a_branch_is_deleted_by_its_path(mentra, store):
    assert mentra("fork", "one", "--store", store) == 0
    assert mentra("fork", "two", "--store", store, "--branch", "one") == 0
    assert mentra("branch", "delete", "one/two", "--store", store) == 0
    assert mentra("branch", "delete", "one", "--store", store) == 0


def test_a_branch_that_cannot_be_read_is_listed_with_the_reason(mentra, store):
    assert mentra("fork", "one", "--store", store) == 0
    assert mentra("fork", "two", "--store", store) == 0
    (store / "branches" / "one" / "branch.json").write_bytes(b"")

    assert mentra("branches", "--store", store) == 0
    assert "says of no branch" in mentra.out
    assert "two" in mentra.out
    assert mentra("branch", "delete", "one", "--store", store) == 0
