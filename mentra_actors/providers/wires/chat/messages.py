"""Messages of a Chat Completions request; each depends on no other message.

An answer goes back as one message: its text, its calls, and its reasoning in the form that the
model which made it takes back. What nobody else can read stays at home, and reasoning of others
becomes plain text.
"""

from typing import assert_never

from mentra_actors.domain.content import (
    AssistantMessage,
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
from mentra_actors.json_types import JsonObject
from mentra_actors.providers.profile import Profile, ReasoningReplay
from mentra_actors.providers.wires.anthropic.caching import MESSAGE_MARK
from mentra_actors.providers.wires.call_words import called_name, short_id
from mentra_actors.providers.wires.chat.attachments import attachment_part
from mentra_actors.providers.wires.chat.reasoning_details import REASONING_ITEM, detail_of
from mentra_actors.providers.wires.json_texts import arguments_object
from mentra_actors.providers.wires.plain_reasoning import plain_reasoning

__all__ = ["message_items"]

_Item = JsonObject

_LONGEST_ID_OPENAI = 40


def message_items(
    message: Message, model: str, profile: Profile, *, is_breakpoint: bool
) -> list[_Item]:
    """The messages that say one message; none where nothing of it may be sent."""
    match message:
        case UserMessage():
            items = [_user_item(message, profile)]
        case AssistantMessage():
            items = _assistant_items(message, model, profile)
        case ToolResultsMessage():
            items = _result_items(message, profile)
        case _:
            assert_never(message)
    if is_breakpoint and items:
        items[-1] = _marked(items[-1])
    return items


def _marked(item: _Item) -> _Item:
    """The message with a mark at its end, up to which all may be cached."""
    content = item.get("content")
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    if not parts or parts[-1].get("text") == "":
        return item
    return {**item, "content": [*parts[:-1], {**parts[-1], "cache_control": MESSAGE_MARK}]}


def _user_item(message: UserMessage, profile: Profile) -> _Item:
    texts = [{"type": "text", "text": message.text}] if message.text else []
    parts = [attachment_part(one, profile) for one in message.attachments]
    return {"role": "user", "content": _content([*texts, *parts])}


def _content(parts: list[_Item]) -> object:
    """Parts as they are; nothing but texts as one text, which every server reads."""
    texts = [part["text"] for part in parts if part["type"] == "text"]
    return parts if len(texts) < len(parts) else "\n\n".join(texts)


def _result_items(message: ToolResultsMessage, profile: Profile) -> list[_Item]:
    """The results, then what is attached to them: a tool's own message holds only text."""
    items = [_result_item(result, profile) for result in message.results]
    parts = [part for result in message.results for part in _attached(result, profile)]
    return [*items, {"role": "user", "content": _content(parts)}] if parts else items


def _result_item(result: ToolResultBlock, profile: Profile) -> _Item:
    content = f"Tool error: {result.content}" if result.is_error else result.content
    return {"role": "tool", "tool_call_id": _wire_id(result.call_id, profile), "content": content}


def _attached(result: ToolResultBlock, profile: Profile) -> list[_Item]:
    if not result.attachments:
        return []
    named = {"type": "text", "text": f"From the result of {result.name} ({result.call_id}):"}
    return [named, *(attachment_part(one, profile) for one in result.attachments)]


def _assistant_items(message: AssistantMessage, model: str, profile: Profile) -> list[_Item]:
    texts: list[str] = []
    calls: list[_Item] = []
    own: list[ThinkingBlock | OpaqueBlock] = []
    for block in message.blocks:
        match block:
            case TextBlock(text=text) | RefusalBlock(text=text):
                texts.append(text)
            case ToolCallBlock():
                calls.append(_call(block, profile))
            case ThinkingBlock() if _replay(block, model, profile) == "text":
                texts.append(plain_reasoning(block))
            case ThinkingBlock():
                own.append(block)
            case OpaqueBlock() if _replay(block, model, profile) == "reasoning_details":
                own.append(block)
    item: _Item = {"role": "assistant", "content": "\n\n".join(filter(None, texts)) or None}
    item |= _reasoning_fields(own, item["content"] or "", profile)
    if calls:
        item["tool_calls"] = calls
    return [item] if len(item) > len(("role", "content")) or item["content"] else []


def _replay(
    block: ThinkingBlock | OpaqueBlock, model: str, profile: Profile
) -> ReasoningReplay | None:
    """How a block goes back; None for an opaque one that does not."""
    is_own = block.provenance == profile.provenance(model)
    if isinstance(block, OpaqueBlock):
        goes_back = is_own and profile.replays_opaque and block.item_type == REASONING_ITEM
        return profile.reasoning_replay if goes_back else None
    return profile.reasoning_replay if is_own and profile.replays_reasoning else "text"


def _reasoning_fields(
    blocks: list[ThinkingBlock | OpaqueBlock], text: str, profile: Profile
) -> _Item:
    """What says the reasoning of the model itself, in the form that it takes back."""
    if not blocks or profile.reasoning_replay == "omit":
        return {}
    if profile.reasoning_replay == "reasoning_details":
        return {"reasoning_details": [detail_of(block, at) for at, block in enumerate(blocks)]}
    words = "\n\n".join(
        part for block in blocks if isinstance(block, ThinkingBlock) for part in block.parts
    )
    if not words:
        return {}
    if profile.reasoning_replay == "think_tags":
        return {"content": f"<think>\n{words}\n</think>\n\n{text}"}
    return {profile.reasoning_replay: words}


def _call(block: ToolCallBlock, profile: Profile) -> _Item:
    """A call; one that the provider had made up its own kind for goes as a function, too."""
    arguments = block.arguments if arguments_object(block.arguments) else "{}"
    function = {"name": called_name(block), "arguments": arguments}
    return {"id": _wire_id(block.call_id, profile), "type": "function", "function": function}


def _wire_id(call_id: str, profile: Profile) -> str:
    """The id of a call. Some gateways keep more in long ids, so only OpenAI's are made short."""
    return (
        short_id(call_id, _LONGEST_ID_OPENAI) if profile.has_openai_models else call_id or "call"
    )
