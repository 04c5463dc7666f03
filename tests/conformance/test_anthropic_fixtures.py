"""Recorded Messages traffic gives what the vendor's own SDK makes of it, however it is cut."""

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
    AssistantMessage,
    HostedToolBlock,
    OpaqueBlock,
    RefusalBlock,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from mentra_actors.domain.model_call import ModelReply, StopReason
from mentra_actors.providers.port import (
    AnswerStarted,
    CitationFound,
    HostedToolChanged,
    ModelEvent,
    ReplyFinished,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    UsageReported,
)
from mentra_actors.providers.presets import ANTHROPIC
from mentra_actors.providers.wires.anthropic_wire import ANTHROPIC_MESSAGES

pytestmark = pytest.mark.anyio

# Where we differ from expected.json on purpose: fixture -> (field, our value, why).
_DEVIATIONS: dict[str, tuple[str, Any, str]] = {
    "sdk_max_tokens_partial_json": ("tool_calls", [], "half a call must never run"),
}
_STREAMS = recordings("anthropic", wire="anthropic_messages", suffix="response.sse")
_BODIES = recordings("anthropic", wire="anthropic_messages", suffix="response.json")
_USAGE = (
    "input_tokens",
    "output_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "thinking_tokens",
)
_EQUAL_KEYS = ("text", "tool_calls", "server_tool_calls", "thinking", "citations", "model")


def _summary(reply: ModelReply) -> dict[str, Any]:
    """The reply in the fields of expected.json."""
    texts = [block for block in reply.blocks if isinstance(block, TextBlock)]
    usage = reply.usage
    return {
        "text": "".join(block.text for block in texts),
        "citations": sum(len(block.citations) for block in texts),
        "tool_calls": [_call(b) for b in reply.blocks if isinstance(b, ToolCallBlock)],
        "server_tool_calls": [_hosted(b) for b in reply.blocks if isinstance(b, HostedToolBlock)],
        "block_types": [word for block in reply.blocks if (word := _word(block))],
        "stop_reason": reply.raw_stop_reason,
        "thinking": _thinking([b for b in reply.blocks if isinstance(b, ThinkingBlock)]),
        "message_id": reply.response_id,
        "model": reply.model,
        "usage": {
            "input_tokens": usage.input_tokens
            - usage.cached_input_tokens
            - usage.cache_write_tokens,
            "output_tokens": usage.output_tokens,
            "cache_read_input_tokens": usage.cached_input_tokens,
            "cache_creation_input_tokens": usage.cache_write_tokens,
            "thinking_tokens": usage.reasoning_tokens,
        },
    }


def _thinking(blocks: list[ThinkingBlock]) -> dict[str, int]:
    return {
        "blocks": len(blocks),
        "redacted": sum(block.is_redacted for block in blocks),
        "text_chars": sum(len(part) for block in blocks for part in block.parts),
        "with_signature": sum(bool(block.signature or block.encrypted) for block in blocks),
    }


def _call(block: ToolCallBlock) -> dict[str, Any]:
    return {"id": block.call_id, "name": block.name, "args": json.loads(block.arguments)}


def _hosted(block: HostedToolBlock) -> dict[str, Any]:
    raw = json.loads(block.raw)
    assert raw["id"] == block.call_id
    assert raw["input"] == json.loads(block.action)
    return {
        "id": raw["id"],
        "name": raw["name"],
        "type": raw["type"],
        "args": raw["input"],
    }


def _word(block: AssistantBlock) -> str:
    """The provider's word for a block; empty for those that tell of the end of the answer."""
    match block:
        case TextBlock():
            return "text"
        case ThinkingBlock(is_redacted=True):
            return "redacted_thinking"
        case ThinkingBlock():
            return "thinking"
        case ToolCallBlock():
            return "tool_use"
        case OpaqueBlock(item_type=item_type):
            return "" if item_type == "container" else item_type
        case HostedToolBlock(raw=raw):
            return str(json.loads(raw)["type"])
        case _:
            return ""


def _wanted(base: Path) -> dict[str, Any]:
    expected = recorded(base, "expected.json")
    usage = dict.fromkeys(_USAGE, 0) | expected["usage"]
    wanted = {key: expected[key] for key in (*_EQUAL_KEYS, "stop_reason", "message_id")}
    wanted["usage"] = {key: usage[key] or 0 for key in _USAGE}
    wanted["block_types"] = expected["block_types"]
    if base.name in _DEVIATIONS:
        field, value, _ = _DEVIATIONS[base.name]
        assert wanted[field] != value, "the deviation is gone: delete its row"
        wanted[field] = value
        wanted["block_types"] = [word for word in wanted["block_types"] if word != "tool_use"]
    return wanted


@pytest.mark.parametrize("name", ["syn_error_first_event", "syn_error_midstream"])
async def test_a_server_that_is_too_busy_may_be_asked_again(name: str) -> None:
    """Whether anything was seen before decides where; that it may help is the same."""
    base = named(f"anthropic/{name}")

    events, error = await play(
        ANTHROPIC, file_of(base, "response.sse").read_bytes(), 997, recorded(base, "meta.json")
    )

    assert error is not None
    assert (error.status, error.transient, error.output_seen) == (529, True, bool(events))


def _is_whole(body: bytes) -> bool:
    return b'"message_stop"}' in body.replace(b" ", b"")


@pytest.mark.parametrize("size", CHUNK_SIZES)
@pytest.mark.parametrize("base", _STREAMS)
async def test_a_stream_gives_what_the_sdk_makes_of_it(base: Path, size: int) -> None:
    """The vendor's SDK is the best witness of what an answer means."""
    body = file_of(base, "response.sse").read_bytes()

    events, error = await play(ANTHROPIC, body, size, recorded(base, "meta.json"))

    failure = _wanted_failure(base)
    if failure is not None:
        assert error is not None
        assert (error.kind, error.code) == failure
        assert not any(isinstance(event, ReplyFinished) for event in events)
        return
    assert error is None
    ours, wanted = _summary(reply_of(events)), _wanted(base)
    wanted["block_types"] = _without_empty_texts(wanted["block_types"], ours["block_types"])
    assert ours == wanted


def _wanted_failure(base: Path) -> tuple[str, str | None] | None:
    """Kind and code of the error that a stream must end in; the SDK takes a cut one for whole."""
    error = recorded(base, "expected.json")["error"]
    if error is not None:
        return "in_band", error["type"]
    is_whole = b'"message_stop"' in file_of(base, "response.sse").read_bytes()
    return None if is_whole else ("malformed_stream", None)


def _without_empty_texts(wanted: list[str], ours: list[str]) -> list[str]:
    """The words of the SDK, which keeps blocks of text that are empty, in our number of texts."""
    surplus = wanted.count("text") - ours.count("text")
    if surplus > 0 and [w for w in wanted if w != "text"] == [w for w in ours if w != "text"]:
        return ours
    return wanted


@pytest.mark.parametrize("base", _STREAMS)
async def test_deltas_show_what_was_streamed(base: Path) -> None:
    """A viewer sees the same text, reasoning and arguments live as the whole answer has."""
    body = file_of(base, "response.sse").read_bytes()

    events, error = await play(ANTHROPIC, body, 997, recorded(base, "meta.json"))

    if error is not None:
        assert _wanted_failure(base) is not None
        return
    assert isinstance(events[0], AnswerStarted)
    reply = reply_of(events)
    shown = _summary(reply)
    assert "".join(e.text for e in events if isinstance(e, TextDelta)) == shown["text"]
    thoughts = "".join(e.text for e in events if isinstance(e, ThinkingDelta))
    assert len(thoughts) == shown["thinking"]["text_chars"]
    for call in shown["tool_calls"]:
        assert json.loads(_streamed_arguments(events, call["id"]) or "{}") == call["args"]
    assert sum(isinstance(e, CitationFound) for e in events) == shown["citations"]
    last_usage = [e.usage for e in events if isinstance(e, UsageReported)][-1]
    assert last_usage == reply.usage
    changed = {e.block.call_id: e.block for e in events if isinstance(e, HostedToolChanged)}
    for block in reply.blocks:
        if isinstance(block, HostedToolBlock):
            assert changed[block.call_id].raw == block.raw


def _streamed_arguments(events: list[ModelEvent], call_id: str) -> str:
    return "".join(
        event.arguments
        for event in events
        if isinstance(event, ToolCallDelta) and event.call_id == call_id
    )


@pytest.mark.parametrize("base", _STREAMS)
async def test_a_stream_that_is_cut_is_malformed(base: Path) -> None:
    """Half an answer must never count as an answer, and none of its calls may run."""
    if _wanted_failure(base) is None:
        require_malformed_when_cut(ANTHROPIC, base, _is_whole)


@pytest.mark.parametrize("base", _BODIES)
async def test_a_plain_body_is_an_error(base: Path) -> None:
    """Errors come as one JSON body; their words help whoever has to mend the request."""
    expected = recorded(base, "expected.json")["error"]
    body = file_of(base, "response.json").read_bytes()

    events, error = await play(ANTHROPIC, body, 997, recorded(base, "meta.json"))

    assert error is not None
    assert (error.kind, error.status) == ("http", expected["status_code"])
    assert error.code == expected["type"]
    assert str(expected["body"]["error"]["message"]) in str(error)
    assert not error.transient
    assert not events


@pytest.mark.parametrize("base", _STREAMS)
async def test_an_answer_goes_back_without_a_fault(base: Path) -> None:
    """What was decoded once is sent with every request that follows, so it must always encode."""
    body = file_of(base, "response.sse").read_bytes()
    events, error = await play(ANTHROPIC, body, 10**9, recorded(base, "meta.json"))
    if error is not None:
        return
    reply = reply_of(events)

    own = ANTHROPIC_MESSAGES.items(_message_of(reply), "asked", ANTHROPIC)
    foreign = ANTHROPIC_MESSAGES.items(_message_of(reply), "another", ANTHROPIC)

    sent = [block["type"] for item in own for block in item["content"]]
    assert sent == [word for block in reply.blocks if (word := _sent_word(block))]
    plain = {block["type"] for item in foreign for block in item["content"]}
    assert plain <= {"text", "tool_use"}


def _sent_word(block: AssistantBlock) -> str:
    """As `_word`, of what goes back: texts without words stay at home."""
    match block:
        case TextBlock(text=text):
            return "text" if text.strip() else ""
        case RefusalBlock():
            return "text"
        case _:
            return _word(block)


def _message_of(reply: ModelReply) -> AssistantMessage:
    return AssistantMessage(blocks=reply.blocks, provenance=reply.provenance)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("text_prompt", StopReason.END_TURN),
        ("sdk_tool_use", StopReason.TOOL_USE),
        ("sdk_max_tokens_partial_json", StopReason.MAX_TOKENS),
        ("text_stop_sequence", StopReason.STOP_SEQUENCE),
        ("rf_refusal", StopReason.REFUSAL),
        ("pause_turn", StopReason.PAUSE),
    ],
)
async def test_stop_reasons_are_neutral(name: str, reason: StopReason) -> None:
    """Whoever runs the loop decides by our words, and not by those of each provider."""
    assert (await played(ANTHROPIC, f"anthropic/{name}")).stop_reason is reason
