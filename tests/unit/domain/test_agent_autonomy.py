"""Teammates that look for tasks by themselves, and stop when there are none."""

import sys
from pathlib import Path

import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from agent_words import agent, go, said

from mentra_actors.decider import Delivery, Unchanged
from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.decide import AGENT
from mentra_actors.domain.agent.effects import ClaimReadyTask
from mentra_actors.domain.agent.profile import AgentProfile, Autonomy, profile_fault
from mentra_actors.domain.inbox import Mail, StopOrdered
from mentra_actors.domain.team import TEAM, AddMember

LOOKS = Autonomy(enabled=True)


def mate(**changes):
    return agent(**({"lead": "boss", "autonomy": LOOKS} | changes))


def letter(kind="task", mail_id="m1"):
    return Mail(mail_id=mail_id, sender="board", to="lead", body="do it", sent_at=1.0, kind=kind)


def taking(*mail, after=0, orders=()):
    return c.TakeMail(
        mail=mail, orders=orders, after_version=after, through_version=after + 1, now=2.0
    )


def claims(answer):
    return [one for one in answer.pending.values() if isinstance(one, ClaimReadyTask)]


def test_a_teammate_that_rests_looks_for_a_task():
    (claim,) = claims(mate())

    assert claim.profile.autonomy == LOOKS
    assert not AGENT.is_busy(mate().state)
    assert AGENT.has_work(mate().state)


@pytest.mark.parametrize(
    "changes",
    [
        {"lead": ""},
        {"parent": "boss"},
        {"autonomy": Autonomy()},
        {"wake_on_mail": False},
        {"is_person": True},
    ],
)
def test_nobody_else_looks_for_tasks(changes):
    """A lead gives tasks, a subagent has one, and who wakes for no mail would not hear of it."""
    assert not claims(mate(**changes))
    assert not AGENT.has_work(mate(**changes).state)


def test_the_letter_about_a_claim_begins_a_run_and_the_end_of_it_another_search():
    (first,) = claims(mate())
    at_work = mate().when(taking(letter()))
    (second,) = claims(at_work.when(said()))

    assert not claims(at_work)
    assert any(isinstance(one, e.RunStarted) for one in at_work.events)
    assert second.effect_id != first.effect_id


@pytest.mark.parametrize(
    "command",
    [
        c.StopAgent(now=1.0),
        go(),
        taking(orders=(StopOrdered(how="when_done", reason="enough"),)),
    ],
)
def test_who_works_or_is_to_stop_does_not_look(command):
    assert not claims(mate().when(command))


def test_one_for_whom_nothing_comes_stops_and_says_why():
    (claim,) = claims(mate(autonomy=Autonomy(enabled=True, idle_timeout_s=90.0)))
    late = c.RecordIdleTimeout(effect_id=claim.effect_id, now=99.0)
    answer = mate(autonomy=Autonomy(enabled=True, idle_timeout_s=90.0)).when(late)

    inbox = "inbox-lead"
    end = e.AgentStopped(stopped_at=99.0, reason="idle for 90 s", inbox=inbox, tells_team=True)
    assert answer == [end]
    assert answer.companions == [Unchanged(inbox, 0)]
    assert list(answer.pending) == ["report-stop-1"]
    assert answer.when(late) == []


def test_one_that_is_to_stop_does_so_only_if_its_inbox_holds_nothing_more():
    order = StopOrdered(how="when_done", reason="enough")
    answer = mate().when(taking(orders=(order,), after=0))
    at_once = mate().when(taking(orders=(StopOrdered(how="now", reason="enough"),)))

    assert answer.companions[-1] == Unchanged("inbox-lead", 1)
    assert not [one for one in at_once.companions if isinstance(one, Unchanged)]


@pytest.mark.parametrize(
    "command",
    [
        taking(letter("message")),
        taking(letter("background")),
        c.Configure(changes=e.ProfileChanges(max_rounds=3), now=1.0),
        go(),
    ],
)
def test_whatever_comes_ends_the_rest_whose_time_is_over(command):
    """A time-out of a rest that is over comes late, and must not stop an agent at work."""
    (claim,) = claims(mate(wake_on_background=False))
    late = c.RecordIdleTimeout(effect_id=claim.effect_id, now=99.0)
    before = mate(wake_on_background=False).when(command)

    assert before.when(late) == []


def test_a_restart_looks_again_and_records_nothing():
    """To wait for a task is no work that a crash could have broken off."""
    answer = mate()

    assert AGENT.recover(answer.state, frozenset(), 5.0, {}) is None
    assert answer.when(c.RecoverEffects(running=frozenset(), now=5.0)) == []


def test_an_autonomous_teammate_looks_from_its_birth_on_without_any_mail():
    """TM7: nobody has to write to it first."""
    profile = msgspec.structs.replace(mate().state.profile, name="mate", agent_id="mate")
    command = AddMember(command_id="1", profile=profile, now=1.0)
    (joined,) = TEAM.decide(command, TEAM.initial)
    other = msgspec.structs.replace(joined, profile=msgspec.structs.replace(profile, lead=""))

    (birth,) = TEAM.companions(joined)
    (sleeping,) = TEAM.companions(other)
    assert isinstance(birth, Delivery)
    assert (birth.starts, sleeping.starts) == (True, False)


@pytest.mark.parametrize("seconds", [-1.0, float("inf"), float("nan")])
def test_no_agent_waits_for_a_time_that_is_none(seconds):
    autonomy = Autonomy(enabled=True, idle_timeout_s=seconds)
    profile = msgspec.structs.replace(mate().state.profile, autonomy=autonomy)

    assert "idle_timeout_s" in profile_fault(profile)


@pytest.mark.parametrize(
    ("title", "fault"),
    [
        ("", ""),
        ("The survey", ""),
        ("Zähler für «Tore» 門 🚪", ""),
        ("x" * 201, "at most 200"),
        ("two\nlines", "control"),
        ("two\u2028lines", "control"),
        ("nothing\x00", "control"),
        ("\x1b[2J", "control"),
        ("\x9b2J", "control"),
        (" \u00a0", "only spaces"),
    ],
)
def test_a_title_is_one_line_that_a_person_can_read(title, fault):
    """It stands in lists in terminals, so nothing in it may command one."""
    told = profile_fault(
        AgentProfile(agent_id="a", name="a", role="r", team_id="main", model="m:m", title=title)
    )

    assert (fault in told) if fault else told == ""


def test_the_name_of_a_model_commands_no_terminal():
    profile = AgentProfile(agent_id="a", name="a", role="r", team_id="main", model="m:\x1b[2J")

    assert "control" in profile_fault(profile)
