"""A model call as data: what is asked of a provider, and what a whole answer is."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Literal, TypeAlias

import msgspec

from mentra_actors.domain.content import AssistantBlock, Message

__all__ = ["ModelReply", "ModelRequest", "StopReason", "TokenUsage", "ToolChoice", "ToolSpec"]


class StopReason(StrEnum):
    """Why an answer ended, in neutral words; the provider's own word is kept beside it."""

    END_TURN = "end_turn"
    TOOL_USE = "tool_use"
    MAX_TOKENS = "max_tokens"
    STOP_SEQUENCE = "stop_sequence"
    PAUSE = "pause"
    CONTEXT_EXCEEDED = "context_exceeded"
    REFUSAL = "refusal"
    CONTENT_FILTER = "content_filter"
    OTHER = "other"


class TokenUsage(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens of one answer. Input includes cached and cache-writing tokens, output reasoning."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    """Of the input: read from the provider's cache."""
    reasoning_tokens: int = 0
    """Of the output: spent on reasoning."""
    cache_write_tokens: int = 0
    """Of the input: written into the provider's cache, where that has a price of its own."""

    def __add__(self, other: "TokenUsage") -> "TokenUsage":
        return TokenUsage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cached_input_tokens=self.cached_input_tokens + other.cached_input_tokens,
            reasoning_tokens=self.reasoning_tokens + other.reasoning_tokens,
            cache_write_tokens=self.cache_write_tokens + other.cache_write_tokens,
        )

    @property
    def total_tokens(self) -> int:
        """What budgets of tokens count: input and output."""
        return self.input_tokens + self.output_tokens


class ToolSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What a model is told of a tool. `input_schema` is a JSON Schema object, as JSON text."""

    name: str
    description: str
    input_schema: str


ToolChoice: TypeAlias = Literal["auto", "any", "none"]


class ModelRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a provider needs for one answer.

    `model` is the provider's own name (without the `provider:` prefix). `messages` only ever
    grows between the calls of one conversation, so an adapter may keep what it has encoded.
    """

    model: str
    messages: Sequence[Message]
    system: str = ""
    tools: tuple[ToolSpec, ...] = ()
    tool_choice: ToolChoice = "auto"
    temperature: float | None = None
    max_output_tokens: int | None = 8192


class ModelReply(msgspec.Struct, frozen=True, kw_only=True):
    """One whole answer."""

    blocks: tuple[AssistantBlock, ...]
    stop_reason: StopReason
    raw_stop_reason: str = ""
    usage: TokenUsage = TokenUsage()
    response_id: str = ""
    model: str = ""
