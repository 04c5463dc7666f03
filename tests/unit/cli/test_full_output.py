"""Standard output that takes nothing: a full disk below a redirection, for example."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

FULL = Path("/dev/full")
TOLD = "mentra: standard output: No space left on device\n"

pytestmark = pytest.mark.skipif(not FULL.exists(), reason="no device that is always full")


def printed_nowhere(*arguments, typed=""):
    """What a command says that prints onto a full disk."""
    with FULL.open("w") as full:
        return subprocess.run(
            [sys.executable, "-m", "mentra_actors.cli.main", *map(str, arguments)],
            stdout=full,
            stderr=subprocess.PIPE,
            input=typed,
            text=True,
            check=False,
            env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        )


@pytest.mark.parametrize("command", ["log", "board", "timeline", "export", "help"])
def test_it_is_said_that_it_was_standard_output(team_store, command):
    """Else somebody would look for room beside the store, which needs none."""
    place = {"export": [team_store], "help": ["log"]}.get(command, ["--store", team_store])
    ended = printed_nowhere(command, *place)

    assert ended.returncode == 1
    assert ended.stderr.startswith(TOLD)
    assert "What was printed is not whole" in ended.stderr


def test_programs_are_told_the_same(team_store):
    told = json.loads(printed_nowhere("members", "--json", "--store", team_store).stderr)

    assert told["message"] == "standard output: No space left on device"
    assert told["error"] == "OSError"


@pytest.mark.parametrize(("command", "typed"), [(["run", "Hi"], ""), (["chat"], "Hi\n")])
def test_what_is_shown_as_it_comes_ends_in_words_too(mentra, tmp_path, command, typed):
    path = tmp_path / "team.mentra"
    ended = printed_nowhere(*command, "--model", "offline:survey", "--store", path, typed=typed)

    assert ended.returncode == 1
    assert TOLD in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_run_goes_on_when_its_answer_cannot_be_printed(mentra, tmp_path):
    """What a team works at is worth more than the words on the way."""
    path = tmp_path / "team.mentra"
    printed_nowhere("run", "Hi", "--model", "offline:survey", "--store", path)

    assert mentra("log", "lead", "--store", path) == 0
    assert "agent.run_finished" in mentra.out
