"""Events of answers on the Messages wire, and what is read out of them, for tests."""

from typing import Any

import pytest

from mentra_actors.domain.model_call import ModelReply
from mentra_actors.errors import ProviderError
from mentra_actors.providers.port import (
    ModelEvent,
    ReplyFinished,
)
from mentra_actors.providers.presets import ANTHROPIC
from mentra_actors.providers.wires.anthropic_wire import ANTHROPIC_MESSAGES

Event = dict[str, Any]
OWN = ANTHROPIC.provenance("m")


def events_of(*events: Event) -> list[ModelEvent]:
    decoder = ANTHROPIC_MESSAGES.decoder("m", ANTHROPIC)
    found = [neutral for event in events for neutral in decoder.feed(event)]
    found += decoder.finish()
    assert decoder.is_finished
    return found


def reply_of(*events: Event) -> ModelReply:
    last = events_of(*events)[-1]
    assert isinstance(last, ReplyFinished)
    return last.reply


def failure_of(*events: Event) -> ProviderError:
    with pytest.raises(ProviderError) as raised:
        events_of(*events)
    return raised.value


def started(**message: Any) -> Event:
    return {"type": "message_start", "message": {"id": "msg_1", "model": "served", **message}}


def block_begun(index: int, block_type: str, **block: Any) -> Event:
    block = {"type": block_type, **block}
    return {"type": "content_block_start", "index": index, "content_block": block}


def block_delta(index: int, delta_type: str, **delta: Any) -> Event:
    delta = {"type": delta_type, **delta}
    return {"type": "content_block_delta", "index": index, "delta": delta}


def block_ended(index: int) -> Event:
    return {"type": "content_block_stop", "index": index}


def ended(reason: str | None = "end_turn", **usage: Any) -> list[Event]:
    return [
        {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": usage},
        {"type": "message_stop"},
    ]


def text_block(index: int, text: str) -> list[Event]:
    return [
        block_begun(index, "text", text=""),
        block_delta(index, "text_delta", text=text),
        block_ended(index),
    ]


def call_block(index: int, *pieces: str, **block: Any) -> list[Event]:
    block = {"id": f"c{index}", "name": "search", "input": {}, **block}
    deltas = [block_delta(index, "input_json_delta", partial_json=piece) for piece in pieces]
    return [block_begun(index, "tool_use", **block), *deltas]
