"""Recorded Responses traffic gives what the vendor's own SDK makes of it, however it is cut."""

import json
import os
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import httpx
import pytest

from mentra_actors.domain.content import (
    OpaqueBlock,
    RefusalBlock,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
    UserMessage,
)
from mentra_actors.domain.model_call import ModelReply, ModelRequest, StopReason
from mentra_actors.errors import ProviderError
from mentra_actors.providers.http_provider import HttpProvider
from mentra_actors.providers.http_transport import HttpTransport
from mentra_actors.providers.port import (
    ModelEvent,
    ReplyFinished,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
)
from mentra_actors.providers.presets import OPENAI

pytestmark = pytest.mark.anyio

_ROOT = Path(
    os.environ.get("MENTRA_FIXTURES") or Path(__file__).parents[2] / ".." / "shared" / "fixtures"
)
_DIRECTORIES = ("openai_responses", "openai_compat", "openrouter")
_CHUNK_SIZES = (1, 7, 997, 10**9)

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


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def _metas() -> Iterator[Path]:
    for directory in _DIRECTORIES:
        for path in sorted((_ROOT / directory).glob("*.meta.json")):
            if json.loads(path.read_bytes())["wire"] == "responses":
                yield path.with_name(path.name.removesuffix(".meta.json"))


def _with(suffix: str) -> list[Any]:
    found = [base for base in _metas() if base.with_name(base.name + suffix).exists()]
    if not found:
        reason = f"no fixtures at {_ROOT}: set MENTRA_FIXTURES to their directory"
        print(reason)
        return [pytest.param(None, marks=pytest.mark.skip(reason=reason), id="absent")]
    return [pytest.param(base, id=f"{base.parent.name}-{base.name}") for base in found]


_STREAMS = _with(".response.sse")
_BODIES = _with(".response.json")


def _expected(base: Path) -> dict[str, Any]:
    return dict(json.loads(base.with_name(base.name + ".expected.json").read_bytes()))


def _meta(base: Path) -> dict[str, Any]:
    return dict(json.loads(base.with_name(base.name + ".meta.json").read_bytes()))


class _Chunks(httpx.AsyncByteStream):
    def __init__(self, body: bytes, size: int) -> None:
        self._body = body
        self._size = size

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self._body), self._size):
            yield self._body[start : start + self._size]


async def _play(
    body: bytes, size: int, meta: dict[str, Any]
) -> tuple[list[ModelEvent], ProviderError | None]:
    def answer(_: httpx.Request) -> httpx.Response:
        headers = meta["response_headers"]
        return httpx.Response(meta["status"], headers=headers, stream=_Chunks(body, size))

    events: list[ModelEvent] = []
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        provider = HttpProvider(OPENAI, api_key="key", transport=HttpTransport(client), environ={})
        request = ModelRequest(model="asked", messages=[UserMessage(text="hi")])
        try:
            async with aclosing(provider.stream(request)) as stream:
                async for event in stream:
                    events.append(event)
        except ProviderError as error:
            return events, error
    return events, None


def _summary(reply: ModelReply) -> dict[str, Any]:
    """The reply in the fields of expected.json."""
    texts = [block for block in reply.blocks if isinstance(block, TextBlock)]
    thinking = [block for block in reply.blocks if isinstance(block, ThinkingBlock)]
    return {
        "text": "".join(block.text for block in texts),
        "text_parts": len(texts),
        "refusal": "".join(b.text for b in reply.blocks if isinstance(b, RefusalBlock)) or None,
        "tool_calls": [_call(b) for b in reply.blocks if isinstance(b, ToolCallBlock)],
        "other_items": [_other(b) for b in reply.blocks if isinstance(b, OpaqueBlock)],
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


def _call(block: ToolCallBlock) -> dict[str, Any]:
    call = {
        "id": block.call_id,
        "item_id": block.item_id,
        "name": block.name,
        "args": json.loads(block.arguments),
    }
    return {**call, "namespace": block.namespace} if block.namespace else call


def _other(block: OpaqueBlock) -> dict[str, Any]:
    raw = json.loads(block.raw)
    assert raw["type"] == block.item_type
    custom = ("input",) if block.item_type == "custom_tool_call" else ()
    return {key: raw[key] for key in ("type", "id", "call_id", "status", *custom) if raw.get(key)}


def _wanted(base: Path) -> dict[str, Any]:
    expected = _expected(base)
    usage = {
        "input_tokens": 0,
        "output_tokens": 0,
        "cache_read_input_tokens": 0,
        "reasoning_tokens": 0,
        **expected["usage"],
    }
    usage.pop("total_tokens", None)
    wanted = {key: expected[key] for key in _SUMMARY_KEYS} | {"usage": usage}
    if base.name in _DEVIATIONS:
        field, value, _ = _DEVIATIONS[base.name]
        assert wanted[field] != value, "the deviation is gone: delete its row"
        wanted[field] = value
    return wanted


_SUMMARY_KEYS = (
    "text",
    "text_parts",
    "refusal",
    "tool_calls",
    "other_items",
    "stop_reason",
    "thinking",
    "message_id",
    "model",
)


@pytest.mark.parametrize("size", _CHUNK_SIZES)
@pytest.mark.parametrize("base", _STREAMS)
async def test_a_stream_gives_what_the_sdk_makes_of_it(base: Path, size: int) -> None:
    """The vendor's SDK is the best witness of what an answer means."""
    body = base.with_name(base.name + ".response.sse").read_bytes()

    events, error = await _play(body, size, _meta(base))

    if base.name in _FAILURES:
        assert error is not None
        assert (error.kind, error.code, error.transient) == _FAILURES[base.name]
        assert not any(isinstance(event, ReplyFinished) for event in events)
        return
    assert error is None
    last = events[-1]
    assert isinstance(last, ReplyFinished)
    assert _summary(last.reply) == _wanted(base)
    assert sum(isinstance(event, ReplyFinished) for event in events) == 1


@pytest.mark.parametrize("base", _STREAMS)
async def test_deltas_show_what_was_streamed(base: Path) -> None:
    """A viewer sees the same text and reasoning live as the SDK reports while streaming."""
    expected = _expected(base)
    body = base.with_name(base.name + ".response.sse").read_bytes()

    events, _ = await _play(body, 997, _meta(base))

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
async def test_a_stream_that_is_cut_is_malformed(base: Path) -> None:
    """Half an answer must never count as an answer, and none of its calls may run."""
    if base.name in _FAILURES:
        return
    body = base.with_name(base.name + ".response.sse").read_bytes()
    ends = [match.end() for match in re.finditer(rb"\r\n\r\n|\n\n|\r\r", body)]
    terminal = max(body.find(b'"response.completed"'), body.find(b'"response.incomplete"'))
    cuts = [0, *(end for end in ends if end < terminal)]
    for cut in [*cuts, cuts[-1] + 20, cuts[-1] + 60]:
        events, error = await _play(body[:cut], 10**9, _meta(base))

        assert error is not None
        assert error.kind == "malformed_stream"
        assert not any(isinstance(event, ReplyFinished) for event in events)


@pytest.mark.parametrize("base", _BODIES)
async def test_a_plain_body_is_an_error_or_an_answer(base: Path) -> None:
    """Errors, and answers of servers that do not stream, come as one JSON body."""
    expected = _expected(base)
    body = base.with_name(base.name + ".response.json").read_bytes()

    events, error = await _play(body, 997, _meta(base))

    if expected["error"] is None:
        assert error is None
        assert isinstance(events[-1], ReplyFinished)
        assert _summary(events[-1].reply) == _wanted(base)
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
    ],
)
async def test_stop_reasons_are_neutral(name: str, reason: StopReason) -> None:
    """The wire says `completed` of an answer whether or not it asks for tools."""
    base = _ROOT / "openai_responses" / name
    if not base.with_name(f"{name}.meta.json").exists():
        pytest.skip(f"no fixture {name} at {_ROOT}: set MENTRA_FIXTURES")
    body = base.with_name(f"{name}.response.sse").read_bytes()

    events, _ = await _play(body, 10**9, _meta(base))

    assert isinstance(events[-1], ReplyFinished)
    assert events[-1].reply.stop_reason is reason
