"""What a person who talks with one agent hears of the others."""

import pytest

from mentra_actors.cli.chat.team_news import changes_approvals, news_of
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.inbox import Mail, MailDelivered
from mentra_actors.domain.team import MemberRemoved
from mentra_actors.envelope import RecordedEvent


def recorded(stream_id, event):
    return RecordedEvent(
        global_position=1,
        stream_id=stream_id,
        stream_version=1,
        event_type="",
        event=event,
        recorded_at_ns=0,
    )


def mail(kind, sender, to="lead"):
    letter = Mail(
        mail_id="m", sender=sender, to=to, body="Job 1\nhas ended", sent_at=0.0, kind=kind
    )
    return MailDelivered(mail=letter)


FAILED = e.RunFailed(run_id="r", failed_at=0.0, kind="http", message="no answer")


@pytest.mark.parametrize(
    ("stream_id", "event", "words"),
    [
        ("inbox-lead", mail("message", "bob"), "✉ bob: Job 1 has ended"),
        ("inbox-lead", mail("background", "job-1"), "✉ job-1 (background): Job 1 has ended"),
        ("agent-bob", FAILED, "✗ bob: no answer"),
        (
            "team-main",
            MemberRemoved(command_id="c", agent_id="bob", name="bob", removed_at=0.0),
            "◇ bob has left",
        ),
    ],
)
def test_news_are_told(stream_id, event, words):
    assert [one.text.plain for one in news_of(recorded(stream_id, event), "lead")] == [words]


def test_what_the_agent_does_itself_and_letters_to_others_are_no_news():
    assert not news_of(recorded("agent-lead", FAILED), "lead")
    assert not news_of(recorded("inbox-bob", mail("message", "lead", to="bob")), "lead")


def test_the_end_of_a_run_may_end_a_question():
    assert changes_approvals(recorded("agent-bob", FAILED))
    assert not changes_approvals(recorded("inbox-lead", mail("message", "bob")))
