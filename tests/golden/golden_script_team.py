"""A ship's crew: who asks whom, who leaves, who is called otherwise, and a person on board."""

import msgspec
from golden_team import profile

from mentra_actors.domain.team import (
    AddMember,
    CancelRequest,
    ExpireRequest,
    OpenRequest,
    RecordBoardTold,
    RemoveMember,
    RenameMember,
    ResolveRequest,
    SendLetters,
    StopMember,
)
from mentra_actors.ids import team_stream

__all__ = ["TEAM_STORIES"]

SHIP = team_stream("ship")


def of_team(team, kind, **fields):
    command = kind(command_id=team.new_id(), now=team.now, **fields)
    team.send(SHIP, command)
    return command.command_id


def sailor(name, **fields):
    """One of the crew, which is a team of its own: a letter to all wakes nobody else."""
    fields = {"lead": "captain", "wake_on_mail": False, **fields}
    return msgspec.structs.replace(profile(name, **fields), team_id="ship")


def sign_on(team):
    """A captain, two sailors, and a person who has chartered the ship."""
    of_team(team, AddMember, profile=sailor("captain", lead=""))
    of_team(team, AddMember, profile=sailor("sailor"))
    of_team(team, AddMember, profile=sailor("stoker"), lead_id="captain")
    of_team(team, AddMember, profile=sailor("charterer", lead="", model="", is_person=True))


def questions(team):
    """One is approved, one rejected, one taken back, one has no answer in time."""
    asked = {"sender": "sailor", "to": "captain", "protocol": "plan_approval"}
    of_team(team, OpenRequest, content="May I set the sails?", **asked)
    of_team(team, ResolveRequest, request_id="req-1", by="captain", approve=True)
    of_team(team, OpenRequest, content="May I sell the sails?", **asked)
    of_team(team, ResolveRequest, request_id="req-2", by="captain", approve=False, reason="Never.")
    of_team(team, OpenRequest, content="May I sleep?", **asked)
    of_team(team, CancelRequest, request_id="req-3", by="sailor", reason="I am awake.")
    expires_at = team.now + 1.0
    of_team(team, OpenRequest, content="May I sing?", expires_at=expires_at, **asked)
    team.clock.advance(2.0)
    team.send(SHIP, ExpireRequest(request_id="req-4", now=team.now))


def letters(team):
    """The person on board writes to one and to all."""
    of_team(team, SendLetters, sender="charterer", to="captain", body="How far is it?")
    of_team(team, SendLetters, sender="charterer", to=None, body="Is anybody there?")


def sign_off(team):
    """One agrees to go, one is told to, one is thrown overboard; a new sailor has the old name."""
    renamed = of_team(team, RenameMember, agent_id="stoker", name="mate", by="captain")
    told(team, renamed)
    shutdown = {"sender": "captain", "to": "sailor", "protocol": "shutdown"}
    of_team(team, OpenRequest, content="Go ashore.", **shutdown)
    of_team(team, ResolveRequest, request_id="req-5", by="sailor", approve=True)
    joined = msgspec.structs.replace(sailor("sailor"), agent_id="sailor:2")
    of_team(team, AddMember, profile=joined, replaces="sailor")
    stop = {"agent_id": "sailor:2", "by": "captain", "reason": "The sea is calm."}
    of_team(team, StopMember, how="when_done", **stop)
    of_team(team, StopMember, how="now", **stop)
    removed = of_team(team, RemoveMember, agent_id="stoker", by="captain", reason="Drunk.")
    told(team, removed)


def told(team, command_id):
    """The board knows."""
    team.send(SHIP, RecordBoardTold(command_id=command_id, now=team.now))


TEAM_STORIES = (sign_on, questions, letters, sign_off)
