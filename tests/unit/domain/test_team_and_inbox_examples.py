"""How members join and mail is delivered, by example."""

import pytest

from mentra_actors.decider import Delivery
from mentra_actors.domain.agent.events import AgentProfile, AgentSpawned
from mentra_actors.domain.inbox import INBOX, MAX_BODY_CHARS, DeliverMail, Mail, MailDelivered
from mentra_actors.domain.team import TEAM, AddMember, TeamState
from mentra_actors.testing.given_when_then import given


def member(name, *, command_id="c1", role="helper", first_mail=None):
    profile = AgentProfile(
        agent_id=name, name=name, team_id="main", role=role, model="scripted:model"
    )
    return AddMember(command_id=command_id, profile=profile, now=1.0, first_mail=first_mail)


def letter(body="hello", mail_id="m1"):
    return Mail(mail_id=mail_id, sender="host", to="ann", body=body, sent_at=1.0)


def test_a_member_is_born_with_its_first_mail():
    """Joining, the new agent's first event and its task are one append."""
    joined = given(TEAM).when(member("ann", first_mail=letter()))
    profile = joined.events[0].profile

    assert joined.companions == [
        Delivery("agent-ann", (AgentSpawned(profile=profile, spawned_at=1.0),), must_be_new=True),
        Delivery("inbox-ann", (MailDelivered(mail=letter()),)),
    ]


def test_a_name_that_is_taken_is_refused():
    """Mail to `ann` must mean one agent."""
    assert given(TEAM).when(member("ann")).when(member("ann", command_id="c2")).rejects("exists")


def test_the_same_command_again_adds_nobody():
    """A spawn whose answer was lost is sent again."""
    assert given(TEAM).when(member("ann")).when(member("ann")) == []


class Unlooked(dict):
    """Members that are found by name, and that nobody may go through."""

    def __iter__(self):
        raise AssertionError("the one who joins must not look at everybody")

    values = items = __iter__


def test_who_joins_looks_at_nobody_else():
    """Ten thousand that join must not take ten thousand times as long as the first."""
    asked = member("bob", command_id="c2")
    before = given(TEAM).when(member("ann")).state

    (joined,) = TEAM.decide(asked, TeamState(members=Unlooked(before.members)))
    assert joined.profile == asked.profile


@pytest.mark.parametrize("name", ["", "two words", "-x", "ä", "a/b", "x" * 101])
def test_a_name_must_fit_into_a_stream_id(name):
    """Names become parts of ids and addresses; odd ones break far away from here."""
    assert given(TEAM).when(member(name)).rejects("is not a name")


def test_a_member_needs_a_role():
    """A model that delegates must be able to tell its members apart."""
    assert given(TEAM).when(member("ann", role=" ")).rejects("needs a role")


def test_mail_is_delivered_once():
    """A sender that retries must not be read twice."""
    delivered = given(INBOX).when(DeliverMail(mail=letter()))

    assert delivered == [MailDelivered(mail=letter())]
    assert delivered.when(DeliverMail(mail=letter())) == []


@pytest.mark.parametrize(
    ("body", "reason"), [(" \n", "empty"), ("x" * (MAX_BODY_CHARS + 1), "over the limit")]
)
def test_mail_that_nobody_could_read_is_refused(body, reason):
    """The sender learns it, not the receiver's model."""
    assert given(INBOX).when(DeliverMail(mail=letter(body))).rejects(reason)
