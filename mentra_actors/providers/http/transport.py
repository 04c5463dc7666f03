"""HTTP below every provider: calls over one pool of connections, streamed and whole answers."""

import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager

import anyio
import httpx

from mentra_actors.errors import ProviderError
from mentra_actors.providers.event_values import event_value
from mentra_actors.providers.http.body import ACCEPTED_ENCODINGS, body_pieces, first_bytes
from mentra_actors.providers.http.call import HttpCall
from mentra_actors.providers.http.faults import (
    HTTPX_ERRORS,
    body_start,
    neutral_error,
    neutral_errors,
    status_error,
    too_late,
)
from mentra_actors.providers.http.headers import request_id_of
from mentra_actors.providers.http.time_limits import LIMITS, Silence, TimeLimits
from mentra_actors.providers.json_access import Json, decoded_json
from mentra_actors.providers.provider_faults import invalid_request, unwritable_request
from mentra_actors.providers.sse import SseParser

__all__ = ["MAX_ANSWER_BYTES", "HttpTransport"]

MAX_ANSWER_BYTES = 512 * 1024 * 1024
"""More than one answer can be: what follows is not read."""

_MAX_RESULT_BYTES = 64 * 1024 * 1024
_MOST_JOINED_BYTES = 256 * 1024
_CLOSE_LIMIT_S = 5.0
_STARTED_AT = "mentra_started_at"


class HttpTransport:
    """Calls over one connection pool, which is opened at the first call.

    Redirects are not followed: the key would go with them. Nothing is tried twice.

    Args:
        client: a client to use instead of an own one; its owner closes it.
        limits: how long each step of a call may take.
        clock: the time of day in Unix seconds, to read a `Retry-After` that is a date.
        max_answer_bytes: how much of one streamed answer is read, after decompression.
    """

    def __init__(
        self,
        client: httpx.AsyncClient | None = None,
        *,
        limits: TimeLimits = LIMITS,
        clock: Callable[[], float] = time.time,
        max_answer_bytes: int = MAX_ANSWER_BYTES,
    ) -> None:
        self._client = client
        self._owns_client = client is None
        self._limits = limits
        self._clock = clock
        self._max_answer_bytes = max_answer_bytes
        _hide_queries_in_logs()

    @asynccontextmanager
    async def answer(self, call: HttpCall) -> AsyncGenerator[httpx.Response, None]:
        """The response to a call, its body not read yet; leaving the block closes it.

        Raises:
            ProviderError: the server was not reached, or it answered with an error.
        """
        response = await self._sent(call)
        try:
            if not response.is_success:
                raise await status_error(call, response, self._clock())
            yield response
        finally:
            with anyio.move_on_after(_CLOSE_LIMIT_S, shield=True):
                await response.aclose()

    async def events(
        self, call: HttpCall, response: httpx.Response
    ) -> AsyncGenerator[tuple[Json, bool], None]:
        """Each event as JSON, and whether it was a whole frame (only the last may not be).

        Raises:
            ProviderError: the connection or the stream broke, no event came in time, or the
                answer is larger than any can be.
        """
        parser = SseParser()
        silence = Silence(self._limits, response.extensions[_STARTED_AT])
        size_bytes = 0
        async with aclosing(body_pieces(response)) as pieces:
            while (piece := await _next_piece(call, pieces, silence)) is not None:
                size_bytes += len(piece)
                if size_bytes > self._max_answer_bytes:
                    raise _too_large(call, self._max_answer_bytes)
                for event in parser.feed(piece):
                    silence.heard_event()
                    value = event_value(call.provider, event, call.redacted)
                    if value is not None:
                        yield value, True
        last = parser.close()
        if last is not None and isinstance(value := decoded_json(last), dict):
            yield value, False

    async def results(self, call: HttpCall, response: httpx.Response) -> list[Json]:
        """The body of a response that is no event stream: one JSON object, or a list of them.

        Raises:
            ProviderError: `invalid_response`: it is something else; the message shows its start.
        """
        try:
            with neutral_errors(call, "streaming"), anyio.fail_after(self._limits.event_s):
                body = await first_bytes(response, _MAX_RESULT_BYTES + 1)
        except TimeoutError:
            late = f"did not send all of its answer within {self._limits.event_s:g} s"
            raise too_late(call, late, "streaming") from None
        if len(body) > _MAX_RESULT_BYTES:
            raise _too_large(call, _MAX_RESULT_BYTES)
        value = decoded_json(body)
        values = value if isinstance(value, list) else [value]
        if not values or not all(isinstance(one, dict) for one in values):
            raise _no_result(call, response, body)
        return values

    async def aclose(self) -> None:
        """Close the own client. Calling it twice is allowed."""
        if self._owns_client and self._client is not None:
            client, self._client = self._client, None
            await client.aclose()

    async def _sent(self, call: HttpCall) -> httpx.Response:
        """The response when its headers have come."""
        client, limits = self._opened_client(call), self._limits
        timeout = httpx.Timeout(
            connect=limits.connect_s,
            write=limits.write_s,
            pool=limits.pool_s,
            read=max(limits.first_byte_s, limits.bytes_s),
        )
        whole_s = limits.event_s if limits.total_s is None else min(limits.event_s, limits.total_s)
        started_at = time.monotonic()
        try:
            with neutral_errors(call, "sent"), anyio.fail_after(whole_s):
                request = _built(client, call, timeout)
                response = await client.send(request, stream=True, follow_redirects=False)
        except TimeoutError:
            late = f"did not begin to answer within {whole_s:g} s"
            raise too_late(call, late, "sent") from None
        response.extensions[_STARTED_AT] = started_at
        return response

    def _opened_client(self, call: HttpCall) -> httpx.AsyncClient:
        if self._client is None:
            try:
                self._client = httpx.AsyncClient(follow_redirects=False)
            except ImportError as error:
                raise invalid_request(f"{call.provider} was not asked: {error}") from None
            except (ValueError, httpx.InvalidURL):  # its text may hold the password of the proxy
                raise invalid_request(
                    f"{call.provider} was not asked: a proxy of the environment is no address; "
                    "check HTTP_PROXY, HTTPS_PROXY and ALL_PROXY"
                ) from None
        return self._client


class _InParts(httpx.AsyncByteStream):
    """A long body as it is, without a copy of it in one piece."""

    def __init__(self, parts: Sequence[bytes]) -> None:
        self._parts = parts

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self._parts:
            yield part


def _built(client: httpx.AsyncClient, call: HttpCall, timeout: httpx.Timeout) -> httpx.Request:
    headers = {"accept-encoding": ACCEPTED_ENCODINGS, **call.headers}
    length = sum(map(len, call.body))
    content: _InParts | bytes | None
    if length > _MOST_JOINED_BYTES:
        content, headers["content-length"] = _InParts(call.body), str(length)
    else:
        content = b"".join(call.body) or None
    try:
        return client.build_request(
            call.method, call.url, content=content, headers=headers, timeout=timeout
        )
    except (TypeError, ValueError) as error:
        raise unwritable_request(call.provider, error) from None


async def _next_piece(
    call: HttpCall, pieces: AsyncIterator[bytes], silence: Silence
) -> bytes | None:
    """The next bytes of an answer; None at its end. A plain scope: it is made for each piece."""
    started = time.monotonic()
    allowed_s = silence.allowed_s(started)
    piece: bytes | None = None
    with anyio.CancelScope(deadline=anyio.current_time() + max(allowed_s, 0)) as scope:
        try:
            piece = await anext(pieces, None)
        except HTTPX_ERRORS as error:
            raise neutral_error(call, "streaming", error) from None
    if scope.cancelled_caught:
        raise too_late(call, silence.limit_at(started), "streaming")
    silence.waited(time.monotonic() - started)
    return piece


def _no_result(call: HttpCall, response: httpx.Response, body: bytes) -> ProviderError:
    content_type = response.headers.get("content-type", "no content type")
    start = call.redacted(body_start(response, body[:2000]))[:500]
    return ProviderError(
        f"{call.provider} answered with {content_type} instead of an answer: "
        f"{start or 'the body is empty'}",
        kind="invalid_response",
        transient=False,
        status=response.status_code,
        request_id=request_id_of(response.headers),
        phase="streaming",
        body=call.redacted(body[:2000].decode("utf-8", "replace")),
    )


def _too_large(call: HttpCall, most_bytes: int) -> ProviderError:
    return ProviderError(
        f"the answer of {call.provider} is longer than {most_bytes:,} bytes",
        kind="malformed_stream",
        transient=False,
        phase="streaming",
    )


def _hide_queries_in_logs() -> None:
    """Httpx logs the URL of each request, where some providers want the key."""
    log = logging.getLogger("httpx")
    if _without_query not in log.filters:
        log.addFilter(_without_query)


def _without_query(record: logging.LogRecord) -> bool:
    if isinstance(record.args, tuple):
        record.args = tuple(
            f"{one.scheme}://{one.host}{one.path}" if isinstance(one, httpx.URL) else one
            for one in record.args
        )
    return True
