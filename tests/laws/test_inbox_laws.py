"""What holds of an inbox whatever is delivered."""

from hypothesis import given as forall

from mentra_actors.domain.inbox import INBOX, MailDelivered
from mentra_actors.testing.decider_laws import (
    check_pure,
    check_restart,
    check_snapshots,
    check_total,
)
from mentra_actors.testing.given_when_then import given, play
from mentra_actors.testing.strategies import any_history, inbox_histories


@forall(inbox_histories())
def test_an_inbox_keeps_the_laws_of_deciders(commands):
    """An inbox is written by many; each must meet the same answers, before and after a restart."""
    check_pure(INBOX, [], commands)
    check_restart(INBOX, [], commands)
    check_snapshots(INBOX, [], commands)


@forall(any_history([MailDelivered]))
def test_no_history_makes_an_inbox_raise(events):
    """An inbox that does not open loses all mail in it."""
    check_total(INBOX, events)


@forall(inbox_histories())
def test_mail_is_delivered_once_and_in_order(commands):
    """A sender that retries must not make the receiver read the same letter twice."""
    answers = play(given(INBOX), commands)
    delivered = [event.mail for answer in answers for event in answer.events]
    accepted = [
        command.mail
        for command, answer in zip(commands, answers, strict=True)
        if answer.rejection is None
    ]
    first = {}
    for mail in accepted:
        first.setdefault(mail.mail_id, mail)

    assert delivered == list(first.values())


@forall(inbox_histories())
def test_delivering_again_records_nothing(commands):
    """An append whose answer was lost is sent again, at once or much later."""
    answers = play(given(INBOX), commands)
    for command, answer in zip(commands, answers, strict=True):
        if answer.rejection is None:
            assert answer.when(command) == []
            assert answers[-1].when(command) == []
