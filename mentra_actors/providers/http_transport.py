"""HTTP below every provider: streamed answers, time limits, and errors in neutral words.

There are two limits on silence. httpx stops waiting for *bytes* after its read timeout; a proxy
that sends keep-alive comments passes that one for ever, so there is a longer limit on waiting for
an *event*. Time that the consumer of the stream takes counts for neither.

A message never holds a key: servers and proxies repeat headers in their errors, so every text
from outside passes through `HttpCall.redacted`.
"""

import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, cast

import anyio
import httpx
import msgspec

from mentra_actors.errors import ProviderError
from mentra_actors.providers.json_access import Json, object_of, text_of, whole_of
from mentra_actors.providers.provider_faults import is_final_code, is_transient_status
from mentra_actors.providers.sse import ServerSentEvent, SseParser

__all__ = ["HttpCall", "HttpTransport", "is_event_stream", "request_id_of", "retry_after_s"]

EVENT_LIMIT_S = 600.0
TIMEOUT = httpx.Timeout(connect=10, read=300, write=60, pool=10)

_MAX_ERROR_BYTES = 64 * 1024
_MAX_RESULT_BYTES = 64 * 1024 * 1024
_ERROR_BODY_LIMIT_S = 10.0
_CLOSE_LIMIT_S = 5.0
_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]+)?")
_SHOULD_RETRY = {"true": True, "false": False}


@dataclass(frozen=True)
class HttpCall:
    """One POST. `secrets` are the texts that no message may hold; its `repr` hides them too."""

    provider: str
    url: str
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    hint_404: str = ""

    def redacted(self, text: str) -> str:
        """The text without the secrets of this call."""
        for secret in self.secrets:
            text = text.replace(secret, "[redacted]")
        return text


class HttpTransport:
    """Calls over one connection pool, which is opened at the first call.

    Args:
        client: a client to use instead of an own one; its owner closes it.
        timeout: limits of each step of a call; not used with a client.
        event_limit_s: how long a stream may go without an event.
        clock: the time of day in Unix seconds, to read a `Retry-After` that is a date.
    """

    def __init__(
        self,
        client: httpx.AsyncClient | None = None,
        *,
        timeout: httpx.Timeout = TIMEOUT,
        event_limit_s: float = EVENT_LIMIT_S,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._owns_client = client is None
        self._timeout = timeout
        self._event_limit_s = event_limit_s
        self._clock = clock

    @asynccontextmanager
    async def answer(self, call: HttpCall) -> AsyncGenerator[httpx.Response, None]:
        """The response to a call, its body not read yet; leaving the block closes it.

        Raises:
            ProviderError: the server was not reached, or it answered with an error.
        """
        client = self._opened_client()
        with _neutral_errors(call):
            request = client.build_request(
                "POST", call.url, content=call.body, headers=dict(call.headers)
            )
            response = await client.send(request, stream=True, follow_redirects=False)
        try:
            if not response.is_success:
                raise await self._http_error(call, response)
            yield response
        finally:
            with anyio.move_on_after(_CLOSE_LIMIT_S, shield=True):
                await response.aclose()

    async def events(
        self, call: HttpCall, response: httpx.Response
    ) -> AsyncGenerator[tuple[Json, bool], None]:
        """Each event as JSON, and whether it was a whole frame (only the last may not be).

        Raises:
            ProviderError: the connection or the stream broke, or no event came in time.
        """
        parser = SseParser()
        async with aclosing(_chunks(response)) as chunks:
            waited_s = 0.0
            while True:
                started = anyio.current_time()
                chunk = await self._next_chunk(call, chunks, waited_s)
                waited_s += anyio.current_time() - started
                if chunk is None:
                    break
                for event in parser.feed(chunk):
                    waited_s = 0.0
                    if (value := _json_of(call, event)) is not None:
                        yield value, True
        last = parser.close()
        if last is not None and (value := _lenient_json(last.data)) is not None:
            yield value, False

    async def result(self, call: HttpCall, response: httpx.Response) -> Json:
        """The whole body of a response that is not an event stream, as a JSON object.

        Raises:
            ProviderError: `invalid_response`: it is something else; the message shows its start.
        """
        with _neutral_errors(call):
            body = await _read(response, _MAX_RESULT_BYTES)
        value = _lenient_json(body)
        if value is None:
            content_type = response.headers.get("content-type", "no content type")
            text = call.redacted(body[:2000].decode("utf-8", "replace"))[:500]
            raise ProviderError(
                f"{call.provider} answered with {content_type} instead of events: {text}",
                kind="invalid_response",
                transient=False,
                status=response.status_code,
                request_id=request_id_of(response),
            )
        return value

    async def aclose(self) -> None:
        """Close the own client. Calling it twice is allowed."""
        if self._owns_client and self._client is not None:
            client, self._client = self._client, None
            await client.aclose()

    def _opened_client(self) -> httpx.AsyncClient:
        if self._client is None:
            self._client = httpx.AsyncClient(timeout=self._timeout, follow_redirects=False)
        return self._client

    async def _next_chunk(
        self, call: HttpCall, chunks: AsyncIterator[bytes], waited_s: float
    ) -> bytes | None:
        try:
            with _neutral_errors(call), anyio.fail_after(max(self._event_limit_s - waited_s, 0)):
                return await anext(chunks, None)
        except TimeoutError as error:
            raise ProviderError(
                f"{call.provider} sent no event for {self._event_limit_s:g} s",
                kind="timeout",
                transient=True,
            ) from error

    async def _http_error(self, call: HttpCall, response: httpx.Response) -> ProviderError:
        body = await _error_body(response)
        parsed = _lenient_json(body) or {}
        error = object_of(parsed, "error") or parsed
        code = text_of(error, "code") or text_of(error, "type")
        status = response.status_code
        reason = call.redacted(_reason(error, body))
        hint = f" ({call.hint_404})" if status == httpx.codes.NOT_FOUND and call.hint_404 else ""
        transient = is_transient_status(status) and not is_final_code(code)
        advice = response.headers.get("x-should-retry", "").strip().lower()
        return ProviderError(
            f"{call.provider} answered HTTP {status}{': ' if reason else ''}{reason}{hint}",
            kind="http",
            transient=_SHOULD_RETRY.get(advice, transient),
            status=status,
            code=code or (str(whole_of(error, "code")) if whole_of(error, "code") else None),
            retry_after_s=retry_after_s(response.headers, self._clock()),
            request_id=request_id_of(response),
        )


def is_event_stream(response: httpx.Response) -> bool:
    """Whether the body is server-sent events; a server that does not say is trusted."""
    content_type: str = response.headers.get("content-type", "")
    return not content_type or content_type.strip().lower().startswith("text/event-stream")


def request_id_of(response: httpx.Response) -> str | None:
    """The id by which the provider's support can find a call."""
    request_id: str = response.headers.get("x-request-id") or response.headers.get(
        "request-id", ""
    )
    return request_id or None


def retry_after_s(headers: Mapping[str, str], now: float) -> float | None:
    """The wait that a server asks for in seconds, from 0, or None where it says nothing usable.

    `Retry-After` is a number of seconds or a date, and `now` is the time in Unix seconds.
    """
    milliseconds = headers.get("retry-after-ms", "").strip()
    if _SECONDS.fullmatch(milliseconds):
        return float(milliseconds) / 1000
    value = headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(value):
        return float(value)
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max(date.timestamp() - now, 0.0)


@contextmanager
def _neutral_errors(call: HttpCall) -> Iterator[None]:
    """Turns what httpx raises into a `ProviderError`; the original may repeat a header."""
    try:
        yield
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
        raise _from_httpx(call, error) from None


def _from_httpx(call: HttpCall, error: Exception) -> ProviderError:
    words = call.redacted(str(error)) or "no details"
    message = f"{call.provider} at {_host(call.url)}: {type(error).__name__}: {words}"
    match error:
        case httpx.ConnectError() if "SSL" not in words:
            hint = f"nothing answers there ({words}): is it running, is the address right?"
            message = f"{call.provider} at {_host(call.url)}: {hint}"
            return ProviderError(message, kind="transport", transient=True)
        case httpx.UnsupportedProtocol() | httpx.InvalidURL() | httpx.LocalProtocolError():
            return ProviderError(message, kind="invalid_request", transient=False)
        case httpx.TimeoutException():
            return ProviderError(message, kind="timeout", transient=True)
        case httpx.DecodingError():
            return ProviderError(message, kind="malformed_stream", transient=False)
        case _:
            return ProviderError(message, kind="transport", transient=True)


def _host(url: str) -> str:
    """Where a call went, without the password that a URL may hold."""
    try:
        return httpx.URL(url).netloc.decode("ascii")
    except httpx.InvalidURL:
        return "an invalid URL"


def _chunks(response: httpx.Response) -> AsyncGenerator[bytes, None]:
    return cast(AsyncGenerator[bytes, None], response.aiter_bytes())


async def _error_body(response: httpx.Response) -> bytes:
    """What can be read of an error's body; that it breaks must not hide the error."""
    pieces: list[bytes] = []
    try:
        with anyio.move_on_after(_ERROR_BODY_LIMIT_S):
            await _read(response, _MAX_ERROR_BYTES, pieces)
    except (httpx.HTTPError, httpx.StreamError):
        pass
    return b"".join(pieces)[:_MAX_ERROR_BYTES]


async def _read(
    response: httpx.Response, max_bytes: int, pieces: list[bytes] | None = None
) -> bytes:
    """The first bytes of a body; `pieces` keeps what was read when it breaks."""
    pieces = [] if pieces is None else pieces
    size_bytes = 0
    async with aclosing(_chunks(response)) as chunks:
        async for chunk in chunks:
            pieces.append(chunk)
            size_bytes += len(chunk)
            if size_bytes >= max_bytes:
                break
    return b"".join(pieces)[:max_bytes]


def _reason(error: Json, body: bytes) -> str:
    """Why the server refused: the message of its error object, else the start of the body."""
    message = text_of(error, "message")
    upstream = text_of(object_of(error, "metadata"), "raw")
    if message and upstream:
        return f"{message}: {upstream}"
    return message or body.decode("utf-8", "replace").strip()


def _json_of(call: HttpCall, event: ServerSentEvent) -> Json | None:
    """The event as JSON; None for an empty one and for `[DONE]`, which is no sign of success."""
    if event.data.strip() in {"", "[DONE]"}:
        return None
    value = _lenient_json(event.data)
    if value is None:
        raise ProviderError(
            f"{call.provider} sent an event that is not a JSON object: "
            f"{call.redacted(event.data[:200])}",
            kind="malformed_stream",
            transient=False,
        )
    return value


def _lenient_json(text: str | bytes) -> dict[str, Any] | None:
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return value if isinstance(value, dict) else None
