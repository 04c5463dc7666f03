"""A run that is led by a strategy, and one that is to end with a typed value."""

import sys
from pathlib import Path

import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from agent_words import (
    agent,
    asked,
    finished,
    go,
    only,
    said,
    steer,
    told,
)

from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.effects import DecideRound, FinishedCall
from mentra_actors.domain.agent.profile import ProfileChanges
from mentra_actors.domain.agent.run_options import RunOptions, TerminalOutput


def decided(number=1, choice="continue", now=5.0, **more):
    return c.RecordRoundDecision(effect_id=f"round-{number}", choice=choice, now=now, **more)


def led(**options):
    return agent().when(go(strategy="careful", **options))


def test_a_strategy_is_asked_after_tools_and_after_an_answer():
    """At both boundaries, with what it needs to decide."""
    tools = led().when(asked("safe", tokens=9)).when(finished())
    answer = tools.when(decided()).when(said("forty-two", reply_to="model-2"))

    (first,), (second,) = tools.pending.values(), answer.pending.values()
    assert isinstance(first, DecideRound)
    assert first.strategy == "careful"
    context = first.context
    assert (context.boundary, context.answer) == ("tools", "")
    assert context.results == (FinishedCall(call_id="c0", tool="tool", is_error=False),)
    assert (context.rounds, context.model_requests, context.tokens) == (1, 1, 9)
    assert (second.context.boundary, second.context.answer) == ("answer", "forty-two")
    assert second.context.results == ()
    assert second.context.rounds == 2


def test_to_go_on_is_what_happens_without_a_strategy():
    """Continue means the next round after tools, and the end after an answer."""
    tools = led().when(asked("safe")).when(finished()).when(decided())
    answer = tools.when(said("done", reply_to="model-2")).when(decided(2))

    assert told(tools) == ["RoundDecided round-1", "ModelCallRequested model-2"]
    assert told(answer) == ["RoundDecided round-2", "RunFinished lead/run-1"]
    assert only(answer, e.RunFinished).answer == "model-2"


@pytest.mark.parametrize("at_tools", [True, False])
def test_to_inject_is_one_more_round(at_tools):
    """What the strategy says stands in the next request, as the words of a user."""
    boundary = led().when(asked("safe")).when(finished()) if at_tools else led().when(said())
    answer = boundary.when(decided(choice="inject", text="Check it."))

    assert told(answer)[0] == "RoundDecided round-1"
    assert only(answer, e.InputPlaced).injected == "Check it."
    assert told(answer)[-1] == "ModelCallRequested model-2"


def test_to_stop_after_tools_is_an_end_without_an_answer():
    """The strategy has seen enough."""
    answer = led().when(asked("safe")).when(finished()).when(decided(choice="stop"))

    end = only(answer, e.RunFinished)
    assert (end.ending, end.answer, end.early_end) == ("strategy", "", "")


def test_to_stop_after_an_answer_accepts_it():
    """It is the answer of the run."""
    end = only(led().when(said("forty-two")).when(decided(choice="stop")), e.RunFinished)

    assert (end.ending, end.answer) == ("answered", "model-1")


def test_a_strategy_may_change_the_model_from_the_next_request_on():
    """Switches are facts of the agent, and last."""
    changes = ProfileChanges(model="scripted:better")
    answer = led().when(asked("safe")).when(finished()).when(decided(changes=changes))

    assert told(answer)[:2] == ["RoundDecided round-1", "AgentReconfigured"]
    (effect,) = answer.pending.values()
    assert effect.profile.model == "scripted:better"


def test_steering_goes_past_the_strategy():
    """At a boundary at which something is said, the strategy is not asked."""
    tools = led().when(asked("safe")).when(steer()).when(finished())
    later = tools.when(asked("safe", reply_to="model-2")).when(finished("tool-2.0"))

    assert told(tools)[-1] == "ModelCallRequested model-2"
    assert told(later)[-1] == "RoundDecisionRequested round-1"


def test_what_no_request_can_carry_is_not_said():
    """Limits are looked at before a strategy's words are placed."""
    answer = led(token_budget=5).when(said(tokens=9)).when(decided(choice="inject", text="More."))

    assert told(answer) == ["RoundDecided round-1", "RunFinished lead/run-1"]


def test_a_strategy_that_fails_ends_the_run_and_it_can_be_resumed():
    """A bug in a strategy must not look like an answer."""
    answer = led().when(said()).when(decided(fault="strategy 'careful' raised: ValueError: x"))

    assert only(answer, e.RunFailed).kind == "strategy"
    assert answer.state.resumable.boundary == "answer"


def test_a_decision_counts_once():
    """Delivered twice, or for another question."""
    answer = led().when(asked("safe")).when(finished()).when(decided())

    assert answer.when(decided()) == []
    assert answer.when(decided(7)) == []


def test_a_stop_does_not_wait_for_the_strategy():
    """It would only say how to go on."""
    answer = led().when(said("forty-two")).when(c.StopRun(now=4.0))

    end = only(answer, e.RunFinished)
    assert (end.answer, end.early_end) == ("model-1", "stop_requested")


def test_without_a_strategy_nobody_is_asked():
    """The seam costs nothing where it is not used."""
    answer = agent().when(go()).when(said())

    assert told(answer) == ["ModelReplied model-1", "RunFinished lead/run-1"]


# --- typed output -----------------------------------------------------------------------------

TOOL = TerminalOutput(tool_name="tool", schema="{}")
NATIVE = TerminalOutput(tool_name="", schema="{}", mode="native")


def test_the_call_that_hands_over_the_value_ends_the_run():
    """Nothing is run for it: its arguments are the value."""
    answer = agent().when(go(output=TOOL)).when(asked("never="))

    assert told(answer)[2:] == ["ToolCallFinished tool-1.0", "RunFinished lead/run-1"]
    end = only(answer, e.RunFinished)
    assert (end.output, end.ending, end.answer) == ("tool-1.0", "terminated", "")


def test_calls_before_it_run_and_calls_after_it_do_not():
    """One result per call, in order."""
    busy = agent().when(go(output=TOOL)).when(asked("safe", "never=", "safe", "never="))
    answer = busy.when(finished())

    assert told(answer) == [
        "ToolCallFinished tool-1.0",
        "ToolCallFinished tool-1.1",
        "ToolCallSkipped tool-1.2",
        "ToolCallSkipped tool-1.3",
        "RunFinished lead/run-1",
    ]
    assert only(answer, e.RunFinished).output == "tool-1.1"


def test_a_value_of_another_shape_is_sent_back():
    """The model reads what was wrong and may do better."""
    answer = agent().when(go(output=TOOL)).when(asked("never=!"))

    assert told(answer)[2:] == ["ToolCallFinished tool-1.0", "ModelCallRequested model-2"]


def test_prose_ends_the_run_without_a_value():
    """Whoever asked for a value will be told that there is none; the words are kept."""
    end = only(agent().when(go(output=TOOL)).when(said("I'd rather talk.")), e.RunFinished)

    assert (end.output, end.answer) == ("", "model-1")


def test_a_native_answer_is_the_value():
    """Providers that promise a format need no tool for it."""
    answer = agent().when(go(output=NATIVE)).when(said('{"n": 1}', is_output=True))

    assert only(answer, e.RunFinished).output == "model-1"


def test_a_native_answer_that_does_not_fit_is_repaired_once():
    """The model is told what is wrong; a second fault is the end."""
    once = msgspec.structs.replace(NATIVE, retries=1)
    first = agent().when(go(output=once)).when(said("no", output_fault="expected an object"))
    second = first.when(said("no", reply_to="model-2", output_fault="expected an object"))

    assert "expected an object" in only(first, e.InputPlaced).injected
    assert told(first)[-1] == "ModelCallRequested model-2"
    assert only(second, e.RunFinished).output == ""


def test_a_value_that_does_not_fit_is_sent_back_so_many_times():
    """Its own result says what is wrong; then the run ends, in order and without a value."""
    once = msgspec.structs.replace(TOOL, retries=1)
    first = agent().when(go(output=once)).when(asked("never=!"))
    second = first.when(asked("never=!", reply_to="model-2"))

    assert told(first)[-1] == "ModelCallRequested model-2"
    end = only(second, e.RunFinished)
    assert (end.ending, end.output, end.answer) == ("answered", "", "")


def test_an_early_end_leaves_no_value():
    """A budget ends a typed run like any other."""
    busy = agent().when(go(output=TOOL, token_budget=5)).when(asked("safe", tokens=9))
    end = only(busy.when(finished()), e.RunFinished)

    assert (end.output, end.early_end) == ("", "token_budget")


def wanted(**options):
    """A prompt whose run is to end with a value, with run options if any are named."""
    chosen = RunOptions(**options) if options else None
    return c.AcceptPrompt(prompt_id="p1", text="go", now=1.0, options=chosen, output=TOOL)


def test_a_wish_for_a_value_leaves_the_limits_of_the_agent():
    """Nobody who asks for a type means to lift a budget; own options count as in any run."""
    lead = agent(run=RunOptions(tool_budget=3))

    plain, own = lead.when(wanted()), lead.when(wanted(model_budget=9))
    assert only(plain, e.RunStarted).options == RunOptions(tool_budget=3, output=TOOL)
    assert only(own, e.RunStarted).options == RunOptions(model_budget=9, output=TOOL)


def test_a_resumed_run_still_ends_with_its_value():
    """New limits change how it goes on, and not what was asked for."""
    broken = agent().when(wanted(model_budget=1)).when(asked("safe")).when(finished())
    again = c.ResumeRun(command_id="again", now=9.0, options=RunOptions(model_budget=9))

    options = only(broken.when(again), e.RunStarted).options
    assert options == RunOptions(model_budget=9, output=TOOL)
