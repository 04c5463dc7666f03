"""How a model is to answer, on the Messages wire: effort, thinking, sampling, shape."""

import sys
from pathlib import Path
from typing import Any

import pytest

from mentra_actors.domain.model_call import (
    NamedTool,
    OutputSchema,
    ProviderOptions,
    ReasoningOptions,
)

sys.path.insert(0, str(Path(__file__).parent))
from anthropic_bodies import TOOL, body_of, refusal_of


@pytest.mark.parametrize(
    ("model", "words", "thinks"),
    [
        ("claude-opus-4-5", ("low", "medium", "high"), False),
        ("claude-opus-4-5-20251101", ("low", "high"), False),
        ("claude-mythos-preview", ("low", "medium", "high", "max"), True),
        ("claude-opus-4-6", ("low", "medium", "high", "max"), True),
        ("models/claude-sonnet-4-6", ("max",), True),
        ("claude-opus-4-7", ("low", "xhigh", "max"), True),
        ("claude-opus-4-8", ("xhigh", "max"), True),
        ("claude-opus-5", ("xhigh", "max"), True),
        ("claude-sonnet-5", ("xhigh", "max"), True),
        ("claude-fable-5-20260901", ("xhigh", "max"), True),
        ("claude-mythos-5", ("xhigh", "max"), True),
        ("claude-haiku-9", ("low", "absurd"), True),
        ("some-other-model", ("low", "absurd"), False),
    ],
)
def test_effort(model: str, words: tuple[str, ...], *, thinks: bool) -> None:
    """Effort stands in `output_config`; models that think as they like are asked to."""
    for word in words:
        body = body_of(model=model, reasoning=ReasoningOptions(effort=word))

        assert body["output_config"] == {"effort": word}
        assert body.get("thinking") == ({"type": "adaptive"} if thinks else None)
        assert "effort" not in body


@pytest.mark.parametrize(
    ("model", "word", "advice"),
    [
        ("claude-opus-4-6", "xhigh", "low, medium, high, max"),
        ("claude-sonnet-4-6", "minimal", "low, medium, high, max"),
        ("claude-opus-4-5", "max", "low, medium, high"),
        ("claude-opus-4-5", "xhigh", "low, medium, high"),
        ("claude-sonnet-4-5", "low", "budget_tokens"),
        ("claude-3-5-haiku-latest", "low", "another model"),
    ],
)
def test_an_effort_that_is_known_to_fail_is_refused(model: str, word: str, advice: str) -> None:
    """The message names the model and says what to change."""
    message = refusal_of(model=model, reasoning=ReasoningOptions(effort=word))

    assert model in message
    assert advice in message
    assert "ProviderOptions(extra_body=…)" in message


def test_no_reasoning_fields_without_reasoning() -> None:
    """The server has defaults of its own."""
    for reasoning in (None, ReasoningOptions()):
        assert body_of(reasoning=reasoning).keys().isdisjoint({"thinking", "output_config"})


@pytest.mark.parametrize(
    ("model", "options", "field"),
    [
        ("claude-sonnet-4-5", {"budget_tokens": 2000}, {"type": "enabled", "budget_tokens": 2000}),
        (
            "claude-3-7-sonnet-latest",
            {"enabled": True},
            {"type": "enabled", "budget_tokens": 4096},
        ),
        ("claude-opus-4-6", {"enabled": True}, {"type": "adaptive"}),
        ("claude-opus-4-6", {"enabled": False}, {"type": "disabled"}),
        ("other", {"budget_tokens": 9}, {"type": "enabled", "budget_tokens": 9}),
        (
            "claude-opus-4-7",
            {"effort": "low", "summary": "detailed"},
            {"type": "adaptive", "display": "summarized"},
        ),
        (
            "claude-opus-4-7",
            {"enabled": True, "summary": "omitted"},
            {"type": "adaptive", "display": "omitted"},
        ),
    ],
)
def test_thinking(model: str, options: dict[str, Any], field: dict[str, Any]) -> None:
    """Older models are given a number of tokens, newer ones decide by themselves."""
    assert body_of(model=model, reasoning=ReasoningOptions(**options))["thinking"] == field


def test_thoughts_may_be_hidden() -> None:
    """The switch that other providers know, too."""
    reasoning = ReasoningOptions(enabled=True)
    body = body_of(reasoning=reasoning, options=ProviderOptions(thoughts=False))
    assert body["thinking"] == {"type": "adaptive", "display": "omitted"}


@pytest.mark.parametrize(
    ("model", "options", "words"),
    [
        ("claude-sonnet-4-5", {"budget_tokens": 1023}, "at least 1024"),
        ("claude-sonnet-4-5", {"budget_tokens": 8192}, "max_output_tokens"),
        ("claude-opus-4-7", {"budget_tokens": 2000}, "reasoning.effort"),
        ("claude-3-haiku-20240307", {"enabled": True}, "does not reason"),
        ("claude-3-haiku-20240307", {"budget_tokens": 2000}, "a model that reasons"),
        ("claude-opus-5", {"enabled": False, "effort": "max"}, "while reasoning is disabled"),
    ],
)
def test_thinking_that_is_known_to_fail_is_refused(
    model: str, options: dict[str, Any], words: str
) -> None:
    """Each is a 400 of the server, of which the message is less plain."""
    assert words in refusal_of(model=model, reasoning=ReasoningOptions(**options))


def test_a_model_that_cannot_think_need_not_be_told_so() -> None:
    """Off is what it is anyway."""
    body = body_of(model="claude-3-5-haiku-latest", reasoning=ReasoningOptions(enabled=False))
    assert "thinking" not in body


@pytest.mark.parametrize(
    ("model", "fields", "words"),
    [
        ("claude-opus-4-7", {"temperature": 0.2}, "temperature"),
        ("claude-sonnet-5", {"options": ProviderOptions(top_k=5)}, "top_k"),
        ("claude-fable-5", {"options": ProviderOptions(top_p=0.5)}, "top_p"),
        ("claude-opus-4-6", {"temperature": 1.5}, "0 to 1"),
        (
            "claude-sonnet-4-5",
            {"temperature": 0.5, "options": ProviderOptions(top_p=0.5)},
            "not both",
        ),
        (
            "claude-opus-4-6",
            {"temperature": 0.5, "reasoning": ReasoningOptions(enabled=True)},
            "while it reasons",
        ),
        (
            "claude-opus-4-6",
            {
                "options": ProviderOptions(top_k=5),
                "reasoning": ReasoningOptions(effort="low"),
            },
            "while it reasons",
        ),
    ],
)
def test_sampling_that_is_known_to_fail_is_refused(
    model: str, fields: dict[str, Any], words: str
) -> None:
    """To send less than was asked would change the answer without a word."""
    message = refusal_of(model=model, **fields)
    assert words in message
    assert model in message


def test_a_temperature_of_one_means_nothing_to_models_that_have_only_that() -> None:
    """It is what they do anyway, so it is left out and not refused."""
    assert "temperature" not in body_of(model="claude-opus-5", temperature=1.0)
    assert body_of(model="claude-opus-4-6", temperature=1.0)["temperature"] == 1.0


@pytest.mark.parametrize("model", ["other", "claude-haiku-9", "claude-opus-4-6-turbo"])
def test_unknown_models_take_whatever_they_are_given(model: str) -> None:
    """A closed table would break with every new model."""
    body = body_of(
        model=model,
        temperature=1.7,
        options=ProviderOptions(top_p=0.1, top_k=1),
        reasoning=ReasoningOptions(budget_tokens=10, effort="absurd"),
        tools=(TOOL,),
        tool_choice="any",
    )

    assert (body["temperature"], body["top_p"], body["top_k"]) == (1.7, 0.1, 1)
    assert body["tool_choice"] == {"type": "any"}


@pytest.mark.parametrize(
    ("model", "reasoning"),
    [
        ("claude-fable-5", None),
        ("claude-mythos-preview", None),
        ("claude-sonnet-4-5", ReasoningOptions(budget_tokens=2000)),
    ],
)
def test_calls_that_cannot_be_forced_are_refused(
    model: str, reasoning: ReasoningOptions | None
) -> None:
    """Some models never take that, older ones not while they reason by a budget."""
    for choice in ("any", NamedTool("search")):
        message = refusal_of(model=model, reasoning=reasoning, tools=(TOOL,), tool_choice=choice)
        assert "'auto'" in message


def test_adaptive_thinking_allows_forced_calls() -> None:
    """Only a budget stands in their way."""
    body = body_of(reasoning=ReasoningOptions(effort="low"), tools=(TOOL,), tool_choice="any")
    assert body["tool_choice"] == {"type": "any"}


def test_the_shape_of_an_answer() -> None:
    """Beside the effort, in the schema that the server can promise to keep."""
    schema = '{"type":"object","title":"Dog","properties":{"age":{"type":"integer"}}}'
    output = OutputSchema(name="dog", schema=schema)

    body = body_of(output=output, reasoning=ReasoningOptions(effort="low"))

    assert body["output_config"] == {
        "effort": "low",
        "format": {
            "type": "json_schema",
            "schema": {
                "type": "object",
                "title": "Dog",
                "properties": {"age": {"type": "integer"}},
                "additionalProperties": False,
            },
        },
    }


def test_a_seed_is_refused() -> None:
    """The API has none, and a run that is said to be repeatable would not be."""
    assert "no field for seed" in refusal_of(options=ProviderOptions(seed=7))
