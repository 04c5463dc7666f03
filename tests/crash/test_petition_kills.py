"""Decisions that are handed over to another process: killed on either side, they count once."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from forked_python import ForkedPython, run_forked
from paying_team import events_in, opened

from mentra_actors.domain.agent import events as e
from mentra_actors.domain.permission_rules import RuleRemembered
from mentra_actors.domain.rule_match import AnyCall
from mentra_actors.ids import StreamId
from mentra_actors.runtime.clock import SystemClock
from mentra_actors.runtime.wishes.permissions import RememberWish, ResolveWish, RevokeWish
from mentra_actors.runtime.writing.petitioning import petition
from mentra_actors.runtime.writing.petitions import (
    Petition,
    decode_answer,
    encode_petition,
)
from mentra_actors.store.ownership.petition_box import PetitionBox, new_petition_name, open_box

pytestmark = [pytest.mark.crash, pytest.mark.timeout(120)]

ALLOW = ResolveWish(agent_id="lead", request_id="perm-tool-1.0", allow=True, remember="project")
DENY = ResolveWish(agent_id="lead", request_id="perm-tool-1.0", allow=False, reason="no")
TESTS = Path(__file__).parents[1]
ENVIRONMENT = {**os.environ, "PYTHONPATH": f"{TESTS.parent}{os.pathsep}{TESTS}"}
PROJECT = StreamId("rules-project.main")


def until_asked(runtime):
    lead = runtime.spawn("lead", model="scripted:x", prompt="Pay.", reuse=True)
    lead.wait_for_snapshot(lambda snapshot: snapshot.permissions, timeout_s=30)


def die():
    os.kill(os.getpid(), signal.SIGKILL)


# --- what the other processes do --------------------------------------------------------------


def write(path, dies_at=""):
    """Be the writer until a line comes, or until it dies."""
    if dies_at == "answer":
        PetitionBox.answer = lambda *_: die()
    elif dies_at == "removal":
        PetitionBox._remove = lambda *_: die()
    with opened(path) as runtime:
        until_asked(runtime)
        print("asked", flush=True)
        sys.stdin.readline()
        runtime.until_idle(timeout_s=30)


def ask(path, dies_at):
    """Ask for something, and die."""
    if dies_at == "draft":
        os.link = lambda *_: die()
    elif dies_at == "put":
        PetitionBox.ring = lambda _self: die()
    else:
        PetitionBox.answer = lambda *_: die()
    petition(path, ALLOW, SystemClock(), by="ann", wait_s=30)


class Process:
    """Another process that runs a function of this file."""

    def __init__(self, function, *arguments):
        self.process = ForkedPython(
            [sys.executable, __file__, function, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=ENVIRONMENT,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def until_asked(self):
        assert self.process.stdout.readline() == "asked\n"
        return self

    def finish(self):
        """Let the writer go on to its end."""
        self.process.communicate("\n", timeout=60)
        assert self.process.returncode == 0

    def died(self):
        assert self.process.wait(60) == -signal.SIGKILL


def mentra(path, *arguments):
    """A command line in a process of its own."""
    command = [sys.executable, "-m", "mentra_actors.cli.main", *arguments, "--store", str(path)]
    done = run_forked(
        [*command, "--json"],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        env=ENVIRONMENT,
    )
    return done.returncode, json.loads(done.stdout or done.stderr)


def left_in(path):
    return sorted(file.suffix for file in (path / "petitions").iterdir() if file.suffix)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "team.mentra"


@pytest.fixture
def waiting(path):
    """A store in which a call waits, and that nobody has open."""
    with opened(path) as runtime:
        until_asked(runtime)
    return path


def went_on(path):
    """Open the store again, let the team rest, and see that the decision counts once."""
    with opened(path) as runtime:
        until_cleared(path)  # nobody fetches the answer of one who has died
        runtime.until_idle(timeout_s=30)
    assert len(events_in(path, e.PermissionResolved)) == 1
    return [one.content for one in events_in(path, e.ToolCallFinished)]


def until_cleared(path):
    """Wait until the owner has removed every petition: one that closes first leaves them."""
    box = open_box(path, None)
    while ".petition" in left_in(path):
        box.sleep(box.number(), 0.2)


def until_taken(box):
    """Wait until no petition is left."""
    while True:
        number = box.number()
        if not box.waiting():
            return
        box.sleep(number, 10)


# --- the tests --------------------------------------------------------------------------------


def test_two_processes_a_writer_and_a_person(path):
    """A person decides where the terminal is; the call runs where the tools are."""
    with Process("write", path) as writer:
        writer.until_asked()
        code, (asked,) = mentra(path, "approvals")
        assert (code, asked["name"]) == (0, "lead/1.0")
        code, told = mentra(path, "approve", "lead/1.0", "--remember", "project")
        assert (code, told["state"]) == (0, "recorded")
        code, (rule,) = mentra(path, "rules")
        assert rule["rule_id"] == told["rule_id"]
        assert mentra(path, "revoke", rule["rule_id"])[1]["state"] == "recorded"
        code, refused = mentra(path, "deny", "lead/1.0")
        assert (code, refused["error"]) == (2, "CommandRejected")
        writer.finish()

    assert [one.content for one in events_in(path, e.ToolCallFinished)] == ["paid 5"]
    assert left_in(path) == []


def test_a_writer_that_is_killed_before_it_takes_a_decision_leaves_it_to_the_next(path):
    """Handed over is handed over: the person may go home."""
    with Process("write", path) as writer:
        writer.until_asked()
        writer.process.send_signal(signal.SIGSTOP)
        code, told = mentra(path, "approve", "lead/1.0", "--wait", "0.3")
        writer.process.kill()
        writer.died()

    assert (code, told["state"]) == (0, "handed_over")
    assert left_in(path) == [".petition"]
    assert events_in(path, e.PermissionResolved) == []
    assert went_on(path) == ["paid 5"]


@pytest.mark.parametrize("dies_at", ["answer", "removal"])
def test_a_writer_that_is_killed_after_it_has_recorded_a_decision(path, dies_at):
    """The next one finds the petition again, and nothing more is to be recorded."""
    with Process("write", path, dies_at) as writer:
        writer.until_asked()
        box = open_box(path, None)
        name = new_petition_name()
        box.put(name, encode_petition(Petition(wish=ALLOW, by="ann", asked_at=1.0)))
        writer.died()

    assert len(events_in(path, e.PermissionResolved)) == 1
    assert went_on(path) == ["paid 5"]
    assert len(events_in(path, RuleRemembered)) == 1
    assert decode_answer(box.answer_to(name)).is_accepted


@pytest.mark.parametrize(("dies_at", "result"), [("put", "paid 5"), ("answer", "paid 5")])
def test_one_who_is_killed_while_asking_has_asked(waiting, dies_at, result):
    """Left durably, or recorded alone in the store: either way it counts once."""
    with Process("ask", waiting, dies_at) as asker:
        asker.died()

    assert went_on(waiting) == [result]


def test_one_who_is_killed_before_has_asked_for_nothing(waiting):
    """Half a petition is none."""
    with Process("ask", waiting, "draft") as asker:
        asker.died()

    with opened(waiting) as runtime:
        assert len(runtime.approvals()) == 1
    assert events_in(waiting, e.PermissionResolved) == []


def test_petitions_are_taken_in_their_order(waiting):
    """Who comes first decides; the second is told that it is too late."""
    box = open_box(waiting, None)
    names = []
    for wish in (DENY, ALLOW):
        names.append(new_petition_name())
        box.put(names[-1], encode_petition(Petition(wish=wish, by="ann", asked_at=1.0)))

    with opened(waiting):
        until_taken(box)
    assert went_on(waiting) == ["Tool execution denied: no"]
    first, second = [decode_answer(box.answer_to(name)) for name in names]
    assert first.is_accepted
    assert (second.is_accepted, "no pending permission" in second.words) == (False, True)


def test_garbage_in_the_box_harms_nobody(waiting):
    """Anybody who may write there may write anything there."""
    box = open_box(waiting, None)
    odd = [
        "not json",
        '{"wish":{"type":"dance.v9"},"by":"","asked_at":0}',
        "[" * 100_000,
        "x" * 2_000_000,
    ]
    wishes = [
        ResolveWish(agent_id="nobody", request_id="perm-tool-1.0", allow=True),
        ResolveWish(agent_id="lead\n", request_id="x", allow=True),
        ResolveWish(agent_id="x" * 400, request_id="x", allow=True),
        RevokeWish(rules=StreamId("agent-lead"), rule_id="x"),
        RevokeWish(rules=StreamId("rules-odd"), rule_id="x"),
        RevokeWish(rules=PROJECT, rule_id="x"),
        RememberWish(rules=PROJECT, tool="", match=AnyCall(), allow=True),
    ]
    (box.directory / "no-name.petition").write_text("{}")
    for text in odd:
        (box.directory / f"{new_petition_name()}.petition").write_text(text)
    (box.directory / f"{new_petition_name()}.petition").mkdir()
    for wish in wishes:
        asked = Petition(wish=wish, by="", asked_at=0.0)
        box.put(new_petition_name(), encode_petition(asked))
    name = new_petition_name()
    box.put(name, encode_petition(Petition(wish=ALLOW, by="ann", asked_at=1.0)))

    with opened(waiting) as runtime:
        until_taken(box)
        runtime.until_idle(timeout_s=30)
        assert runtime.supervision.dead_letters() == ()
    answers = [decode_answer(box.answer_to(one.stem)) for one in box.directory.glob("*.answer")]
    assert [one.is_accepted for one in answers].count(True) == 1
    assert len(answers) == len(odd) + len(wishes) + 1
    assert decode_answer(box.answer_to(name)).is_accepted


if __name__ == "__main__":
    {"write": write, "ask": ask}[sys.argv[1]](Path(sys.argv[2]), *sys.argv[3:])
