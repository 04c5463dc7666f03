"""A call to Anthropic as its server sees it."""

import json
from contextlib import aclosing

import httpx
import pytest

from mentra_actors.domain.content import FileBlock, UserMessage
from mentra_actors.domain.model_call import ModelRequest
from mentra_actors.providers.http.transport import HttpTransport
from mentra_actors.providers.http_provider import HttpProvider
from mentra_actors.providers.port import ModelEvent, ReplyFinished
from mentra_actors.providers.presets import ANTHROPIC

pytestmark = pytest.mark.anyio

_RESULT = {"id": "msg_1", "content": [{"type": "text", "text": "hi"}], "stop_reason": "end_turn"}


async def test_the_address_the_key_and_the_version() -> None:
    """The key has a header of its own here, and each request names the version of the API."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=_RESULT, headers={"request-id": "req_1"})

    message = UserMessage(text="see", attachments=(FileBlock(file_id="file_1"),))
    events: list[ModelEvent] = []
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        provider = HttpProvider(
            ANTHROPIC, transport=HttpTransport(client), environ={"ANTHROPIC_API_KEY": "secret"}
        )
        request = ModelRequest(model="claude-opus-4-6", messages=[message])
        async with aclosing(provider.stream(request)) as stream:
            events.extend([event async for event in stream])

    [sent] = seen
    assert str(sent.url) == "https://api.anthropic.com/v1/messages"
    assert sent.headers["x-api-key"] == "secret"
    assert sent.headers["anthropic-version"] == "2023-06-01"
    assert sent.headers["anthropic-beta"] == "files-api-2025-04-14"
    assert "authorization" not in sent.headers
    assert json.loads(sent.content)["stream"] is True
    last = events[-1]
    assert isinstance(last, ReplyFinished)
    assert last.reply.request_id == "req_1"
