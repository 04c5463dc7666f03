"""Messages as input items: each answer goes back in the form in which it came.

Reasoning is sent with its id and encrypted content, directly followed by the item it led to.
Three rules keep that valid. Reasoning goes back only to the provider, model and wire that made it,
and only when all reasoning of its answer can; elsewhere its words are text of the assistant.
Without reasoning, items lose their ids and items that only their producer knows stay at home.
Reasoning that nothing follows is dropped.
"""

from itertools import groupby
from typing import assert_never

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
    ToolResultsMessage,
    UserMessage,
)
from mentra_actors.json_types import JsonObject
from mentra_actors.providers.profile import Profile
from mentra_actors.providers.wires.call_words import called_name, short_id
from mentra_actors.providers.wires.json_texts import arguments_object
from mentra_actors.providers.wires.plain_reasoning import plain_reasoning
from mentra_actors.providers.wires.responses.attachments import attachment_part
from mentra_actors.providers.wires.responses.hosted import hosted_item
from mentra_actors.providers.wires.responses.results import (
    CUSTOM_INPUT,
    result_items,
    takes_custom_calls,
    takes_search_calls,
)

__all__ = ["input_items"]

_Item = JsonObject
_CALLS = frozenset({"function_call", "custom_tool_call", "tool_search_call"})


def input_items(message: Message, model: str, profile: Profile) -> list[_Item]:
    """The input items of one message; they depend on no other message."""
    match message:
        case UserMessage():
            return [_user_item(message, profile)]
        case AssistantMessage():
            return _Answer(message, model, profile).items()
        case ToolResultsMessage():
            return result_items(message, profile)
        case _:
            assert_never(message)


def _user_item(message: UserMessage, profile: Profile) -> _Item:
    has_text = message.text or not message.attachments
    texts = [{"type": "input_text", "text": message.text}] if has_text else []
    parts = [attachment_part(one, profile) for one in message.attachments]
    return {"role": "user", "content": [*texts, *parts]}


class _Answer:
    """One answer on its way back; ids go with everything after reasoning that goes back."""

    def __init__(self, message: AssistantMessage, model: str, profile: Profile) -> None:
        self._blocks = message.blocks
        self._profile = profile
        self._own = profile.provenance(model)
        self._goes_back = all(_goes_back(block, model, profile) for block in message.blocks)
        self._is_of_provider = _is_of_provider(message, profile)
        reasons = any(isinstance(block, ThinkingBlock) for block in message.blocks)
        is_of_model = message.provenance in (None, self._own)
        self._keeps_search_ids = is_of_model and not reasons and profile.replays_item_ids
        self._keeps_id = False

    def items(self) -> list[_Item]:
        """The items of the answer; calls come last where the server wants them together."""
        items = [item for blocks in _grouped(self._blocks) for item in self._items_of(blocks)]
        if self._profile.calls_last:
            items.sort(key=lambda item: item.get("type") in _CALLS)
        return _without_orphan(items)

    def _items_of(self, blocks: list[AssistantBlock]) -> list[_Item]:
        match blocks[0]:
            case TextBlock() | RefusalBlock():
                return [self._message(blocks)]
            case ToolCallBlock() as call:
                return [self._call(call)]
            case ThinkingBlock() as thinking if self._goes_back:
                self._keeps_id = self._profile.replays_item_ids
                return [_reasoning_item(thinking, self._profile)]
            case ThinkingBlock() as thinking:
                text = {"type": "output_text", "text": plain_reasoning(thinking)}
                return [{"type": "message", "role": "assistant", "content": [text]}]
            case OpaqueBlock() as opaque if self._goes_back:
                return [msgspec.json.decode(opaque.raw)]
            case HostedToolBlock() as hosted if self._goes_back:
                item = hosted_item(hosted)
                return [] if item is None else [item]
            case _:
                return []

    def _message(self, blocks: list[AssistantBlock]) -> _Item:
        item: _Item = {"type": "message", "role": "assistant"}
        texts = [block for block in blocks if isinstance(block, TextBlock | RefusalBlock)]
        keeps_id = self._keeps_id and bool(texts[0].item_id)
        if keeps_id:
            item.update(id=texts[0].item_id, status="completed")
        phase = next((block.phase for block in texts if isinstance(block, TextBlock)), "")
        if phase and self._profile.takes_phase and self._is_of_provider:
            item["phase"] = phase
        item["content"] = [self._text_part(block, is_exact=keeps_id) for block in texts]
        return item

    def _text_part(self, block: TextBlock | RefusalBlock, *, is_exact: bool) -> _Item:
        """A part of a message; only one that goes back exactly keeps its type and sources."""
        if not is_exact:
            return {"type": "output_text", "text": block.text}
        if isinstance(block, RefusalBlock):
            return {"type": "refusal", "refusal": block.text}
        citations = block.citations if block.provenance == self._own else ()
        annotations = [msgspec.json.decode(one.raw) for one in citations if one.raw]
        return {"type": "output_text", "text": block.text, "annotations": annotations}

    def _call(self, block: ToolCallBlock) -> _Item:
        if block.kind == "tool_search" and takes_search_calls(self._profile):
            return self._search_call(block)
        identity = {"id": block.item_id} if self._keeps_id and block.item_id else {}
        if block.kind == "custom" and takes_custom_calls(self._profile):
            return {**_custom_call(block), **identity}
        namespace = {"namespace": block.namespace} if self._is_of_provider else {}
        return {**_function_call(block), **identity, **(namespace if block.namespace else {})}

    def _search_call(self, block: ToolCallBlock) -> _Item:
        keeps_id = self._keeps_id or self._keeps_search_ids
        identity = {"id": block.item_id} if keeps_id and block.item_id else {}
        return {
            "type": "tool_search_call",
            **identity,
            "call_id": short_id(block.call_id),
            "execution": "client",
            "status": "completed",
            "arguments": arguments_object(block.arguments),
        }


def _function_call(block: ToolCallBlock) -> _Item:
    """A call of a function; malformed arguments become `{}`: some servers parse them again."""
    is_object = arguments_object(block.arguments)
    return {
        "type": "function_call",
        "call_id": short_id(block.call_id),
        "name": called_name(block),
        "arguments": block.arguments if is_object else "{}",
    }


def _custom_call(block: ToolCallBlock) -> _Item:
    given = arguments_object(block.arguments).get(CUSTOM_INPUT)
    return {
        "type": "custom_tool_call",
        "call_id": short_id(block.call_id),
        "name": called_name(block),
        "input": given if isinstance(given, str) else block.arguments,
    }


def _goes_back(block: AssistantBlock, model: str, profile: Profile) -> bool:
    """Whether this block does not stand in the way of sending reasoning and opaque items back."""
    match block:
        case ThinkingBlock():
            is_own = block.provenance == profile.provenance(model)
            return is_own and profile.replays_reasoning and _is_readable(block, profile)
        case OpaqueBlock() | HostedToolBlock():
            return profile.replays_opaque and block.provenance == profile.provenance(model)
        case TextBlock() | RefusalBlock() | ToolCallBlock() | ImageBlock():
            return True
        case _:
            assert_never(block)


def _is_readable(block: ThinkingBlock, profile: Profile) -> bool:
    """Whether its producer gets enough to read it; a summary alone is not."""
    if block.encrypted:
        return bool(block.item_id) or not profile.replays_item_ids
    return bool(block.signature) or (block.is_raw and any(block.parts))


def _is_of_provider(message: AssistantMessage, profile: Profile) -> bool:
    return message.provenance is None or message.provenance.provider == profile.name


def _grouped(blocks: tuple[AssistantBlock, ...]) -> list[list[AssistantBlock]]:
    """Text and refusals of one item go back as one item; every other block stands alone."""
    return [list(group) for _, group in groupby(blocks, key=_group_key)]


def _group_key(block: AssistantBlock) -> str | int:
    if isinstance(block, TextBlock | RefusalBlock) and block.item_id:
        return block.item_id
    return id(block)


def _reasoning_item(block: ThinkingBlock, profile: Profile) -> _Item:
    """Reasoning as it came: a summary (required, even an empty one) or the reasoning itself."""
    item: _Item = {"type": "reasoning", "summary": []}
    if block.item_id and profile.replays_item_ids:
        item["id"] = block.item_id
    if block.is_raw:
        item["content"] = [{"type": "reasoning_text", "text": part} for part in block.parts]
    else:
        item["summary"] = [{"type": "summary_text", "text": part} for part in block.parts]
    marks = {
        "encrypted_content": block.encrypted,
        "signature": block.signature,
        "format": block.format,
    }
    return item | {name: mark for name, mark in marks.items() if mark}


def _without_orphan(items: list[_Item]) -> list[_Item]:
    """The items, less the reasoning at the end that no item follows."""
    count = len(items)
    while count and items[count - 1].get("type") == "reasoning":
        count -= 1
    return items[:count]
