"""Teams from a shell: which one is meant; who stops, leaves, sits down, also without a writer."""

import json
import signal
import subprocess
import sys

import pytest
from forked_python import ForkedPython

from mentra_actors import ScriptedModel, call, open_history, open_runtime_sync

ASK = call("team_request", to="sue", protocol="plan_approval", content="May I?")


def opened(path, team="main", turns=()):
    model = ScriptedModel(list(turns), name="scripted")
    return open_runtime_sync(path, providers=[model], durability="volatile", team=team)


def settle(path, team, lead):
    """A team of a person and an agent that asks it something."""
    with opened(path, team, [[ASK], "I wait."]) as runtime:
        runtime.members.take_seat("sue", role="reviewer")
        agent = runtime.spawn(lead, model="scripted:x")
        agent.send("Ask.", timeout_s=20)
        runtime.board.create(f"Task of {lead}")
        runtime.schedules.add("Look.", to=agent, every_s=3600)


@pytest.fixture(scope="module")
def two_teams(tmp_path_factory):
    path = tmp_path_factory.mktemp("store") / "team.mentra"
    settle(path, "main", "lead")
    settle(path, "docs", "writer")
    return path


@pytest.fixture
def store(tmp_path):
    path = tmp_path / "team.mentra"
    settle(path, "main", "lead")
    return path


def test_a_timeline_shows_all_teams_or_one(mentra, two_teams):
    """Lanes of others would stand between those of the team that is looked at."""

    def lanes_of(*arguments):
        assert mentra("timeline", *arguments, "--store", two_teams) == 0
        return {line.split()[-1] for line in mentra.out.splitlines() if "┌" in line}

    assert lanes_of() >= {"lead", "docs.writer", "team-main", "team-docs", "board-docs"}
    docs = lanes_of("--team", "docs")
    assert docs >= {"docs.writer", "docs.sue", "team-docs", "board-docs", "schedule-docs"}
    assert not docs & {"lead", "sue", "team-main", "board-main"}
    found = mentra.json("timeline", "--team", "docs", "--store", two_teams)
    assert found["lanes"] == ["agent-docs.sue", "agent-docs.writer"]
    assert {one["stream_id"].partition("-")[2] for one in found["events"]} == {
        "docs",
        "docs.sue",
        "docs.writer",
    }


def test_every_reading_command_means_the_team_that_is_named(mentra, two_teams):
    here, there = ("--store", two_teams), ("--team", "docs", "--store", two_teams)

    for command in ("members", "agents"):
        assert [one["name"] for one in mentra.json(command, *here)] == ["sue", "lead"]
        assert [one["name"] for one in mentra.json(command, *there)] == ["sue", "writer"]
    assert [one["from"] for one in mentra.json("requests", *there)] == ["writer"]
    inbox = mentra.json("inbox", "sue", "--peek", *there)
    assert [one["from"] for one in inbox["letters"]] == ["writer"]
    assert mentra("inbox", "sue", "--peek", *there) == 0
    assert "answer: mentra respond req-1 --as sue --team docs [--reject]" in mentra.out
    assert [one["subject"] for one in mentra.json("board", *there)] == ["Task of writer"]
    assert [one["agent"] for one in mentra.json("schedules", *there)] == ["docs.writer"]
    for command in ("transcript", "entries", "memory", "usage", "log"):
        assert mentra(command, "writer", *there) == 0
        assert mentra(command, "writer", *here) == 2


def test_money_and_pictures_are_of_the_team_that_is_named(mentra, two_teams, tmp_path):
    """What one team has spent is not shown to whoever asks about another one."""
    here, there = ("--store", two_teams), ("--team", "docs", "--store", two_teams)

    usage, of_docs = mentra.json("usage", *here), mentra.json("usage", *there)
    assert set(usage["rows"]) == {"lead"}
    assert set(of_docs["rows"]) == {"docs.writer"}
    assert mentra.json("at", *there)["usage"]["calls"] == of_docs["total"]["calls"]
    value = mentra.json("at", "--view", "usage", *there)["value"]
    assert value["calls"] == of_docs["total"]["calls"]
    with open_history(two_teams) as history:
        spent = history.at().usage(team="docs").total.tokens.input_tokens
    assert spent == of_docs["total"]["tokens"]["input_tokens"]

    pytest.importorskip("matplotlib")
    for what, who in (("lanes", "writer"), ("usage", "writer"), ("board", "board-docs")):
        assert mentra("plot", what, tmp_path / "x.svg", *there) == 0
        drawing = (tmp_path / "x.svg").read_text()
        assert who in drawing
        assert ">lead<" not in drawing


def test_a_team_that_is_not_there_is_named_with_those_that_are(mentra, two_teams):
    for line in (["members"], ["seat", "take", "tom", "--role", "x"], ["schedules"]):
        assert mentra(*line, "--team", "dogs", "--store", two_teams, "--json") == 2
        words = json.loads(mentra.err)["message"]
        assert words == "no team is named 'dogs'; the store has docs, main"


def test_what_is_written_goes_to_the_team_that_is_named(mentra, tmp_path):
    path = tmp_path / "team.mentra"
    settle(path, "docs", "writer")
    where = ("--team", "docs", "--store", path)

    assert mentra("respond", "1", "--as", "sue", *where) == 0
    assert mentra("mail", "sue", "writer", "Go on.", *where) == 0
    added = mentra.json("schedule", "add", "writer", "Look.", "--every-s", 60, *where)
    assert (added["id"], added["agent"]) == ("s2", "docs.writer")
    assert mentra("schedule", "pause", "s2", *where) == 0
    assert mentra("rename", "writer", "scribe", *where) == 0
    assert [one["name"] for one in mentra.json("members", *where)] == ["sue", "scribe"]
    assert mentra("members", "--store", path) == 0
    assert mentra.out == "Nobody is in the team main yet; for others say --team: docs\n"


def test_a_number_is_enough_to_name_a_request_and_an_answered_one_is_not_news(mentra, store):
    """The question has been read by whoever has answered it, shown or not."""
    where = ("--store", store)
    assert mentra.json("respond", "1", "--as", "sue", *where)["request_id"] == "req-1"

    assert mentra("inbox", "sue", *where) == 0
    assert mentra.out == "Nothing waits for sue.\n"
    assert mentra("inbox", "sue", "--all", *where) == 0
    assert "req-1 (plan_approval)" in mentra.out
    assert "read  approved" in mentra.out
    assert {one["name"]: one["mail_waiting"] for one in mentra.json("members", *where)}["sue"] == 0


def test_requests_have_the_names_that_members_have_now(mentra, store):
    where = ("--store", store)
    assert mentra("rename", "lead", "boss", *where) == 0
    assert mentra.out == "lead is renamed to boss.\n"

    (asked,) = mentra.json("requests", *where)
    assert (asked["from"], asked["to"]) == ("boss", "sue")
    assert mentra("rename", "boss", "sue", *where) == 2
    assert "Team member 'sue' already exists" in mentra.err


def test_members_are_led_by_whoever_leads_them_under_the_name_it_has_now(mentra, store):
    with opened(store) as runtime:
        runtime.agent("lead").team.spawn_teammate("bob", "helper")
    assert mentra("rename", "lead", "boss", "--store", store) == 0
    led = {one["name"]: one["lead"] for one in mentra.json("members", "--store", store)}
    assert led == {"sue": "", "boss": "", "bob": "boss"}


def test_members_stop_and_leave_without_a_writer_and_the_next_runtime_obeys(mentra, store):
    where = ("--store", store)
    told = mentra.json("stop", "lead", "--reason", "Enough.", "--by", "sue", *where)
    assert told == {"name": "lead", "how": "when_done", "state": "recorded"}
    assert mentra.json("members", *where)[1]["is_stopping"]
    with opened(store) as runtime:
        agent = runtime.agent("lead")
        agent.wait_for_snapshot(lambda one: one.status == "stopped", timeout_s=20)
        assert [one.status for one in runtime.members.list()] == ["person", "stopped"]

    assert mentra.json("members", *where)[1]["status"] == "stopped"
    assert mentra("stop", "lead", *where) == 2
    assert "lead has stopped already; `mentra remove lead` frees its name" in mentra.err
    assert mentra("remove", "lead", *where) == 0
    assert mentra.out == "lead is removed from the team.\n"
    assert [one["name"] for one in mentra.json("members", *where)] == ["sue"]


def test_a_team_that_runs_obeys_at_once(mentra, store):
    with opened(store) as runtime:
        lead = runtime.agent("lead")
        assert mentra("stop", "lead", "--now", "--store", store) == 0
        assert mentra.out == "The order is given: lead stops at once.\n"
        lead.wait_for_snapshot(lambda one: one.status == "stopped", timeout_s=20)
        assert mentra("seat", "take", "tom", "--role", "editor", "--store", store) == 0
        assert runtime.agent("tom").team.requests() == []
        assert mentra("remove", "lead", "--store", store) == 0
        assert sorted(runtime.team().members) == ["sue", "tom"]


def test_a_person_takes_a_seat_and_leaves_it(mentra, store):
    where = ("--store", store)
    assert mentra("seat", "take", "tom", "--role", "editor", *where) == 0
    assert mentra.out == "The seat of tom is taken; `mentra inbox tom` shows what reaches it.\n"
    assert mentra("seat", "take", "tom", "--role", "editor", *where) == 2
    assert "tom has a seat in this team already" in mentra.err
    assert mentra("mail", "tom", "sue", "Hello.", *where) == 0
    assert mentra("seat", "leave", "tom", *where) == 0
    assert mentra("seat", "leave", "lead", *where) == 2
    assert "'lead' is an agent" in mentra.err
    assert mentra("seat", "take", "lead", "--role", "x", *where) == 2
    assert "Team member 'lead' already exists" in mentra.err

    assert mentra("seat", "take", "tom", "--role", "editor", *where) == 0
    again = {one["name"]: one["agent_id"] for one in mentra.json("members", *where)}
    assert again["tom"] == "tom:2"


def test_a_seat_whose_id_another_agent_has_is_refused_and_holds_nothing_up(mentra, two_teams):
    """Ids are of the whole store: the petition is answered, not kept for ever."""
    line = ("seat", "take", "docs.writer", "--role", "x", "--store", two_teams)
    assert mentra(*line) == 2
    assert "Agent id 'docs.writer' is taken" in mentra.err
    with opened(two_teams):
        assert mentra(*line) == 2
        assert "Agent id 'docs.writer' is taken" in mentra.err


def test_an_inbox_is_followed_until_ctrl_c(mentra, store):
    """A person sees letters as they come, each once; Ctrl-C ends it in order."""
    command = [sys.executable, "-m", "mentra_actors.cli.main", "inbox", "sue", "-f", "--json"]
    line = [*command, "--store", str(store)]
    with ForkedPython(line, stdout=subprocess.PIPE, text=True) as watching:
        before = json.loads(watching.stdout.readline())
        assert mentra("seat", "take", "tom", "--role", "editor", "--store", store) == 0
        assert mentra("mail", "tom", "sue", "Hello.", "--store", store) == 0
        after = json.loads(watching.stdout.readline())
        watching.send_signal(signal.SIGINT)

    assert (before["from"], before["request_id"]) == ("lead", "req-1")
    assert (after["from"], after["body"]) == ("tom", "Hello.")
    assert watching.returncode == 0


@pytest.mark.parametrize("of", [[], ["lead"]])
def test_what_is_used_is_followed_until_ctrl_c(store, of):
    """All of it at first, then what has come, once for each change."""
    command = [sys.executable, "-m", "mentra_actors.cli.main", "usage", *of, "-f"]
    line = [*command, "--store", str(store)]
    with (
        ForkedPython([*line, "--json"], stdout=subprocess.PIPE, text=True) as program,
        ForkedPython(line, stdout=subprocess.PIPE, text=True) as person,
    ):
        before = json.loads(program.stdout.readline())
        table = [person.stdout.readline() for _ in range(2)]
        with opened(store, turns=[[ASK], "I wait.", "More."]) as runtime:
            runtime.agent("lead").send("And?", timeout_s=20)
        after = json.loads(program.stdout.readline())
        told = person.stdout.readline()
        for one in (program, person):
            one.send_signal(signal.SIGINT)

    assert table[1].split()[:2] == ["lead", str(before["total"]["calls"])]
    assert after["total"]["calls"] == before["total"]["calls"] + 1
    assert told.startswith("lead  +1 call, +")
    assert (program.returncode, person.returncode) == (0, 0)
