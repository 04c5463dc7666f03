"""What a run may use, and how it ends when that is used up."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from agent_words import (
    agent,
    asked,
    failed,
    finished,
    go,
    mail,
    only,
    said,
    steer,
    told,
)

from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.run_options import RetrySchedule, RunOptions, child_options
from mentra_actors.domain.model_call import TokenUsage
from mentra_actors.domain.tool_call import ToolOutcome


def stop(grace_s=None, now=2.5):
    return c.StopRun(now=now, grace_s=grace_s)


def expire(limit, now, run_id="lead/run-1"):
    return c.ExpireRun(run_id=run_id, limit=limit, now=now)


# --- budgets ----------------------------------------------------------------------------------


def test_a_token_budget_ends_the_run_in_order_at_the_next_boundary():
    """Work that is paid for is kept; only what is not begun is not begun."""
    answer = agent().when(go(token_budget=60)).when(asked("safe", tokens=60)).when(finished())

    assert told(answer) == ["ToolCallFinished tool-1.0", "RunFinished lead/run-1"]
    assert only(answer, e.RunFinished).early_end == "token_budget"
    assert only(answer, e.RunFinished).answer == ""


def test_a_token_budget_that_is_not_reached_ends_nothing():
    """A limit is a limit and not a little less."""
    answer = agent().when(go(token_budget=61)).when(asked("safe", tokens=60)).when(finished())

    assert told(answer)[-1] == "ModelCallRequested model-2"


def test_money_is_counted_in_millionths_of_a_dollar():
    """People set budgets in money; tokens of two models do not cost the same."""
    busy = agent().when(go(cost_budget_usd_micros=500)).when(asked("safe", cost=500))
    answer = busy.when(finished())

    assert only(answer, e.RunFinished).early_end == "cost_budget"


def test_failed_calls_count_too():
    """A provider bills what it has read, also if the answer broke off."""
    usage = TokenUsage(input_tokens=50)
    busy = agent().when(go(token_budget=60))
    broken = busy.when(failed(usage=usage, cost_usd_micros=7))
    again = broken.when(failed("model-2", usage=usage))

    assert (broken.state.run.tokens, broken.state.run.cost_usd_micros) == (50, 7)
    assert told(again) == ["ModelCallFailed model-2", "RunFinished lead/run-1"]
    assert only(again, e.RunFinished).early_end == "token_budget"
    assert only(again, e.ModelCallFailed).retry_at is None


def test_a_stop_is_not_followed_by_another_try():
    """A call that fails after the stop is the boundary that the stop waits for."""
    answer = agent().when(go()).when(stop()).when(failed())

    assert told(answer) == ["ModelCallFailed model-1", "RunFinished lead/run-1"]


def test_an_answer_that_is_there_is_the_end_whatever_it_has_cost():
    """A run that has finished has not been ended by its budget."""
    answer = agent().when(go(token_budget=10)).when(said("forty-two", tokens=60))

    finished_ = only(answer, e.RunFinished)
    assert (finished_.answer, finished_.early_end) == ("model-1", "")


def test_a_steer_that_no_request_can_carry_stays_in_its_queue():
    """Words are not thrown away because money has run out."""
    busy = agent().when(go(token_budget=60)).when(steer())
    answer = busy.when(said("forty-two", tokens=60))

    end = only(answer, e.RunFinished)
    assert (end.answer, end.early_end) == ("model-1", "token_budget")
    assert answer.state.steer.items == ("s1",)


@pytest.mark.parametrize("budget", [0, 1])
def test_a_tool_budget_is_hard(budget):
    """The batch that would go beyond is not begun, and each of its calls is answered."""
    answer = agent().when(go(tool_budget=budget)).when(asked("safe+", "safe+"))

    assert told(answer)[2:] == [
        "ToolCallSkipped tool-1.0",
        "ToolCallSkipped tool-1.1",
        "RunFailed lead/run-1",
    ]
    assert only(answer, e.RunFailed).kind == "tool_budget"
    assert answer.pending == {}


def test_a_tool_budget_counts_over_rounds():
    """Calls of all rounds together, not of each."""
    one = agent().when(go(tool_budget=1)).when(asked("safe")).when(finished())
    answer = one.when(asked("safe", reply_to="model-2"))

    assert only(answer, e.RunFailed).kind == "tool_budget"


def test_a_model_budget_is_hard():
    """One request allowed means that a second is never sent."""
    answer = agent().when(go(model_budget=1)).when(asked("safe")).when(finished())

    assert only(answer, e.RunFailed).kind == "model_budget"
    assert answer.pending == {}


def test_retries_count_as_model_calls():
    """A budget of requests is one of requests: a failed one has been sent as well."""
    answer = agent().when(go(model_budget=1)).when(failed())

    assert told(answer) == ["ModelCallFailed model-1", "RunFailed lead/run-1"]
    assert only(answer, e.ModelCallFailed).retry_at is None


def test_a_run_without_any_model_call_left_still_takes_its_prompt():
    """Else it would begin again and again with the same prompt, for ever."""
    answer = agent().when(go(model_budget=0))

    assert told(answer) == [
        "PromptAccepted p1",
        "RunStarted lead/run-1",
        "InputPlaced lead/run-1",
        "RunFailed lead/run-1",
    ]


def test_the_same_holds_for_mail():
    """Mail that wakes an agent which may do nothing must not wake it for ever."""
    answer = agent(run=RunOptions(model_budget=0)).when(mail("m1", through=1))

    assert told(answer)[1:] == ["RunStarted lead/run-1", "InputPlaced lead/run-1"] + [
        "RunFailed lead/run-1"
    ]


def test_options_of_the_profile_hold_for_runs_that_bring_none():
    """Mail and teammates have nobody who passes options."""
    lead = agent(run=RunOptions(tool_budget=0))

    assert only(lead.when(go()).when(asked("safe")), e.RunFailed).kind == "tool_budget"
    own = lead.when(go(model_budget=9)).when(asked("safe"))
    assert "ToolCallStarted tool-1.0" in told(own)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"tool_budget": -1}, "tool_budget must not be negative"),
        ({"deadline_s": float("nan")}, "deadline_s must be a number"),
        ({"retry": RetrySchedule(base_s=-1.0)}, "retry.base_s must be a number"),
        ({"retry_budget": -1}, "retry_budget must not be negative"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, reason):
    """The sender hears of it at once, and nothing is recorded."""
    assert agent().when(go(**options)).rejects(reason)


# --- retries ----------------------------------------------------------------------------------


def test_a_run_may_bring_its_own_schedule():
    """A batch job waits longer than a person would."""
    schedule = RetrySchedule(base_s=2.0, max_s=6.0)
    answer = agent().when(go(retry=schedule))
    waits = []
    for attempt in (1, 2, 3):
        answer = answer.when(failed(f"model-{attempt}"))
        waits.append(only(answer, e.ModelCallFailed).retry_at - 100.0)

    assert waits == [2.0, 4.0, 6.0]


def test_the_cap_on_what_a_provider_asks_for_never_shortens_the_schedule():
    """The host's own words count more than a header."""
    schedule = RetrySchedule(base_s=10.0, max_s=90.0, retry_after_cap_s=1.0)

    assert schedule.delay_s(4, 3600.0) == 80.0


def test_no_retries_means_none():
    """A retry budget of zero is for callers that have their own."""
    answer = agent().when(go(retry_budget=0)).when(failed())

    assert told(answer) == ["ModelCallFailed model-1", "RunFailed lead/run-1"]
    assert only(answer, e.RunFailed).kind == "overloaded"


def test_a_failure_says_which_attempt_it_was_and_when_the_next_one_is():
    """Whoever watches sees `attempt 2 of 5 in 1 s`, from one event."""
    second = agent().when(go()).when(failed()).when(failed("model-2"))
    event = only(second, e.ModelCallFailed)

    assert (event.attempt, event.max_attempts, event.retry_at) == (2, 5, 101.0)
    assert second.state.run.transport_retries == 2
    assert second.state.run.model_requests == 3
    assert second.state.run.rounds == 1


def test_a_partial_answer_is_kept_and_is_no_answer():
    """What had come is shown to people; the model is asked anew and its answer counts once."""
    partial = c.PartialAnswer(text="The ans", thinking="hm")
    answer = agent().when(go()).when(failed(partial=partial))
    event = only(answer, e.ModelCallFailed)

    assert (event.partial_text, event.partial_thinking) == ("The ans", "hm")
    assert answer.state.entries == 1  # the prompt alone
    assert told(answer.when(said("The answer", reply_to="model-2")))[-1].startswith("RunFinished")


# --- deadline ---------------------------------------------------------------------------------


def test_a_deadline_is_a_timer_of_the_run():
    """Nobody polls: the run is ended when its time comes, whatever it waits for."""
    busy = agent().when(go(deadline_s=10.0))

    assert busy.pending["lead/run-1@deadline"].at == 11.0
    assert busy.when(expire("deadline", now=10.9)) == []
    late = busy.when(expire("deadline", now=11.0))
    assert told(late) == ["RunFailed lead/run-1"]
    assert only(late, e.RunFailed).kind == "deadline"
    assert late.pending == {}


def test_a_deadline_in_a_tool_says_that_its_outcome_is_unknown():
    """The tool may have done its work in the last moment."""
    busy = agent().when(go(deadline_at=5.0)).when(asked("never", "never"))
    late = busy.when(expire("deadline", now=5.0))

    assert told(late) == [
        "ToolCallOutcomeUnknown tool-1.0",
        "ToolCallSkipped tool-1.1",
        "RunFailed lead/run-1",
    ]


def test_a_deadline_that_is_past_lets_no_model_call_begin():
    """A run that is too late before it begins costs nothing."""
    answer = agent().when(go(deadline_at=0.5))

    assert told(answer)[-1] == "RunFailed lead/run-1"
    assert "ModelCallRequested model-1" not in told(answer)


def test_a_timer_of_another_run_does_nothing():
    """It rang after its run had ended."""
    busy = agent().when(go(deadline_s=10.0)).when(said()).when(go("p2", now=3.0))

    assert busy.when(expire("deadline", now=99.0)) == []


# --- stop -------------------------------------------------------------------------------------


def test_a_stop_lets_the_round_end_and_ends_the_run_in_order():
    """All calls of the answer are run; no further model call is made."""
    busy = agent().when(go()).when(asked("safe", "safe", tokens=20)).when(stop())
    one = busy.when(finished())
    answer = one.when(finished("tool-1.1"))

    assert told(busy) == ["RunStopRequested lead/run-1"]
    assert told(one) == ["ToolCallFinished tool-1.0", "ToolCallStarted tool-1.1"]
    end = only(answer, e.RunFinished)
    assert (end.ending, end.early_end) == ("early", "stop_requested")


def test_a_stop_counts_more_than_a_budget():
    """If both would end the run, the person did."""
    busy = agent().when(go(token_budget=1)).when(asked("safe", tokens=20)).when(stop())

    assert only(busy.when(finished()), e.RunFinished).early_end == "stop_requested"


def test_a_stop_while_the_model_answers_keeps_the_answer():
    """The answer that is being paid for is the end of the run."""
    answer = agent().when(go()).when(stop()).when(said("forty-two"))

    end = only(answer, e.RunFinished)
    assert (end.answer, end.early_end) == ("model-1", "")


def test_a_stop_in_a_retry_wait_ends_the_run_at_once():
    """Nothing is running that could be finished."""
    answer = agent().when(go()).when(failed()).when(stop(now=100.1))

    assert told(answer) == ["RunStopRequested lead/run-1", "RunFinished lead/run-1"]
    assert answer.pending == {}


def test_a_stop_has_patience_and_then_ends_what_still_runs():
    """A silent stream or a stuck tool must not keep a person waiting."""
    busy = agent().when(go()).when(asked("never")).when(stop(grace_s=5.0))

    assert busy.pending["lead/run-1@stop"].at == 7.5
    assert busy.when(expire("stop", now=7.0)) == []
    late = busy.when(expire("stop", now=7.5))
    assert told(late) == ["ToolCallOutcomeUnknown tool-1.0", "RunFinished lead/run-1"]
    assert only(late, e.RunFinished).early_end == "stop_requested"


def test_a_stop_leaves_what_is_queued():
    """Steering that was not said waits for another run."""
    busy = agent().when(go()).when(asked("safe")).when(steer()).when(stop())
    answer = busy.when(finished())

    assert answer.state.steer.items == ("s1",)
    assert told(answer) == ["ToolCallFinished tool-1.0", "RunFinished lead/run-1"]


def test_a_stop_without_a_run_or_a_second_one_does_nothing():
    """Pressing the button twice is no error."""
    assert agent().when(stop()) == []
    assert agent().when(go()).when(stop()).when(stop()) == []


# --- what a tool may end ----------------------------------------------------------------------

TERMINATE = ToolOutcome(content="bye", terminate=True)
REST = ToolOutcome(content="resting", rest=True)


def test_a_tool_may_end_the_run_and_later_calls_are_not_run():
    """A tool that hands over to a person must be the last word."""
    busy = agent().when(go()).when(asked("safe", "never", "safe", "safe+")).when(finished())
    answer = busy.when(finished("tool-1.1", TERMINATE))

    assert told(answer) == [
        "ToolCallFinished tool-1.1",
        "ToolCallSkipped tool-1.2",
        "ToolCallSkipped tool-1.3",
        "RunFinished lead/run-1",
    ]
    assert only(answer, e.RunFinished).ending == "terminated"
    reason = next(x.reason for x in answer.events if isinstance(x, e.ToolCallSkipped))
    assert reason == "not executed: run terminated by 'tool'"


def test_a_parallel_call_cannot_end_the_run():
    """Its neighbours are running, and their results would be lost."""
    busy = agent().when(go()).when(asked("safe+", "safe+")).when(finished("tool-1.0", TERMINATE))
    answer = busy.when(finished("tool-1.1"))

    event = only(busy, e.ToolCallFinished)
    assert event.is_error
    assert event.content.startswith("not honored: tool 'tool'")
    assert told(answer)[-1] == "ModelCallRequested model-2"


def test_a_tool_may_ask_for_rest_after_the_round():
    """Idle ends the run, but not the calls that stand beside it."""
    busy = agent().when(go()).when(asked("safe", "safe")).when(finished("tool-1.0", REST))
    answer = busy.when(finished("tool-1.1"))

    assert told(busy) == ["ToolCallFinished tool-1.0", "ToolCallStarted tool-1.1"]
    assert only(answer, e.RunFinished).ending == "idle"


def test_the_end_that_a_tool_wants_comes_before_steering():
    """End of turn, then steering, then follow-up, then the strategy."""
    busy = agent().when(go()).when(asked("safe")).when(steer())
    answer = busy.when(finished("tool-1.0", TERMINATE))

    assert told(answer)[-1] == "RunFinished lead/run-1"
    assert answer.state.steer.items == ("s1",)


# --- children ---------------------------------------------------------------------------------


def test_a_child_shares_and_copies_and_resets():
    """The rules of the reference: what is shared, what is copied, what begins anew."""
    parent = RunOptions(
        deadline_s=10.0,
        retry_budget=2,
        retry=RetrySchedule(base_s=9.0),
        tool_budget=1,
        model_budget=2,
        token_budget=100,
        cost_budget_usd_micros=7,
        strategy="careful",
    )
    child = child_options(parent, deadline_at=11.0, budget="budget-lead/run-1")

    assert child == RunOptions(
        deadline_at=11.0,
        retry_budget=2,
        retry=RetrySchedule(base_s=9.0),
        token_budget=100,
        cost_budget_usd_micros=7,
        budget="budget-lead/run-1",
    )
