"""Everything that a network and a server can do to a call, and what it is called then.

The last tests go through a whole runtime: what passes is asked again, what stays ends the run, and
nothing that was recorded is lost.
"""

import gzip
import json
import logging
import traceback
import zlib
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import anyio
import httpx
import msgspec
import pytest
from fault_server import HANG, KEEP, LAST_CHUNK, RESET, Drip, Script, chunk, closed_port, serving

from mentra_actors import ProviderError, RetrySchedule, RunFailed, open_runtime
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.content import UserMessage
from mentra_actors.domain.model_call import ModelRequest
from mentra_actors.providers.http.body import body_pieces
from mentra_actors.providers.http.time_limits import LIMITS, LOCAL_LIMITS, TimeLimits
from mentra_actors.providers.http.transport import HttpTransport
from mentra_actors.providers.http_provider import HttpProvider
from mentra_actors.providers.port import (
    AnswerStarted,
    ModelEvent,
    ReplyFinished,
    TextDelta,
    UsageReported,
)
from mentra_actors.providers.presets import GEMINI, GENERIC, LMSTUDIO
from mentra_actors.providers.profile import QueryKey
from mentra_actors.testing.scripted_http import frame

pytestmark = pytest.mark.anyio

_KEY = "sk-very+secret/key=0123456789"
_PROFILE = GENERIC
_REQUEST = ModelRequest(model="m", messages=(UserMessage(text="hi"),))
_TINY = TimeLimits(connect_s=2, first_byte_s=0.3, bytes_s=0.3, event_s=0.6)


_CREATED = frame(type="response.created", response={"id": "resp_1", "model": "m"})
_DELTA = frame(type="response.output_text.delta", delta="hello")
_ITEM = {"type": "message", "id": "i", "content": [{"type": "output_text", "text": "hello"}]}
_DONE = frame(type="response.completed", response={"status": "completed", "output": [_ITEM]})
_BROKEN = frame(type="error", code="server_is_overloaded", message="later")


def http(status: int, body: bytes = b"", **headers: str) -> bytes:
    """A whole response."""
    lines = [f"HTTP/1.1 {status} X", f"content-length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-request-id: req_7\r\n"
    b"x-ratelimit-remaining-requests: 41\r\nset-cookie: session=1\r\n"
    b"transfer-encoding: chunked\r\n\r\n"
)
_ANSWER: Script = [_HEAD, chunk(_CREATED), chunk(_DELTA), chunk(_DONE), LAST_CHUNK, KEEP]


def provider_at(url: str, limits: TimeLimits = _TINY, **options: Any) -> HttpProvider:
    transport = HttpTransport(limits=limits, **options)
    return HttpProvider(_PROFILE, base_url=url, api_key=_KEY, environ={}, transport=transport)


async def heard(provider: HttpProvider) -> tuple[list[ModelEvent], ProviderError | None]:
    """The events of one call and its error, within a bound that only a hang reaches."""
    events: list[ModelEvent] = []
    try:
        with anyio.fail_after(10):
            async with aclosing(provider.stream(_REQUEST)) as stream:
                async for event in stream:
                    events.append(event)
    except ProviderError as error:
        return events, error
    finally:
        await provider.aclose()
    return events, None


@dataclass(frozen=True)
class Case:
    """What a server does, and what its call is to be told."""

    script: Script
    kind: str
    transient: bool
    status: int | None = None
    retry_after_s: float | None = None
    output_seen: bool = False
    phase: str = "streaming"
    says: str = ""


def _refused(status: int, transient: bool, body: bytes = b"", **more: Any) -> Case:  # noqa: FBT001
    headers = more.pop("headers", {})
    answer = [http(status, body, **headers), KEEP]
    return Case(answer, "http", transient, status=status, phase="sent", **more)


_PAGE = b"<html><head><title>Bad gateway</title>" + b"x" * 5000
_RETRY_INFO = json.dumps(
    {
        "error": {
            "code": 429,
            "status": "RESOURCE_EXHAUSTED",
            "message": "quota",
            "details": [
                {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.4s"}
            ],
        }
    }
).encode()

CASES = {
    "429": _refused(429, True),
    "429 seconds": _refused(429, True, headers={"retry_after": "7"}, retry_after_s=7),
    "429 decimal": _refused(429, True, headers={"retry_after": "0.25"}, retry_after_s=0.25),
    "429 ms": _refused(429, True, headers={"retry_after_ms": "1500"}, retry_after_s=1.5),
    "429 past date": _refused(
        429, True, headers={"retry_after": "Sun, 06 Nov 1994 08:49:37 GMT"}, retry_after_s=0
    ),
    "429 nonsense": _refused(429, True, headers={"retry_after": "soon"}),
    "429 resets": _refused(
        429, True, headers={"x_ratelimit_reset_requests": "6m0s"}, retry_after_s=360
    ),
    "429 the used up one resets": _refused(
        429,
        True,
        headers={
            "x_ratelimit_reset_requests": "20ms",
            "x_ratelimit_reset_tokens": "1m2.5s",
            "x_ratelimit_remaining_tokens": "0",
        },
        retry_after_s=62.5,
    ),
    "429 RetryInfo": _refused(429, True, _RETRY_INFO, retry_after_s=34.4, says="quota"),
    "429 RetryInfo in a list": _refused(
        429, True, b"[" + _RETRY_INFO + b"]", retry_after_s=34.4, says="quota"
    ),
    "429 quota": _refused(429, False, b'{"error":{"code":"insufficient_quota","message":"pay"}}'),
    "429 quota by its type": _refused(
        429, False, b'{"error":{"type":"insufficient_quota","code":"429","message":"pay"}}'
    ),
    "408": _refused(408, True),
    "409": _refused(409, True),
    "425": _refused(425, True),
    "500": _refused(500, True),
    "503 hint": _refused(503, True, headers={"retry_after": "2"}, retry_after_s=2),
    "503 never": _refused(503, False, headers={"x_should_retry": "false"}),
    "400 once more": _refused(400, True, headers={"x_should_retry": "true"}),
    "502 page": _refused(502, True, _PAGE, says="Bad gateway"),
    "529": _refused(529, True, b'{"error":{"type":"overloaded_error","message":"busy"}}'),
    "400": _refused(400, False, b'{"error":{"message":"bad field"}}', says="bad field"),
    "redirect": _refused(
        307,
        False,
        headers={"location": "https://other.example/v1?key=1"},
        says="redirects to other.example",
    ),
    "redirect to itself": _refused(
        301, False, headers={"location": "/v1/responses"}, says="redirects to 127.0.0.1"
    ),
    "redirect that asks": _refused(
        308, False, headers={"location": "/", "x_should_retry": "true"}
    ),
    "closed without a word": Case([], "transport", True, phase="sent"),
    "reset before the answer": Case([RESET], "transport", True, phase="sent"),
    "reset inside the head": Case([_HEAD[:20], RESET], "transport", True, phase="sent"),
    "reset after the head": Case([_HEAD, RESET], "transport", True),
    "reset after the start": Case([_HEAD, chunk(_CREATED), RESET], "transport", True),
    "reset after output": Case(
        [_HEAD, chunk(_CREATED), chunk(_DELTA), RESET], "transport", True, output_seen=True
    ),
    "reset inside a chunk": Case(
        [_HEAD, chunk(_DELTA), chunk(_DONE)[:30], RESET], "transport", True, output_seen=True
    ),
    "end inside the chunks": Case(
        [_HEAD, chunk(_CREATED), chunk(_DELTA)], "transport", True, output_seen=True
    ),
    "end without the answer's end": Case(
        [_HEAD, chunk(_DELTA), LAST_CHUNK, KEEP], "malformed_stream", True, output_seen=True
    ),
    "chunks of no length": Case([_HEAD, b"zz\r\nabc\r\n", HANG], "transport", True),
    "not HTTP": Case([b"SSH-2.0-OpenSSH_9\r\n\r\n"], "transport", True, phase="sent"),
    "huge headers": Case(
        [b"HTTP/1.1 200 OK\r\n" + b"x: " + b"a" * 2_000_000, HANG],
        "transport",
        True,
        phase="sent",
    ),
    "length too long": Case(
        [b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 999\r\n\r\n{}"],
        "transport",
        True,
    ),
    "length too short": Case(
        [
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 20\r\n\r\n",
            _DONE,
        ],
        "malformed_stream",
        True,
    ),
    "200 with an error": Case(
        [http(200, b'{"error":{"message":"no model"}}', content_type="application/json"), KEEP],
        "in_band",
        False,
        says="no model",
    ),
    "200 with a page": Case(
        [http(200, _PAGE, content_type="text/html"), KEEP],
        "invalid_response",
        False,
        status=200,
        says="text/html",
    ),
    "200 with nothing": Case(
        [http(200, content_type="application/json"), KEEP],
        "invalid_response",
        False,
        status=200,
        says="the body is empty",
    ),
    "200 with another JSON": Case(
        [http(200, b"[1, 2]", content_type="application/json"), KEEP],
        "invalid_response",
        False,
        status=200,
    ),
    "an event that is no JSON": Case(
        [_HEAD, chunk(_DELTA), chunk(b"data: {]\n\n"), HANG],
        "malformed_stream",
        False,
        output_seen=True,
    ),
    "an event that is no UTF-8": Case(
        [_HEAD, chunk(b'data: {"a": "\xff"}\n\n'), HANG], "malformed_stream", False
    ),
    "broken gzip": Case(
        [http(200, b"\x1f\x8b" + b"x" * 50, content_encoding="gzip"), KEEP],
        "malformed_stream",
        False,
    ),
    "an encoding that nobody asked for": Case(
        [http(200, b"x", content_encoding="br"), KEEP], "malformed_stream", False, says="br"
    ),
    "an error first": Case([_HEAD, chunk(_BROKEN), HANG], "in_band", True, status=503),
    "an error after the start": Case(
        [_HEAD, chunk(_CREATED), chunk(_BROKEN), HANG], "in_band", True, status=503
    ),
    "an error after output": Case(
        [_HEAD, chunk(_DELTA), chunk(_BROKEN), HANG],
        "in_band",
        True,
        status=503,
        output_seen=True,
    ),
    "silence before the answer": Case([HANG], "timeout", True, phase="sent"),
    "silence after the head": Case([_HEAD, HANG], "timeout", True, says="sent nothing for 0.3 s"),
    "silence after output": Case([_HEAD, chunk(_DELTA), HANG], "timeout", True, output_seen=True),
    "pings for ever": Case(
        [_HEAD, chunk(_DELTA), Drip(chunk(b": ping\n\n"), 0.02)],
        "timeout",
        True,
        output_seen=True,
        says="sent no event for 0.6 s",
    ),
    "a head that drips": Case(
        [b"HTTP/1.1 200 OK\r\n", Drip(b"x: y\r\n", 0.02)],
        "timeout",
        True,
        phase="sent",
        says="did not begin to answer",
    ),
}


@pytest.mark.parametrize("name", CASES)
async def test_each_fault_is_told_in_the_same_words(name: str) -> None:
    """Whether a run goes on depends on these few fields, and on nothing else."""
    case = CASES[name]
    async with serving(case.script) as server:
        events, error = await heard(provider_at(server.url))

    assert error is not None
    assert (error.kind, error.transient) == (case.kind, case.transient), str(error)
    assert (error.status, error.retry_after_s) == (case.status, case.retry_after_s)
    assert (error.output_seen, error.phase) == (case.output_seen, case.phase)
    assert case.says in str(error)
    assert len(str(error)) < 1000
    assert error.__context__ is None, "what caused it may repeat the key"
    assert len(server.requests) == 1
    assert case.output_seen == any(not isinstance(one, AnswerStarted) for one in events)


async def test_a_first_error_comes_before_any_event() -> None:
    """A caller that has heard nothing may ask another provider."""
    for name in ("an error first", "an error after the start", "silence after the head"):
        async with serving(CASES[name].script) as server:
            events, error = await heard(provider_at(server.url))

        assert (events, error is None) == ([], False)


_GEMINI_START = frame(candidates=[], modelVersion="g-1", responseId="r1")
_GEMINI_USAGE = frame(candidates=[], usageMetadata={"promptTokenCount": 5})
_GEMINI_ERROR = frame(error={"code": 503, "status": "UNAVAILABLE", "message": "later"})
_GEMINI_TEXT = frame(candidates=[{"content": {"parts": [{"text": "hello"}]}}])


@pytest.mark.parametrize(
    ("frames", "heard_kinds", "output_seen"),
    [
        ([_GEMINI_START, _GEMINI_ERROR], [], False),
        ([_GEMINI_USAGE, _GEMINI_ERROR], [AnswerStarted, UsageReported], False),
        ([_GEMINI_TEXT, _GEMINI_ERROR], [AnswerStarted, TextDelta], True),
    ],
)
async def test_that_it_has_begun_is_no_output(frames, heard_kinds, *, output_seen) -> None:
    """A wire says which model answers before anything of the answer has come."""
    async with serving([_HEAD, *map(chunk, frames), HANG]) as server:
        transport = HttpTransport(limits=_TINY)
        provider = HttpProvider(
            GEMINI, base_url=server.url, api_key=_KEY, environ={}, transport=transport
        )
        events, error = await heard(provider)

    assert error is not None
    assert (error.status, error.output_seen) == (503, output_seen)
    assert [type(event) for event in events] == heard_kinds


async def test_nobody_listens() -> None:
    """The usual state of a local server; it may be started in a moment."""
    _, error = await heard(provider_at(f"http://127.0.0.1:{closed_port()}"))

    assert error is not None
    assert (error.kind, error.transient, error.phase) == ("transport", True, "connecting")
    assert "is it running" in str(error)


async def test_a_certificate_that_is_not_trusted_is_final(tmp_path) -> None:
    """Waiting makes no certificate better, and the key must not go to whoever shows it."""
    async with serving(_ANSWER, certificate=tmp_path) as server:
        _, error = await heard(provider_at(server.url))

    assert error is not None
    assert (error.kind, error.code, error.transient) == ("transport", "tls", False)
    assert error.phase == "connecting"
    assert "certificate" in str(error)
    assert server.requests == []


async def test_a_server_without_tls_is_final() -> None:
    """`https` instead of `http` is the most usual mistake with local servers."""
    async with serving(_ANSWER) as server:
        _, error = await heard(provider_at(server.url.replace("http", "https")))

    assert error is not None
    assert (error.kind, error.code, error.transient) == ("transport", "tls", False)
    assert "http://" in str(error)


async def test_a_bomb_is_read_in_pieces() -> None:
    """A few kilobytes can unpack to gigabytes: they are never whole in memory."""
    bomb = gzip.compress(b": " + b"x" * 80_000_000)
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-encoding: gzip\r\n"
    async with serving([head + b"\r\n", bomb]) as server:
        _, error = await heard(provider_at(server.url, LIMITS, max_answer_bytes=3_000_000))

    assert error is not None
    assert (error.kind, error.transient) == ("malformed_stream", False)
    assert "longer than 3,000,000 bytes" in str(error)


async def test_no_piece_of_a_bomb_is_large() -> None:
    """A limit on the sum is of no use if the first piece is all of it."""

    async def packed():
        yield gzip.compress(b"x" * 20_000_000)

    response = httpx.Response(200, headers={"content-encoding": "gzip"}, content=packed())
    sizes = [len(piece) async for piece in body_pieces(response)]

    assert sum(sizes) == 20_000_000
    assert max(sizes) <= 1024 * 1024


@pytest.mark.parametrize(
    "encoding", ["gzip", "deflate", "raw deflate", "members gzip", "padded gzip"]
)
async def test_a_compressed_answer_is_read(encoding: str) -> None:
    """Proxies compress event streams, too."""
    text = _CREATED + _DELTA + _DONE
    raw = zlib.compressobj(wbits=-15)
    packed = {
        "gzip": gzip.compress(text),
        "members gzip": b"".join(map(gzip.compress, (_CREATED, b"", _DELTA, _DONE))),
        "padded gzip": gzip.compress(text) + b"\0" * 9000,
        "deflate": zlib.compress(text),
        "raw deflate": raw.compress(text) + raw.flush(),
    }[encoding]
    name = encoding.rpartition(" ")[2]
    answer = http(200, packed, content_type="text/event-stream", content_encoding=name)
    async with serving([answer, KEEP]) as server:
        events, error = await heard(provider_at(server.url))

    assert error is None
    assert isinstance(events[-1], ReplyFinished)


async def test_an_answer_that_is_too_long_is_cut_off() -> None:
    """A server that never stops must not fill the memory or the log."""
    script = [_HEAD, Drip(chunk(_DELTA) * 50, 0)]
    async with serving(script) as server:
        events, error = await heard(provider_at(server.url, LIMITS, max_answer_bytes=20_000))
        with anyio.fail_after(5):
            await server.gone.wait()

    assert error is not None
    assert (error.kind, error.output_seen) == ("malformed_stream", True)
    assert len(events) < 1000


async def test_the_total_limit_ends_an_answer_that_never_stops() -> None:
    """Each event renews the other limits."""
    limits = TimeLimits(first_byte_s=5, bytes_s=5, event_s=5, total_s=0.3)
    async with serving([_HEAD, Drip(chunk(_DELTA), 0.01)]) as server:
        _, error = await heard(provider_at(server.url, limits))

    assert error is not None
    assert (error.kind, error.output_seen) == ("timeout", True)
    assert "within 0.3 s" in str(error)


async def test_the_helpful_headers_come_with_the_start() -> None:
    """Limits on the rate and the id of a request are there to be seen; cookies are not."""
    async with serving(_ANSWER) as server:
        events, error = await heard(provider_at(server.url))

    assert error is None
    started = events[0]
    assert isinstance(started, AnswerStarted)
    assert started.headers == {"x-request-id": "req_7", "x-ratelimit-remaining-requests": "41"}
    last = events[-1]
    assert isinstance(last, ReplyFinished)
    assert last.reply.request_id == "req_7"


@pytest.mark.parametrize("name", ["429 seconds", "redirect", "200 with a page"])
async def test_the_next_call_works_after_a_fault(name: str) -> None:
    """One bad answer must not use up the connections of the provider."""
    async with serving(CASES[name].script, _ANSWER) as server:
        provider = provider_at(server.url)
        with pytest.raises(ProviderError):
            async with aclosing(provider.stream(_REQUEST)) as stream:
                await anext(stream)
        events, error = await heard(provider)

    assert error is None
    assert isinstance(events[-1], ReplyFinished)


async def test_cancelling_a_call_hangs_up() -> None:
    """An answer that nobody waits for costs money until the socket is closed."""
    async with serving([_HEAD, chunk(_DELTA), HANG]) as server:
        provider = provider_at(server.url, LIMITS)
        async with anyio.create_task_group() as group:

            async def listen() -> None:
                async with aclosing(provider.stream(_REQUEST)) as stream:
                    async for event in stream:
                        if isinstance(event, TextDelta):
                            group.cancel_scope.cancel()

            group.start_soon(listen)
        with anyio.fail_after(5):
            await server.gone.wait()
        await provider.aclose()


async def test_a_closed_stream_hangs_up_and_the_next_call_works() -> None:
    """Seen from a real server: the socket is closed at once, and the client is still good."""
    async with serving([_HEAD, chunk(_DELTA), HANG]) as server:
        provider = provider_at(server.url)
        for _ in range(2):
            async with aclosing(provider.stream(_REQUEST)) as stream:
                assert isinstance(await anext(stream), AnswerStarted)
                assert await anext(stream) == TextDelta("hello")
            with anyio.fail_after(2):
                await server.gone.wait()
            server.gone.clear()
        await provider.aclose()
        await provider.aclose()

    assert server.connections == 2


async def test_a_finished_stream_leaves_its_connection_to_the_next_call() -> None:
    """A new TLS handshake for each round would cost more than many answers."""
    async with serving(_ANSWER) as server:
        provider = provider_at(server.url)
        for _ in range(3):
            events = [event async for event in provider.stream(_REQUEST)]
            assert isinstance(events[-1], ReplyFinished)
        await provider.aclose()
        with anyio.fail_after(2):
            await server.gone.wait()

    assert server.connections == 1


async def test_a_local_server_may_take_minutes_to_begin() -> None:
    """It loads a model first; five minutes are not enough for every disk."""
    assert LOCAL_LIMITS.first_byte_s >= 1200 > LIMITS.first_byte_s
    assert HttpProvider(LMSTUDIO)._transport._limits is LOCAL_LIMITS
    assert HttpProvider(GENERIC)._transport._limits is LIMITS


_FORMS = [
    _KEY,
    "sk-very%2Bsecret%2Fkey%3D0123456789",
    "sk-very%2bsecret%2fkey%3d0123456789",
    "c2stdmVyeStzZWNyZXQva2V5PTAxMjM0NTY3ODk=",
    "dXNlcjpzay12ZXJ5K3NlY3JldC9rZXk9MDEyMzQ1Njc4OQ==",  # user:KEY
    "sk-very+secret\\/key=0123456789",
    "sk-very\\u002bsecret\\u002Fkey\\u003d0123456789",
    "sk-very&#43;secret&#x2F;key&#061;0123456789",
]


@pytest.mark.parametrize("form", _FORMS)
@pytest.mark.parametrize("status", [200, 401])
async def test_no_form_of_the_key_is_shown(form: str, status: int, caplog) -> None:
    """Proxies repeat what they were sent, as it came or encoded, and errors are stored."""
    caplog.set_level(logging.DEBUG)
    body = json.dumps({"error": {"message": f"bad <{form}> here", "code": form}}).encode()
    async with serving([http(status, body, content_type="application/json"), KEEP]) as server:
        _, error = await heard(provider_at(server.url))

    assert error is not None
    shown = "".join(traceback.format_exception(error)) + repr(vars(error)) + caplog.text
    assert form not in shown
    assert form[8:24] not in shown
    assert "[redacted]" in str(error)
    assert error.__cause__ is None
    assert error.__context__ is None


async def test_a_key_in_the_query_is_in_no_log(caplog) -> None:
    """httpx logs the URL of each request at the level that many programs print."""
    caplog.set_level(logging.DEBUG)
    profile = msgspec.structs.replace(_PROFILE, auth=QueryKey("api-key"))
    async with serving(_ANSWER) as server:
        provider = HttpProvider(profile, base_url=server.url, api_key=_KEY, environ={})
        _, error = await heard(provider)

    assert error is None
    assert b"api-key=sk-very%2Bsecret" in server.requests[0]
    assert "sk-very" not in caplog.text
    assert "HTTP Request: POST" in caplog.text


# --- with a whole runtime ---------------------------------------------------------------------

_QUICK = RetrySchedule(base_s=0.001, max_s=0.001, retry_after_cap_s=0.001)


async def _played(*scripts: Script, **run: Any) -> tuple[Any, list[Any], list[bytes]]:
    """How a run of one prompt ended, what was recorded, and what the server was asked."""
    async with serving(*scripts) as server:
        provider = provider_at(server.url)
        async with open_runtime(":memory:", providers=[provider]) as runtime:
            recorded: list[Any] = []
            runtime.on_recorded(recorded.extend)
            agent = await runtime.spawn("lead", model="generic:m")
            with anyio.fail_after(20):
                try:
                    end: Any = await agent.send("hi", retry=_QUICK, **run)
                except RunFailed as failed:
                    end = failed
    return end, [one.event for one in recorded], server.requests


def _failures(events: list[Any]) -> list[e.ModelCallFailed]:
    return [event for event in events if isinstance(event, e.ModelCallFailed)]


@pytest.mark.parametrize(
    "name",
    [
        "429 seconds",
        "529",
        "502 page",
        "closed without a word",
        "reset inside the head",
        "silence after the head",
        "an error first",
    ],
)
async def test_what_passes_is_asked_again(name: str) -> None:
    """Overloads and broken connections are the weather of this trade."""
    end, events, requests = await _played(CASES[name].script, _ANSWER)

    assert end.text == "hello"
    assert len(requests) == 2
    assert [failure.kind for failure in _failures(events)] == [CASES[name].kind]
    assert requests[0].partition(b"\r\n\r\n")[2] == requests[1].partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize("name", ["400", "redirect", "429 quota", "200 with a page", "503 never"])
async def test_what_stays_ends_the_run_at_once(name: str) -> None:
    """Asking again would only burn time, or money."""
    end, events, requests = await _played(CASES[name].script, _ANSWER)

    assert isinstance(end, RunFailed)
    assert len(requests) == 1
    assert [failure.transient for failure in _failures(events)] == [False]


async def test_a_stream_that_breaks_is_asked_again_and_its_words_are_kept() -> None:
    """What had come is for people; the answer that counts is the whole one."""
    broken = CASES["reset after output"].script
    end, events, requests = await _played(broken, broken, _ANSWER)

    assert end.text == "hello"
    assert len(requests) == 3
    assert [one.partial_text for one in _failures(events)] == ["hello", "hello"]
    assert [type(one) for one in events].count(e.ModelReplied) == 1


async def test_a_server_that_never_gets_well_ends_the_run_after_its_retries() -> None:
    """Everything that was acknowledged is still there, and the run can be resumed."""
    end, events, requests = await _played(CASES["529"].script, retry_budget=2)

    assert isinstance(end, RunFailed)
    assert len(requests) == 3
    assert len(_failures(events)) == 3
    assert [type(one) for one in events].count(e.RunStarted) == 1
