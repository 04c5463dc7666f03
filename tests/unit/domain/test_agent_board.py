"""What an agent has to do with the task board of its team: reminders, and taking back."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from agent_words import agent, failed, finished, go, only, recovered, said

from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.decide import AGENT
from mentra_actors.domain.agent.effects import CallModel, CompensateBoard
from mentra_actors.domain.agent.run_options import RunOptions
from mentra_actors.domain.content import ToolCallBlock
from mentra_actors.domain.model_call import ModelReply, StopReason
from mentra_actors.domain.request_view import RequestView
from mentra_actors.domain.tool_call import ToolOutcome


def uses(tool, number=1, **fields):
    """An answer that calls a tool."""
    block = ToolCallBlock(call_id="c", name=tool)
    return c.RecordModelReply(
        effect_id=f"model-{number}",
        reply=ModelReply(blocks=(block,), stop_reason=StopReason.TOOL_USE),
        plans=(e.CallPlan(key=f"tool-{number}.0", retry="idempotent"),),
        now=2.0,
        **fields,
    )


def rounds(before, *tools, start=1):
    """So many rounds, each with one call that is done."""
    for number, tool in enumerate(tools, start=start):
        before = before.when(uses(tool, number)).when(finished(f"tool-{number}.0"))
    return before


def reminds(answer):
    (request,) = [one for one in answer.pending.values() if isinstance(one, CallModel)]
    return request.remind


def undone(run_id="lead/run-1", **fields):
    return c.RecordBoardCompensation(run_id=run_id, now=9.0, **fields)


REMINDED = RequestView(reminder="<reminder/>")


# --- reminders --------------------------------------------------------------------------------


def test_after_three_rounds_without_the_board_a_request_reminds():
    begun = agent().when(go())

    assert [reminds(rounds(begun, *["read"] * count)) for count in range(5)] == [
        False,
        False,
        False,
        True,
        True,
    ]


@pytest.mark.parametrize(("most", "expected"), [(0, False), (1, True), (4, False)])
def test_how_many_rounds_is_an_option_and_none_is_never(most, expected):
    after = rounds(agent(task_reminder_rounds=most).when(go()), "read", "read", "read")

    assert reminds(after) == expected


def test_a_tool_for_the_board_that_succeeds_begins_the_count_anew():
    begun = agent().when(go())
    failing = finished("tool-3.0", ToolOutcome(content="no", is_error=True))
    tried = rounds(begun, "read", "read").when(uses("task_update", 3)).when(failing)

    assert not reminds(rounds(begun, "read", "read", "task_list"))
    assert reminds(tried)


def test_the_count_goes_on_over_runs_and_ends_with_an_answer_to_a_reminder():
    """What a model was reminded of without an answer it has not heard."""
    begun = rounds(agent().when(go()), "read", "read", "read")
    reminded = failed("model-4", view=REMINDED)
    again = begun.when(reminded)
    answered = again.when(uses("read", 5, view=REMINDED))

    assert only(again, e.ModelCallFailed).reminder == "<reminder/>"
    assert reminds(again)
    assert only(answered, e.ModelReplied).reminder == "<reminder/>"
    assert not reminds(answered.when(finished("tool-5.0")))
    assert reminds(begun.when(said(reply_to="model-4")).when(go("p2")))


# --- taking back ------------------------------------------------------------------------------


def broken_off(*tools, **options):
    begun = agent().when(go(**({"on_failure": "rollback"} | options)))
    after = rounds(begun, *tools)
    return after.when(failed(f"model-{len(tools) + 1}", transient=False))


def test_a_run_that_is_taken_back_takes_back_what_it_did_to_the_board():
    """TB7; nothing else begins before that is done, and it is asked for again after a crash."""
    end = broken_off("task_create", "read")
    waiting = end.when(go("p2", now=20.0))
    done = waiting.when(undone(reverted=2, conflicts=1))

    assert only(end, e.RunFailed).board_runs == ("lead/run-1",)
    assert end.pending == {
        "lead/run-1@board": CompensateBoard(run_id="lead/run-1", team_id="main")
    }
    assert AGENT.is_busy(end.state)
    assert waiting.state.run is None
    assert waiting.when(recovered()) == []
    assert done.events[0] == e.BoardCompensated(
        run_id="lead/run-1", reverted=2, conflicts=1, compensated_at=9.0
    )
    assert done.state.run.run_id == "lead/run-2"
    assert done.when(undone(reverted=2)) == []


@pytest.mark.parametrize(
    ("tools", "options"),
    [
        (["read", "task_list", "task_get"], {}),
        ([], {}),
        (["task_create"], {"on_failure": "suspend"}),
    ],
)
def test_the_board_is_asked_only_if_the_run_may_have_changed_it_and_is_taken_back(tools, options):
    end = broken_off(*tools, **options)

    assert only(end, e.RunFailed).board_runs == ()
    assert not end.pending


def test_a_run_that_is_cancelled_while_it_changes_the_board_takes_that_back_too():
    """Whether the call got through is not known: the board knows."""
    at_work = agent().when(go(on_failure="rollback")).when(uses("task_update"))
    end = at_work.when(c.CancelRun(now=5.0))

    assert only(end, e.RunCancelled).board_runs == ("lead/run-1",)
    assert list(end.pending) == ["lead/run-1@board"]


def test_a_run_that_goes_on_from_another_one_takes_back_what_both_did():
    """The conversation goes back to before the first of them."""
    kept = broken_off("task_create", on_failure="suspend")
    options = RunOptions(on_failure="rollback")
    resumed = kept.when(c.ResumeRun(command_id="r1", now=20.0, options=options))
    end = resumed.when(uses("task_update", 3)).when(c.CancelRun(now=21.0))

    assert only(end, e.RunCancelled).board_runs == ("lead/run-1", "lead/run-2")
    assert list(end.pending) == ["lead/run-1@board", "lead/run-2@board"]


def test_nobody_can_resume_or_begin_while_the_board_is_being_asked():
    end = broken_off("task_create")

    assert end.when(c.ResumeRun(command_id="r1", now=20.0)).rejects(
        "calls of the last run are being undone; wait for the end of that"
    )


def test_who_gives_up_undoing_gives_up_the_board_as_well():
    end = broken_off("task_create")
    given_up = end.when(c.GiveUpUndoing(now=9.0, reason="enough"))

    assert only(given_up, e.BoardCompensated).problem == "Given up (enough)"
    assert not given_up.pending


def test_a_stopped_agent_still_takes_back_what_its_run_did():
    at_work = agent().when(go(on_failure="rollback")).when(uses("task_update"))
    stopped = at_work.when(c.StopAgent(now=5.0))

    assert list(stopped.pending) == ["lead/run-1@board", "report-stop-1"]
    assert list(stopped.when(undone()).pending) == ["report-stop-1"]
