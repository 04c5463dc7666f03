"""A board on which all is done that can be done: claims that end, runs that are taken back."""

from golden_team import profile

from mentra_actors.domain.board import commands as c
from mentra_actors.ids import AgentId, board_stream

__all__ = ["BOARD_STORIES"]

STREAM = board_stream("garden")
RUN = "gardener/run-7"


def say(team, kind, **fields):
    team.send(STREAM, kind(command_id=team.new_id(), now=team.now, **fields))


def create(team, subject, **fields):
    say(team, c.CreateTask, subject=subject, created_by="lead", **fields)


def change(team, kind, task_id, **fields):
    say(
        team,
        kind,
        task_id=task_id,
        **{"changed_by": "lead", "may_change_any": True, **fields},
    )


def the_garden(team):
    """Tasks that are given, claimed for some time, renewed, lost and taken again."""
    team.add(profile("gardener", role="gardener", lead="lead"))
    create(team, "Dig", owner="ann", priority=2, run="lead/run-1")
    create(team, "Sow", blocked_by=(1,))
    create(team, "Water", blocked_by=(2,), priority=-1)
    create(team, "Rest")
    say(
        team,
        c.ClaimTask,
        claimant="gardener",
        task_id=4,
        ttl_s=600.0,
        notify=AgentId("gardener"),
        run="gardener/run-1",
    )
    change(team, c.EditTask, 4, changed_by="gardener", result="half an hour", run="gardener/run-1")
    say(team, c.ExpireClaim, task_id=4)  # too early
    team.clock.advance(600.0)
    say(team, c.ExpireClaim, task_id=4)
    change(team, c.AssignTask, 4, owner="gardener", run="lead/run-1")
    change(team, c.ReleaseClaim, 4, changed_by="gardener", run="gardener/run-1")
    change(team, c.SetTaskStatus, 1, status="completed", run="lead/run-1")
    change(team, c.SetTaskStatus, 2, status="in_progress")
    change(team, c.SetTaskStatus, 1, status="pending")
    change(team, c.CommentTask, 1, changed_by="ann", text="It has rained.", run="ann/run-1")
    change(team, c.SetTaskDirectory, 1, working_directory="garden", run="ann/run-1")
    change(team, c.AddDependency, 4, blocker_id=3, run="lead/run-1")
    change(team, c.RemoveDependency, 4, blocker_id=3, run="lead/run-1")
    change(team, c.DeleteTask, 2, run="lead/run-1")
    say(team, c.RenameOwner, old="ann", new="anna", agent_id="ann-id")
    say(team, c.OwnerGone, owner="anna", agent_id="ann-id")


def a_bad_day(team):
    """A run changes everything; half is taken back, others have gone on with the rest."""
    for subject in ("Prune", "Burn", "Rake", "Mow"):
        create(team, subject)
    first = 5
    run = {"run": RUN, "changed_by": "gardener"}
    update = {
        "subject": "Prune all",
        "description": "to the ground",
        "priority": 9,
        "result": "done",
        "working_directory": "shed",
        "owner": "gardener",
        "add_blocked_by": (first + 1,),
    }
    change(team, c.UpdateTask, first, **update, **run)
    change(team, c.SetTaskStatus, first + 1, status="completed", **run)
    create(team, "Flee", run=RUN)
    change(team, c.DeleteTask, first + 2, **run)
    change(team, c.UpdateTask, first + 3, **update, **run)
    create(team, "Hide", run=RUN)
    change(team, c.SetTaskStatus, first + 3, status="in_progress", **run)
    theirs = {**update, "subject": "Mow less", "description": "half", "priority": 1}
    theirs |= {"result": "none", "working_directory": "lawn", "owner": "bob"}
    del theirs["add_blocked_by"]
    change(team, c.UpdateTask, first + 3, **theirs, status="completed")
    change(team, c.RemoveDependency, first + 3, blocker_id=first + 1)
    change(team, c.CommentTask, first + 5, text="Where?")
    change(team, c.AssignTask, first, owner="")
    say(team, c.CompensateRun, run=RUN)


BOARD_STORIES = (the_garden, a_bad_day)
