"""What holds of a team whoever joins."""

from hypothesis import given as forall

from mentra_actors.domain.team import TEAM, MemberJoined
from mentra_actors.ids import agent_stream, inbox_stream
from mentra_actors.testing.decider_laws import (
    check_pure,
    check_restart,
    check_snapshots,
    check_total,
)
from mentra_actors.testing.given_when_then import given, play
from mentra_actors.testing.strategies import any_history, team_histories


@forall(team_histories())
def test_a_team_keeps_the_laws_of_deciders(commands):
    """Who belongs to a team must not depend on when its process restarted."""
    check_pure(TEAM, [], commands)
    check_restart(TEAM, [], commands)
    check_snapshots(TEAM, [], commands)


@forall(any_history([MemberJoined]))
def test_no_history_makes_a_team_raise(events):
    """A team that does not open takes all of its agents with it."""
    check_total(TEAM, events)


@forall(team_histories())
def test_a_name_belongs_to_one_member(commands):
    """Mail is addressed by name; two of one name would get each other's."""
    answers = play(given(TEAM), commands)
    names = [event.profile.name for answer in answers for event in answer.events]

    assert len(names) == len(set(names))
    for answer in answers:
        assert list(answer.state.members) == names[: len(answer.state.members)]


@forall(team_histories())
def test_joining_again_records_nothing(commands):
    """A spawn that is retried after a crash must find the member it made."""
    answers = play(given(TEAM), commands)
    for command, answer in zip(commands, answers, strict=True):
        if answer.rejection is None:
            assert answer.when(command) == []
            assert answers[-1].when(command) == []


@forall(team_histories())
def test_each_member_is_born_in_the_same_append(commands):
    """No half-made member: the new stream must be new, and its first mail is in its inbox."""
    for answer in play(given(TEAM), commands):
        for event in answer.events:
            birth, *mail = TEAM.companions(event)
            agent_id = event.profile.agent_id

            assert birth.must_be_new
            assert birth.stream_id == agent_stream(agent_id)
            assert [born.profile for born in birth.events] == [event.profile]
            letters = [letter.mail for delivery in mail for letter in delivery.events]
            assert letters == ([event.first_mail] if event.first_mail else [])
            assert all(d.stream_id == inbox_stream(agent_id) for d in mail)
            assert not any(d.must_be_new for d in mail)
