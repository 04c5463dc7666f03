"""Messages of a request: the whole history, each message in the form that it always has.

What only its producer can read (signed reasoning, the server's own tools and their results, raw
citations) goes back to it as it came, and to nobody else.
"""

from typing import assert_never

import msgspec

from mentra_actors.domain.content import (
    AssistantBlock,
    AssistantMessage,
    HostedToolBlock,
    ImageBlock,
    Message,
    OpaqueBlock,
    Provenance,
    RefusalBlock,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
    ToolResultBlock,
    ToolResultsMessage,
    UserMessage,
)
from mentra_actors.json_types import JsonObject
from mentra_actors.providers.profile import Profile
from mentra_actors.providers.wires.anthropic.attachments import attachment_block
from mentra_actors.providers.wires.anthropic.caching import MESSAGE_MARK
from mentra_actors.providers.wires.call_words import called_name, strict_id
from mentra_actors.providers.wires.json_texts import arguments_object
from mentra_actors.providers.wires.plain_reasoning import plain_reasoning

__all__ = ["CONTAINER", "CUT_OFF", "message_items"]

CONTAINER = "container"
"""The item type of the block that says where the server ran a program; no part of a message."""
CUT_OFF = "cut_off"
"""The status of a hosted tool whose answer ended before its result; it cannot go back."""

_REASONING_TYPES = frozenset({"thinking", "redacted_thinking"})

_Block = JsonObject


def message_items(
    message: Message, model: str, profile: Profile, *, is_breakpoint: bool
) -> list[_Block]:
    """One message as a list of one, or of none where nothing of it can be sent."""
    match message:
        case UserMessage():
            role, blocks = "user", _user_blocks(message, profile)
        case ToolResultsMessage():
            role, blocks = "user", [_tool_result(result, profile) for result in message.results]
        case AssistantMessage():
            role, blocks = "assistant", _assistant_blocks(message, model, profile)
        case _:
            assert_never(message)
    if not blocks:
        return []
    if is_breakpoint:
        blocks[-1] = {**blocks[-1], "cache_control": MESSAGE_MARK}
    return [{"role": role, "content": blocks}]


def _user_blocks(message: UserMessage, profile: Profile) -> list[_Block]:
    attached = [attachment_block(attachment, profile) for attachment in message.attachments]
    return [*_plain(message.text), *attached]


def _plain(text: str) -> list[_Block]:
    """A block of text; the server refuses those without any words."""
    return [{"type": "text", "text": text}] if text.strip() else []


def _tool_result(result: ToolResultBlock, profile: Profile) -> _Block:
    """The result of a call: a text, or blocks where something is attached."""
    text = result.content
    content: object = text
    if result.attachments:
        attached = [attachment_block(attachment, profile) for attachment in result.attachments]
        content = [*_plain(text), *attached]
    elif result.is_error and not text.strip():
        content = "the tool failed and said nothing"
    block: _Block = {"type": "tool_result", "tool_use_id": strict_id(result.call_id)}
    if content:
        block["content"] = content
    if result.is_error:
        block["is_error"] = True
    return block


def _assistant_blocks(message: AssistantMessage, model: str, profile: Profile) -> list[_Block]:
    """The blocks of an answer, less the reasoning at the end that led to nothing."""
    own = profile.provenance(model)
    blocks = [
        encoded for block in message.blocks for encoded in _answer_block(block, own, profile)
    ]
    while blocks and blocks[-1].get("type") in _REASONING_TYPES:
        blocks.pop()
    return blocks


def _answer_block(block: AssistantBlock, own: Provenance, profile: Profile) -> list[_Block]:
    match block:
        case TextBlock():
            return _text(block, own)
        case RefusalBlock():
            return _plain(block.text)
        case ThinkingBlock():
            return _thinking(block, own, profile)
        case ToolCallBlock():
            return [_tool_call(block, own)]
        case OpaqueBlock():
            return [] if block.item_type == CONTAINER else _as_it_came(block, own, profile)
        case HostedToolBlock():
            return [] if block.status == CUT_OFF else _as_it_came(block, own, profile)
        case ImageBlock():
            return _plain("[image]")
        case _:
            assert_never(block)


def _text(block: TextBlock, own: Provenance) -> list[_Block]:
    blocks = _plain(block.text)
    raw = [citation.raw for citation in block.citations if citation.raw]
    if blocks and raw and block.provenance == own:
        blocks[0]["citations"] = [msgspec.json.decode(citation) for citation in raw]
    return blocks


def _thinking(block: ThinkingBlock, own: Provenance, profile: Profile) -> list[_Block]:
    """Reasoning as it came, if it is the server's and it vouched for it; else its words."""
    if block.provenance == own and profile.replays_reasoning:
        if block.is_redacted and block.encrypted:
            return [{"type": "redacted_thinking", "data": block.encrypted}]
        if block.signature:
            words = "".join(block.parts)
            return [{"type": "thinking", "thinking": words, "signature": block.signature}]
    return _plain(plain_reasoning(block))


def _tool_call(block: ToolCallBlock, own: Provenance) -> _Block:
    call = {
        "type": "tool_use",
        "id": strict_id(block.call_id),
        "name": called_name(block),
        "input": arguments_object(block.arguments),
    }
    if block.caller and block.provenance == own:
        call["caller"] = msgspec.json.decode(block.caller)
    return call


def _as_it_came(
    block: OpaqueBlock | HostedToolBlock, own: Provenance, profile: Profile
) -> list[_Block]:
    if not profile.replays_opaque or block.provenance != own:
        return []
    return [msgspec.json.decode(block.raw)]
