"""What comes to agents by itself: ends of jobs, tasks that they claim, reminders."""

from golden_script_background import end, start, stop, wish
from golden_team import call, plan, profile

from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent.effects import ClaimReadyTask, CompensateBoard
from mentra_actors.domain.agent.profile import Autonomy
from mentra_actors.domain.background.events import JobOutput
from mentra_actors.domain.background.jobs import RecordJobFailure
from mentra_actors.domain.board.commands import ClaimTask, CreateTask
from mentra_actors.domain.content import TextBlock
from mentra_actors.domain.request_view import RequestView
from mentra_actors.ids import background_stream, board_stream

__all__ = ["AUTONOMY_STORIES"]

BOARD = board_stream("main")
STREAM = background_stream("miller")
REMINDER = "<reminder>\nYou have not used the task board for a while.\n</reminder>"
REMINDED = RequestView(
    stubbed_through=2,
    recalled="<recalled-memory>\nold\n</recalled-memory>",
    reminder=REMINDER,
    recall_problem="not found within 0.25 s",
)
FOR_GOOD = {"kind": "auth", "message": "the key is wrong", "transient": False}


def told_of_jobs(team):
    """The miller hears how each job ends, whichever way."""
    for name in ("spelt", "millet", "barley", "maize"):
        wish(team, name, agent_id="miller")
        start(team, name, pid=15, process_started="boot-1/10")
    stop(team, "millet", "time_limit")
    stop(team, "barley", "cancel", by="host", reason="enough flour")
    end(team, "spelt", 0, output=JobOutput(preview="flour", total_bytes=5))
    end(team, "millet", 143)
    end(team, "barley", 143)
    end(team, "maize", None, problem="its process is gone")
    wish(team, "sand", agent_id="miller")
    team.send(STREAM, RecordJobFailure(job_id="bg-sand", error="no sieve", now=team.now))


def autonomy(team):
    """A teammate claims a task, does not finish it, and stops when nothing else comes."""
    add_task(team, "Sweep the yard")
    team.add(profile("sweeper", lead="lead", autonomy=Autonomy(enabled=True, idle_timeout_s=90.0)))
    [order] = [
        order
        for (stream_id, _), order in team.system.effects.running.items()
        if stream_id == "agent-sweeper"
    ]
    claim = ClaimTask(
        command_id=f"agent-sweeper/{order.effect.effect_id}",
        claimant="sweeper",
        notify="sweeper",
        now=team.now,
    )
    team.send(BOARD, claim)
    team.reply("sweeper", TextBlock(text="I begin tomorrow."))
    team.outcome(
        "sweeper",
        ClaimReadyTask,
        lambda effect: c.RecordIdleTimeout(effect_id=effect.effect_id, now=team.now),
    )


def reminders(team):
    """A model is reminded of the board, answers once, and once fails."""
    team.add(profile("planner", task_reminder_rounds=1))
    team.prompt("planner", "Plan the year.")
    team.reply("planner", call("look"), plans=(plan("safe"),))
    team.finish("planner", "look", "it is spring")
    team.reply(
        "planner",
        call("look"),
        plans=(plan("safe"),),
        verdict={"view": REMINDED},
    )
    team.finish("planner", "look", "it is still spring")
    team.reply("planner", call("look"), plans=(plan("safe"),))
    team.finish("planner", "look", "it is summer")
    team.fail("planner", **FOR_GOOD, view=REMINDED)


def boards_undone(team):
    """Runs that are taken back had changed the board: it can be asked, or cannot."""
    for how in ("fails", "is cancelled"):
        team.prompt("planner", f"Plan what {how}.", on_failure="rollback")
        team.reply("planner", call("task_create"), plans=(plan("idempotent"),))
        run_id = team.state("planner").run.run_id
        add_task(team, f"What {how}", run=run_id)
        if how == "is cancelled":
            team.tell("planner", c.CancelRun, reason="no plans")
            break
        team.finish("planner", "task_create", "made")
        team.fail("planner", **FOR_GOOD)
        undone(team, reverted=1, conflicts=2)
    undone(team, problem="the board is set aside")


def undone(team, **fields):
    team.outcome(
        "planner",
        CompensateBoard,
        lambda effect: c.RecordBoardCompensation(run_id=effect.run_id, now=team.now, **fields),
    )


def add_task(team, subject, **fields):
    command = CreateTask(
        command_id=team.new_id(), subject=subject, created_by="lead", now=team.now, **fields
    )
    team.send(BOARD, command)


AUTONOMY_STORIES = (told_of_jobs, autonomy, reminders, boards_undone)
