"""Chunks of answers on the chat wire, and what is read out of them, for tests."""

from typing import Any

from mentra_actors.domain.content import (
    ToolCallBlock,
)
from mentra_actors.domain.model_call import ModelReply
from mentra_actors.providers.port import (
    ModelEvent,
    ReplyFinished,
)
from mentra_actors.providers.presets import GENERIC_CHAT
from mentra_actors.providers.wires.chat.decoder import ChatDecoder

Chunk = dict[str, Any]


def events_of(*chunks: Chunk, profile: Any = GENERIC_CHAT) -> list[ModelEvent]:
    decoder = ChatDecoder("m", profile)
    found = [event for chunk in chunks for event in decoder.feed(chunk)]
    return found + decoder.finish()


def reply_of(*chunks: Chunk, profile: Any = GENERIC_CHAT) -> ModelReply:
    events = events_of(*chunks, profile=profile)
    assert sum(isinstance(event, ReplyFinished) for event in events) == 1
    last = events[-1]
    assert isinstance(last, ReplyFinished)
    return last.reply


def delta_chunk(**delta: Any) -> Chunk:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}


def end_chunk(reason: str = "stop", **delta: Any) -> Chunk:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}


def calls_in(reply: ModelReply) -> list[tuple[str, str, str]]:
    return [
        (block.call_id, block.name, block.arguments)
        for block in reply.blocks
        if isinstance(block, ToolCallBlock)
    ]
