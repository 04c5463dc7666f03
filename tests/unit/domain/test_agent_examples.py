"""How an agent works, by example: given these facts, when this is asked, then these follow."""

import sys
from pathlib import Path

import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from agent_words import (
    DONE,
    PROFILE,
    agent,
    asked,
    failed,
    finished,
    go,
    mail,
    recovered,
    said,
    told,
)

from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.decide import AGENT, MAX_PROMPT_CHARS
from mentra_actors.domain.agent.effects import CallModel, ProbeTool, RunTool
from mentra_actors.domain.agent.run_options import RetrySchedule
from mentra_actors.domain.tool_call import OutgoingMail, ToolOutcome
from mentra_actors.testing.given_when_then import given

GO = go()


# --- prompts and runs -------------------------------------------------------------------------


def test_a_prompt_starts_a_run_and_calls_the_model():
    """The shortest way from a question to a model: one append, one effect."""
    answer = agent().when(GO)

    assert answer == [
        e.PromptAccepted(prompt_id="p1", text="go", accepted_at=1.0),
        e.RunStarted(run_id="lead/run-1", started_at=1.0),
        e.InputPlaced(run_id="lead/run-1", prompt_ids=("p1",)),
        e.ModelCallRequested(effect_id="model-1", run_id="lead/run-1", round=1),
    ]
    assert answer.pending == {
        "model-1": CallModel(
            effect_id="model-1", run_id="lead/run-1", profile=PROFILE, attempt=1, not_before=0.0
        )
    }


def test_an_answer_without_calls_ends_the_run():
    """What the model says last is the answer of the run."""
    answer = agent().when(GO).when(said("forty-two"))

    assert answer.events[-1] == e.RunFinished(
        run_id="lead/run-1", answer="model-1", finished_at=3.0
    )
    assert answer.pending == {}


def test_a_prompt_sent_twice_is_accepted_once():
    """A client that lost the answer sends again with the same id."""
    assert agent().when(GO).when(GO) == []


def test_a_prompt_while_busy_waits_for_the_next_run():
    """A second question must not be mixed into the work on the first."""
    second = c.AcceptPrompt(prompt_id="p2", text="and then", now=2.0)
    busy = agent().when(GO).when(second)

    assert told(busy) == ["PromptAccepted p2"]
    assert told(busy.when(said())) == [
        "ModelReplied model-1",
        "RunFinished lead/run-1",
        "RunStarted lead/run-2",
        "InputPlaced lead/run-2",
        "ModelCallRequested model-2",
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [("", "empty"), (" \n", "empty"), ("x" * (MAX_PROMPT_CHARS + 1), "over the limit")],
    ids=["empty", "blank", "too long"],
)
def test_a_prompt_that_no_model_could_use_is_refused(text, reason):
    """The sender learns at once what a provider would say much later."""
    assert agent().when(c.AcceptPrompt(prompt_id="p1", text=text, now=1.0)).rejects(reason)


def test_an_agent_that_was_never_spawned_refuses():
    """A misspelt name must not make an agent out of nothing."""
    assert given(AGENT).when(GO).rejects("no such agent")


def test_a_stopped_agent_takes_no_prompt():
    """Whoever dismissed an agent must be able to rely on it."""
    stopped = agent().when(GO).when(c.StopAgent(now=2.0))

    assert told(stopped) == ["RunCancelled lead/run-1", "AgentStopped"]
    assert stopped.when(c.AcceptPrompt(prompt_id="p2", text="go", now=3.0)).rejects("stopped")
    assert told(stopped.when(mail("m1", through=1))) == ["MailCameLate 1"]
    assert stopped.when(c.StopAgent(now=4.0)) == []


def test_a_run_ends_when_its_rounds_are_used():
    """A model that calls tools for ever must not spend money for ever."""
    answer = agent(max_rounds=1).when(GO).when(asked("safe")).when(finished("tool-1.0"))

    assert answer.events[-1].kind == "max_rounds"
    assert "1 rounds" in answer.events[-1].message
    assert answer.pending == {}


# --- tool calls -------------------------------------------------------------------------------


def test_parallel_calls_start_together_and_the_next_round_waits_for_all():
    """Reading three files takes as long as the slowest, and the model sees all three."""
    answer = agent().when(GO).when(asked("safe+", "safe+"))

    assert told(answer)[2:] == ["ToolCallStarted tool-1.0", "ToolCallStarted tool-1.1"]
    one = answer.when(finished("tool-1.1"))
    assert told(one) == ["ToolCallFinished tool-1.1"]
    assert told(one.when(finished("tool-1.0"))) == [
        "ToolCallFinished tool-1.0",
        "ModelCallRequested model-2",
    ]


def test_an_exclusive_call_runs_alone():
    """A write between two reads must see the first done and be done for the second."""
    first = agent().when(GO).when(asked("safe+", "never", "safe+"))
    second = first.when(finished("tool-1.0"))
    third = second.when(finished("tool-1.1"))

    assert list(first.pending) == ["tool-1.0@1"]
    assert list(second.pending) == ["tool-1.1@1"]
    assert list(third.pending) == ["tool-1.2@1"]


def test_a_refused_call_gets_its_refusal_and_never_runs():
    """The model learns what was wrong; the world does not."""
    answer = agent().when(GO).when(asked("safe!", "safe"))

    assert answer.events[2] == e.ToolCallFinished(
        key="tool-1.0",
        content="Invalid arguments",
        is_error=True,
        finished_at=2.0,
        tool="tool",
        call_id="c0",
    )
    assert list(answer.pending) == ["tool-1.1@1"]


def test_a_refused_call_among_parallel_ones_never_runs():
    """A denied call must not slip through because its neighbours were allowed."""
    answer = agent().when(GO).when(asked("safe+", "safe+!", "safe+"))

    assert "ToolCallStarted tool-1.1" not in told(answer)
    assert "tool-1.1@1" not in answer.pending


def test_a_call_that_nobody_planned_is_not_found():
    """A model may name a tool that does not exist; the conversation goes on."""
    reply = msgspec.structs.replace(asked("safe"), plans=())
    answer = agent().when(GO).when(reply)

    assert answer.events[2].content == "Tool not found"
    assert list(answer.pending) == ["model-2"]


def test_a_tool_is_told_a_key_that_no_other_call_has():
    """Tools dedupe on the key, so it must be the same after a restart and never another's."""
    answer = agent().when(GO).when(asked("idempotent+", "idempotent+"))
    keys = [effect.idempotency_key for effect in answer.pending.values()]
    salted = msgspec.structs.replace(asked("idempotent"), salt="x7Qa")
    [effect] = agent().when(GO).when(salted).pending.values()

    assert keys == ["agent-lead/tool-1.0", "agent-lead/tool-1.1"]
    assert effect.idempotency_key == "agent-lead/tool-1.0/x7Qa"


def test_the_mail_of_a_call_leaves_with_its_outcome():
    """A letter and the fact that it was sent are one append: neither without the other."""
    letter = OutgoingMail(mail_id="out-1", to="worker", body="hello")
    outcome = ToolOutcome(content="sent", mail=(letter,))
    answer = agent().when(GO).when(asked("never")).when(finished("tool-1.0", outcome))

    assert told(answer) == [
        "MailSent",
        "ToolCallFinished tool-1.0",
        "ModelCallRequested model-2",
    ]
    (delivery,) = answer.companions
    assert delivery.stream_id == "inbox-worker"
    assert delivery.events[0].mail.sender == "lead"


def test_an_outcome_that_comes_twice_counts_once():
    """Delivery is at least once; the second one must not be an event."""
    answer = agent().when(GO).when(asked("safe", "safe")).when(finished("tool-1.0"))

    assert answer.when(finished("tool-1.0")) == []
    assert answer.when(finished("tool-9.9")) == []
    assert answer.when(finished("tool-1.1")) != []


def test_an_outcome_for_a_call_that_waits_its_turn_is_ignored():
    """Nobody can have run what was not started."""
    assert agent().when(GO).when(asked("safe", "safe")).when(finished("tool-1.1")) == []


# --- the model fails --------------------------------------------------------------------------


def test_a_transient_failure_is_retried_with_growing_delays_and_then_fails_the_run():
    """A provider in trouble gets time, and the user gets an answer in the end."""
    answer = agent().when(GO)
    waits = []
    for attempt in range(1, 6):
        answer = answer.when(failed(f"model-{attempt}"))
        waits.append(answer.events[1].not_before - 100.0)
    last = answer.when(failed("model-6"))

    assert waits == [0.5, 1.0, 2.0, 4.0, 5.0]
    assert told(last) == ["ModelCallFailed model-6", "RunFailed lead/run-1"]


def test_the_schedule_of_waits_is_capped():
    """Waiting for minutes by ourselves would look like a hang."""
    schedule = RetrySchedule()

    assert [schedule.delay_s(n, None) for n in range(1, 9)] == [0.5, 1, 2, 4, 5, 5, 5, 5]
    assert schedule.delay_s(10_000, None) == 5


@pytest.mark.parametrize(
    ("asked_s", "waits_s"), [(0.1, 0.5), (30.0, 30.0), (900.0, 60.0), (-1.0, 0.5)]
)
def test_a_provider_may_ask_for_more_time_up_to_a_minute(asked_s, waits_s):
    """`Retry-After` is honoured, but no header may put an agent to sleep for hours."""
    answer = agent().when(GO).when(failed("model-1", retry_after_s=asked_s))

    assert answer.events[1].not_before == 100.0 + waits_s


def test_a_lasting_failure_ends_the_run_at_once():
    """A wrong key does not get right by trying again."""
    answer = agent().when(GO).when(failed("model-1", transient=False))

    assert told(answer) == ["ModelCallFailed model-1", "RunFailed lead/run-1"]


# --- cancel -----------------------------------------------------------------------------------


def test_cancel_says_of_each_call_what_is_true():
    """A planned call did not happen; a started one may have; a finished one keeps its result."""
    busy = agent().when(GO).when(asked("safe+", "safe+", "never")).when(finished("tool-1.0"))
    answer = busy.when(c.CancelRun(now=6.0))

    assert told(answer) == [
        "ToolCallOutcomeUnknown tool-1.1",
        "ToolCallSkipped tool-1.2",
        "RunCancelled lead/run-1",
    ]
    assert answer.pending == {}
    assert answer.when(finished("tool-1.1")) == []


def test_cancel_without_a_run_does_nothing():
    """Pressing the button twice is no error."""
    assert agent().when(c.CancelRun(now=6.0)) == []


def test_after_a_cancel_the_next_prompt_has_its_turn():
    """Cancelling one question is not an answer to the other."""
    second = c.AcceptPrompt(prompt_id="p2", text="and then", now=2.0)
    answer = agent().when(GO).when(second).when(c.CancelRun(now=6.0))

    assert told(answer) == [
        "RunCancelled lead/run-1",
        "RunStarted lead/run-2",
        "InputPlaced lead/run-2",
        "ModelCallRequested model-2",
    ]


# --- mail -------------------------------------------------------------------------------------


def test_mail_during_a_run_is_placed_before_the_next_model_call():
    """News reach a working agent between two steps, never between a call and its result."""
    busy = agent().when(GO).when(asked("safe")).when(mail("m1", through=1))
    answer = busy.when(finished("tool-1.0"))

    assert told(busy) == ["MailTaken 1"]
    assert answer.events[1] == e.InputPlaced(run_id="lead/run-1", mail_ids=("m1",))
    assert told(answer)[-1] == "ModelCallRequested model-2"


def test_mail_wakes_an_idle_agent():
    """A teammate that waits for an answer must get one without a person in between."""
    answer = agent().when(mail("m1", through=1))

    assert told(answer) == [
        "MailTaken 1",
        "RunStarted lead/run-1",
        "InputPlaced lead/run-1",
        "ModelCallRequested model-1",
    ]


def test_mail_waits_for_the_next_prompt_unless_it_wakes():
    """An agent that a person leads reads its mail when the person speaks, prompt first."""
    waiting = agent(wake_on_mail=False).when(mail("m1", through=1))
    answer = waiting.when(GO)

    assert told(waiting) == ["MailTaken 1"]
    assert (
        e.InputPlaced(run_id="lead/run-1", prompt_ids=("p1",), mail_ids=("m1",)) in answer.events
    )


def test_mail_that_comes_with_the_last_answer_starts_a_run_of_its_own():
    """Mail that arrives a moment too late is not left lying."""
    answer = agent().when(GO).when(mail("m1", through=1)).when(said())

    assert "RunStarted lead/run-2" in told(answer)


def test_mail_is_taken_once_per_version():
    """The inbox is read again after every crash; what was taken stays taken."""
    taken = agent().when(mail("m1", "m2", through=2))

    assert taken.when(mail("m1", "m2", through=2)) == []
    assert taken.when(mail("m1", through=1)) == []
    assert taken.state.mail_taken_through == 2


# --- recovery ---------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["safe", "idempotent"])
def test_a_call_that_may_be_repeated_runs_again_with_its_key(mode):
    """The process died in the middle of a read; reading again harms nobody."""
    died = agent().when(GO).when(asked(mode))
    answer = died.when(recovered())

    assert told(answer) == ["AgentRecovered", "ToolCallRestarted tool-1.0"]
    (before,) = died.pending.values()
    (effect,) = answer.pending.values()
    assert isinstance(effect, RunTool)
    assert (effect.attempt, effect.idempotency_key) == (2, before.idempotency_key)


def test_a_call_of_never_has_an_unknown_outcome():
    """A payment must not be made twice; the model is told the truth and goes on."""
    answer = agent().when(GO).when(asked("never")).when(recovered())

    assert told(answer) == [
        "AgentRecovered",
        "ToolCallOutcomeUnknown tool-1.0",
        "ModelCallRequested model-2",
    ]


@pytest.mark.parametrize(
    ("verdict", "then"),
    [
        ("done", ["ToolCallFinished tool-1.0", "ModelCallRequested model-2"]),
        ("not_done", ["ToolCallRestarted tool-1.0"]),
        ("unknown", ["ToolCallOutcomeUnknown tool-1.0", "ModelCallRequested model-2"]),
    ],
)
def test_a_probe_decides_what_becomes_of_its_call(verdict, then):
    """Where the world can be asked, it is asked, and believed."""
    probing = agent().when(GO).when(asked("probe")).when(recovered())
    answer = probing.when(
        c.RecordProbeVerdict(key="tool-1.0", attempt=1, verdict=verdict, outcome=DONE, now=10.0)
    )

    assert [type(effect) for effect in probing.pending.values()] == [ProbeTool]
    assert told(answer) == then


def test_results_of_finished_siblings_are_kept():
    """Work that was done and recorded is never done again."""
    died = agent().when(GO).when(asked("safe+", "safe+")).when(finished("tool-1.0"))
    answer = died.when(recovered())

    assert told(answer) == ["AgentRecovered", "ToolCallRestarted tool-1.1"]


def test_the_model_call_in_flight_is_made_again():
    """Nothing but the question was lost, so nothing but the question is repeated."""
    answer = agent().when(GO).when(recovered())

    assert told(answer) == [
        "AgentRecovered",
        "ModelCallFailed model-1",
        "ModelCallRequested model-2",
    ]
    assert list(answer.pending) == ["model-2"]


def test_an_effect_that_still_runs_is_left_alone():
    """An actor that restarts in a living process must not start its effects again."""
    assert agent().when(GO).when(asked("never")).when(recovered("tool-1.0@1")) == []


def test_a_call_that_kills_its_process_is_given_up():
    """A tool that takes the process down each time must not do so for ever."""
    answer = agent().when(GO).when(asked("safe"))
    for attempt in range(2, 6):
        answer = answer.when(recovered())
        assert [effect.attempt for effect in answer.pending.values()] == [attempt]
    last = answer.when(recovered())

    assert told(last)[:2] == ["AgentRecovered", "ToolCallOutcomeUnknown tool-1.0"]
    assert "5 attempts" in last.events[1].reason
