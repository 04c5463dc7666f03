"""An agent that stops because nothing waits, and letters that come at that very moment."""

import pytest

from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.profile import Autonomy
from mentra_actors.domain.inbox import Mail, MailDelivered, StopOrdered
from mentra_actors.ids import agent_stream, inbox_stream

MATE, INBOX = agent_stream("mate"), inbox_stream("mate")


def letter(mail_id="m1"):
    mail = Mail(mail_id=mail_id, sender="host", to="mate", body="DO THIS", sent_at=1.0)
    return MailDelivered(mail=mail)


@pytest.fixture
def mate(bench):
    profile = e.AgentProfile(
        agent_id="mate",
        name="mate",
        team_id="main",
        role="w",
        model="m",
        lead="lead",
        autonomy=Autonomy(enabled=True, idle_timeout_s=1.0),
    )
    bench.write(MATE, [e.AgentSpawned(profile=profile, spawned_at=0.0)], 0)
    bench.system.directory.wake(MATE)
    bench.system.settle()
    return bench


def told(bench):
    return [type(one.event).__name__ for one in bench.journal.read_stream(MATE)]


def time_is_over(bench):
    """The outcome of the wait for a task."""
    order = bench.system.effects.running.pop((MATE, "claim-1"))
    return c.RecordIdleTimeout(effect_id=order.effect.effect_id, now=2.0)


def test_a_letter_that_lies_in_the_inbox_before_the_time_is_over_is_taken(mate):
    late = time_is_over(mate)
    mate.write(INBOX, [letter()], None)
    answers = mate.system.send(MATE, late, is_outcome=True)
    mate.system.settle()

    assert told(mate) == [
        "AgentSpawned",
        "MailTaken",
        "RunStarted",
        "InputPlaced",
        "ModelCallRequested",
    ]
    assert len(answers) == 1


def test_a_letter_that_comes_before_the_end_of_the_append_is_taken(mate):
    """The decision is made, and the letter is the first to reach the log."""
    late = time_is_over(mate)
    mate.store.hold()
    mate.system.send(MATE, late, is_outcome=True)
    mate.system.settle()
    mate.write(INBOX, [letter()], None)
    mate.store.let_go()
    mate.system.settle(timers=True)

    assert "AgentStopped" not in told(mate)
    assert "RunStarted" in told(mate)


def test_one_that_is_to_stop_takes_what_came_meanwhile_first(mate):
    order = StopOrdered(how="when_done", reason="enough")
    mate.write(INBOX, [order], None)
    mate.store.hold()
    mate.system.directory.stream_was_written(INBOX)
    mate.system.settle()
    mate.write(INBOX, [letter()], None)
    mate.store.let_go()
    mate.system.settle(timers=True)

    assert "AgentStopped" not in told(mate)
    assert "RunStarted" in told(mate)


def test_without_a_letter_it_stops(mate):
    mate.system.send(MATE, time_is_over(mate), is_outcome=True)
    mate.system.settle()

    assert told(mate)[-1] == "AgentStopped"
