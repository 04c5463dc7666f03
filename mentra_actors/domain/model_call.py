"""A model call as data: what is asked of a provider, and what a whole answer is."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Literal, TypeAlias

import msgspec

from mentra_actors.domain.content import AssistantBlock, Message, Provenance
from mentra_actors.json_types import JsonObject

__all__ = [
    "CacheOptions",
    "HostedTool",
    "ModelReply",
    "ModelRequest",
    "NamedTool",
    "OutputSchema",
    "ProviderOptions",
    "ReasoningOptions",
    "ResponsesOptions",
    "SessionOptions",
    "StopReason",
    "TokenUsage",
    "ToolChoice",
    "ToolSpec",
    "usage_fault",
]

MOST_TOKENS = 10**12
"""More than one answer can ever count; sums of them stay within the integers of a store."""


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
    COMPACTION = "compaction"
    MALFORMED_CALL = "malformed_call"
    OTHER = "other"


class TokenUsage(msgspec.Struct, gc=False, frozen=True, kw_only=True):
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


def usage_fault(usage: TokenUsage) -> str:
    """Why no answer can have used this; empty if one can."""
    for name in usage.__struct_fields__:
        count = getattr(usage, name)
        if type(count) is not int or not 0 <= count <= MOST_TOKENS:
            return f"{name} must be a whole number from 0 to {MOST_TOKENS:,}, found {count!r}"
    return ""


class ToolSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What a model is told of a tool. `input_schema` is a JSON Schema object, as JSON text.

    `strict` asks the provider to hold the model to the schema; None leaves it to the provider.
    A deferred tool is told only when the provider's own search for tools finds it.
    """

    name: str
    description: str
    input_schema: str
    strict: bool | None = None
    is_deferred: bool = False


class HostedTool(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A tool that the provider runs itself: `web_search`, `image_generation`, or its own word.

    `options` are added to its declaration as they are. A kind that a provider does not know by
    one of the neutral words is sent as the `type` that it is.
    """

    kind: str
    options: JsonObject = {}


class NamedTool(msgspec.Struct, frozen=True, tag="tool"):
    """The tool choice that asks for a call of this very tool."""

    name: str


ToolChoice: TypeAlias = Literal["auto", "any", "none"] | NamedTool


class ReasoningOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How hard a model should think: `effort` from `minimal` to `max`, `summary` as it knows it.

    Words that a provider does not know are its to refuse; empty means its default. `enabled`
    switches reasoning on or off, where that is a choice. `budget_tokens` bounds it, for models
    that take a number and not a word.
    """

    effort: str = ""
    summary: str = ""
    enabled: bool | None = None
    budget_tokens: int | None = None


class ResponsesOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options that only servers of the Responses wire know."""

    previous_response_id: str = ""
    state_mode: Literal["replay_only", "hybrid", "stateful"] = "replay_only"
    transport: Literal["http_sse", "websocket"] = "http_sse"
    store: bool | None = None
    include: tuple[str, ...] = ()
    service_tier: str = ""
    prompt_cache_key: str = ""
    text_verbosity: str = ""


class CacheOptions(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How the provider's cache of prompts is used; providers that cache by themselves do anyway.

    `auto` marks what is stable (tools, system, the conversation so far), `off` marks nothing.
    """

    mode: Literal["auto", "off"] = "auto"
    ttl: Literal["5m", "1h"] = "5m"


class SessionOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider is told of the conversation, in headers `x-mentra-…`; none that is not set.

    Requests of one `session_affinity` share a websocket; without `prefer_connection_reuse` each
    answer opens its own. `extra_headers` are sent as they are.
    """

    sticky_turn_state: str = ""
    turn_metadata: str = ""
    subagent: str = ""
    prefer_connection_reuse: bool = True
    session_affinity: str = ""
    extra_headers: dict[str, str] = {}


class ProviderOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options for providers; each reads those that it knows. None leaves it to the provider.

    `extra_body` is added to the body of each request, field by field and over what stands there;
    `session.extra_headers` to its headers. Both are stored with the agent: put no secret there.
    `user_id` names the person for whom the model works, in a form that tells nobody who it is.
    """

    tool_search: Literal["disabled", "hosted"] = "disabled"
    parallel_tool_calls: bool | None = None
    thoughts: bool | None = None
    responses: ResponsesOptions = ResponsesOptions()
    session: SessionOptions = SessionOptions()
    top_p: float | None = None
    top_k: int | None = None
    seed: int | None = None
    stop_sequences: tuple[str, ...] = ()
    service_tier: str = ""
    user_id: str = ""
    cache: CacheOptions = CacheOptions()
    hosted_tools: tuple[HostedTool, ...] = ()
    extra_body: JsonObject = {}


class OutputSchema(msgspec.Struct, frozen=True, kw_only=True):
    """The shape that the text of an answer must have. `schema` is JSON Schema, as JSON text."""

    name: str
    schema: str
    description: str = ""


class ModelRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a provider needs for one answer.

    `model` is the provider's own name (without the `provider:` prefix). `messages` only ever
    grows between the calls of one conversation, so an adapter may keep what it has encoded.
    `output` asks for an answer of a given shape, where the provider can promise one.
    """

    model: str
    messages: Sequence[Message]
    system: str = ""
    tools: tuple[ToolSpec, ...] = ()
    tool_choice: ToolChoice = "auto"
    temperature: float | None = None
    max_output_tokens: int | None = 8192
    reasoning: ReasoningOptions | None = None
    metadata: dict[str, str] = {}
    options: ProviderOptions = ProviderOptions()
    output: OutputSchema | None = None


class ModelReply(msgspec.Struct, frozen=True, kw_only=True):
    """One whole answer. `request_id` is what the provider's support finds the call by.

    `cost_usd_micros` is the price that the provider itself names, in millionths of a US dollar.
    """

    blocks: tuple[AssistantBlock, ...]
    stop_reason: StopReason
    raw_stop_reason: str = ""
    usage: TokenUsage = TokenUsage()
    response_id: str = ""
    model: str = ""
    provenance: Provenance | None = None
    request_id: str = ""
    cost_usd_micros: int | None = None
