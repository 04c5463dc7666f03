"""Chunks of answers of Gemini, and what is read out of them, for tests."""

from typing import Any

import pytest

from mentra_actors.domain.model_call import (
    ModelReply,
)
from mentra_actors.errors import ProviderError
from mentra_actors.providers.port import (
    ModelEvent,
    ReplyFinished,
)
from mentra_actors.providers.presets import GEMINI
from mentra_actors.providers.wires.gemini_wire import GEMINI_GENERATE_CONTENT

Chunk = dict[str, Any]
OWN = GEMINI.provenance("m")


def events_of(*chunks: Chunk) -> list[ModelEvent]:
    decoder = GEMINI_GENERATE_CONTENT.decoder("m", GEMINI)
    found = [neutral for chunk in chunks for neutral in decoder.feed(chunk)]
    assert not decoder.is_finished
    found += decoder.finish()
    assert decoder.is_finished
    assert decoder.finish() == decoder.feed(chunk_of({"text": "late"})) == []
    return found


def reply_of(*chunks: Chunk) -> ModelReply:
    last = events_of(*chunks)[-1]
    assert isinstance(last, ReplyFinished)
    return last.reply


def failure_of(*chunks: Chunk) -> ProviderError:
    with pytest.raises(ProviderError) as failed:
        events_of(*chunks)
    return failed.value


def chunk_of(*parts: Any, reason: str = "", **beside: Any) -> Chunk:
    end = {"finishReason": reason} if reason else {}
    return {"candidates": [{"content": {"parts": list(parts), "role": "model"}, **end, **beside}]}


def call_part(name: str, **fields: Any) -> dict[str, Any]:
    return {"functionCall": {"name": name, **fields}}


STOP = chunk_of({"text": ""}, reason="STOP")
