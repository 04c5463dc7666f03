"""What the system asks of a model provider, and the neutral events that a provider streams."""

from collections.abc import AsyncGenerator
from typing import Protocol, TypeAlias

import msgspec

from mentra_actors.domain.content import Citation, HostedToolBlock
from mentra_actors.domain.model_call import ModelReply, ModelRequest, TokenUsage

__all__ = [
    "AnswerStarted",
    "CitationFound",
    "HostedToolChanged",
    "ModelEvent",
    "ModelProvider",
    "ReplyFinished",
    "TextDelta",
    "ThinkingDelta",
    "ToolCallDelta",
    "UsageReported",
]


class AnswerStarted(msgspec.Struct, frozen=True, tag="started"):
    """The provider has begun to answer; nothing of the answer has come yet.

    `headers` are those of the response that help: ids of the request and limits on its rate.
    """

    model: str = ""
    response_id: str = ""
    headers: dict[str, str] = {}


class TextDelta(msgspec.Struct, frozen=True, tag="text"):
    """More text of the answer. `block_index` tells parallel blocks apart."""

    text: str
    block_index: int = 0


class ThinkingDelta(msgspec.Struct, frozen=True, tag="thinking"):
    """More of the visible reasoning."""

    text: str
    block_index: int = 0


class ToolCallDelta(msgspec.Struct, frozen=True, tag="tool_call"):
    """A call is taking shape: `arguments` is the new piece of its JSON text, for display only."""

    call_id: str
    name: str
    arguments: str = ""
    block_index: int = 0


class CitationFound(msgspec.Struct, frozen=True, tag="citation"):
    """The text of a block has a source; it stands in the block of the whole answer, too."""

    citation: Citation
    block_index: int = 0


class HostedToolChanged(msgspec.Struct, frozen=True, tag="hosted_tool"):
    """The provider's own tool has begun, got on or ended, as far as that is known now."""

    block: HostedToolBlock
    block_index: int = 0


class UsageReported(msgspec.Struct, frozen=True, tag="usage"):
    """Tokens counted so far; the last one counts, and the reply itself counts more.

    What is known of the cost of an answer that then breaks off.
    """

    usage: TokenUsage


class ReplyFinished(msgspec.Struct, frozen=True, tag="finished"):
    """The answer is complete. Always the last event, exactly once; calls run only after it."""

    reply: ModelReply


ModelEvent: TypeAlias = (
    AnswerStarted
    | TextDelta
    | ThinkingDelta
    | ToolCallDelta
    | CitationFound
    | HostedToolChanged
    | UsageReported
    | ReplyFinished
)


class ModelProvider(Protocol):
    """A source of answers. Called on the effects loop only; one instance serves many calls."""

    @property
    def name(self) -> str:
        """The part before the colon of a model name: `openai` of `openai:gpt-5.4-mini`."""
        ...

    def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        """Events of one answer; the last is `ReplyFinished`.

        Closing the iterator (or cancelling the task) closes the connection at once.

        Raises:
            ProviderError: the call failed; `transient` says whether a repeat may help.
            UnknownModel, MissingCredential: nothing was sent.
        """
        ...

    async def aclose(self) -> None:
        """Release connections. Calling it twice is allowed."""
        ...
