"""Streams for the benchmark of providers: recorded ones, or made-up ones of the same grammar."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = ["made_up", "recorded_paths"]

RECORDINGS = Path(
    os.environ.get("MENTRA_FIXTURES") or Path(__file__).parents[1] / ".." / "shared" / "fixtures"
)
LARGEST = 5


def recorded_paths(directory: str, end: str) -> list[Path]:
    """The largest recordings that end as an answer does."""
    whole = [path for path in (RECORDINGS / directory).glob("*.sse") if end in path.read_text()]
    return sorted(whole, key=lambda path: -path.stat().st_size)[:LARGEST]


def made_up(folder: Path, directory: str) -> list[Path]:
    """A long answer in the grammar of a wire."""
    words = [f"word {number} " for number in range(800)]
    path = folder / f"{directory}.sse"
    events = grammar(directory, words)
    path.write_text("".join(f"data: {json.dumps(event)}\n\n" for event in events))
    return [path]


def grammar(directory: str, words: Sequence[str]) -> list[dict[str, Any]]:
    """The events of one answer of a wire."""
    if directory == "gemini":
        parts = [{"candidates": [{"content": {"parts": [{"text": word}]}}]} for word in words]
        return [*parts, {"candidates": [{"finishReason": "STOP"}]}]
    if directory == "anthropic":
        start = {"id": "m", "role": "assistant", "type": "message", "content": [], "model": "m"}
        usage = {"input_tokens": 1, "output_tokens": 1}
        text = {"type": "text", "text": ""}
        delta = {"type": "content_block_delta", "index": 0}
        return [
            {"type": "message_start", "message": {**start, "usage": usage}},
            {"type": "content_block_start", "index": 0, "content_block": text},
            *({**delta, "delta": {"type": "text_delta", "text": word}} for word in words),
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage},
            {"type": "message_stop"},
        ]
    item = {"type": "message", "id": "i", "role": "assistant", "status": "completed"}
    content = [{"type": "output_text", "text": "".join(words), "annotations": []}]
    place = {"output_index": 0, "content_index": 0, "item_id": "i"}
    whole = {**item, "content": content}
    response = {"id": "r", "object": "response", "model": "m", "output": [whole]}
    begun = {**response, "output": [], "status": "in_progress"}
    added = {"type": "response.output_item.added", "output_index": 0}
    return [
        {"type": "response.created", "response": begun},
        {**added, "item": {**item, "content": []}},
        *({"type": "response.output_text.delta", **place, "delta": word} for word in words),
        {**added, "type": "response.output_item.done", "item": whole},
        {"type": "response.completed", "response": {**response, "status": "completed"}},
    ]
