"""What the tools gave, as items of the input."""

from mentra_actors.domain.content import ToolResultBlock, ToolResultsMessage
from mentra_actors.json_types import JsonObject
from mentra_actors.providers.json_access import decoded_json
from mentra_actors.providers.profile import Profile
from mentra_actors.providers.wires.call_words import short_id
from mentra_actors.providers.wires.responses.attachments import attachment_part

__all__ = ["CUSTOM_INPUT", "result_items", "takes_custom_calls", "takes_search_calls"]

_Item = JsonObject

CUSTOM_INPUT = "input"
"""The field that holds the free text of a custom call among its arguments."""


def takes_search_calls(profile: Profile) -> bool:
    """Whether a search for tools goes as what it is; elsewhere it is a function like others."""
    return profile.capabilities.hosted_tool_search


def takes_custom_calls(profile: Profile) -> bool:
    """Whether a call with free text goes as what it is."""
    return profile.replays_opaque


def result_items(message: ToolResultsMessage, profile: Profile) -> list[_Item]:
    """The results; what is attached follows them where a result can only be text."""
    items = [_result_item(result, profile) for result in message.results]
    if profile.capabilities.structured_tool_results:
        return items
    parts = [part for result in message.results for part in _named_parts(result, profile)]
    return [*items, {"role": "user", "content": parts}] if parts else items


def _result_item(result: ToolResultBlock, profile: Profile) -> _Item:
    if result.kind == "tool_search" and takes_search_calls(profile):
        return {
            "type": "tool_search_output",
            "call_id": short_id(result.call_id),
            "execution": "client",
            "status": "completed",
            "tools": _found_tools(result),
        }
    is_custom = result.kind == "custom" and takes_custom_calls(profile)
    item_type = "custom_tool_call_output" if is_custom else "function_call_output"
    return {
        "type": item_type,
        "call_id": short_id(result.call_id),
        "output": _output(result, profile),
    }


def _output(result: ToolResultBlock, profile: Profile) -> object:
    """The words of a result, and what is attached where both can stand; no flag says failed."""
    text = f"Tool error: {result.content}" if result.is_error else result.content
    if not result.attachments or not profile.capabilities.structured_tool_results:
        return text
    texts = [{"type": "input_text", "text": text}] if text else []
    return [*texts, *(attachment_part(one, profile) for one in result.attachments)]


def _named_parts(result: ToolResultBlock, profile: Profile) -> list[_Item]:
    if not result.attachments:
        return []
    text = f"From the result of {result.name} ({result.call_id}):"
    parts = [attachment_part(one, profile) for one in result.attachments]
    return [{"type": "input_text", "text": text}, *parts]


def _found_tools(result: ToolResultBlock) -> list[_Item]:
    """The definitions that a search of ours has found; a failed one has found none."""
    found = decoded_json(result.content)
    tools = found if isinstance(found, list) and not result.is_error else []
    return [_definition(tool) for tool in tools if isinstance(tool, dict)]


def _definition(tool: _Item) -> _Item:
    """A definition as the wire has it; a neutral one has its schema under another name."""
    if "type" in tool:
        return tool
    schema = tool.get("input_schema", {})
    if isinstance(schema, str):
        schema = decoded_json(schema) or {}
    return {
        "type": "function",
        "name": tool.get("name", ""),
        "description": tool.get("description", ""),
        "parameters": schema,
        "strict": bool(tool.get("strict")),
        "defer_loading": True,
    }
