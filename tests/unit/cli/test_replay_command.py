"""`mentra replay` and `mentra record`."""

import io
import json
import sys

import pytest
from local_server import running


def test_a_log_is_decided_again(mentra, team_store):
    assert mentra("replay", "--store", team_store) == 0
    assert "all as they were recorded." in mentra.out

    found = mentra.json("replay", "lead", "--store", team_store)
    assert (found["same"], found["differences"]) == (True, [])
    assert found["untold"] == {"AgentSpawned: written with the append of another stream": 1}


def test_a_team_is_played_again_in_the_recorded_order(mentra, team_store):
    assert mentra("replay", "--play", "--store", team_store) == 0
    assert "each event is the same, with its ids and times." in mentra.out

    found = mentra.json("replay", "--play", "--store", team_store)
    assert (found["same"], found["differences"]) == (True, [])
    assert found["appends"] == sum(one["played"] for one in found["streams"].values())
    assert mentra("replay", "lead", "--play", "--store", team_store) == 2
    assert "--run" in mentra.err


def test_a_run_is_run_again_and_shown_step_by_step(mentra, team_store):
    assert mentra("replay", "lead", "--run", "run-1", "--store", team_store) == 0
    assert "lead/run-1, nothing was asked" in mentra.out
    assert '1  = asks for task_create {"subject": "Count"}' in mentra.out
    assert "Every event is the same, with its ids and times." in mentra.out

    found = mentra.json("replay", "bob", "--run", "run-1", "--store", team_store)
    assert found["is_same"] is True
    assert found["now"] == found["before"]


def test_all_runs_are_a_table(mentra, team_store):
    assert mentra("replay", "--all", "--store", team_store) == 0
    assert [line.split()[0] for line in mentra.out.splitlines()] == [
        "run",
        "lead/run-1",
        "bob/run-1",
        "lead/run-2",
    ]
    assert "3 runs, 0 of them another way." in mentra.err


def test_from_a_step_on_another_model_answers(mentra, team_store):
    """Another answer is what was wanted, so it is no failure."""
    arguments = ("--run", "run-1", "--from", "2", "--model", "offline:survey")
    assert mentra("replay", "lead", *arguments, "--store", team_store) == 0
    assert "live from model call 2" in mentra.out
    assert "It goes another way from step" in mentra.out


@pytest.mark.parametrize("more", [(), ("--system", "Be brief.")])
def test_the_model_of_a_recorded_run_may_be_served_by_nobody_here(mentra, team_store, more):
    """It is refused as one that is named: at once, and not as a run that has failed."""
    arguments = ("--run", "run-1", "--from", "2", *more)
    assert mentra("replay", "lead", *arguments, "--store", team_store) == 2
    assert "the model 'scripted:x' is one of a program" in mentra.err
    assert mentra.out == ""


def test_a_run_that_fails_now_says_why(mentra, team_store, monkeypatch):
    """Programs look at the exit code."""
    live = ("--from", "1", "--model", "custom:x", "--store", team_store)
    with running((401, "application/json", b'{"error": {"message": "who are you"}}')) as server:
        monkeypatch.setenv("MENTRA_CUSTOM_BASE_URL", server.url)
        assert mentra("replay", "lead", *live) == 1
        assert "the run failed" in mentra.out
        assert "who are you" in mentra.out.partition("why: ")[2]
        assert mentra("replay", "--all", *live) == 1


@pytest.mark.parametrize(
    "line",
    [
        "--step --play",
        "--step --all",
        "--step --run run-1",
        "--step --from 1",
        "--play --all",
        "--play --run run-1",
        "--play --from 1 --model offline:survey",
        "--all --run run-1",
        "--recording x.jsonl --step",
        "--recording x.jsonl --from 1",
    ],
)
def test_options_that_exclude_each_other_are_told(mentra, team_store, line):
    """One of them would be passed over, and an answer to another question be given."""
    one, other = [word for word in line.split() if word.startswith("--")][:2]
    assert mentra("replay", *line.split(), "--store", team_store) == 2
    assert f"{one} and {other} exclude each other: " in mentra.err


def test_a_recording_is_of_no_agent_of_the_store(mentra, team_store):
    assert mentra("replay", "lead", "--recording", "x.jsonl", "--store", team_store) == 2
    assert "--recording and AGENT exclude each other: " in mentra.err


def test_the_log_is_walked_append_by_append(mentra, team_store, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("\nn\nb\ng 20\nx\ng 9999\nq\n"))
    assert mentra("replay", "--step", "--store", team_store) == 0
    heads = [
        line.split()[0] for line in mentra.out.splitlines() if " v1 " in line or " v2 " in line
    ]

    assert heads[0] == "1"
    assert "by AcceptPrompt, as recorded" in mentra.out
    assert "waits for: CallModel model-1" in mentra.out
    assert "'x' is no key" in mentra.err
    assert "This is the end of the log." in mentra.err


def test_a_walk_is_a_line_of_json_for_each_append(mentra, team_store):
    assert mentra("replay", "bob", "--step", "--json", "--store", team_store) == 0
    lines = [json.loads(line) for line in mentra.out.splitlines()]

    assert {line["stream"] for line in lines} == {"agent-bob"}
    assert lines[0]["untold"] == "written with the append of another stream"
    assert all(line["same"] for line in lines[1:])
    assert lines[1]["pending"] == ["CallModel model-1"]


def test_a_run_is_recorded_with_its_test(mentra, team_store, tmp_path):
    file = tmp_path / "first-run.jsonl"
    assert mentra("record", "lead", file, "--run", "run-1", "--store", team_store) == 0
    assert "secrets too: --mask" in mentra.err
    test = tmp_path / "test_first_run.py"
    assert "def test_first_run_is_decided_as_it_was_recorded" in test.read_text()

    namespace = {"__file__": str(test)}
    exec(compile(test.read_text(), test, "exec"), namespace)
    namespace["test_first_run_is_decided_as_it_was_recorded"]()

    assert mentra("replay", "--recording", file) == 0
    assert "all as they were recorded." in mentra.out
    assert mentra("record", "lead", file, "--store", team_store) == 2
    assert "exists already" in mentra.err


def test_keys_are_hidden_if_that_is_wanted(mentra, tmp_path, team_store):
    file = tmp_path / "run.jsonl"
    found = mentra.json("record", "bob", file, "--mask", "--no-test", "--store", team_store)

    assert (found["same"], found["is_masked"], found["test"]) == (True, True, None)
    assert not list(tmp_path.glob("*.py"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("replay", "nobody"), "no agent is named 'nobody'"),
        (("replay", "--run", "run-1"), "name the agent"),
        (("replay", "lead", "--run", "run-9"), "has no run 'run-9'"),
        (("replay", "lead", "--model", "offline:survey"), "without --from"),
        (("replay", "lead", "--from", "9"), "there is no model call 9"),
        (("replay", "--recording", "nowhere.jsonl"), "there is no recording nowhere.jsonl"),
        (("record", "nobody", "run.jsonl"), "no agent is named 'nobody'"),
    ],
)
def test_what_cannot_be_done_is_said(mentra, team_store, arguments, words):
    extra = () if "--recording" in arguments else ("--store", team_store)
    assert mentra(*arguments, *extra) in (1, 2)
    assert words in mentra.err
