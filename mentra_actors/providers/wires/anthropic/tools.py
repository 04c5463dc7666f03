"""Tools of a request: the caller's own, those that the server runs, and the choice among them."""

import re
from collections.abc import Mapping

from mentra_actors.domain.model_call import HostedTool, ModelRequest, NamedTool, ToolSpec
from mentra_actors.json_types import JsonObject
from mentra_actors.providers.profile import Profile
from mentra_actors.providers.provider_faults import invalid_request
from mentra_actors.providers.wires.anthropic.closed_schema import closed_schema
from mentra_actors.providers.wires.anthropic.model_traits import ModelTraits
from mentra_actors.providers.wires.json_texts import schema_object
from mentra_actors.providers.wires.offers import deferred_names

__all__ = ["declared_tools", "tool_choice"]

_SEARCH_TYPE = "tool_search_tool_bm25_20251119"
_SEARCH_PREFIX = "tool_search_tool_"
_TYPES: Mapping[str, str] = {
    "tool_search": _SEARCH_TYPE,
    "web_search": "web_search_20250305",
    "web_fetch": "web_fetch_20250910",
    "code_execution": "code_execution_20250825",
}
"""The types of tools that are asked for by a neutral word; those that every model takes."""
_NAMES: Mapping[str, str] = {
    "text_editor_20241022": "str_replace_editor",
    "text_editor_20250124": "str_replace_editor",
    "text_editor": "str_replace_based_edit_tool",
    "mcp_toolset": "",
    "computer_toolset": "",
    "browser_toolset": "",
}
"""The names of tools that are not called as their type is; the empty ones have none."""
_VERSION = re.compile(r"_\d{8}$")

_Fields = JsonObject


def declared_tools(request: ModelRequest, profile: Profile) -> list[_Fields]:
    """All tools of a request. A hosted tool stands for the caller's own tool of its name.

    Raises:
        ProviderError: `invalid_request`: the server does not take these tools.
    """
    hosted = [_hosted(tool) for tool in request.options.hosted_tools]
    hosted_names = {tool["name"] for tool in hosted if "name" in tool}
    has_search = any(tool["type"].startswith(_SEARCH_PREFIX) for tool in hosted)
    deferred = deferred_names(request, profile, has_search=has_search)
    own = [
        _own(tool, is_deferred=tool.name in deferred)
        for tool in request.tools
        if tool.name not in hosted_names
    ]
    searches = [_hosted(HostedTool(kind="tool_search"))] if deferred and not has_search else []
    return [*own, *hosted, *searches]


def _own(tool: ToolSpec, *, is_deferred: bool) -> _Fields:
    schema = schema_object(tool.input_schema, f"tool {tool.name!r}")
    if "type" not in schema:
        schema = {"type": "object", **schema}
    if tool.strict:
        schema = _closed(schema, tool)
    fields: _Fields = {"name": tool.name}
    if tool.description:
        fields["description"] = tool.description
    fields["input_schema"] = schema
    if tool.strict:
        fields["strict"] = True
    if is_deferred:
        fields["defer_loading"] = True
    return fields


def _closed(schema: _Fields, tool: ToolSpec) -> _Fields:
    """The schema of a strict tool; one that names no parameters at all has none."""
    named = schema if "additionalProperties" in schema else {"properties": {}, **schema}
    return closed_schema(named, f"tool {tool.name!r}", "do not make it strict")


def _hosted(tool: HostedTool) -> _Fields:
    """A tool of the server by its word or its type; options say more, or something else."""
    tool_type = str(tool.options.get("type") or _TYPES.get(tool.kind, tool.kind))
    plain = _VERSION.sub("", tool_type)
    name = _NAMES.get(tool_type, _NAMES.get(plain, plain))
    named = {"name": name} if name else {}
    return {"type": tool_type, **named, **tool.options}


def tool_choice(
    request: ModelRequest, tools: list[_Fields], traits: ModelTraits, *, thinks_by_budget: bool
) -> _Fields:
    """The field `tool_choice` for these tools; there must be some.

    Raises:
        ProviderError: `invalid_request`: the model is known not to take the choice.
    """
    choice = request.tool_choice
    if choice == "none":
        return {"type": "none"}
    if choice != "auto" and traits.is_known:
        _require_forcible(request, traits, thinks_by_budget=thinks_by_budget)
    field: _Fields = {"type": choice}
    if isinstance(choice, NamedTool):
        if all(tool.get("name") != choice.name for tool in tools):
            raise invalid_request(
                f"the tool {choice.name!r} is to be called, but it is not among the tools"
            )
        field = {"type": "tool", "name": choice.name}
    if request.options.parallel_tool_calls is False:
        field["disable_parallel_tool_use"] = True
    return field


def _require_forcible(
    request: ModelRequest, traits: ModelTraits, *, thinks_by_budget: bool
) -> None:
    if not traits.takes_forced_tools:
        raise invalid_request(f"{request.model} cannot be made to call a tool: choose 'auto'")
    if thinks_by_budget:
        raise invalid_request(
            f"{request.model} cannot be made to call a tool while it reasons by a budget: "
            "choose 'auto', or switch reasoning off"
        )
