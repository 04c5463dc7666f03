"""`mentra chat` as a command: its options, and what is said when it cannot begin."""

import io

import pytest

OFFLINE = ("--model", "offline:survey")


@pytest.fixture
def talk(mentra, monkeypatch, tmp_path):
    """Lines through a pipe; the exit code."""

    def talk(lines, *arguments):
        monkeypatch.setattr("sys.stdin", io.StringIO(lines))
        return mentra("chat", *arguments, "--store", tmp_path / "team.mentra")

    monkeypatch.chdir(tmp_path)
    return talk


@pytest.mark.parametrize(
    ("choice", "there", "left_out"),
    [
        ("none", {"memory_search"}, {"read", "edit", "shell"}),
        ("read-only", {"read", "grep"}, {"edit", "write", "shell"}),
        ("files", {"read", "edit", "write"}, {"shell", "background_run"}),
        ("workspace", {"read", "edit", "shell", "background_run"}, {"files"}),
    ],
)
def test_tools_are_what_was_chosen(talk, mentra, choice, there, left_out):
    assert talk("/tools\n", *OFFLINE, "--tools", choice) == 0
    names = {line.split()[0] for line in mentra.out.splitlines()}

    assert there <= names
    assert not left_out & names


def test_who_tries_it_without_a_key_sees_a_tool_at_work(talk, mentra, tmp_path):
    """The offline model lists a directory with whichever tool it is offered."""
    (tmp_path / "a.txt").write_text("x")

    assert talk("hello\n/fork 1\n", *OFFLINE) == 0
    assert "The directory has 1 file and " in mentra.out
    assert "The conversation goes on from there already." in mentra.out


def test_an_agent_keeps_its_model_and_what_was_said(talk, mentra, monkeypatch):
    """The variable is for agents that are made: a choice by /model lasts."""
    assert talk("hello\n", *OFFLINE) == 0
    monkeypatch.setenv("MENTRA_MODEL", "nobody:x")
    assert talk("again\n/history\n/model\n") == 0

    assert mentra.out.startswith("I am an offline rule-based model")
    assert "1  hello  #4\n2  again  #8\noffline:survey\n" in mentra.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "no model is chosen"),
        ((*OFFLINE, "--root", "nowhere"), "nowhere is not a directory"),
        (("a/b", *OFFLINE), "'a/b' is not a name"),
        ((*OFFLINE, "--tools", "all"), "'none', 'read-only', 'files', 'workspace'"),
    ],
)
def test_what_cannot_begin_is_said(talk, mentra, arguments, words):
    assert talk("hello\n", *arguments) == 2
    assert words in mentra.err


def test_the_exit_code_tells_that_the_last_turn_failed(talk, mentra):
    """A script can see it."""
    assert talk("hello\n", *OFFLINE, "--deadline", "0") == 1
    assert "the deadline of the run is past" in mentra.err
