"""Everything that a network and a server can do to a call, and what it is called then.

The last tests go through a whole runtime: what passes is asked again, what stays ends the run, and
nothing that was recorded is lost.
"""

import gzip
import json
import logging
import sys
import traceback
import zlib
from contextlib import aclosing
from pathlib import Path

import anyio
import httpx
import msgspec
import pytest
from fault_server import HANG, KEEP, Drip, chunk, closed_port, serving

from mentra_actors import ProviderError
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

sys.path.insert(0, str(Path(__file__).parent))
from http_faults import (
    ANSWER,
    CASES,
    CREATED,
    DELTA,
    DONE,
    HEAD,
    KEY,
    PROFILE,
    TINY,
    http,
    provider_at,
)

pytestmark = pytest.mark.anyio
_REQUEST = ModelRequest(model="m", messages=(UserMessage(text="hi"),))


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
    async with serving([HEAD, *map(chunk, frames), HANG]) as server:
        transport = HttpTransport(limits=TINY)
        provider = HttpProvider(
            GEMINI, base_url=server.url, api_key=KEY, environ={}, transport=transport
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
    async with serving(ANSWER, certificate=tmp_path) as server:
        _, error = await heard(provider_at(server.url))

    assert error is not None
    assert (error.kind, error.code, error.transient) == ("transport", "tls", False)
    assert error.phase == "connecting"
    assert "certificate" in str(error)
    assert server.requests == []


async def test_a_server_without_tls_is_final() -> None:
    """`https` instead of `http` is the most usual mistake with local servers."""
    async with serving(ANSWER) as server:
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
    text = CREATED + DELTA + DONE
    raw = zlib.compressobj(wbits=-15)
    packed = {
        "gzip": gzip.compress(text),
        "members gzip": b"".join(map(gzip.compress, (CREATED, b"", DELTA, DONE))),
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
    script = [HEAD, Drip(chunk(DELTA) * 50, 0)]
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
    async with serving([HEAD, Drip(chunk(DELTA), 0.01)]) as server:
        _, error = await heard(provider_at(server.url, limits))

    assert error is not None
    assert (error.kind, error.output_seen) == ("timeout", True)
    assert "within 0.3 s" in str(error)


async def test_the_helpful_headers_come_with_the_start() -> None:
    """Limits on the rate and the id of a request are there to be seen; cookies are not."""
    async with serving(ANSWER) as server:
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
    async with serving(CASES[name].script, ANSWER) as server:
        provider = provider_at(server.url)
        with pytest.raises(ProviderError):
            async with aclosing(provider.stream(_REQUEST)) as stream:
                await anext(stream)
        events, error = await heard(provider)

    assert error is None
    assert isinstance(events[-1], ReplyFinished)


async def test_cancelling_a_call_hangs_up() -> None:
    """An answer that nobody waits for costs money until the socket is closed."""
    async with serving([HEAD, chunk(DELTA), HANG]) as server:
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
    async with serving([HEAD, chunk(DELTA), HANG]) as server:
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
    async with serving(ANSWER) as server:
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
    KEY,
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
    profile = msgspec.structs.replace(PROFILE, auth=QueryKey("api-key"))
    async with serving(ANSWER) as server:
        provider = HttpProvider(profile, base_url=server.url, api_key=KEY, environ={})
        _, error = await heard(provider)

    assert error is None
    assert b"api-key=sk-very%2Bsecret" in server.requests[0]
    assert "sk-very" not in caplog.text
    assert "HTTP Request: POST" in caplog.text
