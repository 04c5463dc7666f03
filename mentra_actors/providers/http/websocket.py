"""Answers over a websocket: one frame asks, and each event of the answer is a frame.

The handshake and the key are paid for once, and a conversation goes on over its connection. The
library is an extra: `pip install mentra-actors[websockets]`.
"""

import importlib
import logging
import ssl
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from enum import Enum
from typing import Any, Protocol, TypeAlias

import anyio
import httpx
import msgspec

from mentra_actors.errors import ProviderError
from mentra_actors.providers.http.call import HttpCall
from mentra_actors.providers.http.faults import status_error, too_late
from mentra_actors.providers.http.retry_hints import retry_after_s
from mentra_actors.providers.http.time_limits import LIMITS, Silence, TimeLimits
from mentra_actors.providers.json_access import Json, decoded_json, object_of, text_of, whole_of
from mentra_actors.providers.provider_faults import (
    invalid_request,
    is_final_code,
    is_transient_status,
    malformed_stream,
)

__all__ = ["WebsocketTransport", "request_frame"]

_MAX_FRAME_BYTES = 64 * 1024 * 1024
_MOST_IDLE = 32
_CLOSE_LIMIT_S = 2.0
_NOT_OF_AN_UPGRADE = frozenset({"accept", "content-type", "content-length", "accept-encoding"})
_LIMIT_REACHED = "websocket_connection_limit_reached"
_LOGGER = logging.getLogger(__name__)
_LOGGER.setLevel(logging.WARNING)  # the library logs headers, and the key among them, below that


class _Connection(Protocol):
    """What is used of a connection of the library."""

    @property
    def state(self) -> Enum: ...

    @property
    def response(self) -> Any: ...

    async def send(self, message: str, *, text: bool) -> None: ...

    async def recv(self) -> str | bytes: ...

    async def close(self) -> None: ...


_Opened: TypeAlias = tuple[Mapping[str, str], AsyncGenerator[Json, None]]
_Place: TypeAlias = tuple[str, tuple[str, ...], str]


class WebsocketTransport:
    """Connections that wait for their next request. Used on one event loop.

    Requests of one `session` share a connection and wait for each other; requests without a
    session take any that is idle. An answer that was not read to its end closes its connection,
    so none of its events is left for the next.

    Args:
        limits: how long each step of a call may take.
        clock: the time of day in Unix seconds, to read a `Retry-After` that is a date.
    """

    def __init__(
        self, *, limits: TimeLimits = LIMITS, clock: Callable[[], float] = time.time
    ) -> None:
        self._limits = limits
        self._clock = clock
        self._idle: dict[_Place, list[_Connection]] = {}
        self._locks: dict[_Place, anyio.Lock] = {}

    @asynccontextmanager
    async def answer(
        self,
        call: HttpCall,
        is_terminal: Callable[[Json], bool],
        session: str = "",
        *,
        is_fresh: bool = False,
    ) -> AsyncGenerator[_Opened, None]:
        """The headers of the connection, and the events of one answer up to the terminal one.

        An answer that `is_fresh` takes no connection that was used before.

        Raises:
            ProviderError: the server was not reached, it refused, or the extra is missing.
        """
        place = (call.url, call.secrets, session)
        async with self._turn(place):
            connection = None if is_fresh else self._taken(place)
            connection = connection or await self._opened(call)
            is_whole = False

            async def events() -> AsyncGenerator[Json, None]:
                nonlocal is_whole
                async with aclosing(self._events(call, connection, is_terminal)) as found:
                    async for event in found:
                        yield event
                is_whole = True

            try:
                await self._send(call, connection)
                yield dict(_header_pairs(connection.response)), events()
            finally:
                await self._release(place, connection, is_whole=is_whole)

    async def aclose(self) -> None:
        """Close the idle connections. Calling it twice is allowed."""
        idle, self._idle = self._idle, {}
        for connections in idle.values():
            for connection in connections:
                await _close(connection)

    @asynccontextmanager
    async def _turn(self, place: _Place) -> AsyncGenerator[None, None]:
        """One request at a time for a session."""
        if not place[2]:
            yield
            return
        async with self._locks.setdefault(place, anyio.Lock()):
            yield

    def _taken(self, place: _Place) -> _Connection | None:
        """An idle connection that is still open, if there is one."""
        idle = self._idle.get(place, [])
        while idle:
            connection = idle.pop()
            if connection.state.name == "OPEN":
                return connection
        return None

    async def _release(self, place: _Place, connection: _Connection, *, is_whole: bool) -> None:
        if not is_whole or connection.state.name != "OPEN":
            await _close(connection)
            return
        self._idle.setdefault(place, []).append(connection)
        if sum(map(len, self._idle.values())) > _MOST_IDLE:
            oldest = next(iter(self._idle))
            await _close(self._idle[oldest].pop(0))
        self._forget_empty_places()

    def _forget_empty_places(self) -> None:
        """Conversations end, and their places with them."""
        self._idle = {place: idle for place, idle in self._idle.items() if idle}
        self._locks = {
            place: lock
            for place, lock in self._locks.items()
            if lock.locked() or place in self._idle
        }

    async def _opened(self, call: HttpCall) -> _Connection:
        library = _library()
        headers = {
            name: value
            for name, value in call.headers.items()
            if name.lower() not in _NOT_OF_AN_UPGRADE
        }
        try:
            connection: _Connection = await _connecting(library)(
                f"ws{call.url.removeprefix('http')}",
                additional_headers=headers,
                open_timeout=self._limits.connect_s,
                max_size=_MAX_FRAME_BYTES,
                logger=_LOGGER,
                close_timeout=_CLOSE_LIMIT_S,
            )
            return connection
        except library.InvalidStatus as refusal:
            raise await self._refused(call, refusal.response) from None
        except (OSError, TimeoutError, library.WebSocketException, ValueError) as error:
            raise _unreached(call, error) from None

    async def _refused(self, call: HttpCall, response: Any) -> ProviderError:
        """The error of an answer that is no websocket."""
        plain = httpx.Response(
            response.status_code,
            headers=_header_pairs(response),
            stream=httpx.ByteStream(response.body or b""),
        )
        return await status_error(call, plain, self._clock())

    async def _send(self, call: HttpCall, connection: _Connection) -> None:
        try:
            with anyio.fail_after(self._limits.write_s):
                await connection.send(request_frame(b"".join(call.body)), text=True)
        except TimeoutError:
            raise too_late(call, "did not take the request in time", "sent") from None
        except _library().ConnectionClosed as error:
            raise _unreached(call, error) from None

    async def _events(
        self, call: HttpCall, connection: _Connection, is_terminal: Callable[[Json], bool]
    ) -> AsyncGenerator[Json, None]:
        silence = Silence(self._limits, anyio.current_time())
        while True:
            event = _event_of(call, await _next_frame(call, connection, silence))
            silence.heard_event()
            if (error := self._wrapped_error(call, event)) is not None:
                raise error
            yield event
            if is_terminal(event):
                return

    def _wrapped_error(self, call: HttpCall, event: Json) -> ProviderError | None:
        """The error of a frame that stands for a response with a status; others are events."""
        if text_of(event, "type") != "error":
            return None
        error = object_of(event, "error")
        code = text_of(error, "code") or text_of(error, "type") or text_of(event, "code")
        status = whole_of(event, "status") or whole_of(event, "status_code") or None
        message = text_of(error, "message") or text_of(event, "message") or "no message"
        is_at_limit = code == _LIMIT_REACHED
        if status is None and not is_at_limit:
            return None
        headers = {name.lower(): str(value) for name, value in object_of(event, "headers").items()}
        said = f"HTTP {status}" if status else code
        return ProviderError(
            f"{call.provider} answered {said}: {call.redacted(message)}",
            kind="transport" if is_at_limit else "http",
            transient=is_at_limit or (is_transient_status(status) and not is_final_code(code)),
            status=status,
            code=code or None,
            retry_after_s=None if is_at_limit else retry_after_s(headers, self._clock()),
            phase="streaming",
        )


def request_frame(body: bytes) -> str:
    """The frame that asks for an answer: the fields of a request beside its type."""
    fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    fields.pop("stream", None)
    frame = {"type": "response.create", "instructions": "", **fields}
    return msgspec.json.encode(frame).decode()


def _library() -> Any:
    """The package that speaks websockets; imported when it is first needed."""
    try:
        importlib.import_module("websockets.asyncio.client")
        importlib.import_module("websockets.exceptions")
        return importlib.import_module("websockets")
    except ModuleNotFoundError:
        raise invalid_request(
            "websockets need an extra: pip install mentra-actors[websockets]"
        ) from None


def _connecting(library: Any) -> Any:
    """The library's `connect`, but for redirects: the key would go with them."""

    class Connect(library.asyncio.client.connect):  # type: ignore[misc]
        def process_redirect(self, exc: Exception) -> Exception:
            return exc

    return Connect


def _header_pairs(response: Any) -> list[tuple[str, str]]:
    return [(name.lower(), value) for name, value in response.headers.raw_items()]


def _unreached(call: HttpCall, error: Exception) -> ProviderError:
    words = call.redacted(str(error)) or "no details"
    message = f"{call.provider} at {call.host}: {type(error).__name__}: {words}"
    phase = "connecting"
    if isinstance(error, TimeoutError):
        return too_late(call, "did not open a websocket in time", "connecting")
    if isinstance(error, _library().ConnectionClosed):
        phase = "sent"
    is_certificate = isinstance(error, ssl.SSLCertVerificationError)
    if isinstance(error, OSError | _library().ConnectionClosed | EOFError):
        return ProviderError(message, kind="transport", transient=not is_certificate, phase=phase)
    return ProviderError(message, kind="invalid_response", transient=False, phase=phase)


async def _next_frame(call: HttpCall, connection: _Connection, silence: Silence) -> str | bytes:
    started = anyio.current_time()
    allowed_s = silence.allowed_s(started)
    try:
        with anyio.fail_after(max(allowed_s, 0)):
            frame: str | bytes = await connection.recv()
    except TimeoutError:
        raise too_late(call, silence.limit_at(started), "streaming") from None
    except _library().ConnectionClosed as error:
        raise malformed_stream(
            f"{call.provider} closed the websocket before the answer ended: "
            f"{call.redacted(str(error))}"
        ) from None
    except UnicodeDecodeError:
        raise malformed_stream(f"{call.provider} sent text that is not UTF-8") from None
    silence.waited(anyio.current_time() - started)
    return frame


def _event_of(call: HttpCall, frame: str | bytes) -> Json:
    event = decoded_json(frame) if isinstance(frame, str) else None
    if isinstance(event, dict):
        return event
    shown = call.redacted(frame[:200]) if isinstance(frame, str) else "binary data"
    raise malformed_stream(
        f"{call.provider} sent a frame that is not a JSON object: {shown}", transient=False
    )


async def _close(connection: _Connection) -> None:
    with suppress(OSError), anyio.move_on_after(_CLOSE_LIMIT_S + 1, shield=True):
        await connection.close()
