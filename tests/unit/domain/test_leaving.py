"""What becomes of the work of one who has stopped: tasks, requests, letters and jobs."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from agent_words import agent, mail, told
from test_team_examples import asking, joining, team  # noqa: F401 - a fixture

from mentra_actors.decider import Settlement
from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.decide import AGENT
from mentra_actors.domain.agent.effects import ReportStop
from mentra_actors.domain.background.events import JobsClosed, JobStopRequested
from mentra_actors.domain.background.jobs import BACKGROUND, CloseJobs, RequestJob
from mentra_actors.domain.inbox import Mail, MailDelivered, StopOrdered
from mentra_actors.domain.team import (
    MarkStopped,
    MemberStopped,
    ReleaseTasks,
    RemoveMember,
    RequestCancelled,
    SendLetters,
    StopMember,
    owner_in,
)
from mentra_actors.envelope import RecordedEvent
from mentra_actors.errors import CommandRejected
from mentra_actors.testing.given_when_then import given

GONE = MarkStopped(command_id="agent-ann/stopped", agent_id="ann", now=3.0, reason="idle for 60 s")


def letter(mail_id, kind="message", **fields):
    known = {"sender": "host", "to": "lead", "body": "Hello.", "sent_at": 1.0}
    return Mail(mail_id=mail_id, kind=kind, **{**known, **fields})


def late(*letters, after=0):
    return c.TakeMail(
        mail=letters, after_version=after, through_version=after + len(letters), now=5.0
    )


def stopped(**changes):
    return agent(**changes).when(c.StopAgent(now=2.0)).after


# --- the team ---------------------------------------------------------------------------


def test_the_team_frees_the_tasks_of_a_member_that_has_stopped_once(team):  # noqa: F811
    """By the same work for the board as for one that was removed."""
    told_ = team.when(GONE)

    assert told_ == [
        MemberStopped(
            command_id=GONE.command_id,
            agent_id="ann",
            name="ann",
            stopped_at=3.0,
            reason="idle for 60 s",
        )
    ]
    release = ReleaseTasks(command_id=GONE.command_id, owner="ann", agent_id="ann")
    assert told_.pending == {f"board-{GONE.command_id}": release}
    assert told_.when(GONE) == []
    again = MarkStopped(command_id="another", agent_id="ann", now=4.0)
    assert told_.when(again) == []
    assert told_.when(StopMember(command_id="s", agent_id="ann", how="now", now=4.0)) == []


def test_requests_of_one_that_has_stopped_end_and_the_other_side_hears_why(team):  # noqa: F811
    """Without an expiry nobody would ever hear of them again."""
    made = team.when(asking("ann", "lead", command_id="1")).when(
        asking("bob", "ann", command_id="2")
    )
    told_ = made.when(GONE)

    ends = [one for one in told_.events if isinstance(one, RequestCancelled)]
    assert [(one.request_id, one.tell, one.reason) for one in ends] == [
        ("req-1", "lead", "ann has stopped"),
        ("req-2", "bob", "ann has stopped"),
    ]
    inboxes = [one.stream_id for one in told_.companions]
    assert inboxes == ["inbox-lead", "inbox-bob"]
    assert "ann has stopped" in told_.companions[1].events[0].mail.body
    assert {one.status for one in told_.state.requests.values()} == {"cancelled"}


@pytest.mark.parametrize(
    "command",
    [
        asking("bob", "ann"),
        asking("ann", "bob"),
        SendLetters(command_id="l", sender="bob", to="ann", body="Hi.", now=4.0),
        SendLetters(command_id="l", sender="ann", to="bob", body="Hi.", now=4.0),
    ],
)
def test_nobody_writes_to_or_speaks_for_one_that_has_stopped(team, command):  # noqa: F811
    answer = team.when(GONE).when(command)

    assert answer.rejects("'ann' has stopped")
    assert ("spawn 'ann' again" in answer.rejection) == (command.sender == "bob")


def test_a_letter_to_all_leaves_out_who_has_stopped(team):  # noqa: F811
    sent = team.when(GONE).when(
        SendLetters(command_id="l", sender="lead", to=None, body="Hi.", now=4.0)
    )

    assert sent.events[0].to == ("bob", "sue")


def test_whoever_takes_a_name_before_the_team_knows_of_the_end_settles_it(team):  # noqa: F811
    """Its tasks and requests are not those of the new one."""
    made = team.when(asking("bob", "ann"))
    joined = made.when(joining("ann", agent_id="ann:2", replaces="ann", command_id="anew"))

    assert [type(one).__name__ for one in joined.events] == [
        "RequestCancelled",
        "MemberStopped",
        "MemberJoined",
    ]
    assert joined.when(GONE) == []
    assert joined.state.members["ann"].has_stopped is False
    assert [one.agent_id for one in joined.state.board_work] == ["ann"]


def test_a_task_is_given_to_members_that_work_and_to_people_outside(team):  # noqa: F811
    """A name of nobody is somebody outside; one of who has gone is refused."""
    gone = team.when(GONE).when(RemoveMember(command_id="r", agent_id="bob", now=4.0)).state

    assert owner_in(gone, " lead ") == "lead"
    assert owner_in(gone, "the plumber") == ""
    for name in ("ann", "bob"):
        with pytest.raises(CommandRejected, match="takes no task"):
            owner_in(gone, name)


# --- the agent --------------------------------------------------------------------------


def test_one_that_has_stopped_tells_its_team_once():
    [(effect_id, effect)] = stopped().pending.items()
    told_ = stopped().when(c.RecordStopReported(effect_id=effect_id, now=3.0))

    assert isinstance(effect, ReportStop)
    assert (effect.is_news, effect.reason) == (True, "the agent was stopped")
    assert told_ == [e.StopReported(effect_id=effect_id, reported_at=3.0)]
    assert not told_.pending
    assert told_.when(c.RecordStopReported(effect_id=effect_id, now=3.0)) == []


def test_a_subagent_has_no_team_to_tell():
    assert not stopped(parent="boss").pending


def test_what_somebody_writes_after_the_end_is_told_and_never_lost():
    """What the team and the clock say is of no use any more; a question ends in the team."""
    after = stopped().when(
        late(
            letter("m1"),
            letter("m2", "broadcast", sender="bob"),
            letter("m3", "request", request_id="req-1", protocol="p"),
            letter("m4", "response", request_id="req-2", protocol="p", approve=True),
            letter("m5", "background"),
            letter("m6", request_id="req-3", protocol="p"),
        )
    )

    assert [one.mail_id for one in after.events[0].letters] == ["m1", "m2", "m4"]
    assert after.companions == [Settlement("inbox-lead", 6)]
    [(effect_id, effect)] = after.pending.items()
    assert [one.sender for one in effect.late] == ["host", "bob", "host"]
    assert after.when(c.RecordStopReported(effect_id="report-stop-1", now=6.0)) == []
    told_ = after.when(c.RecordStopReported(effect_id=effect_id, now=6.0))
    assert not told_.pending
    [more] = told_.when(late(letter("m7"), after=6)).pending.values()
    assert (more.is_news, [one.mail_id for one in more.late]) == (False, ["m7"])


def test_a_letter_behind_an_order_to_stop_at_once_came_too_late():
    """It lay in the inbox before the end was on the log, and nobody would ever have read it."""
    order = StopOrdered(how="now", reason="enough")
    events = [MailDelivered(mail=letter("m1")), order, MailDelivered(mail=letter("m2"))]
    recorded = [
        RecordedEvent(
            global_position=n,
            stream_id="inbox-lead",
            stream_version=n,
            event_type="t",
            event=event,
            recorded_at_ns=0,
        )
        for n, event in enumerate(events, 1)
    ]
    answer = agent(wake_on_mail=False).when(AGENT.follow.take(recorded, 5.0))

    assert told(answer) == ["MailTaken 3", "AgentStopped", "MailCameLate 3"]
    assert [one.mail_id for one in answer.events[0].mail] == ["m1"]
    assert [one.mail_id for one in answer.events[-1].letters] == ["m2"]


def test_a_dead_letter_to_one_that_has_stopped_is_refused_with_what_to_do():
    read = c.TakeLateLetter(mail_id="m1", sender="bob", now=9.0)

    assert stopped().when(read).rejects("spawn 'lead' again")
    assert agent().when(read).rejects("came in time")


def test_an_agent_that_lives_takes_mail_as_before():
    assert told(agent(wake_on_mail=False).when(mail("m1", through=1))) == ["MailTaken 1"]


# --- jobs -------------------------------------------------------------------------------


def job(name):
    return RequestJob(
        command_id=name, job_id=name, command="make", cwd="/", digest="", now=1.0, limit=None
    )


def test_jobs_of_one_that_was_removed_are_cancelled_and_none_begins_any_more():
    """A tool call that was on its way when its agent was removed must not begin one after that."""
    closing = CloseJobs(now=2.0, by="team", reason="removed from the team")
    closed = given(BACKGROUND).when(job("a")).when(job("b")).when(closing)

    assert [type(one) for one in closed.events] == [
        JobsClosed,
        JobStopRequested,
        JobStopRequested,
    ]
    assert closed.when(job("c")).rejects("removed from the team")
    assert closed.when(closing) == []
