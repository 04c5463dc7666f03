"""Requests of the Responses wire: stateless, with the whole history in each.

The server keeps nothing (`store: false`), so an answer goes back in the form in which it came:
reasoning with its id and encrypted content, directly followed by the item it led to. Three rules
keep that valid. Reasoning goes back only to the provider, model and wire that made it, and only
when all reasoning of its answer can. Without reasoning, items lose their ids and opaque items
stay at home. Reasoning that nothing follows is dropped.
"""

from collections.abc import Mapping
from itertools import groupby
from typing import Any, assert_never

import msgspec

from mentra_actors.domain.content import (
    AssistantBlock,
    AssistantMessage,
    HostedToolBlock,
    ImageBlock,
    Message,
    OpaqueBlock,
    RefusalBlock,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
    ToolResultBlock,
    ToolResultsMessage,
    UserMessage,
)
from mentra_actors.providers.profile import Profile

__all__ = ["input_items"]

_Item = dict[str, Any]


def input_items(message: Message, model: str, profile: Profile) -> list[_Item]:
    """The input items of one message; they depend on no other message."""
    match message:
        case UserMessage():
            return [{"role": "user", "content": [{"type": "input_text", "text": message.text}]}]
        case AssistantMessage():
            return _assistant_items(message, model, profile)
        case ToolResultsMessage():
            return [_tool_output(result) for result in message.results]
        case _:
            assert_never(message)


def _tool_output(result: ToolResultBlock) -> _Item:
    output = f"Tool error: {result.content}" if result.is_error else result.content
    return {"type": "function_call_output", "call_id": result.call_id, "output": output}


def _assistant_items(message: AssistantMessage, model: str, profile: Profile) -> list[_Item]:
    """The items of an answer; ids go with everything after reasoning that goes back."""
    is_own = all(_goes_back(block, model, profile) for block in message.blocks)
    has_phase = profile.takes_phase and _is_of_provider(message, profile)
    items: list[_Item] = []
    keeps_id = False
    for blocks in _grouped(message.blocks):
        match blocks[0]:
            case TextBlock() | RefusalBlock():
                items.append(_message_item(blocks, keeps_id=keeps_id, has_phase=has_phase))
            case ToolCallBlock() as call:
                items.append(_call_item(call, keeps_id=keeps_id))
            case ThinkingBlock() as thinking if is_own:
                items.append(_reasoning_item(thinking, profile))
                keeps_id = profile.replays_item_ids
            case (OpaqueBlock() | HostedToolBlock()) as opaque if is_own:
                items.append(msgspec.json.decode(opaque.raw))
    return _without_orphan(items)


def _goes_back(block: AssistantBlock, model: str, profile: Profile) -> bool:
    """Whether this block does not stand in the way of sending reasoning and opaque items back."""
    match block:
        case ThinkingBlock():
            has_id = bool(block.item_id) or not profile.replays_item_ids
            is_whole = bool(block.encrypted) and has_id and profile.replays_reasoning
            return is_whole and _is_from(block, model, profile)
        case OpaqueBlock() | HostedToolBlock():
            return profile.replays_opaque and _is_from(block, model, profile)
        case TextBlock() | RefusalBlock() | ToolCallBlock() | ImageBlock():
            return True
        case _:
            assert_never(block)


def _is_from(
    block: ThinkingBlock | OpaqueBlock | HostedToolBlock, model: str, profile: Profile
) -> bool:
    return block.provenance == profile.provenance(model)


def _is_of_provider(message: AssistantMessage, profile: Profile) -> bool:
    return message.provenance is None or message.provenance.provider == profile.name


def _grouped(blocks: tuple[AssistantBlock, ...]) -> list[list[AssistantBlock]]:
    """Text and refusals of one item go back as one item; every other block stands alone."""
    return [list(group) for _, group in groupby(blocks, key=_group_key)]


def _group_key(block: AssistantBlock) -> str | int:
    if isinstance(block, TextBlock | RefusalBlock) and block.item_id:
        return block.item_id
    return id(block)


def _message_item(blocks: list[AssistantBlock], *, keeps_id: bool, has_phase: bool) -> _Item:
    item: _Item = {"type": "message", "role": "assistant"}
    texts = [block for block in blocks if isinstance(block, TextBlock | RefusalBlock)]
    keeps_id = keeps_id and bool(texts[0].item_id)
    if keeps_id:
        item.update(id=texts[0].item_id, status="completed")
    phase = next((block.phase for block in texts if isinstance(block, TextBlock)), "")
    if phase and has_phase:
        item["phase"] = phase
    item["content"] = [_text_part(block, is_exact=keeps_id) for block in texts]
    return item


def _text_part(block: TextBlock | RefusalBlock, *, is_exact: bool) -> _Item:
    """A part of a message; a refusal keeps its type only where the item is sent back exactly."""
    if not is_exact:
        return {"type": "output_text", "text": block.text}
    if isinstance(block, RefusalBlock):
        return {"type": "refusal", "refusal": block.text}
    return {"type": "output_text", "text": block.text, "annotations": []}


def _call_item(block: ToolCallBlock, *, keeps_id: bool) -> _Item:
    item: _Item = {
        "type": "function_call",
        "call_id": block.call_id,
        "name": block.name,
        "arguments": _valid_arguments(block.arguments),
    }
    if keeps_id and block.item_id:
        item["id"] = block.item_id
    if block.namespace:
        item["namespace"] = block.namespace
    return item


def _valid_arguments(arguments: str) -> str:
    """The arguments, or `{}` where they are no JSON object: some servers parse them again.

    The model learns what was wrong from the result of the call.
    """
    try:
        is_object = isinstance(msgspec.json.decode(arguments), Mapping)
    except msgspec.DecodeError:
        is_object = False
    return arguments if is_object else "{}"


def _reasoning_item(block: ThinkingBlock, profile: Profile) -> _Item:
    identity = {"id": block.item_id} if profile.replays_item_ids else {}
    return {
        "type": "reasoning",
        **identity,
        "encrypted_content": block.encrypted,
        "summary": [{"type": "summary_text", "text": part} for part in block.parts],
    }


def _without_orphan(items: list[_Item]) -> list[_Item]:
    """The items, less the reasoning at the end that no item follows."""
    count = len(items)
    while count and items[count - 1].get("type") == "reasoning":
        count -= 1
    return items[:count]
