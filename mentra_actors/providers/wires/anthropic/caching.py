"""Where the server is asked to cache: at most four marks, after what stays the same.

A request is cached up to each mark, in the order tools, system, messages. The marks of messages
stand at the end of this request and at the end of the one before: what that one wrote is found
again, and what is new is written.
"""

from collections.abc import Iterable, Sequence
from typing import assert_never

from mentra_actors.domain.content import (
    AssistantMessage,
    Message,
    ToolResultsMessage,
    UserMessage,
)
from mentra_actors.domain.model_call import CacheOptions
from mentra_actors.json_types import JsonObject

__all__ = [
    "MESSAGE_MARK",
    "MOST_MARKS",
    "breakpoints",
    "cache_mark",
    "mark_count",
    "mark_last_tool",
]

MOST_MARKS = 4
"""The server refuses a request with more; options of tools may have used some."""
MESSAGE_MARK = {"type": "ephemeral"}

_Fields = JsonObject


def cache_mark(cache: CacheOptions) -> _Fields:
    """The value of `cache_control`; empty if nothing is to be marked."""
    if cache.mode == "off":
        return {}
    return dict(MESSAGE_MARK) if cache.ttl == "5m" else {**MESSAGE_MARK, "ttl": cache.ttl}


def mark_last_tool(tools: list[_Fields], mark: _Fields) -> None:
    """Mark the last tool that may be marked: a deferred one is not told at the start."""
    markable = [tool for tool in tools if not tool.get("defer_loading")]
    if mark and markable:
        markable[-1].setdefault("cache_control", mark)


def mark_count(parts: Iterable[_Fields]) -> int:
    """How many of these tools or blocks are marked, by us or by options of the caller."""
    return sum(1 for part in parts if part.get("cache_control"))


def breakpoints(messages: Sequence[Message], marks_used: int) -> frozenset[int]:
    """The messages after which the server is asked to cache; as many as there are marks left."""
    last = _last_told(messages, len(messages))
    if last is None:
        return frozenset()
    answer = next((i for i in range(last, -1, -1) if isinstance(messages[i], AssistantMessage)), 0)
    before = _last_told(messages, answer)
    found = [index for index in (last, before) if index is not None]
    return frozenset(found[: max(MOST_MARKS - marks_used, 0)])


def _last_told(messages: Sequence[Message], end: int) -> int | None:
    """The last message before `end` that we told the model: its form never changes."""
    return next((index for index in range(end - 1, -1, -1) if _is_told(messages[index])), None)


def _is_told(message: Message) -> bool:
    match message:
        case UserMessage():
            return bool(message.text.strip() or message.attachments)
        case ToolResultsMessage():
            return bool(message.results)
        case AssistantMessage():
            return False
        case _:
            assert_never(message)
