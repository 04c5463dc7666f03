"""The vendor's own SDK and we read the same answers, over a real socket."""

import json
from collections.abc import Iterator
from contextlib import aclosing
from typing import Any

import pytest
from local_server import LocalServer, running
from vendor_sdks import vendor

from mentra_actors.domain.content import TextBlock, ToolCallBlock, UserMessage
from mentra_actors.domain.model_call import ModelReply, ModelRequest, ToolSpec
from mentra_actors.providers.http_provider import HttpProvider
from mentra_actors.providers.port import ReplyFinished
from mentra_actors.providers.presets import GENERIC_CHAT

pytestmark = pytest.mark.anyio

_Chunk = dict[str, Any]


def _chunk(finish_reason: str | None = None, **delta: Any) -> _Chunk:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m-2",
        "choices": [choice],
    }


def _piece(index: int, arguments: str, **named: str) -> _Chunk:
    identity = {"id": named["id"], "type": "function"} if named else {}
    function = {"name": named["name"]} if named else {}
    call = {"index": index, **identity, "function": {**function, "arguments": arguments}}
    return _chunk(tool_calls=[call])


_USAGE = {
    **_chunk(),
    "choices": [],
    "usage": {
        "prompt_tokens": 11,
        "completion_tokens": 7,
        "total_tokens": 18,
        "prompt_tokens_details": {"cached_tokens": 3},
        "completion_tokens_details": {"reasoning_tokens": 2},
    },
}
_ANSWERS: dict[str, list[_Chunk]] = {
    "text": [
        _chunk(role="assistant", content=""),
        _chunk(content="Grüß "),
        _chunk(content="dich 🌍\u2028!"),
        _chunk("stop"),
        _USAGE,
    ],
    "calls": [
        _chunk(role="assistant", content=None),
        _piece(0, "", id="call_a", name="weather"),
        _piece(0, '{"city":'),
        _piece(1, '{"city":"Rome"}', id="call_b", name="weather"),
        _piece(0, '"Oslo"}'),
        _chunk("tool_calls"),
        _USAGE,
    ],
    "text and a call": [
        _chunk(role="assistant", content="Let me see."),
        _piece(0, "{}", id="call_a", name="now"),
        _chunk("tool_calls"),
        _USAGE,
    ],
    "cut": [_chunk(role="assistant", content="Once upon"), _chunk("length"), _USAGE],
}


@pytest.fixture
def server() -> Iterator[LocalServer]:
    with running() as local:
        yield local


def _sdk_answer(url: str) -> dict[str, Any]:
    """What the SDK makes of the stream, with the pieces put together by its own accumulator."""
    tool = {"type": "function", "function": {"name": "now", "parameters": {}}}
    with (
        vendor("openai").OpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0) as client,
        client.chat.completions.stream(
            model="m",
            messages=[{"role": "user", "content": "hi"}],
            tools=[tool],
            max_tokens=9,
            stream_options={"include_usage": True},
        ) as stream,
    ):
        for _ in stream:
            pass
        final = stream.current_completion_snapshot
    message = final.choices[0].message
    return {
        "text": message.content or "",
        "calls": [
            (one.id, one.function.name, one.function.arguments) for one in message.tool_calls or ()
        ],
        "finish_reason": final.choices[0].finish_reason,
        "usage": (final.usage.prompt_tokens, final.usage.completion_tokens),
        "id": final.id,
        "model": final.model,
    }


async def _our_reply(url: str) -> ModelReply:
    provider = HttpProvider(GENERIC_CHAT, base_url=url, api_key="k", environ={})
    tool = ToolSpec(name="now", description="", input_schema="{}")
    request = ModelRequest(
        model="m", messages=[UserMessage(text="hi")], tools=(tool,), max_output_tokens=9
    )
    async with aclosing(provider.stream(request)) as stream:
        events = [event async for event in stream]
    await provider.aclose()
    assert isinstance(events[-1], ReplyFinished)
    return events[-1].reply


def _ours(reply: ModelReply) -> dict[str, Any]:
    calls = [block for block in reply.blocks if isinstance(block, ToolCallBlock)]
    return {
        "text": "".join(block.text for block in reply.blocks if isinstance(block, TextBlock)),
        "calls": [(one.call_id, one.name, one.arguments) for one in calls],
        "finish_reason": reply.raw_stop_reason,
        "usage": (reply.usage.input_tokens, reply.usage.output_tokens),
        "id": reply.response_id,
        "model": reply.model,
    }


@pytest.mark.parametrize("name", list(_ANSWERS))
async def test_the_sdk_and_we_read_the_same(name: str, server: LocalServer) -> None:
    """One answer, asked for twice: what differs is our mistake."""
    frames = [f"data: {json.dumps(chunk)}\n\n" for chunk in _ANSWERS[name]]
    body = "".join([*frames, "data: [DONE]\n\n"]).encode()
    server.answer = (200, "text/event-stream", body)

    ours = _ours(await _our_reply(server.url))
    theirs = _sdk_answer(server.url)

    assert ours == theirs
    own, sdk = [{"path": one.path, **json.loads(one.body)} for one in server.asked]
    assert own.pop("tool_choice") == "auto"  # what it is without saying so
    own["tools"][0]["function"].pop("description", None)
    assert own == sdk
