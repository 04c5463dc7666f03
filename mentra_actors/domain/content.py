"""Content of messages: the neutral form between the log and every provider's wire."""

from typing import TypeAlias

import msgspec

__all__ = [
    "AssistantBlock",
    "AssistantMessage",
    "Message",
    "OpaqueBlock",
    "Provenance",
    "RefusalBlock",
    "TextBlock",
    "ThinkingBlock",
    "ToolCallBlock",
    "ToolResultBlock",
    "ToolResultsMessage",
    "UserMessage",
    "text_of",
]


class Provenance(msgspec.Struct, frozen=True):
    """Who produced a block that only its producer can read back."""

    provider: str
    model: str
    wire: str


class TextBlock(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="text"):
    """Plain text. `item_id` and `phase` are the provider's, sent back unchanged where it asks."""

    text: str
    item_id: str = ""
    phase: str = ""


class RefusalBlock(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="refusal"):
    """The model's own words for declining."""

    text: str
    item_id: str = ""


class ThinkingBlock(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="thinking"):
    """Reasoning. `parts` are its summaries in order; only its producer can read `encrypted`.

    `signature` vouches for the text to its producer. `is_redacted` marks reasoning of which only
    the encrypted form was given out.
    """

    parts: tuple[str, ...] = ()
    item_id: str = ""
    encrypted: str = ""
    provenance: Provenance | None = None
    signature: str = ""
    is_redacted: bool = False


class ToolCallBlock(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="tool_call"
):
    """A call that the model asked for.

    `call_id` is the provider's and need not be unique between answers. `arguments` is the JSON
    text as the model wrote it (empty means `{}`); it may be malformed.
    """

    call_id: str
    name: str
    arguments: str = "{}"
    item_id: str = ""
    namespace: str = ""


class OpaqueBlock(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="opaque"):
    """A provider item that has no neutral form: raw JSON, sent back only to its producer."""

    item_type: str
    raw: str
    provenance: Provenance


AssistantBlock: TypeAlias = TextBlock | RefusalBlock | ThinkingBlock | ToolCallBlock | OpaqueBlock


class ToolResultBlock(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="tool_result"
):
    """What the model is told of one call; `call_id` is that of the `ToolCallBlock`."""

    call_id: str
    name: str
    content: str
    is_error: bool = False


class UserMessage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="user"):
    """Words from outside: a prompt, mail, or a notice of the runtime (`source` says which)."""

    text: str
    source: str = "prompt"


class AssistantMessage(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="assistant"
):
    """One answer of a model."""

    blocks: tuple[AssistantBlock, ...]
    provenance: Provenance | None = None


class ToolResultsMessage(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="tool_results"
):
    """Results of all calls of the answer before, in the order of the calls."""

    results: tuple[ToolResultBlock, ...]


Message: TypeAlias = UserMessage | AssistantMessage | ToolResultsMessage


def text_of(blocks: tuple[AssistantBlock, ...]) -> str:
    """The text (or, without any, the refusal) of an answer; parts are joined by a blank line."""
    texts = [block.text for block in blocks if isinstance(block, TextBlock) and block.text]
    if not texts:
        texts = [block.text for block in blocks if isinstance(block, RefusalBlock)]
    return "\n\n".join(texts)
