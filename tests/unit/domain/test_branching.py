"""An agent that goes on from a moment of another log, and words that are put in its mouth."""

import pytest

from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.decide import AGENT
from mentra_actors.domain.agent.effects import RunTool
from mentra_actors.domain.agent.run_options import RunOptions
from mentra_actors.domain.content import TextBlock, ToolCallBlock, ToolResultsMessage
from mentra_actors.domain.model_call import ModelReply, StopReason
from mentra_actors.domain.tool_call import ToolOutcome
from mentra_actors.domain.transcript import Transcript, apply
from mentra_actors.errors import CommandRejected
from mentra_actors.testing.agent_strategies import SPAWNED

BRANCH = c.BranchAgent(branch="try", position=7, salt="other", now=5.0)
KEY = "tool-1.0"


def told(*commands, start=SPAWNED):
    """State, events and transcript after these commands."""
    state, events = AGENT.fold([start]), [start]
    for command in commands:
        decided = AGENT.decide(command, state)
        events += decided
        state = AGENT.fold(decided, state)
    transcript = Transcript()
    for event in events:
        transcript = apply(transcript, event)
    return state, events, transcript


def calling(**options):
    call = ToolCallBlock(call_id="c1", name="pay", arguments="{}")
    reply = ModelReply(blocks=(TextBlock(text="I pay."), call), stop_reason=StopReason.END_TURN)
    plan = e.CallPlan(key=KEY, retry="idempotent", can_compensate=True)
    run = RunOptions(**options) if options else None
    return [
        c.AcceptPrompt(prompt_id="p", text="Pay.", now=1.0, options=run),
        c.RecordModelReply(effect_id="model-1", reply=reply, plans=(plan,), salt="own", now=2.0),
    ]


PAID = c.RecordToolOutcome(key=KEY, outcome=ToolOutcome(content="paid"), now=3.0)


def edit(kind, text, *, entry=0, key="", number=1):
    return c.EditConversation(
        command_id=f"e{number}", kind=kind, text=text, entry=entry, key=key, now=9.0
    )


def texts(transcript):
    return [
        getattr(one, "text", "")
        or "".join(block.text for block in getattr(one, "blocks", ()) if hasattr(block, "text"))
        or [result.content for result in one.results]
        for one in transcript.messages
    ]


def test_a_call_that_is_open_gets_a_key_of_the_branch():
    before, _, _ = told(*calling())
    after, _, _ = told(*calling(), BRANCH)

    keys = [
        effect.idempotency_key
        for state in (before, after)
        for effect in AGENT.pending(state).values()
        if isinstance(effect, RunTool)
    ]
    assert keys == [f"agent-lead/{KEY}/own", f"agent-lead/{KEY}/other"]


def test_a_run_of_the_origin_is_not_taken_back_in_a_branch():
    state, events, transcript = told(
        *calling(on_failure="rollback"), PAID, BRANCH, c.CancelRun(now=6.0)
    )

    assert state.compensations == ()
    assert events[-1].is_rolled_back is False
    assert texts(transcript) == ["Pay.", "I pay.", ["paid"]]
    again = AGENT.decide(c.ResumeRun(command_id="r", now=7.0, options=None), state)
    assert isinstance(again[0], e.RunStarted)
    assert AGENT.fold(again, state).run.undoable == ()


def test_what_makes_no_difference_is_not_recorded():
    assert list(AGENT.decide(BRANCH, AGENT.fold([SPAWNED]))) == []
    state, events, _ = told(*calling(), BRANCH)
    assert isinstance(events[-1], e.AgentBranched)
    assert list(AGENT.decide(BRANCH, state)) == []


def test_a_result_is_told_in_other_words_and_the_run_goes_on_from_them():
    broken_off = [*calling(), PAID, c.CancelRun(now=6.0)]
    state, _, transcript = told(*broken_off, edit("result", "refused", entry=3, key=KEY))

    assert texts(transcript) == ["Pay.", "I pay.", ["refused"]]
    assert (state.entries, state.leaf, len(transcript.entries)) == (5, 5, 5)
    assert isinstance(transcript.messages[-1], ToolResultsMessage)
    resumed = AGENT.decide(c.ResumeRun(command_id="r", now=7.0, options=None), state)
    assert [type(one) for one in resumed] == [e.RunStarted, e.ModelCallRequested]


def test_words_are_put_in_the_place_of_others_and_the_old_ones_stay():
    over = [*calling(), PAID, c.CancelRun(now=6.0)]
    _, _, first = told(*over, edit("message", "Pay twice.", entry=1))
    _, _, answer = told(*over, edit("answer", "I do not.", entry=2))
    state, _, more = told(*over, edit("message", "Now?"), edit("message", "Now!", number=2))

    assert texts(first) == ["Pay twice."]
    assert texts(answer) == ["Pay.", "I do not."]
    assert texts(more) == ["Pay.", "I pay.", ["paid"], "Now?", "Now!"]
    assert [one.parent for one in first.entries] == [0, 1, 2, 0]
    assert state.resumable is not None
    state, _, _ = told(*over, edit("answer", "I do not.", entry=2))
    assert state.resumable is None


def test_an_edit_counts_once():
    _, events, _ = told(edit("message", "Hello."), edit("message", "Hello again."))
    assert len(events) == 2


@pytest.mark.parametrize(
    ("before", "command", "words"),
    [
        (calling(), edit("message", "x"), "is open"),
        ([], edit("message", "x", entry=1), "no entry 1"),
        ([], edit("answer", "x"), "no entry 0"),
        ([], edit("message", " \n"), "no words"),
        ([], edit("message", "x" * 2_000_001), "longer than"),
        ([edit("message", "x", number=2)], edit("result", "x", entry=1), "which call"),
    ],
)
def test_what_cannot_be_edited_is_refused(before, command, words):
    state, _, _ = told(*before)
    with pytest.raises(CommandRejected, match=words):
        AGENT.decide(command, state)


def test_an_edit_of_something_else_takes_its_number_and_says_nothing():
    """A log is read whatever it says: state and conversation count the same."""
    over = [*calling(), PAID, c.CancelRun(now=6.0)]
    for wrong in (
        edit("answer", "x", entry=1),
        edit("message", "x", entry=2),
        edit("result", "x", entry=1, key=KEY),
        edit("result", "x", entry=3, key="tool-9.9"),
    ):
        state, _, transcript = told(*over, wrong)
        assert texts(transcript) == ["Pay.", "I pay.", ["paid"]]
        assert len(transcript.entries) == state.entries
