"""When a model fails for good, the next of the run's list takes over."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from agent_words import agent, asked, failed, finished, go, only, told

from mentra_actors.domain.agent import effects as f
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.fallback import Fallback, failure_name
from mentra_actors.domain.model_call import ProviderOptions, ReasoningOptions

SPARE = Fallback(model="spare:small")


def models(answer):
    """The models of the calls that were asked for, in order; "" for the agent's own."""
    return [event.model for event in answer.events if isinstance(event, e.ModelCallRequested)]


def pending_model(answer):
    (call,) = [one for one in answer.pending.values() if isinstance(one, f.CallModel)]
    return call.profile.model


def test_the_next_model_takes_over_at_once_when_the_failure_stays():
    """A wrong key does not get better with waiting."""
    answer = agent().when(go(fallbacks=(SPARE,))).when(failed(transient=False))

    assert told(answer) == ["ModelCallFailed model-1", "ModelCallRequested model-2"]
    request = only(answer, e.ModelCallRequested)
    assert (request.model, request.fallback, request.attempt, request.round) == (
        "spare:small",
        1,
        1,
        1,
    )
    assert request.not_before == 0.0
    assert pending_model(answer) == "spare:small"


def test_retries_come_first():
    """A short overload is no reason to pay for another model."""
    answer = agent().when(go(fallbacks=(SPARE,), retry_budget=1)).when(failed())
    assert models(answer) == [""]

    answer = answer.when(failed("model-2"))
    assert models(answer) == ["spare:small"]


def test_a_fallback_may_take_over_before_the_retries_are_used_up():
    """Whoever has a second provider need not wait for the first."""
    eager = Fallback(model="spare:small", after_attempts=2)
    answer = agent().when(go(fallbacks=(eager,))).when(failed())
    assert models(answer) == [""]

    answer = answer.when(failed("model-2"))
    assert models(answer) == ["spare:small"]


def test_only_named_failures_count():
    """A prompt that one model refuses as too long is not to be sent to a smaller one."""
    spare = Fallback(model="spare:small", on=("rate_limit", "overloaded"))
    other = Fallback(model="third:large", on=("context_exceeded",))
    start = agent().when(go(fallbacks=(spare, other), retry_budget=0))

    assert models(start.when(failed(status=429))) == ["spare:small"]
    assert models(start.when(failed(status=400, code="context_length_exceeded"))) == [
        "third:large"
    ]
    assert told(start.when(failed(status=401)))[-1] == "RunFailed lead/run-1"


def test_the_list_is_gone_through_once():
    """A run must end; it does not go round in circles between two dead providers."""
    answer = agent().when(go(fallbacks=(SPARE, Fallback(model="third:x")), retry_budget=0))
    for number in (1, 2):
        answer = answer.when(failed(f"model-{number}"))
    assert models(answer) == ["third:x"]

    assert told(answer.when(failed("model-3")))[-1] == "RunFailed lead/run-1"


def test_the_run_stays_with_the_model_that_works_and_the_next_run_begins_anew():
    """Each round with the dead one first would wait for it each time."""
    answer = agent().when(go(fallbacks=(SPARE,), retry_budget=0)).when(failed())
    answer = answer.when(asked("safe", reply_to="model-2")).when(finished("tool-2.0"))
    assert models(answer) == ["spare:small"]
    assert pending_model(answer) == "spare:small"

    answer = answer.when(asked(reply_to="model-3")).when(go("p2"))
    assert pending_model(answer) == "scripted:model"


def test_a_fallback_counts_as_a_model_call():
    """A budget of calls is hard, whoever answers."""
    start = agent().when(go(fallbacks=(SPARE,), retry_budget=0, model_budget=1))
    answer = start.when(failed())

    assert models(answer) == []
    assert only(answer, e.RunFailed).kind == "model_budget"


@pytest.mark.parametrize(
    ("kind", "status", "code", "name"),
    [
        ("http", 429, "", "rate_limit"),
        ("http", 429, "insufficient_quota", "quota"),
        ("in_band", 529, "overloaded_error", "overloaded"),
        ("http", 500, "", "server_error"),
        ("http", 403, "", "authentication"),
        ("http", 404, "model_not_found", "not_found"),
        ("http", 422, "", "invalid_request"),
        ("timeout", None, "", "timeout"),
        ("transport", None, "", "transport"),
        ("configuration", None, "", "configuration"),
        ("provider_bug", None, "", "other"),
    ],
)
def test_failures_have_names(kind, status, code, name):
    """The words of a list of fallbacks are ours, whatever a provider calls it."""
    assert failure_name(kind, status, code) == name


@pytest.mark.parametrize(
    ("status", "message", "name"),
    [
        (400, "prompt is too long: 210000 tokens > 200000 maximum", "context_exceeded"),
        (
            400,
            "The input token count (9) exceeds the maximum number of tokens",
            "context_exceeded",
        ),
        (400, "This model's maximum context length is 8192 tokens", "context_exceeded"),
        (400, "Your credit balance is too low to access the API", "quota"),
        (400, "API key not valid. Please pass a valid API key.", "authentication"),
        (400, "messages: at least one message is required", "invalid_request"),
        (429, "too many tokens per minute", "rate_limit"),
    ],
)
def test_most_providers_say_it_only_in_words(status, message, name):
    """One name has to mean the same of all of them."""
    assert failure_name("http", status, "invalid_request_error", message) == name


@pytest.mark.parametrize(
    ("fallback", "fault"),
    [
        (Fallback(model="nameless"), "provider:name"),
        (Fallback(model="a:b", after_attempts=0), "at least 1"),
    ],
)
def test_a_fallback_that_cannot_be_is_refused(fallback, fault):
    """A wrong name is found when the run begins, not when it is needed."""
    assert agent().when(go(fallbacks=(fallback,))).rejects(fault)


def test_a_run_that_fails_names_all_models_that_failed():
    """The last failure alone hides why the first one was left."""
    answer = (
        agent()
        .when(go(fallbacks=(SPARE,)))
        .when(failed(transient=False, asked_model="scripted:model"))
    )
    answer = answer.when(failed("model-2", transient=False, asked_model="spare:small"))

    assert only(answer, e.RunFailed).message == (
        "try later (before that: scripted:model: try later)"
    )


def test_a_fallback_has_its_own_options():
    """What one model takes another may refuse, and then the fallback is of no use."""
    spare = Fallback(
        model="spare:x",
        reasoning=None,
        max_output_tokens=100,
        provider=ProviderOptions(seed=1),
    )
    start = agent(reasoning=ReasoningOptions(effort="high"), temperature=0.5)
    answer = start.when(go(fallbacks=(spare,))).when(failed(transient=False))

    (call,) = answer.pending.values()
    asked_as = call.profile
    assert (asked_as.model, asked_as.reasoning, asked_as.temperature) == ("spare:x", None, 0.5)
    assert (asked_as.max_output_tokens, asked_as.provider.seed) == (100, 1)
