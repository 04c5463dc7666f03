"""The script of release 0.1.0: a house is surveyed while one process after another dies."""

from golden_team import MAKER, call, plan, profile

from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.blob import BlobRef
from mentra_actors.domain.board.commands import (
    AddDependency,
    ClaimTask,
    CreateTask,
    SetTaskDirectory,
    SetTaskStatus,
)
from mentra_actors.domain.content import OpaqueBlock, RefusalBlock, TextBlock, ThinkingBlock
from mentra_actors.domain.lease import RenewLease
from mentra_actors.domain.model_call import StopReason
from mentra_actors.domain.tool_call import OutgoingMail
from mentra_actors.ids import board_stream
from mentra_actors.runtime.writing.writer_lease import WRITER_LEASE

__all__ = ["HOUSE_STORIES", "the_next_day"]


def add_members(team):
    """A lead with every setting, a helper with an instruction, one who may call a model once."""
    team.add(
        profile(
            "lead",
            role="lead",
            system="You lead. — Führe das Team 🙂",
            tools=("look", "charge", "pay", "register"),
            hidden_tools=("shell",),
            max_rounds=9,
            temperature=0.25,
            max_output_tokens=1024,
        )
    )
    instruction = team.letter("lead", "helper", "Count the files.\nThen report.")
    team.add(profile("helper", role="counter", lead="lead"), instruction)
    team.add(
        profile("loner", role="loner", max_rounds=1, wake_on_mail=False, max_output_tokens=None)
    )
    team.reply("helper", TextBlock(text="There are 3."), model="gpt-x-1", response_id="resp-1")


def survey(team):
    """A call that breaks, an answer of every kind of block, two tools at once, mail between."""
    team.prompt("lead", "Survey the house, please.")
    team.fail(
        "lead",
        kind="overloaded",
        message="busy",
        transient=True,
        retry_after_s=2.0,
        partial=c.PartialAnswer(text="I will"),
    )
    team.prompt("lead", "And be quick.")
    team.reply(
        "lead",
        ThinkingBlock(parts=("Look", "first"), item_id="rs-1", encrypted="x==", provenance=MAKER),
        TextBlock(text="I look.", item_id="msg-1", phase="commentary"),
        OpaqueBlock(item_type="web_search_call", raw='{"id": "ws-1"}', provenance=MAKER),
        call("look", '{"place": "cellar"}', item_id="fc-1", namespace="house"),
        call("look", '{"place": "roof"}'),
        call("charge", '{"euros": 5}'),
        call("pay", '{"euros": 7}'),
        call("register", '{"name": "x"}'),
        call("paint", "{not json"),
        plans=(
            plan("safe", parallel=True),
            plan("safe", parallel=True),
            plan(),
            plan("probe"),
            plan("idempotent"),
            plan(refusal="Tool not found"),
        ),
        stop=StopReason.TOOL_USE,
        raw_stop_reason="tool_calls",
        model="gpt-x-1",
        response_id="resp-2",
    )
    team.mail("lead", "Do not forget the garden.")
    letter = OutgoingMail(mail_id=team.new_id(), to="helper", body="The cellar is wet.")
    team.finish(
        "lead",
        "look",
        "wet, see the report",
        details='{"depth_cm": 3}',
        spilled=BlobRef(digest="0123456789abcdef0123456789abcdef", size_bytes=70_000),
        mail=(letter,),
    )
    team.reply("helper", RefusalBlock(text="I cannot swim.", item_id="msg-2"))


def after_each_death(team):
    """A call of each retry mode is open when the process dies."""
    team.die_and_begin_again("host-2")  # look: again
    team.finish("lead", "look", "leaks", is_error=True)
    team.die_and_begin_again("host-3")  # charge: nobody knows
    team.die_and_begin_again("host-4")  # pay: its probe is asked
    team.verdict("lead", "not_done")
    team.die_and_begin_again("host-5")
    team.verdict("lead", "done", "paid, as the bank says")
    team.die_and_begin_again("host-6")  # register: again, with the same key
    team.finish("lead", "register", "registered")
    team.reply("lead", TextBlock(text="The house leaks."))
    team.reply("lead", TextBlock(text="Quicker was not possible."))


def runs_that_fail(team):
    """Cancelled in the middle, out of rounds, refused by the provider, stopped."""
    team.prompt("loner", "Charge twice.")
    team.reply("loner", call("charge"), call("charge"), plans=(plan(), plan()))
    team.tell("loner", c.CancelRun, reason="too dear")
    team.prompt("loner", "Look once.")
    team.reply("loner", call("look"), plans=(plan("safe"),))
    team.finish("loner", "look", "nothing to see")
    team.prompt("helper", "Write a poem.")
    team.fail("helper", kind="auth", message="the key is wrong", transient=False)
    team.tell("helper", c.StopAgent)
    team.mail("helper", "Are you there?")


def the_board(team):
    """Three tasks, of which the last waits for the others."""
    board = board_stream("main")
    for subject, blocked_by in (("Dry the cellar", ()), ("Mend the roof", ()), ("Paint", (1,))):
        team.send(
            board,
            CreateTask(
                command_id=team.new_id(),
                subject=subject,
                description=f"{subject} before winter.",
                blocked_by=blocked_by,
                created_by="lead",
                now=team.now,
            ),
        )
    team.send(
        board,
        AddDependency(
            command_id=team.new_id(),
            task_id=3,
            blocker_id=2,
            changed_by="lead",
            may_change_any=True,
            now=team.now,
        ),
    )
    team.send(board, ClaimTask(command_id=team.new_id(), claimant="loner", now=team.now))
    for status in ("in_progress", "completed"):
        set_status(team, status, "loner")


def the_attic(team):
    """A task that is done in a directory of its own, and then in that of its owner."""
    board = board_stream("main")
    team.send(
        board,
        CreateTask(
            command_id=team.new_id(),
            subject="Clear the attic",
            created_by="lead",
            now=team.now,
            working_directory="attic",
        ),
    )
    team.send(
        board,
        SetTaskDirectory(
            command_id=team.new_id(),
            task_id=4,
            working_directory="",
            changed_by="lead",
            now=team.now,
            may_change_any=True,
        ),
    )


def set_status(team, status, changed_by):
    """The first task goes on, or back."""
    team.send(
        board_stream("main"),
        SetTaskStatus(
            command_id=team.new_id(),
            task_id=1,
            status=status,
            changed_by=changed_by,
            now=team.now,
        ),
    )


def the_end(team):
    """The lease is renewed, and the process ends while the lead waits for a model and has mail."""
    team.send(WRITER_LEASE, RenewLease(epoch=team.fence.epoch, now=team.now))
    team.prompt("lead", "Say goodbye.")
    team.mail("loner", "Wake up.")
    team.end()


def the_next_day(team):
    """Another process goes on: what was open is answered, what was done is to be done again."""
    team.begin("host-7")
    team.reply("lead", TextBlock(text="Goodbye for today."))
    set_status(team, "pending", "loner")


HOUSE_STORIES = (
    add_members,
    survey,
    after_each_death,
    runs_that_fail,
    the_board,
    the_attic,
    the_end,
)
