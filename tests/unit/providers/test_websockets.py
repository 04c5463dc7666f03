"""Answers over a websocket, against a real server on the loopback."""

import json
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any

import anyio
import msgspec
import pytest

from mentra_actors.domain.content import AssistantMessage, TextBlock, UserMessage, text_of
from mentra_actors.domain.model_call import (
    ModelRequest,
    ProviderOptions,
    ResponsesOptions,
    SessionOptions,
)
from mentra_actors.errors import ProviderError
from mentra_actors.providers.http.time_limits import TimeLimits
from mentra_actors.providers.http.websocket import WebsocketTransport
from mentra_actors.providers.http_provider import HttpProvider
from mentra_actors.providers.port import AnswerStarted, ModelEvent, ReplyFinished, TextDelta
from mentra_actors.providers.presets import OPENAI, OPENROUTER

server = pytest.importorskip("websockets.asyncio.server")

pytestmark = pytest.mark.anyio

_KEY = "sk-very-secret"
_DELTA = {"type": "response.output_text.delta", "delta": "hello"}
_COMPLETED = {"type": "response.completed", "response": {"status": "completed", "output": None}}
_ERROR = {"type": "error", "error": {"code": "rate_limit_exceeded", "message": "slow down"}}

_Answer = Callable[[Any, dict[str, Any]], Awaitable[None]]


def _request(session: str = "", **options: Any) -> ModelRequest:
    return ModelRequest(
        model="m",
        messages=(UserMessage(text="hi"),),
        options=ProviderOptions(
            responses=ResponsesOptions(transport="websocket", **options),
            session=SessionOptions(session_affinity=session),
        ),
    )


class _Server:
    """A server that answers each frame by script; it keeps what it was sent."""

    def __init__(self, *answers: list[Any] | _Answer) -> None:
        self._answers = list(answers)
        self.frames: list[dict[str, Any]] = []
        self.headers: list[Any] = []

    async def serve(self, connection: Any) -> None:
        self.headers.append(connection.request.headers)
        async for frame in connection:
            self.frames.append(json.loads(frame))
            answer = self._answers.pop(0)
            if not isinstance(answer, list):
                await answer(connection, self.frames[-1])
                continue
            for event in answer:
                await connection.send(event if isinstance(event, bytes) else json.dumps(event))


@asynccontextmanager
async def _provider(script: _Server, **options: Any) -> AsyncGenerator[HttpProvider, None]:
    process = options.pop("process_request", None)
    async with server.serve(script.serve, "127.0.0.1", 0, process_request=process) as listener:
        port = listener.sockets[0].getsockname()[1]
        websockets = WebsocketTransport(**options)
        url = f"http://127.0.0.1:{port}"
        provider = HttpProvider(
            OPENAI, api_key=_KEY, base_url=url, environ={}, websockets=websockets
        )
        yield provider
        await provider.aclose()
        await provider.aclose()


async def _events(provider: HttpProvider, request: ModelRequest) -> list[ModelEvent]:
    async with aclosing(provider.stream(request)) as stream:
        return [event async for event in stream]


async def _error(provider: HttpProvider, request: ModelRequest) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await _events(provider, request)
    assert _KEY not in str(caught.value)
    return caught.value


async def test_an_answer_over_a_websocket_is_one_over_http() -> None:
    """The same request at the top level of a frame, and the same events back."""
    script = _Server([_DELTA, _COMPLETED])
    async with _provider(script) as provider:
        events = await _events(provider, _request("team-1"))

    (frame,) = script.frames
    assert frame["type"] == "response.create"
    assert frame["model"] == "m"
    assert frame["instructions"] == ""
    assert frame["input"] == [{"role": "user", "content": [{"type": "input_text", "text": "hi"}]}]
    assert not {"response", "stream"} & set(frame)
    assert events[0] == TextDelta("hello")
    assert isinstance(events[-1], ReplyFinished)
    assert events[-1].reply.provenance == OPENAI.provenance("m")
    (headers,) = script.headers
    assert headers["authorization"] == f"Bearer {_KEY}"
    assert headers["x-mentra-session-affinity"] == "team-1"


async def test_a_connection_serves_one_answer_after_the_other() -> None:
    """A handshake for each round would cost more than many answers."""
    script = _Server(*([_DELTA, _COMPLETED] for _ in range(3)))
    async with _provider(script) as provider:
        for _ in range(3):
            assert text_of((await _events(provider, _request()))[-1].reply.blocks) == "hello"

    assert len(script.headers) == 1


async def test_a_fresh_connection_can_be_asked_for() -> None:
    """Who does not trust the one before need not use it."""
    script = _Server([_DELTA, _COMPLETED], [_DELTA, _COMPLETED])
    request = _request()
    fresh = msgspec.structs.replace(
        request,
        options=msgspec.structs.replace(
            request.options, session=SessionOptions(prefer_connection_reuse=False)
        ),
    )
    async with _provider(script) as provider:
        await _events(provider, request)
        await _events(provider, fresh)

    assert len(script.headers) == 2


async def test_requests_of_one_session_wait_for_each_other() -> None:
    """Two answers on one connection at the same time could not be told apart."""
    script = _Server([_DELTA, _COMPLETED], [_DELTA, _COMPLETED])
    async with _provider(script) as provider, anyio.create_task_group() as tasks:
        tasks.start_soon(_events, provider, _request("s"))
        tasks.start_soon(_events, provider, _request("s"))

    assert (len(script.headers), len(script.frames)) == (1, 2)


async def test_a_cancelled_answer_leaves_no_events_for_the_next() -> None:
    """The next answer would begin with the words of the one that was given up."""
    late = {"type": "response.output_text.delta", "delta": "late"}
    script = _Server([_DELTA, late, _COMPLETED], [_DELTA, _COMPLETED])
    async with _provider(script) as provider:
        async with aclosing(provider.stream(_request("s"))) as stream:
            await anext(stream)
        events = await _events(provider, _request("s"))

    assert [event for event in events if isinstance(event, TextDelta)] == [TextDelta("hello")]
    assert len(script.headers) == 2


async def test_a_failed_answer_closes_its_connection() -> None:
    """An error is usually followed by another event about the same failure."""
    script = _Server([_ERROR, _COMPLETED], [_DELTA, _COMPLETED])
    async with _provider(script) as provider:
        error = await _error(provider, _request("s"))
        await _events(provider, _request("s"))

    assert (error.kind, error.code, error.transient) == ("in_band", "rate_limit_exceeded", True)
    assert len(script.headers) == 2


async def test_an_error_frame_with_a_status_is_an_error_of_http() -> None:
    """Its status, its wait and its code are what a repeat is decided by."""
    frame = {**_ERROR, "status": 429, "headers": {"Retry-After": "7"}}
    async with _provider(_Server([frame])) as provider:
        error = await _error(provider, _request())

    assert (error.kind, error.status, error.transient) == ("http", 429, True)
    assert error.retry_after_s == 7
    assert "slow down" in str(error)


async def test_a_full_connection_is_replaced_without_waiting() -> None:
    """A connection lives for an hour; a new one may be opened at once."""
    frame = {"type": "error", "error": {"code": "websocket_connection_limit_reached"}}
    async with _provider(_Server([{**frame, "status": 400}])) as provider:
        error = await _error(provider, _request())

    assert (error.kind, error.transient, error.retry_after_s) == ("transport", True, None)


async def test_a_refused_upgrade_is_an_error_of_http() -> None:
    """A wrong key shows before the first frame."""

    def refuse(connection: Any, _: Any) -> Any:
        response = connection.respond(401, json.dumps({"error": {"message": f"bad {_KEY}"}}))
        response.headers["x-request-id"] = "req_1"
        return response

    async with _provider(_Server(), process_request=refuse) as provider:
        error = await _error(provider, _request())

    assert (error.kind, error.status, error.transient) == ("http", 401, False)
    assert error.request_id == "req_1"


async def test_a_redirect_is_not_followed() -> None:
    """The key would go to the host that it names."""

    def redirect(connection: Any, _: Any) -> Any:
        response = connection.respond(302, "")
        response.headers["location"] = "ws://127.0.0.1:1/elsewhere"
        return response

    async with _provider(_Server(), process_request=redirect) as provider:
        error = await _error(provider, _request())

    assert (error.kind, error.status, error.transient) == ("http", 302, False)


async def test_nobody_answers() -> None:
    """A server that is not running may be soon."""
    provider = HttpProvider(OPENAI, api_key=_KEY, base_url="http://127.0.0.1:1", environ={})

    error = await _error(provider, _request())

    assert (error.kind, error.transient, error.phase) == ("transport", True, "connecting")


async def _hang_up(connection: Any, _: dict[str, Any]) -> None:
    await connection.send(json.dumps(_DELTA))
    await connection.close()


@pytest.mark.parametrize("answer", [_hang_up, [_DELTA, b"\0"], [_DELTA, ["list"]]])
async def test_an_answer_that_breaks_off_is_malformed(answer: Any) -> None:
    """Half an answer never counts as one."""
    async with _provider(_Server(answer)) as provider:
        error = await _error(provider, _request())

    assert (error.kind, error.output_seen) == ("malformed_stream", True)


async def test_a_silent_server_is_given_up() -> None:
    """The library keeps a connection alive by itself, so only events count."""
    limits = TimeLimits(event_s=0.05)
    async with _provider(_Server([_DELTA]), limits=limits) as provider:
        error = await _error(provider, _request())

    assert (error.kind, error.transient) == ("timeout", True)


async def test_headers_of_the_upgrade_come_with_the_answer() -> None:
    """Limits on the rate are told there and nowhere else; cookies are kept out."""

    def answer(connection: Any, _: Any, response: Any) -> Any:
        response.headers["x-ratelimit-remaining-requests"] = "3"
        response.headers["set-cookie"] = "a=1"
        response.headers["set-cookie"] = "b=2"
        return response

    script = _Server([_DELTA, _COMPLETED])
    serving = server.serve(script.serve, "127.0.0.1", 0, process_response=answer)
    async with serving as listener:
        port = listener.sockets[0].getsockname()[1]
        url = f"http://127.0.0.1:{port}"
        provider = HttpProvider(OPENAI, api_key=_KEY, base_url=url, environ={})
        events = await _events(provider, _request())
        await provider.aclose()

    assert events[0] == AnswerStarted(headers={"x-ratelimit-remaining-requests": "3"})


async def test_a_provider_without_websockets_is_refused_by_name() -> None:
    """No silent change to HTTP: it was asked for a connection that remembers."""
    provider = HttpProvider(OPENROUTER, api_key=_KEY, environ={})

    error = await _error(provider, _request())

    assert error.kind == "invalid_request"
    assert "OpenRouter takes no websockets" in str(error)


async def test_without_the_extra_the_message_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The library is only needed by those who ask for it."""
    monkeypatch.setitem(sys.modules, "websockets.asyncio.client", None)
    provider = HttpProvider(OPENAI, api_key=_KEY, environ={})

    error = await _error(provider, _request())

    assert error.kind == "invalid_request"
    assert "pip install mentra-actors[websockets]" in str(error)


async def test_a_lost_answer_is_asked_for_again_with_everything() -> None:
    """What the server forgot is sent again, over the same kind of connection."""
    lost = {
        "type": "error",
        "status": 400,
        "error": {"code": "previous_response_not_found", "message": "Previous response not found"},
    }
    script = _Server([lost], [_DELTA, _COMPLETED])
    before = AssistantMessage(
        blocks=(TextBlock(text="yes?"),),
        provenance=OPENAI.provenance("m"),
        response_id="resp_1",
    )
    messages = (UserMessage(text="you"), before, UserMessage(text="hi"))
    request = msgspec.structs.replace(_request(state_mode="hybrid"), messages=messages)
    async with _provider(script) as provider:
        events = await _events(provider, request)

    assert isinstance(events[-1], ReplyFinished)
    first, second = script.frames
    assert (first["previous_response_id"], len(first["input"])) == ("resp_1", 1)
    assert ("previous_response_id" in second, len(second["input"])) == (False, 3)
