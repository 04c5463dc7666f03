"""Every command by which a person decides, on a team whose log is on a database server.

Runs where MENTRA_TEST_POSTGRES names a server; `.ci/with_postgres` starts one.
"""

import pytest
from paying_team import events_in, pay
from petition_places import left_in
from postgres_logs import own_address, required_server

from mentra_actors import Allow, Ask, RuntimePolicy, ScriptedModel, call, open_runtime_sync
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.supervision import commands as s
from mentra_actors.domain.supervision.decide import SUPERVISION_STREAM
from mentra_actors.ids import StreamId
from mentra_actors.runtime.clock import SystemClock
from mentra_actors.runtime.writing.lone_writer import lone_writer

required_server()
PAYER = StreamId("agent-payer")
REQUEST = call("team_request", to="sue", protocol="plan_approval", content="May I?")
JOB = call("background_run", command="sleep 600")
TURNS = {"asks": [[REQUEST], "I wait."], "pays": [[JOB], [call("pay", euros=5)], "Done."]}


def authorize(preview):
    """A person is asked for a payment, and for nothing else."""
    return Ask("It costs.") if preview.tool == "pay" else Allow()


def opened(path, tmp_path):
    return open_runtime_sync(
        path,
        providers=[ScriptedModel(TURNS, name="scripted")],
        tools=[pay],
        authorizer=authorize,
        policy=RuntimePolicy(allow_background=True, allow_shell=True, base_dir=tmp_path),
        durability="volatile",
    )


def settle(runtime):
    """A person, an agent that asks it something, and one that has a job and waits for a yes."""
    runtime.members.take_seat("sue", role="reviewer")
    runtime.spawn("lead", model="scripted:asks").send("Ask.", timeout_s=20)
    payer = runtime.spawn("payer", model="scripted:pays", prompt="Pay.")
    payer.wait_for_snapshot(lambda snapshot: snapshot.permissions, timeout_s=20)


@pytest.fixture
def path():
    with own_address() as address:
        yield address


LINES = [
    ("deny", "payer/2.0", "--reason", "too dear"),
    ("rule", "shell", "--allow"),
    ("mail", "sue", "lead", "Hello."),
    ("respond", "1", "--as", "sue"),
    ("seat", "take", "tom", "--role", "editor"),
    ("seat", "leave", "tom"),
    ("remember", "lead", "Deploys happen on Fridays."),
    ("schedule", "add", "lead", "Look.", "--every-s", "3600"),
    ("schedule", "pause", "s1"),
    ("schedule", "resume", "s1"),
    ("schedule", "remove", "s1"),
    ("rename", "payer", "buyer"),
    ("stop", "buyer", "--now"),
    ("remove", "lead"),
]
"""All that can be asked of any team, where the other process has no tools and no models."""


def decide_everything(mentra, path):
    for line in LINES:
        assert mentra.json(*line, "--store", path)["state"] == "recorded", line
    (rule,) = mentra.json("rules", "--store", path)
    assert mentra.json("revoke", rule["rule_id"], "--store", path)["state"] == "recorded"
    assert mentra("inbox", "sue", "--store", path) == 0
    assert left_in(path) == []


def test_a_person_decides_in_the_process_that_has_the_tools(mentra, path, tmp_path):
    """The deployment where it matters most: whoever approves sits at another machine."""
    with opened(path, tmp_path) as runtime:
        settle(runtime)
        (job,) = mentra.json("jobs", "--store", path)
        cancelled = ("job", "cancel", job["id"], "--by", "ann", "--store", path)
        assert mentra.json(*cancelled)["state"] == "recorded"
        decide_everything(mentra, path)
        runtime.until_idle(timeout_s=20)
        assert [one.name for one in runtime.members.list()] == ["sue", "buyer"]

    (resolved,) = events_in(path, e.PermissionResolved)
    assert (resolved.allow, resolved.reason) == (False, "too dear")


def test_a_person_decides_while_nobody_writes(mentra, path, tmp_path):
    """What follows is left to the process that opens the store next."""
    with opened(path, tmp_path) as runtime:
        settle(runtime)
    decide_everything(mentra, path)

    assert len(events_in(path, e.PermissionResolved)) == 1


def test_what_is_set_aside_goes_on_when_a_person_says_so(mentra, path, tmp_path):
    """Dead letters are decided about from anywhere, too."""
    with opened(path, tmp_path) as runtime:
        settle(runtime)
    letters = tuple(
        s.Letter(stream_id=PAYER, command="OfALaterRelease", content=b"\x80", deliveries=3)
        for _ in range(2)
    )
    report = s.ReportDeath(
        command_id="d1", cause="a bug", now=1.0, streams=(PAYER,), letters=letters
    )
    with lone_writer(path, SystemClock()) as writer:
        writer.record(SUPERVISION_STREAM, report)
    told = mentra.json("dead-letters", "discard", "L1", "--store", path)
    assert told == {"discarded": "L1", "state": "recorded"}
    with opened(path, tmp_path):
        told = mentra.json("dead-letters", "lift", PAYER, "--store", path)
        assert told == {"lifted": PAYER, "state": "recorded"}
        assert mentra("dead-letters", "redrive", "L2", "--store", path) == 2
        assert "this release has no command" in mentra.err


def test_a_wish_that_nobody_takes_is_kept(mentra, path, tmp_path):
    """It says where, and the next process records it."""
    with opened(path, tmp_path) as runtime:
        settle(runtime)
    with lone_writer(path, SystemClock()):  # it takes no petitions
        line = ("deny", "payer/2.0", "--wait", "0", "--store", path)
        assert mentra.json(*line)["state"] == "handed_over"
        assert mentra(*line) == 0
        assert "It is kept with the store" in mentra.err.replace("\n", " ")
    assert left_in(path) == [".petition"] * 2
