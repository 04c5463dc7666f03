"""Going on from an answer that the server remembers, and what is done when it does not."""

import json
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

import httpx
import pytest

from mentra_actors.domain.content import (
    AssistantMessage,
    Message,
    ToolCallBlock,
    ToolResultBlock,
    ToolResultsMessage,
    UserMessage,
)
from mentra_actors.domain.model_call import ModelRequest, ProviderOptions, ResponsesOptions
from mentra_actors.errors import ProviderError
from mentra_actors.providers.http_provider import HttpProvider
from mentra_actors.providers.port import ReplyFinished
from mentra_actors.providers.presets import OLLAMA, OPENAI
from mentra_actors.providers.profile import Profile
from mentra_actors.providers.wires.contract import StatefulWire, whole_body
from mentra_actors.providers.wires.responses_wire import RESPONSES
from mentra_actors.testing.scripted_http import COMPLETED, answering, streamed

pytestmark = pytest.mark.anyio

_MODEL = "m"
_OWN = OPENAI.provenance(_MODEL)
_UNSUPPORTED = "Unsupported parameter: 'previous_response_id' is not supported with this model."
_LOST = "Previous response with id 'resp_1' not found."


def _answer(provenance: Any = _OWN, response_id: str = "resp_1") -> AssistantMessage:
    call = ToolCallBlock(call_id="c1", name="f")
    return AssistantMessage(blocks=(call,), provenance=provenance, response_id=response_id)


_RESULT = ToolResultsMessage(results=(ToolResultBlock(call_id="c1", name="f", content="1"),))
_HISTORY: tuple[Message, ...] = (UserMessage(text="hi"), _answer(), _RESULT)


def _request(
    messages: tuple[Message, ...] = _HISTORY, model: str = _MODEL, **options: Any
) -> ModelRequest:
    responses = ResponsesOptions(**options)
    return ModelRequest(
        model=model, messages=messages, options=ProviderOptions(responses=responses)
    )


def _body(request: ModelRequest, profile: Profile = OPENAI) -> dict[str, Any]:
    return whole_body(RESPONSES, request, profile)


@pytest.mark.parametrize("mode", ["hybrid", "stateful"])
def test_only_what_came_after_the_last_answer_is_sent(mode: str) -> None:
    """The id with the whole history would say everything twice."""
    body = _body(_request(state_mode=mode))

    assert (body["previous_response_id"], body["store"]) == ("resp_1", True)
    assert [item["type"] for item in body["input"]] == ["function_call_output"]


def test_nothing_is_remembered_unless_it_is_asked_for() -> None:
    """The server keeps no copy of a conversation by default."""
    body = _body(_request())

    assert body["store"] is False
    assert "previous_response_id" not in body
    assert len(body["input"]) == 3


@pytest.mark.parametrize(
    "last",
    [
        _answer(response_id=""),
        _answer(provenance=None),
        _answer(provenance=OPENAI.provenance("other")),
        _answer(provenance=OLLAMA.provenance(_MODEL)),
    ],
)
def test_an_answer_of_another_is_not_gone_on_from(last: AssistantMessage) -> None:
    """Its id means nothing to this server, so what came before it is gone on from."""
    messages = (*_HISTORY, last, _RESULT)

    body = _body(_request(messages, state_mode="stateful"))

    assert body["previous_response_id"] == "resp_1"
    assert len(body["input"]) == 3


def test_an_answer_that_nothing_follows_is_no_beginning() -> None:
    """There would be nothing to send."""
    body = _body(_request(_HISTORY[:2], state_mode="stateful"))

    assert "previous_response_id" not in body
    assert len(body["input"]) == 2


def test_a_given_id_goes_with_the_whole_given_history() -> None:
    """Who names an id knows what it stands for."""
    body = _body(_request(previous_response_id="resp_x"))

    assert body["previous_response_id"] == "resp_x"
    assert len(body["input"]) == 3


@pytest.mark.parametrize(
    ("options", "profile", "words"),
    [
        ({"state_mode": "stateful"}, OLLAMA, "Ollama remembers no answers"),
        ({"previous_response_id": "x"}, OLLAMA, "Ollama remembers no answers"),
        ({"state_mode": "stateful", "store": False}, OPENAI, "needs answers that are stored"),
    ],
)
def test_what_cannot_be_remembered_is_refused(
    options: dict[str, Any], profile: Profile, words: str
) -> None:
    """A server that ignores the id would answer without the conversation."""
    with pytest.raises(ProviderError, match=words):
        _body(_request(**options), profile)


def test_hybrid_replays_where_nothing_is_remembered() -> None:
    """The mode means: if it can."""
    body = _body(_request(state_mode="hybrid"), OLLAMA)

    assert (body["store"], "previous_response_id" in body) == (False, False)


class _Script:
    """Answers in order; keeps the bodies that it was sent."""

    def __init__(self, *answers: Callable[[], httpx.Response]) -> None:
        self._answers = list(answers)
        self.bodies: list[dict[str, Any]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.bodies.append(json.loads(request.content))
        return self._answers.pop(0)()

    @property
    def ids(self) -> list[str | None]:
        return [body.get("previous_response_id") for body in self.bodies]


def _whole() -> httpx.Response:
    return streamed(COMPLETED)


def _refusing(message: str, status: int = 400, code: str = "") -> Callable[[], httpx.Response]:
    error = {"message": message, "code": code}
    return lambda: httpx.Response(status, json={"error": error})


async def _finish(provider: HttpProvider, request: ModelRequest) -> None:
    async with aclosing(provider.stream(request)) as stream:
        events = [event async for event in stream]
    assert isinstance(events[-1], ReplyFinished)


@pytest.mark.parametrize(
    "refusal",
    [
        _refusing(_LOST),
        _refusing(_LOST, status=404),
        _refusing("gone", code="previous_response_not_found"),
        _refusing("The response resp_1 has expired"),
    ],
)
async def test_a_forgotten_answer_is_replaced_by_the_history_once(
    refusal: Callable[[], httpx.Response],
) -> None:
    """And the next answer is gone on from again: only this id was lost."""
    script = _Script(refusal, _whole, _whole)
    provider = answering(script)

    await _finish(provider, _request(state_mode="hybrid"))
    await _finish(provider, _request(state_mode="hybrid"))

    assert script.ids == ["resp_1", None, "resp_1"]
    assert [len(body["input"]) for body in script.bodies] == [1, 3, 1]
    assert script.bodies[1]["store"] is True


async def test_a_model_that_remembers_nothing_is_not_asked_again() -> None:
    """Each turn would begin with a failed request; other models are still tried."""
    script = _Script(_refusing(_UNSUPPORTED), _whole, _whole, _whole)
    provider = answering(script)
    other_answer = _answer(provenance=OPENAI.provenance("other"))
    other = (_HISTORY[0], other_answer, _RESULT)

    await _finish(provider, _request(state_mode="hybrid"))
    await _finish(provider, _request(state_mode="hybrid"))
    await _finish(provider, _request(other, model="other", state_mode="hybrid"))

    assert script.ids == ["resp_1", None, None, "resp_1"]


async def test_who_insists_on_state_is_not_answered_without() -> None:
    """Stateful ignores what was learnt about the model, and gets the error."""
    script = _Script(_refusing(_UNSUPPORTED), _whole, _refusing(_UNSUPPORTED))
    provider = answering(script)
    await _finish(provider, _request(state_mode="hybrid"))

    with pytest.raises(ProviderError, match="Unsupported parameter"):
        await _finish(provider, _request(state_mode="stateful"))

    assert script.ids == ["resp_1", None, "resp_1"]


@pytest.mark.parametrize(
    "refusal",
    [
        _refusing("The model does not exist", status=404),
        _refusing("Invalid schema for function 'f'"),
        _refusing(_LOST, status=500),
        _refusing("Invalid value for temperature"),
    ],
)
async def test_other_errors_are_not_answered_with_a_repeat(
    refusal: Callable[[], httpx.Response],
) -> None:
    """A repeat with the whole history would cost, and fail again."""
    script = _Script(refusal)

    with pytest.raises(ProviderError):
        await _finish(answering(script), _request(state_mode="hybrid"))

    assert len(script.bodies) == 1


async def test_a_second_refusal_is_the_error() -> None:
    """Once is enough."""
    script = _Script(_refusing(_LOST), _refusing(_LOST))

    with pytest.raises(ProviderError, match="not found"):
        await _finish(answering(script), _request(state_mode="hybrid"))

    assert len(script.bodies) == 2


def test_this_wire_is_one_with_state() -> None:
    """Others need not know of it."""
    assert isinstance(RESPONSES, StatefulWire)
