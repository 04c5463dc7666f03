"""HTTP answers by script, for tests of providers: no socket, no server.

    provider = answering(streamed(CREATED, DELTA, 0.5, COMPLETED))
    events = await events_from(provider)

A body is a list of steps: bytes to send, seconds to wait, or an exception to raise.
"""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any, TypeAlias

import anyio
import anyio.lowlevel
import httpx

from mentra_actors.domain.content import UserMessage
from mentra_actors.domain.model_call import ModelRequest
from mentra_actors.errors import ProviderError
from mentra_actors.providers.http.transport import HttpTransport
from mentra_actors.providers.http_provider import HttpProvider
from mentra_actors.providers.port import ModelEvent
from mentra_actors.providers.presets import OPENAI
from mentra_actors.providers.profile import Profile

__all__ = [
    "COMPLETED",
    "CREATED",
    "DELTA",
    "KEY",
    "NOW",
    "REQUEST",
    "Answer",
    "ScriptedBody",
    "answering",
    "error_from",
    "events_from",
    "frame",
    "streamed",
]

KEY = "sk-very-secret"
"""The key of a scripted provider; no message may show it."""
REQUEST = ModelRequest(model="m", messages=(UserMessage(text="hi"),))
NOW = 784111777.0
"""The clock of a scripted provider: Sun, 06 Nov 1994 08:49:37 GMT."""


def frame(**event: object) -> bytes:
    """One server-sent event."""
    return f"data: {json.dumps(event)}\n\n".encode()


CREATED = frame(type="response.created", response={"id": "resp_1"})
DELTA = frame(type="response.output_text.delta", delta="hello")
COMPLETED = frame(type="response.completed", response={"status": "completed", "output": None})


class ScriptedBody(httpx.AsyncByteStream):
    """A body that follows its steps; `closed` counts how often it was closed."""

    def __init__(self, *steps: bytes | float | Exception) -> None:
        self._steps = steps
        self.closed = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The bytes, in time."""
        for step in self._steps:
            match step:
                case bytes():
                    yield step
                case Exception():
                    raise step
                case _:
                    await anyio.sleep(step)

    async def aclose(self) -> None:
        """Count."""
        await anyio.lowlevel.checkpoint()
        self.closed += 1


Answer: TypeAlias = Callable[[httpx.Request], httpx.Response]


def answering(
    answer: Answer | httpx.Response, profile: Profile = OPENAI, **options: Any
) -> HttpProvider:
    """A provider whose server answers with `answer`; `options` go to `HttpTransport`."""

    def respond(request: httpx.Request) -> httpx.Response:
        return answer if isinstance(answer, httpx.Response) else answer(request)

    client = httpx.AsyncClient(transport=httpx.MockTransport(respond))
    transport = HttpTransport(client, clock=lambda: NOW, **options)
    return HttpProvider(profile, api_key=KEY, environ={}, transport=transport)


def streamed(*steps: bytes | float | Exception, status: int = 200) -> httpx.Response:
    """An event stream with this body."""
    headers = {"content-type": "text/event-stream", "x-request-id": "req_1"}
    return httpx.Response(status, headers=headers, stream=ScriptedBody(*steps))


async def events_from(provider: HttpProvider) -> list[ModelEvent]:
    """All events of one call."""
    async with aclosing(provider.stream(REQUEST)) as stream:
        return [event async for event in stream]


async def error_from(provider: HttpProvider) -> ProviderError:
    """The error of one call, which must fail."""
    try:
        await events_from(provider)
    except ProviderError as error:
        return error
    raise AssertionError("the call did not fail")
