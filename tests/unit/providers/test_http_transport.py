"""HTTP below a provider: errors in neutral words, time limits, closing, and no key in any text."""

import logging
import traceback
from collections.abc import Mapping
from contextlib import aclosing
from typing import Any
from unittest.mock import Mock

import anyio
import anyio.lowlevel
import httpx
import msgspec
import pytest

from mentra_actors.domain.model_call import ProviderOptions, SessionOptions
from mentra_actors.errors import MissingCredential, ProviderError
from mentra_actors.providers.http import transport
from mentra_actors.providers.http.call import HttpCall
from mentra_actors.providers.http.redaction import Redaction
from mentra_actors.providers.http.retry_hints import retry_after_s
from mentra_actors.providers.http.time_limits import TimeLimits
from mentra_actors.providers.http.transport import HttpTransport
from mentra_actors.providers.http_provider import HttpProvider
from mentra_actors.providers.port import ModelEvent, ReplyFinished
from mentra_actors.providers.presets import OLLAMA, OPENAI
from mentra_actors.providers.profile import HeaderKey, QueryKey
from mentra_actors.testing.scripted_http import (
    COMPLETED,
    CREATED,
    DELTA,
    KEY,
    NOW,
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


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "20"}, 20),
        ({"retry-after": " 7 "}, 7),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "Sun, 06 Nov 1994 08:50:07 GMT"}, 30),
        ({"retry-after": "Sun, 06 Nov 1994 08:50:07 -0000"}, 30),
        ({"retry-after": "Sun, 06 Nov 1994 08:49:00 GMT"}, 0),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9),
        ({"retry-after": ""}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "1e9"}, None),
        ({"retry-after": "9" * 400}, None),
        ({"retry-after": "Sun, 99 Nov 99999 08:49:37 GMT"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_in_every_form(
    headers: Mapping[str, str], seconds: float | None
) -> None:
    """A wait that is misread is a wait of nothing or for ever."""
    assert retry_after_s(headers, NOW) == seconds


@pytest.mark.parametrize(
    ("status", "transient"),
    [
        (400, False),
        (401, False),
        (404, False),
        (408, True),
        (409, True),
        (413, False),
        (429, True),
        (500, True),
        (503, True),
        (529, True),
        (307, False),
    ],
)
async def test_a_status_says_whether_a_repeat_may_help(status: int, *, transient: bool) -> None:
    """Retrying a bad request burns money, and not retrying an overload loses work."""
    error = await error_from(answering(httpx.Response(status, json={"error": {"message": "why"}})))

    assert (error.kind, error.status, error.transient) == ("http", status, transient)
    hint = " (check its api_key)" if status == 401 else ""
    assert str(error) == f"openai answered HTTP {status}: why{hint}"
    assert not error.output_seen


@pytest.mark.parametrize(("advice", "transient"), [("true", True), ("false", False)])
async def test_the_server_knows_best_whether_to_retry(advice: str, *, transient: bool) -> None:
    """`x-should-retry` overrides what the status says."""
    for status in (400, 503):
        answer = httpx.Response(status, headers={"x-should-retry": advice})
        assert (await error_from(answering(answer))).transient == transient


async def test_an_exhausted_quota_is_not_retried() -> None:
    """It is a 429 that waiting does not cure."""
    body = {"error": {"message": "pay", "code": "insufficient_quota"}}
    error = await error_from(
        answering(httpx.Response(429, json=body, headers={"retry-after": "3"}))
    )

    assert (error.transient, error.code, error.retry_after_s) == (False, "insufficient_quota", 3)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"<html>Bad gateway</html>", ": <html>Bad gateway</html>"),
        (b"<html><TITLE a>502\n Bad &amp; gone</TITLE>" + b"x" * 999, ": 502 Bad & gone"),
        (b"<title" * 10_000, ": " + ("<title" * 100)[:500]),
        (b"", ""),
        (b'{"error": "no such model"}', ': {"error": "no such model"}'),
        (b'{"message": "flat"}', ": flat"),
        (b"\xff\xfe", ": \ufffd\ufffd"),
        (
            b'{"error":{"code":429,"message":"Provider","metadata":{"raw":"try later"}}}',
            ": Provider: try later",
        ),
    ],
)
async def test_an_error_body_may_be_anything(content: bytes, text: str) -> None:
    """Proxies answer in HTML, and the useful words may lie deep."""
    error = await error_from(answering(httpx.Response(502, content=content)))

    assert str(error) == f"openai answered HTTP 502{text}"


async def test_a_huge_error_body_is_cut() -> None:
    """An error is logged and stored, so it has a size limit."""
    with anyio.fail_after(2):
        error = await error_from(answering(streamed(*[b"x" * 10_000] * 7, 5.0, status=500)))

    assert len(str(error)) < 65_536 + 100
    assert error.request_id == "req_1"


async def test_an_error_body_that_breaks_does_not_hide_the_error() -> None:
    """The status is known, and it is what decides about a retry."""
    error = await error_from(answering(streamed(b"over", httpx.ReadError("cut"), status=503)))

    assert str(error) == "openai answered HTTP 503: over"


async def test_a_404_explains_its_usual_cause() -> None:
    """A user of a local server can act on it."""
    error = await error_from(answering(httpx.Response(404, json={"error": "nope"}), OLLAMA))

    assert "may not be pulled" in str(error)


@pytest.mark.parametrize(
    ("raised", "kind", "transient"),
    [
        (httpx.ConnectError("refused"), "transport", True),
        (httpx.ReadError("cut"), "transport", True),
        (httpx.RemoteProtocolError("incomplete chunked read"), "transport", True),
        (httpx.ConnectTimeout("slow"), "timeout", True),
        (httpx.ReadTimeout("slow"), "timeout", True),
        (httpx.PoolTimeout("full"), "timeout", True),
        (httpx.DecodingError("gzip"), "malformed_stream", False),
        (httpx.UnsupportedProtocol("ftp"), "invalid_request", False),
        (httpx.LocalProtocolError("header"), "invalid_request", False),
    ],
)
async def test_a_connection_error_is_neutral(
    raised: Exception, kind: str, *, transient: bool
) -> None:
    """Nobody above this module knows httpx; before and during the stream are the same."""

    def fail(_: httpx.Request) -> httpx.Response:
        raise raised

    before = await error_from(answering(fail))
    during = await error_from(answering(streamed(CREATED, DELTA, raised)))

    assert (before.kind, before.transient, before.output_seen) == (kind, transient, False)
    assert (during.kind, during.transient, during.output_seen) == (kind, transient, True)
    assert during.request_id == "req_1"
    assert "api.openai.com" in str(before)


async def test_an_address_that_is_no_url_is_refused() -> None:
    """A typing mistake in a variable is no crash."""
    provider = HttpProvider(OLLAMA, base_url="http://x:not-a-port", environ={})

    assert (await error_from(provider)).kind == "invalid_request"
    await provider.aclose()


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(401, json={"error": {"message": f"bad key {KEY}"}}),
        httpx.Response(502, text=f"<html>{KEY}</html>"),
        httpx.Response(200, text=f"<html>{KEY}</html>", headers={"content-type": "text/html"}),
        streamed(frame(type="error", message=f"bad key {KEY}", code="x")),
        streamed(f"data: not json {KEY}\n\n".encode()),
        streamed(httpx.ReadError(f"with {KEY}")),
    ],
)
async def test_a_key_is_never_shown(answer: httpx.Response) -> None:
    """Errors are logged and stored, and servers and libraries repeat what they were sent."""
    error = await error_from(answering(answer))

    assert KEY not in str(error)
    assert KEY not in "".join(traceback.format_exception(error))
    assert "[redacted]" in str(error)


async def test_a_key_in_the_headers_of_an_answer_is_never_shown() -> None:
    """Proxies make ids of requests out of what they were sent."""
    ids = {"x-request-id": f"id-{KEY}"}
    refused = await error_from(answering(httpx.Response(500, headers=ids)))
    page = {**ids, "content-type": "text/html"}
    no_answer = await error_from(answering(httpx.Response(200, headers=page, text="hello")))
    whole = httpx.Response(200, headers={**_SSE, **ids}, stream=ScriptedBody(DELTA, COMPLETED))
    events = await events_from(answering(whole))

    assert refused.request_id == no_answer.request_id == "id-[redacted]"
    assert KEY not in repr(events)
    assert repr(events).count("id-[redacted]") == 2


async def test_what_a_server_says_is_cut() -> None:
    """All of it is stored, and a log is read again and again."""
    long = "x" * 10_000_000
    error = await error_from(answering(streamed(frame(type="error", message=long, code=long))))
    response = {"status": long, "id": long, "model": long, "output": None}
    last = frame(type="response.completed", response=response)
    *_, finished = await events_from(answering(streamed(DELTA, last)))

    assert len(str(error)) == 8192
    assert len(error.code or "") == 256
    assert isinstance(finished, ReplyFinished)
    assert len(finished.reply.response_id) == len(finished.reply.model) == 256
    assert len(finished.reply.raw_stop_reason) <= 256


async def test_a_client_of_ones_own_logs_no_key(caplog: pytest.LogCaptureFixture) -> None:
    """httpx logs the URL of each request, whoever made the client."""
    log = logging.getLogger("httpx")
    for one in list(log.filters):
        log.removeFilter(one)
    caplog.set_level(logging.INFO)
    profile = msgspec.structs.replace(OPENAI, auth=QueryKey("key"))

    await events_from(answering(streamed(DELTA, COMPLETED), profile))

    assert "HTTP Request: POST" in caplog.text
    assert KEY not in caplog.text


async def test_a_call_does_not_show_its_key() -> None:
    """A `repr` ends in logs and tracebacks."""
    call = HttpCall("p", "http://x", (), {"authorization": KEY}, (KEY,))

    assert KEY not in repr(call)
    assert KEY not in repr(answering(streamed()))


def test_a_long_text_of_marks_is_read_once() -> None:
    """A server that knows the patterns must not hold the loop of all agents."""
    text = "=?" + "key?" * 100_000

    assert Redaction([KEY])(text) == text
    assert Redaction([KEY])(f"{text}?a?my_key=1234&b=2") == f"{text}?a?my_key=[redacted]&b=2"


@pytest.mark.parametrize("proxy", ["ftp://user:pa55word@h:1", "http://user:pa55word@h:x"])
async def test_a_proxy_that_cannot_be_is_said(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment is read at the first call, and its fault is of that call."""
    monkeypatch.setenv("HTTP_PROXY", proxy)
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    error = await error_from(HttpProvider(OLLAMA, environ={}))

    assert (error.kind, error.transient) == ("invalid_request", False)
    assert "HTTP_PROXY" in str(error)
    assert "pa55word" not in "".join(traceback.format_exception(error))


async def test_a_proxy_that_needs_a_package_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says which, and the call is not repeated."""
    monkeypatch.setattr(httpx, "AsyncClient", Mock(side_effect=ImportError("install socks")))
    error = await error_from(HttpProvider(OLLAMA, environ={}))

    assert (error.kind, error.transient) == ("invalid_request", False)
    assert "install socks" in str(error)


async def test_a_header_that_cannot_be_sent_is_said() -> None:
    """Names of headers and further headers come from users."""
    profile = msgspec.structs.replace(OPENAI, auth=HeaderKey("schl\u00fcssel"))
    named = await error_from(answering(streamed(), profile))
    session = SessionOptions(extra_headers={"x-a": "\u20ac"})
    request = msgspec.structs.replace(REQUEST, options=ProviderOptions(session=session))
    with pytest.raises(ProviderError, match="cannot be written") as sent:
        await anext(answering(streamed()).stream(request))

    assert (named.kind, named.transient) == ("invalid_request", False)
    assert (sent.value.kind, sent.value.transient) == ("invalid_request", False)


async def test_a_redirect_is_not_followed() -> None:
    """The key would go to another host."""
    answer = httpx.Response(307, headers={"location": "https://elsewhere.example/"})

    error = await error_from(answering(answer))

    assert error.status == 307
    assert str(error).startswith("openai answered HTTP 307 (it redirects to elsewhere.example")


@pytest.mark.parametrize("status", [404, 405])
async def test_a_wrong_address_says_what_to_look_at(status: int) -> None:
    """Servers of others say no more than `Not Found`; one that says more is enough."""
    bare = await error_from(answering(httpx.Response(status, json={"detail": "Not Found"})))
    said = await error_from(answering(httpx.Response(status, json={"message": "no model"})))

    assert str(bare).endswith('"Not Found"} (is the address or `wire=` right?)')
    assert str(said) == f"openai answered HTTP {status}: no model"


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ({"environ": {"OPENAI_API_KEY": "k1234"}}, "check OPENAI_API_KEY"),
        ({"environ": {}, "api_key": "k1234"}, "check its api_key"),
        ({"environ": {}}, "no key was sent: set OPENAI_API_KEY"),
    ],
)
async def test_a_refused_key_says_where_it_is_from(options: dict[str, Any], hint: str) -> None:
    """A key lies in many places, and an old one in the environment is the usual cause."""
    refusal = httpx.MockTransport(lambda _: httpx.Response(403, json={"message": "no"}))
    transport = HttpTransport(httpx.AsyncClient(transport=refusal))
    profile = msgspec.structs.replace(OPENAI, needs_key=False)
    error = await error_from(HttpProvider(profile, transport=transport, **options))

    assert str(error) == f"openai answered HTTP 403: no ({hint})"


@pytest.mark.parametrize("key", ["'k1234'", '"k1234"', "k1234'"])
async def test_a_key_in_quotes_is_refused(key: str) -> None:
    """Files of variables keep the quotes, and a server says only that the key is wrong."""
    provider = HttpProvider(OPENAI, environ={"OPENAI_API_KEY": key})

    with pytest.raises(MissingCredential, match=r"is in quotes.*OPENAI_API_KEY"):
        await events_from(provider)


async def test_a_silent_stream_times_out() -> None:
    """Hung streams are the most frequent complaint about clients of models."""
    error = await error_from(answering(streamed(CREATED, 5.0), limits=TimeLimits(event_s=0.02)))

    assert (error.kind, error.transient) == ("timeout", True)


async def test_keep_alive_comments_do_not_hold_a_stream() -> None:
    """A proxy can send them for ever."""
    pings = [step for _ in range(500) for step in (b": ping\n\n", 0.01)]

    error = await error_from(answering(streamed(DELTA, *pings), limits=TimeLimits(event_s=0.05)))

    assert (error.kind, error.output_seen) == ("timeout", True)


async def test_events_renew_the_limit_and_a_slow_consumer_does_not_use_it() -> None:
    """The limit is on the server's silence, not on the length of an answer."""
    steps = [step for _ in range(12) for step in (DELTA, 0.02)]
    provider = answering(streamed(*steps, COMPLETED), limits=TimeLimits(event_s=0.15))
    seen: list[ModelEvent] = []

    async with aclosing(provider.stream(REQUEST)) as stream:
        async for event in stream:
            await anyio.sleep(0.001 if seen else 0.2)
            seen.append(event)

    assert isinstance(seen[-1], ReplyFinished)


async def test_closing_the_stream_closes_the_response() -> None:
    """A response that stays open takes a connection of the pool for ever."""
    body = ScriptedBody(DELTA, DELTA, 5.0)
    provider = answering(httpx.Response(200, headers=_SSE, stream=body))

    async with aclosing(provider.stream(REQUEST)) as stream:
        await anext(stream)

    assert body.closed == 1


async def test_cancelling_closes_the_response() -> None:
    """Closing has to await, which a cancelled task may only do under a shield."""
    body = ScriptedBody(DELTA, 5.0)
    provider = answering(httpx.Response(200, headers=_SSE, stream=body))

    with anyio.move_on_after(0.02) as scope:
        await events_from(provider)

    assert scope.cancelled_caught
    assert body.closed == 1


@pytest.mark.parametrize("status", [200, 500])
async def test_every_failure_closes_the_response(status: int) -> None:
    """Errors come in bursts, and each would take a connection with it."""
    body = ScriptedBody(frame(type="error", message="m"))
    await error_from(answering(httpx.Response(status, headers=_SSE, stream=body)))

    assert body.closed == 1


async def test_a_long_body_is_sent_in_its_parts_and_says_how_long_it_is() -> None:
    """A request of megabytes is not put together for each round."""
    heard: list[tuple[httpx.Headers, bytes]] = []

    async def answer(request: httpx.Request) -> httpx.Response:
        heard.append((request.headers, await request.aread()))
        return httpx.Response(200, json={})

    parts = (b"[", b"1" * (transport._MOST_JOINED_BYTES), b"]")
    client = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    async with client, HttpTransport(client).answer(HttpCall("p", "http://x", parts)):
        pass

    [(headers, body)] = heard
    assert body == b"".join(parts)
    assert headers["content-length"] == str(len(body))
    assert "transfer-encoding" not in headers
