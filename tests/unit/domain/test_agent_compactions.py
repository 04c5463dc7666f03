"""A request that is too long waits for a compaction, and is made whatever comes of it."""

import sys
from pathlib import Path

import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from agent_words import agent, asked, failed, finished, go, only, recovered, said, told

from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent import effects as f
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.fallback import Fallback
from mentra_actors.domain.agent.profile import CompactionOptions, MemoryOptions, profile_fault
from mentra_actors.domain.compacted import Compaction, UnwrittenSummary
from mentra_actors.domain.model_call import ModelReply, StopReason, TokenUsage
from mentra_actors.domain.tool_call import ToolOutcome

WRITTEN = Compaction(through=1, summary="so far", usage=TokenUsage(input_tokens=40))
TOO_LONG = {"transient": False, "code": "context_length_exceeded"}


def full(effect_id="model-1", tokens=60_000, limit=50_000, now=2.0):
    return c.RecordContextFull(effect_id=effect_id, tokens=tokens, limit=limit, now=now)


def summed(effect_id="compact-1", compaction=WRITTEN, now=3.0, **more):
    return c.RecordCompaction(effect_id=effect_id, compaction=compaction, now=now, **more)


def not_summed(effect_id="compact-1", now=3.0, **more):
    return summed(effect_id, None, now, problem="try later", is_error=True, **more)


def waiting(**options):
    return agent().when(go(**options)).when(full())


def model_calls(answer):
    return [one for one in answer.pending.values() if isinstance(one, f.CallModel)]


def test_a_call_that_is_too_long_waits_for_a_summary():
    """While it is written nothing is sent; what is asked for says why."""
    answer = waiting()

    asked_for = only(answer, e.CompactionRequested)
    assert (asked_for.trigger, asked_for.awaited_by) == ("auto", "model-1")
    assert (asked_for.tokens, asked_for.limit) == (60_000, 50_000)
    assert list(answer.pending) == ["compact-1"]
    assert answer.pending["compact-1"].limit == 50_000


@pytest.mark.parametrize(
    "end",
    [summed(), summed(compaction=None, problem="nothing older"), not_summed()],
    ids=["written", "nothing older", "failed"],
)
def test_the_call_is_made_whatever_comes_of_the_summary(end):
    """Under another name: it is another effect, of the same call. It waits once only."""
    answer = waiting().when(end)
    (call,) = model_calls(answer)

    assert list(answer.pending) == ["model-1@compact-1"]
    assert (call.effect_id, call.is_compacted) == ("model-1", True)
    assert answer.when(full()) == []
    assert only(answer.when(said()), e.RunFinished).ending == "answered"


def test_nothing_comes_of_a_call_that_waits():
    """Nothing of it was sent; an answer to it is a mistake of the world."""
    answer = waiting()

    assert answer.when(said()) == []
    assert answer.when(failed()) == []


def test_a_failure_that_may_pass_is_tried_three_times():
    """Half a second apart; each attempt is an effect of its own, and the run goes on after it."""
    answer = waiting().when(not_summed(transient=True, now=10.0))
    retried = only(answer, e.CompactionRetried)
    assert (retried.attempt, retried.not_before) == (2, 10.5)
    assert list(answer.pending) == ["compact-1@2"]

    answer = answer.when(not_summed(transient=True, attempt=2, retry_after_s=900.0, now=20.0))
    assert answer.pending["compact-1@3"].not_before == 50.0

    answer = answer.when(not_summed(transient=True, attempt=3))
    assert only(answer, e.CompactionSkipped).is_error
    assert list(answer.pending) == ["model-1@compact-1"]


def test_a_late_outcome_of_an_earlier_attempt_counts_nothing():
    """Else a summary could be skipped that is being written."""
    answer = waiting().when(not_summed(transient=True))

    assert answer.when(not_summed(transient=True)) == []


def test_a_summary_that_a_person_has_asked_for_is_waited_for():
    """One is enough."""
    answer = agent().when(go()).when(c.CompactConversation(now=1.5)).when(full())

    assert told(answer) == ["CompactionAwaited compact-1"]
    assert list(answer.pending) == ["compact-1"]
    answer = answer.when(c.CancelCompaction(now=2.0))
    assert only(answer, e.CompactionSkipped).is_cancelled
    assert list(answer.pending) == ["model-1@compact-1"]


@pytest.mark.parametrize(
    ("end", "kind"),
    [
        (c.CancelRun(now=4.0), e.RunCancelled),
        (c.StopRun(now=4.0), e.RunFinished),
        (c.StopAgent(now=4.0), e.RunCancelled),
        (c.ExpireRun(run_id="lead/run-1", limit="deadline", now=99.0), e.RunFailed),
    ],
    ids=["cancelled", "stopped", "agent stopped", "deadline"],
)
def test_the_end_of_a_run_ends_the_summary_that_it_waits_for(end, kind):
    """Nobody needs it any more, and it costs money."""
    answer = waiting(deadline_s=50.0)
    if isinstance(end, c.ExpireRun):
        end = c.ExpireRun(run_id=answer.state.run.run_id, limit=end.limit, now=end.now)
    answer = answer.when(end)
    kinds = [type(one) for one in answer.events]

    assert kinds.index(e.CompactionSkipped) < kinds.index(kind)
    assert only(answer, e.CompactionSkipped).is_cancelled
    assert "compact-1" not in answer.pending
    assert not model_calls(answer)


def test_the_end_of_a_run_leaves_a_summary_that_a_person_wants():
    """It is not the run's."""
    answer = agent().when(go()).when(c.CompactConversation(now=1.5)).when(c.CancelRun(now=2.0))

    assert list(answer.pending) == ["compact-1"]


def test_a_restart_begins_the_summary_again_and_the_call_still_waits():
    """Nothing of the call was sent, so it was not interrupted."""
    answer = waiting().when(recovered())

    assert told(answer) == ["AgentRecovered"]
    assert list(answer.pending) == ["compact-1"]


def test_a_call_that_has_waited_is_asked_again_when_its_process_has_died():
    """It is found by the name of its effect."""
    answer = waiting().when(summed())

    assert answer.when(recovered("model-1@compact-1")) == []
    assert told(answer.when(recovered()))[1] == "ModelCallFailed model-1"


# --- what is spent ----------------------------------------------------------------------------


def test_what_a_summary_uses_counts_for_the_run_that_waits():
    """Failed attempts too, if the provider has counted them."""
    answer = waiting().when(
        not_summed(transient=True, usage=TokenUsage(input_tokens=5), cost_usd_micros=7)
    )
    answer = answer.when(summed(attempt=2))

    assert (answer.state.run.tokens, answer.state.run.cost_usd_micros) == (45, 7)
    assert only(answer, e.ConversationCompacted).run_id == answer.state.run.run_id


def test_what_a_person_has_summarized_counts_for_no_run():
    answer = agent().when(go()).when(c.CompactConversation(now=1.5)).when(summed())

    assert answer.state.run.tokens == 0
    assert only(answer, e.ConversationCompacted).run_id == ""


def test_a_summary_that_uses_up_the_budget_ends_the_run_in_order():
    """The budget is for the run; the call that has waited would go over it."""
    answer = waiting(token_budget=30).when(summed())

    assert told(answer)[1:] == ["ModelCallWithheld model-1", f"RunFinished {_run(answer)}"]
    assert only(answer, e.RunFinished).early_end == "token_budget"
    assert not only(answer, e.ModelCallWithheld).is_shared


def _run(answer):
    return only(answer, e.RunFinished).run_id


def test_a_shared_budget_hears_of_summaries():
    """Of those that a call waits for, and of those of the tool."""
    shared = {"token_budget": 10_000, "budget": "budget-b"}
    answer = waiting(**shared).when(not_summed(transient=True, usage=TokenUsage(input_tokens=5)))
    assert only(answer, e.SharedSpending).effect_id == "compact-1"
    answer = answer.when(summed(attempt=2))
    spent = only(answer, e.SharedSpending)
    assert (spent.effect_id, spent.tokens) == ("compact-1@2", 40)

    by_tool = agent().when(go(**shared)).when(asked("safe"))
    by_tool = by_tool.when(finished(outcome=ToolOutcome(content="short", compaction=WRITTEN)))
    assert only(by_tool, e.SharedSpending).tokens == 40
    assert by_tool.state.run.tokens == 40

    failed_one = UnwrittenSummary(reason="busy", usage=TokenUsage(input_tokens=7))
    outcome = ToolOutcome(content="busy", is_error=True, unwritten=failed_one)
    by_tool = agent().when(go(**shared)).when(asked("safe")).when(finished(outcome=outcome))
    assert only(by_tool, e.SharedSpending).tokens == 7
    assert by_tool.state.run.tokens == 7
    assert only(by_tool, e.CompactionSkipped).reason == "busy"


# --- a context that is full -------------------------------------------------------------------


def test_a_request_that_was_too_long_is_made_once_more_after_a_summary():
    """The provider knows better than an estimate."""
    answer = agent().when(go()).when(failed(**TOO_LONG))

    assert told(answer) == [
        "ModelCallFailed model-1",
        "ModelCallRequested model-2",
        "CompactionRequested compact-1",
    ]
    wanted = only(answer, e.CompactionRequested)
    assert (wanted.trigger, wanted.awaited_by) == ("overflow", "model-2")
    assert list(answer.pending) == ["compact-1"]
    assert list(answer.when(summed()).pending) == ["model-2@compact-1"]


def test_an_answer_for_which_there_was_no_room_is_an_overflow():
    """It says nothing, and would end the run as if it were done."""
    reply = ModelReply(
        blocks=(), stop_reason=StopReason.CONTEXT_EXCEEDED, usage=TokenUsage(input_tokens=9)
    )
    command = c.RecordModelReply(effect_id="model-1", reply=reply, plans=(), now=2.0)
    answer = agent().when(go()).when(command)

    assert only(answer, e.CompactionRequested).trigger == "overflow"
    assert only(answer, e.ModelCallFailed).usage.input_tokens == 9


def test_a_second_overflow_fails_the_run_and_says_what_to_do():
    answer = agent().when(go()).when(failed(**TOO_LONG)).when(summed())
    answer = answer.when(failed("model-2", **TOO_LONG))

    end = only(answer, e.RunFailed)
    assert end.kind == "context_exceeded"
    assert "larger context window" in end.message


def test_an_overflow_is_not_summarized_where_the_options_say_so():
    options = CompactionOptions(compact_on_overflow=False)
    answer = agent(compaction=options).when(go()).when(failed(**TOO_LONG))

    assert only(answer, e.RunFailed).kind == "context_exceeded"


def test_a_fallback_for_long_conversations_goes_before_a_summary_and_others_after_it():
    """Whoever has named a model with more room wants to lose nothing."""
    roomy = Fallback(model="spare:large", on=("context_exceeded",))
    answer = agent().when(go(fallbacks=(roomy,))).when(failed(**TOO_LONG))
    assert only(answer, e.ModelCallRequested).model == "spare:large"

    other = Fallback(model="spare:small")
    answer = agent().when(go(fallbacks=(other,))).when(failed(**TOO_LONG))
    assert only(answer, e.CompactionRequested).trigger == "overflow"
    answer = answer.when(summed()).when(failed("model-2", **TOO_LONG))
    assert only(answer, e.ModelCallRequested).model == "spare:small"


# --- undone -----------------------------------------------------------------------------------


def test_a_compaction_is_undone_once_and_between_runs_only():
    answer = waiting().when(summed())
    undo = c.UndoCompaction(compaction="compact-1", now=5.0)
    assert "run is open" in answer.when(undo).rejection

    answer = answer.when(said())
    assert told(answer.when(undo)) == ["CompactionUndone compact-1"]
    assert "no compaction" in answer.when(undo).when(undo).rejection
    assert "being written" in answer.when(c.CompactConversation(now=6.0)).when(undo).rejection


@pytest.mark.parametrize(
    "changes",
    [
        {"compaction": CompactionOptions(auto_compact_threshold_tokens=0)},
        {"compaction": CompactionOptions(auto_compact_share=2.0)},
        {"compaction": CompactionOptions(auto_compact_share=float("nan"))},
        {"compaction": CompactionOptions(keep_recent_tool_results=-1)},
        {"compaction": CompactionOptions(summary_max_output_tokens=0)},
        {"compaction": CompactionOptions(summary_max_input_chars=0)},
        {"memory": MemoryOptions(auto_recall_timeout_s=float("nan"))},
        {"memory": MemoryOptions(auto_recall_limit=-1)},
    ],
    ids=str,
)
def test_no_agent_is_configured_with_numbers_that_mean_nothing(changes):
    (options,) = changes.values()
    profile = agent().state.profile

    (wrong,) = [
        name
        for name in options.__struct_fields__
        if repr(getattr(options, name)) != repr(getattr(type(options)(), name))
    ]
    assert wrong in profile_fault(msgspec.structs.replace(profile, **changes))
    assert not profile_fault(profile)
