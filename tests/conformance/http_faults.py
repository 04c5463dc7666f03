"""Answers of HTTP servers that are faulty in every way, for tests."""

import json
from dataclasses import dataclass
from typing import Any

from fault_server import HANG, KEEP, LAST_CHUNK, RESET, Drip, Script, chunk

from mentra_actors.providers.http.time_limits import TimeLimits
from mentra_actors.providers.http.transport import HttpTransport
from mentra_actors.providers.http_provider import HttpProvider
from mentra_actors.providers.presets import GENERIC
from mentra_actors.testing.scripted_http import frame

KEY = "sk-very+secret/key=0123456789"
PROFILE = GENERIC
TINY = TimeLimits(connect_s=2, first_byte_s=0.3, bytes_s=0.3, event_s=0.6)
CREATED = frame(type="response.created", response={"id": "resp_1", "model": "m"})
DELTA = frame(type="response.output_text.delta", delta="hello")
ITEM = {"type": "message", "id": "i", "content": [{"type": "output_text", "text": "hello"}]}
DONE = frame(type="response.completed", response={"status": "completed", "output": [ITEM]})
BROKEN = frame(type="error", code="server_is_overloaded", message="later")


def http(status: int, body: bytes = b"", **headers: str) -> bytes:
    """A whole response."""
    lines = [f"HTTP/1.1 {status} X", f"content-length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-request-id: req_7\r\n"
    b"x-ratelimit-remaining-requests: 41\r\nset-cookie: session=1\r\n"
    b"transfer-encoding: chunked\r\n\r\n"
)
ANSWER: Script = [HEAD, chunk(CREATED), chunk(DELTA), chunk(DONE), LAST_CHUNK, KEEP]


def provider_at(url: str, limits: TimeLimits = TINY, **options: Any) -> HttpProvider:
    transport = HttpTransport(limits=limits, **options)
    return HttpProvider(PROFILE, base_url=url, api_key=KEY, environ={}, transport=transport)


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


def refused(status: int, transient: bool, body: bytes = b"", **more: Any) -> Case:  # noqa: FBT001
    headers = more.pop("headers", {})
    answer = [http(status, body, **headers), KEEP]
    return Case(answer, "http", transient, status=status, phase="sent", **more)


PAGE = b"<html><head><title>Bad gateway</title>" + b"x" * 5000


RETRY_INFO = json.dumps(
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
    "429": refused(429, True),
    "429 seconds": refused(429, True, headers={"retry_after": "7"}, retry_after_s=7),
    "429 decimal": refused(429, True, headers={"retry_after": "0.25"}, retry_after_s=0.25),
    "429 ms": refused(429, True, headers={"retry_after_ms": "1500"}, retry_after_s=1.5),
    "429 past date": refused(
        429, True, headers={"retry_after": "Sun, 06 Nov 1994 08:49:37 GMT"}, retry_after_s=0
    ),
    "429 nonsense": refused(429, True, headers={"retry_after": "soon"}),
    "429 resets": refused(
        429, True, headers={"x_ratelimit_reset_requests": "6m0s"}, retry_after_s=360
    ),
    "429 the used up one resets": refused(
        429,
        True,
        headers={
            "x_ratelimit_reset_requests": "20ms",
            "x_ratelimit_reset_tokens": "1m2.5s",
            "x_ratelimit_remaining_tokens": "0",
        },
        retry_after_s=62.5,
    ),
    "429 RetryInfo": refused(429, True, RETRY_INFO, retry_after_s=34.4, says="quota"),
    "429 RetryInfo in a list": refused(
        429, True, b"[" + RETRY_INFO + b"]", retry_after_s=34.4, says="quota"
    ),
    "429 quota": refused(429, False, b'{"error":{"code":"insufficient_quota","message":"pay"}}'),
    "429 quota by its type": refused(
        429, False, b'{"error":{"type":"insufficient_quota","code":"429","message":"pay"}}'
    ),
    "408": refused(408, True),
    "409": refused(409, True),
    "425": refused(425, True),
    "500": refused(500, True),
    "503 hint": refused(503, True, headers={"retry_after": "2"}, retry_after_s=2),
    "503 never": refused(503, False, headers={"x_should_retry": "false"}),
    "400 once more": refused(400, True, headers={"x_should_retry": "true"}),
    "502 page": refused(502, True, PAGE, says="Bad gateway"),
    "529": refused(529, True, b'{"error":{"type":"overloaded_error","message":"busy"}}'),
    "400": refused(400, False, b'{"error":{"message":"bad field"}}', says="bad field"),
    "redirect": refused(
        307,
        False,
        headers={"location": "https://other.example/v1?key=1"},
        says="redirects to other.example",
    ),
    "redirect to itself": refused(
        301, False, headers={"location": "/v1/responses"}, says="redirects to 127.0.0.1"
    ),
    "redirect that asks": refused(308, False, headers={"location": "/", "x_should_retry": "true"}),
    "closed without a word": Case([], "transport", True, phase="sent"),
    "reset before the answer": Case([RESET], "transport", True, phase="sent"),
    "reset inside the head": Case([HEAD[:20], RESET], "transport", True, phase="sent"),
    "reset after the head": Case([HEAD, RESET], "transport", True),
    "reset after the start": Case([HEAD, chunk(CREATED), RESET], "transport", True),
    "reset after output": Case(
        [HEAD, chunk(CREATED), chunk(DELTA), RESET], "transport", True, output_seen=True
    ),
    "reset inside a chunk": Case(
        [HEAD, chunk(DELTA), chunk(DONE)[:30], RESET], "transport", True, output_seen=True
    ),
    "end inside the chunks": Case(
        [HEAD, chunk(CREATED), chunk(DELTA)], "transport", True, output_seen=True
    ),
    "end without the answer's end": Case(
        [HEAD, chunk(DELTA), LAST_CHUNK, KEEP], "malformed_stream", True, output_seen=True
    ),
    "chunks of no length": Case([HEAD, b"zz\r\nabc\r\n", HANG], "transport", True),
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
            DONE,
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
        [http(200, PAGE, content_type="text/html"), KEEP],
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
        [HEAD, chunk(DELTA), chunk(b"data: {]\n\n"), HANG],
        "malformed_stream",
        False,
        output_seen=True,
    ),
    "an event that is no UTF-8": Case(
        [HEAD, chunk(b'data: {"a": "\xff"}\n\n'), HANG], "malformed_stream", False
    ),
    "broken gzip": Case(
        [http(200, b"\x1f\x8b" + b"x" * 50, content_encoding="gzip"), KEEP],
        "malformed_stream",
        False,
    ),
    "an encoding that nobody asked for": Case(
        [http(200, b"x", content_encoding="br"), KEEP], "malformed_stream", False, says="br"
    ),
    "an error first": Case([HEAD, chunk(BROKEN), HANG], "in_band", True, status=503),
    "an error after the start": Case(
        [HEAD, chunk(CREATED), chunk(BROKEN), HANG], "in_band", True, status=503
    ),
    "an error after output": Case(
        [HEAD, chunk(DELTA), chunk(BROKEN), HANG],
        "in_band",
        True,
        status=503,
        output_seen=True,
    ),
    "silence before the answer": Case([HANG], "timeout", True, phase="sent"),
    "silence after the head": Case([HEAD, HANG], "timeout", True, says="sent nothing for 0.3 s"),
    "silence after output": Case([HEAD, chunk(DELTA), HANG], "timeout", True, output_seen=True),
    "pings for ever": Case(
        [HEAD, chunk(DELTA), Drip(chunk(b": ping\n\n"), 0.02)],
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
