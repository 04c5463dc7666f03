"""Recorded Responses traffic gives what the vendor's own SDK makes of it, however it is cut."""

import json
from pathlib import Path
from typing import Any

import pytest
from recordings import (
    CHUNK_SIZES,
    file_of,
    named,
    play,
    played,
    recorded,
    recordings,
    reply_of,
    require_malformed_when_cut,
)

from mentra_actors.domain.content import (
    AssistantBlock,
    HostedToolBlock,
    OpaqueBlock,
    RefusalBlock,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from mentra_actors.domain.model_call import ModelReply, StopReason
from mentra_actors.providers.port import (
    CitationFound,
    HostedToolChanged,
    ReplyFinished,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
)
from mentra_actors.providers.presets import OPENAI

pytestmark = pytest.mark.anyio

_DIRECTORIES = ("openai_responses", "openai_compat", "openrouter")
_STREAMS = recordings(*_DIRECTORIES, wire="responses", suffix="response.sse")
_BODIES = recordings(*_DIRECTORIES, wire="responses", suffix="response.json")

# Where we differ from expected.json on purpose: fixture -> (field, our value, why).
_DEVIATIONS: dict[str, tuple[str, Any, str]] = {
    "rf_image_generation": ("text_parts", 0, "a text part that is empty gives no block"),
    "syn_unknown_event_and_item": (
        "other_items",
        [{"type": "some_future_item", "id": "zz_1"}],
        "an item that was streamed is kept even where the final output leaves it out",
    ),
}

# Streams that must fail: fixture -> (kind, code, transient). The SDK reports the parts instead.
_FAILURES: dict[str, tuple[str, str | None, bool]] = {
    "syn_truncated": ("malformed_stream", None, True),
    "syn_error_event_flat": ("in_band", "rate_limit_exceeded", True),
    "syn_failed_server_error": ("in_band", "server_error", True),
}

_SUMMARY_KEYS = (
    "text",
    "text_parts",
    "refusal",
    "tool_calls",
    "other_items",
    "annotations",
    "stop_reason",
    "thinking",
    "message_id",
    "model",
)
_NO_USAGE = {
    "input_tokens": 0,
    "output_tokens": 0,
    "cache_read_input_tokens": 0,
    "reasoning_tokens": 0,
}


def _summary(reply: ModelReply) -> dict[str, Any]:
    """The reply in the fields of expected.json."""
    texts = [block for block in reply.blocks if isinstance(block, TextBlock)]
    thinking = [block for block in reply.blocks if isinstance(block, ThinkingBlock)]
    return {
        "text": "".join(block.text for block in texts),
        "text_parts": len(texts),
        "refusal": "".join(b.text for b in reply.blocks if isinstance(b, RefusalBlock)) or None,
        "tool_calls": [_call(b) for b in reply.blocks if _is_function_call(b)],
        "other_items": [other for b in reply.blocks if (other := _other(b)) is not None],
        "annotations": sum(len(block.citations) for block in texts),
        "stop_reason": reply.raw_stop_reason,
        "thinking": {
            "blocks": len(thinking),
            "parts": sum(len(block.parts) for block in thinking),
            "text_chars": sum(len(part) for block in thinking for part in block.parts),
            "with_encrypted_content": sum(bool(block.encrypted) for block in thinking),
        },
        "usage": {
            "input_tokens": reply.usage.input_tokens,
            "output_tokens": reply.usage.output_tokens,
            "cache_read_input_tokens": reply.usage.cached_input_tokens,
            "reasoning_tokens": reply.usage.reasoning_tokens,
        },
        "message_id": reply.response_id,
        "model": reply.model,
    }


def _is_function_call(block: AssistantBlock) -> bool:
    return isinstance(block, ToolCallBlock) and block.kind == "function"


def _call(block: Any) -> dict[str, Any]:
    call = {
        "id": block.call_id,
        "item_id": block.item_id,
        "name": block.name,
        "args": json.loads(block.arguments),
    }
    return {**call, "namespace": block.namespace} if block.namespace else call


def _other(block: AssistantBlock) -> dict[str, Any] | None:
    """An item that is neither text nor reasoning nor the call of a function."""
    match block:
        case OpaqueBlock() | HostedToolBlock():
            raw = json.loads(block.raw)
        case ToolCallBlock(kind="custom"):
            raw = {"type": "custom_tool_call", "id": block.item_id, "call_id": block.call_id}
            raw |= {"status": "completed", "input": json.loads(block.arguments)["input"]}
            return raw
        case ToolCallBlock(kind="tool_search"):
            raw = {"type": "tool_search_call", "id": block.item_id, "call_id": block.call_id}
            raw["status"] = "completed"
        case _:
            return None
    return {key: raw[key] for key in ("type", "id", "call_id", "status") if raw.get(key)}


def _wanted(base: Path) -> dict[str, Any]:
    expected = recorded(base, "expected.json")
    usage = {**_NO_USAGE, **expected["usage"]}
    usage.pop("total_tokens", None)
    wanted = {key: expected.get(key) for key in _SUMMARY_KEYS} | {"usage": usage}
    if base.name in _DEVIATIONS:
        field, value, _ = _DEVIATIONS[base.name]
        assert wanted[field] != value, "the deviation is gone: delete its row"
        wanted[field] = value
    return wanted


@pytest.mark.parametrize("size", CHUNK_SIZES)
@pytest.mark.parametrize("base", _STREAMS)
async def test_a_stream_gives_what_the_sdk_makes_of_it(base: Path, size: int) -> None:
    """The vendor's SDK is the best witness of what an answer means."""
    body = file_of(base, "response.sse").read_bytes()

    events, error = await play(OPENAI, body, size, recorded(base, "meta.json"))

    if base.name in _FAILURES:
        assert error is not None
        assert (error.kind, error.code, error.transient) == _FAILURES[base.name]
        assert not any(isinstance(event, ReplyFinished) for event in events)
        return
    assert error is None
    assert _summary(reply_of(events)) == _wanted(base)


@pytest.mark.parametrize("base", _STREAMS)
async def test_deltas_show_what_was_streamed(base: Path) -> None:
    """A viewer sees the same text and reasoning live as the SDK reports while streaming."""
    expected = recorded(base, "expected.json")
    body = file_of(base, "response.sse").read_bytes()

    events, _ = await play(OPENAI, body, 997, recorded(base, "meta.json"))

    texts = [event.text for event in events if isinstance(event, TextDelta)]
    assert "".join(texts) == expected["streamed_text"] or expected.get("refusal")
    thoughts = "".join(event.text for event in events if isinstance(event, ThinkingDelta))
    assert len(thoughts) >= expected["streamed_reasoning_chars"]
    arguments: dict[str, str] = {}
    for event in events:
        if isinstance(event, ToolCallDelta):
            arguments[event.call_id] = arguments.get(event.call_id, "") + event.arguments
    for call in expected.get("tool_calls", []):
        assert json.loads(arguments[call["id"]] or "{}") == call["args"]


@pytest.mark.parametrize("base", _STREAMS)
async def test_what_is_told_live_of_sources_and_hosted_tools_is_in_the_answer(base: Path) -> None:
    """A viewer sees each search and each source once it is known, and the log keeps them."""
    body = file_of(base, "response.sse").read_bytes()

    events, error = await play(OPENAI, body, 10**9, recorded(base, "meta.json"))

    if error is not None:
        return
    blocks = reply_of(events).blocks
    last = {e.block_index: e.block for e in events if isinstance(e, HostedToolChanged)}
    hosted = [block for block in blocks if isinstance(block, HostedToolBlock)]
    assert list(last.values()) == hosted or not last
    shown = [event.citation for event in events if isinstance(event, CitationFound)]
    kept = [one for b in blocks if isinstance(b, TextBlock) for one in b.citations]
    assert shown == kept or not shown


@pytest.mark.parametrize("base", _STREAMS)
async def test_a_stream_that_is_cut_is_malformed(base: Path) -> None:
    """Half an answer must never count as an answer, and none of its calls may run."""
    if base.name in _FAILURES:
        return
    body = file_of(base, "response.sse").read_bytes()
    terminal = max(body.find(b'"response.completed"'), body.find(b'"response.incomplete"'))

    require_malformed_when_cut(
        OPENAI, base, lambda part: len(part) > terminal - len(b'data: {"type":') - 40
    )


@pytest.mark.parametrize("base", _BODIES)
async def test_a_plain_body_is_an_error_or_an_answer(base: Path) -> None:
    """Errors, and answers of servers that do not stream, come as one JSON body."""
    expected = recorded(base, "expected.json")
    body = file_of(base, "response.json").read_bytes()

    events, error = await play(OPENAI, body, 997, recorded(base, "meta.json"))

    if expected["error"] is None:
        assert error is None
        assert _summary(reply_of(events)) == _wanted(base)
        return
    assert error is not None
    assert error.kind == "http"
    assert error.status == expected["error"]["status_code"]
    assert str(error.code or "") == str(expected["error"].get("code") or error.code or "")
    assert str(expected["error"]["body"]["message"]) in str(error)
    assert error.transient == (error.status == 429)
    assert not events


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("tool_call", StopReason.TOOL_USE),
        ("text_basic", StopReason.END_TURN),
        ("syn_refusal", StopReason.REFUSAL),
        ("syn_incomplete_max_output_tokens", StopReason.MAX_TOKENS),
        ("custom_tool_freeform", StopReason.TOOL_USE),
        ("tool_search_client", StopReason.TOOL_USE),
    ],
)
async def test_stop_reasons_are_neutral(name: str, reason: StopReason) -> None:
    """The wire says `completed` of an answer whether or not it asks for tools."""
    assert (await played(OPENAI, f"openai_responses/{name}")).stop_reason is reason


async def test_the_price_that_a_server_names_is_kept() -> None:
    """A reseller knows what an answer cost better than a table."""
    base = named("openrouter/responses_raw_cot_2025_11_a")
    body = file_of(base, "response.sse").read_bytes()

    events, _ = await play(OPENAI, body, 10**9, recorded(base, "meta.json"))

    reply = reply_of(events)
    assert reply.cost_usd_micros == 13
    (thinking,) = [block for block in reply.blocks if isinstance(block, ThinkingBlock)]
    assert thinking.is_raw
