"""Recorded Chat Completions traffic gives what the vendor's own SDK makes of it."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from recordings import (
    CHUNK_SIZES,
    file_of,
    named,
    play,
    recorded,
    recordings,
    reply_of,
    require_malformed_when_cut,
)

from mentra_actors.domain.content import (
    AssistantMessage,
    OpaqueBlock,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
    UserMessage,
)
from mentra_actors.domain.model_call import HostedTool, ModelReply, ModelRequest, ProviderOptions
from mentra_actors.providers.port import ReplyFinished, TextDelta, ThinkingDelta, UsageReported
from mentra_actors.providers.presets import GENERIC_CHAT, OPENROUTER
from mentra_actors.providers.wires.chat_wire import CHAT_COMPLETIONS
from mentra_actors.providers.wires.contract import whole_body

pytestmark = pytest.mark.anyio

_CHAT_OPENROUTER = msgspec.structs.replace(OPENROUTER, wire="chat_completions")
_DIRECTORIES = ("ollama", "openai_compat", "openrouter")
_STREAMS = recordings(*_DIRECTORIES, wire="chat_completions", suffix="response.sse")
_BODIES = recordings(*_DIRECTORIES, wire="chat_completions", suffix="response.json")
_KEYS = ("text", "tool_calls", "stop_reason", "message_id", "model")


def _summary(reply: ModelReply) -> dict[str, Any]:
    """The reply in the fields of expected.json."""
    thinking = [block for block in reply.blocks if isinstance(block, ThinkingBlock)]
    return {
        "text": "".join(block.text for block in reply.blocks if isinstance(block, TextBlock)),
        "tool_calls": [
            {"id": block.call_id, "name": block.name, "args": json.loads(block.arguments)}
            for block in reply.blocks
            if isinstance(block, ToolCallBlock)
        ],
        "stop_reason": reply.raw_stop_reason,
        "message_id": reply.response_id,
        "model": reply.model,
        "thinking_chars": sum(len(part) for block in thinking for part in block.parts),
        "usage": {
            "input_tokens": reply.usage.input_tokens,
            "output_tokens": reply.usage.output_tokens,
            "total_tokens": reply.usage.total_tokens,
            "cache_read_input_tokens": reply.usage.cached_input_tokens,
            "reasoning_tokens": reply.usage.reasoning_tokens,
        },
    }


def _require_expected(reply: ModelReply, expected: dict[str, Any]) -> None:
    summary = _summary(reply)
    usage = expected["usage"]
    assert {key: summary[key] for key in _KEYS} == {key: expected[key] for key in _KEYS}
    assert summary["thinking_chars"] == expected["thinking"]["text_chars"]
    assert {name: summary["usage"][name] for name in usage} == usage
    kept = [block for block in reply.blocks if isinstance(block, ThinkingBlock | OpaqueBlock)]
    thinking = expected["thinking"]
    assert bool(kept) == bool(thinking["blocks"] or thinking["reasoning_details"])


@pytest.mark.parametrize("size", CHUNK_SIZES)
@pytest.mark.parametrize("base", _STREAMS)
async def test_a_stream_gives_what_the_sdk_makes_of_it(base: Path, size: int) -> None:
    """The vendor's SDK is the best witness of what an answer means."""
    expected = recorded(base, "expected.json")
    body = file_of(base, "response.sse").read_bytes()

    events, error = await play(_CHAT_OPENROUTER, body, size, recorded(base, "meta.json"))

    if expected["error"] is not None:
        assert error is not None
        assert (error.kind, error.code) == ("in_band", str(expected["error"]["code"]))
        assert str(expected["error"]["message"]) in str(error)
        assert not any(isinstance(event, ReplyFinished) for event in events)
        return
    assert error is None
    _require_expected(reply_of(events), expected)


@pytest.mark.parametrize("base", _STREAMS)
async def test_deltas_show_what_was_said(base: Path) -> None:
    """A viewer who reads along sees the same as who reads the answer."""
    body = file_of(base, "response.sse").read_bytes()

    events, _ = await play(_CHAT_OPENROUTER, body, 997, recorded(base, "meta.json"))

    shown = "".join(event.text for event in events if isinstance(event, TextDelta))
    thought = "".join(event.text for event in events if isinstance(event, ThinkingDelta))
    expected = recorded(base, "expected.json")
    assert shown == expected["text"]
    assert len(thought) == expected["thinking"]["text_chars"]
    assert expected["usage"] == {} or any(isinstance(event, UsageReported) for event in events)


@pytest.mark.parametrize("base", _STREAMS)
async def test_a_stream_that_is_cut_is_malformed(base: Path) -> None:
    """Half an answer must never count as an answer."""

    def is_whole(part: bytes) -> bool:
        ended = part.rfind(b'"finish_reason":"')
        return (ended >= 0 and b"\n" in part[ended:]) or b'"error":{' in part

    require_malformed_when_cut(_CHAT_OPENROUTER, base, is_whole)


@pytest.mark.parametrize("base", _BODIES)
async def test_a_plain_body_is_an_error_or_an_answer(base: Path) -> None:
    """Errors, and answers of servers that do not stream, come as one JSON body."""
    expected = recorded(base, "expected.json")
    body = file_of(base, "response.json").read_bytes()

    events, error = await play(GENERIC_CHAT, body, 997, recorded(base, "meta.json"))

    if expected["error"] is None:
        assert error is None
        _require_expected(reply_of(events), expected)
        return
    assert error is not None
    assert error.status == expected["error"]["status_code"]
    said = expected["error"]["body"]
    assert said["message"] in str(error)
    assert said.get("metadata", {}).get("raw", "") in str(error)
    assert not events


async def test_encrypted_reasoning_goes_back_as_it_came() -> None:
    """The server knows its own encrypted reasoning only by all of its fields."""
    base = named("openrouter/chat_reasoning_encrypted")
    body = file_of(base, "response.sse").read_bytes()
    sent = [
        detail
        for line in body.splitlines()
        if line.startswith(b"data: {")
        for choice in json.loads(line[6:])["choices"]
        for detail in choice["delta"].get("reasoning_details", ())
    ]
    events, _ = await play(_CHAT_OPENROUTER, body, 997, recorded(base, "meta.json"))
    answer = AssistantMessage(blocks=reply_of(events).blocks)

    [item] = CHAT_COMPLETIONS.items(answer, "asked", _CHAT_OPENROUTER)
    [other] = CHAT_COMPLETIONS.items(answer, "another", _CHAT_OPENROUTER)

    assert item["reasoning_details"] == [
        {name: value for name, value in detail.items() if value is not None} for detail in sent
    ]
    assert "reasoning_details" not in other
    assert other["content"].startswith("[redacted reasoning]\n\n")


@pytest.mark.parametrize(
    "name",
    [
        "openrouter/chat_advisor_tool",
        "openrouter/chat_cache_usage",
        "openrouter/chat_error_mid_stream",
        "openrouter/chat_native_options",
        "openrouter/chat_reasoning_encrypted",
        "openrouter/chat_web_tool_usage",
    ],
)
async def test_our_request_is_the_recorded_one(name: str) -> None:
    """What the vendor accepted once it accepts from us; only the order of fields is ours."""
    wanted = recorded(named(name), "request.json")
    request, profile = _asked(wanted)

    body = whole_body(CHAT_COMPLETIONS, request, profile)

    # five minutes are what a mark means without saying it
    assert body == json.loads(json.dumps(wanted).replace('"ttl": "5m", ', ""))


def _asked(wanted: dict[str, Any]) -> tuple[ModelRequest, Any]:
    """What a user asks for to send this body, in neutral words where there are any."""
    texts = {message["role"]: _text(message["content"]) for message in wanted["messages"]}
    own = {"model", "messages", "stream", "stream_options", "tools", "max_completion_tokens"}
    options = ProviderOptions(
        hosted_tools=tuple(
            HostedTool(kind=tool["type"], options={"parameters": tool["parameters"]})
            for tool in wanted.get("tools", ())
        ),
        extra_body={name: value for name, value in wanted.items() if name not in own},
    )
    request = ModelRequest(
        model=wanted["model"],
        messages=[UserMessage(text=texts["user"])],
        system=texts.get("system", ""),
        max_output_tokens=wanted.get("max_completion_tokens"),
        options=options,
    )
    is_marked = "cache_control" in json.dumps(wanted)
    return request, msgspec.structs.replace(
        _CHAT_OPENROUTER,
        takes_cache_marks=is_marked,
        max_tokens_field="max_completion_tokens",
        takes_tool_choice=False,
    )


def _text(content: Any) -> str:
    return content if isinstance(content, str) else content[0]["text"]
