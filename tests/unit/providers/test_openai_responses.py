"""The Responses provider: keys, addresses, errors inside answers, bodies that are no stream."""

import json
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from typing import Any

import anyio
import anyio.lowlevel
import httpx
import msgspec
import pytest

from mentra_actors.domain.content import text_of
from mentra_actors.errors import MissingCredential
from mentra_actors.providers.http.endpoint import endpoint
from mentra_actors.providers.http.transport import HttpTransport
from mentra_actors.providers.http_provider import HttpProvider
from mentra_actors.providers.port import ReplyFinished, TextDelta
from mentra_actors.providers.presets import ANTHROPIC, GEMINI, LMSTUDIO, OLLAMA, OPENAI
from mentra_actors.providers.profile import Profile
from mentra_actors.testing.scripted_http import (
    COMPLETED,
    CREATED,
    DELTA,
    KEY,
    REQUEST,
    ScriptedBody,
    answering,
    error_from,
    events_from,
    frame,
    streamed,
)

pytestmark = pytest.mark.anyio

_SSE = {"content-type": "text/event-stream"}


async def test_a_missing_key_names_its_variable() -> None:
    """Nothing is sent, and the message says what to do."""
    provider = HttpProvider(OPENAI, environ={}, transport=HttpTransport())

    with pytest.raises(MissingCredential, match="OPENAI_API_KEY"):
        await anext(provider.stream(REQUEST))


@pytest.mark.parametrize("key", ["a\nb", "a b", "schlüssel", "\x00"])
async def test_a_key_that_no_header_can_carry_is_refused(key: str) -> None:
    """The HTTP library would refuse it too, and show it."""
    provider = HttpProvider(OPENAI, api_key=key, environ={})

    with pytest.raises(MissingCredential) as caught:
        await anext(provider.stream(REQUEST))

    assert key not in str(caught.value)


async def _sent(profile: Profile, environ: Mapping[str, str]) -> httpx.Request:
    requests: list[httpx.Request] = []

    def respond(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return streamed(COMPLETED)

    client = httpx.AsyncClient(transport=httpx.MockTransport(respond))
    provider = HttpProvider(profile, environ=environ, transport=HttpTransport(client))
    await events_from(provider)
    await client.aclose()
    return requests[0]


async def test_key_and_address_come_from_the_environment() -> None:
    """A key in code ends in a repository."""
    environ = {"OPENAI_API_KEY": f" {KEY}\n", "MENTRA_OPENAI_BASE_URL": "https://proxy/v1/"}

    request = await _sent(OPENAI, environ)

    assert str(request.url) == "https://proxy/v1/responses"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["accept"] == "text/event-stream"
    assert json.loads(request.content)["model"] == "m"


async def test_a_local_server_needs_no_key() -> None:
    """And it must not be sent an empty one."""
    request = await _sent(OLLAMA, {"OLLAMA_HOST": "0.0.0.0"})

    assert str(request.url) == "http://127.0.0.1:11434/v1/responses"
    assert "authorization" not in request.headers


@pytest.mark.parametrize(
    ("profile", "base_url", "url"),
    [
        (OPENAI, "https://api.openai.com/", "https://api.openai.com/v1/responses"),
        (OPENAI, "https://x/openai/v1", "https://x/openai/v1/responses"),
        (
            OPENAI,
            "https://chatgpt.com/backend-api/codex",
            "https://chatgpt.com/backend-api/codex/responses",
        ),
        (OPENAI, "https://x/v1/chat/completions", "https://x/v1/responses"),
        (OPENAI, "https://x/v1/responses/", "https://x/v1/responses"),
        (OPENAI, "https://x/chat/completions?a=b", "https://x/responses?a=b"),
        (ANTHROPIC, "https://x/v1/messages", "https://x/v1/responses"),
        (GEMINI, "https://x/v1", "https://x/v1/responses"),
        (OPENAI, "https://x/v1beta", "https://x/v1beta/responses"),
        (OPENAI, "https://x/api/paas/v4/", "https://x/api/paas/v4/responses"),
        (OPENAI, "https://x/v1x", "https://x/v1x/v1/responses"),
        (OLLAMA, "http://box:1/", "http://box:1/v1/responses"),
        (OLLAMA, "box", "http://box:11434/v1/responses"),
        (OLLAMA, "box:9", "http://box:9/v1/responses"),
        (OLLAMA, ":9", "http://127.0.0.1:9/v1/responses"),
        (OLLAMA, "[::]:9", "http://[::1]:9/v1/responses"),
        (OLLAMA, "[::1]", "http://[::1]:11434/v1/responses"),
        (LMSTUDIO, "http://0.0.0.0:1234/v1", "http://127.0.0.1:1234/v1/responses"),
    ],
)
def test_an_address_is_completed(profile: Profile, base_url: str, url: str) -> None:
    """`/v1/v1` and an address that only a server can use are the usual mistakes."""
    assert endpoint(profile, base_url, "responses") == url


@pytest.mark.parametrize(
    ("steps", "output_seen"),
    [
        ([frame(type="error", code="server_error", message="m")], False),
        ([CREATED, frame(type="error", error={"code": "server_error", "message": "m"})], False),
        ([CREATED, DELTA, frame(type="error", error={"type": "api_error"})], True),
        (
            [DELTA, frame(type="response.failed", response={"error": {"code": "server_error"}})],
            True,
        ),
    ],
)
async def test_an_error_inside_the_answer_is_raised(
    steps: Sequence[bytes], *, output_seen: bool
) -> None:
    """It comes under status 200, and before any output it is a call that failed to open."""
    error = await error_from(answering(streamed(*steps)))

    assert (error.kind, error.transient, error.status) == ("in_band", True, 500)
    assert error.output_seen == output_seen
    assert error.request_id == "req_1"


@pytest.mark.parametrize(
    ("fields", "transient", "code"),
    [
        ({"code": "rate_limit_exceeded"}, True, "rate_limit_exceeded"),
        ({"code": "vector_store_timeout"}, True, "vector_store_timeout"),
        ({"code": "server_is_overloaded"}, True, "server_is_overloaded"),
        ({"code": "insufficient_quota", "type": "rate_limit_error"}, False, "insufficient_quota"),
        ({"code": "invalid_prompt"}, False, "invalid_prompt"),
        ({"code": "server_error", "type": "invalid_request_error"}, True, "server_error"),
        ({"code": None, "type": "overloaded_error"}, True, "overloaded_error"),
        ({"code": 429}, True, "429"),
        ({"code": "503"}, True, "503"),
        ({"code": 400}, False, "400"),
        ({}, False, None),
    ],
)
async def test_an_error_code_says_whether_a_repeat_may_help(
    fields: dict[str, Any], code: str | None, *, transient: bool
) -> None:
    """There is no HTTP status to go by."""
    error = await error_from(
        answering(streamed(frame(type="error", error={"message": "m", **fields})))
    )

    assert (error.transient, error.code) == (transient, code)


async def test_a_json_error_in_place_of_a_stream_is_raised() -> None:
    """Some proxies answer 200 whatever happened."""
    answer = httpx.Response(200, json={"error": {"code": "server_error", "message": "down"}})
    error = await error_from(answering(answer))

    assert (error.kind, error.code, error.transient) == ("in_band", "server_error", True)


async def test_a_json_answer_in_place_of_a_stream_counts() -> None:
    """Some servers ignore `stream`."""
    content = [{"type": "output_text", "text": "whole"}]
    output = [{"type": "message", "content": content}]
    result = {"object": "response", "status": "completed", "error": None, "output": output}

    events = await events_from(answering(httpx.Response(200, json=result)))

    assert isinstance(events[-1], ReplyFinished)
    assert text_of(events[-1].reply.blocks) == "whole"


@pytest.mark.parametrize("body", ["<html>login</html>", "[]", '{"detail": "?"}', ""])
async def test_another_body_in_place_of_a_stream_is_invalid(body: str) -> None:
    """A captive portal answers 200 too."""
    answer = httpx.Response(200, text=body, headers={"content-type": "text/html"})
    error = await error_from(answering(answer))

    assert (error.kind, error.transient) == ("invalid_response", False)
    assert len(str(error)) < 700


async def test_a_server_without_content_type_is_trusted() -> None:
    """Small local servers leave it out."""
    events = await events_from(
        answering(httpx.Response(200, stream=ScriptedBody(DELTA, COMPLETED)))
    )

    assert [type(event) for event in events] == [TextDelta, ReplyFinished]


@pytest.mark.parametrize("end", [b"", b"data: [DONE]\n\n", b": bye\n\n"])
async def test_an_answer_without_its_last_event_is_malformed(end: bytes) -> None:
    """`[DONE]` ends a stream, and is no proof that the answer is whole."""
    error = await error_from(answering(streamed(CREATED, DELTA, end)))

    assert (error.kind, error.transient, error.output_seen) == ("malformed_stream", True, True)


async def test_the_last_event_may_lack_its_blank_line() -> None:
    """Some servers end with the JSON; anything else that is not terminated was cut off."""
    events = await events_from(answering(streamed(DELTA, COMPLETED.rstrip())))
    error = await error_from(answering(streamed(CREATED, DELTA.rstrip())))

    assert isinstance(events[-1], ReplyFinished)
    assert (error.kind, error.output_seen) == ("malformed_stream", False)


async def test_an_answer_is_finished_before_its_connection_is() -> None:
    """A server that keeps the stream open after the last event must not delay the answer."""
    body = ScriptedBody(COMPLETED, 5.0)
    provider = answering(httpx.Response(200, headers=_SSE, stream=body))

    async with aclosing(provider.stream(REQUEST)) as stream:
        with anyio.fail_after(0.3):
            event = await anext(stream)

    assert isinstance(event, ReplyFinished)
    assert body.closed == 1


async def test_answers_at_the_same_time_do_not_mix() -> None:
    """One provider serves a whole team; what it knows of an answer is in that answer alone."""

    def answer(request: httpx.Request) -> httpx.Response:
        word = json.loads(request.content)["model"]
        delta = frame(type="response.output_text.delta", delta=word)
        return streamed(frame(type="response.created", response={"id": word}), delta, COMPLETED)

    provider = answering(answer)
    async with (
        aclosing(provider.stream(msgspec.structs.replace(REQUEST, model="one"))) as first,
        aclosing(provider.stream(msgspec.structs.replace(REQUEST, model="two"))) as second,
    ):
        told = [(await anext(first), await anext(second)) for _ in range(3)]

    started, deltas, finished = told
    assert [one.response_id for one in started] == ["one", "two"]
    assert deltas == (TextDelta("one"), TextDelta("two"))
    assert [one.reply.response_id for one in finished] == ["one", "two"]
