"""A galley whose baker leaves: what he held is free, and a letter to him comes too late."""

import msgspec
from golden_team import profile

from mentra_actors.domain.agent import commands as a
from mentra_actors.domain.background.jobs import CloseJobs
from mentra_actors.domain.board import commands as b
from mentra_actors.domain.schedules.events import Every
from mentra_actors.domain.schedules.schedules import AddSchedule, FireSchedule, RewindSchedule
from mentra_actors.domain.team import AddMember, MarkStopped, OpenRequest, StopMember
from mentra_actors.ids import (
    agent_stream,
    background_stream,
    board_stream,
    schedule_stream,
    team_stream,
)

__all__ = ["LEAVING_STORIES"]

GALLEY = team_stream("galley")
BOARD = board_stream("galley")
BAKER = agent_stream("baker")


def say(team, stream_id, kind, **fields):
    team.send(stream_id, kind(now=team.now, **fields))


def wish(team, stream_id, kind, **fields):
    say(team, stream_id, kind, command_id=team.new_id(), **fields)


def of_board(team, kind, task_id, **fields):
    known = {"task_id": task_id, "changed_by": "mate", "may_change_any": True}
    wish(team, BOARD, kind, **{**known, **fields})


def hired(team):
    """A baker with three dishes; a run of the mate takes one from him and gives it back."""
    for name in ("baker", "scullion"):
        one = msgspec.structs.replace(profile(name, wake_on_mail=False), team_id="galley")
        wish(team, GALLEY, AddMember, profile=one)
    create = {"created_by": "mate", "owner_id": "baker"}
    wish(team, BOARD, b.CreateTask, subject="Soup", owner="baker", **create)
    for subject in ("Bread", "Pudding"):
        wish(team, BOARD, b.CreateTask, subject=subject, created_by="mate")
    hold = {"claimant": "baker", "agent_id": "baker"}
    wish(team, BOARD, b.ClaimTask, task_id=2, ttl_s=900.0, **hold)
    of_board(team, b.AssignTask, 2, owner="scullion", owner_id="scullion", run="mate/run-1")
    wish(team, BOARD, b.CompensateRun, run="mate/run-1")
    asked = {"sender": "scullion", "to": "baker", "protocol": "plan_approval"}
    wish(team, GALLEY, OpenRequest, content="May I lick the spoon?", **asked)


def gone(team):
    """He is stopped at once; a letter comes after that, and a job that he had begun ends."""
    wish(team, GALLEY, StopMember, agent_id="baker", how="now", reason="burnt soup")
    wish(team, GALLEY, MarkStopped, agent_id="baker", reason="burnt soup")
    say(team, BAKER, a.RecordStopReported, effect_id="report-stop-1")
    wish(team, BOARD, b.OwnerGone, owner="baker", agent_id="baker")
    team.mail("baker", "Where is the salt?")
    problem = "supervision is set aside"
    say(team, BAKER, a.RecordStopReported, effect_id="report-stop-3", problem=problem)
    say(team, background_stream("baker"), CloseJobs, by="team", reason="removed from the team")


def the_clock_of_the_galley(team):
    """It went a day ahead and was put right: the bell rings again each hour."""
    bell = schedule_stream("galley")
    timing = Every(seconds=3600.0, anchor=team.now)
    added = {"agent_id": "scullion", "body": "Ring.", "created_by": "mate"}
    wish(team, bell, AddSchedule, timing=timing, **added)
    due = {"due_at": team.now + 86_400.0, "missed": 23, "due_words": "tomorrow"}
    next_due = team.now + 90_000.0
    say(team, bell, FireSchedule, schedule_id="s1", turn=1, next_due=next_due, **due)
    say(team, bell, RewindSchedule, schedule_id="s1", turn=2)


LEAVING_STORIES = (hired, gone, the_clock_of_the_galley)
