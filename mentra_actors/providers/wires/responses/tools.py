"""Tools of a request: the caller's own, those that the server runs, and the choice among them."""

from mentra_actors.domain.model_call import ModelRequest, NamedTool, ToolSpec
from mentra_actors.json_types import JsonObject
from mentra_actors.providers.profile import Profile
from mentra_actors.providers.provider_faults import invalid_request
from mentra_actors.providers.wires.json_texts import schema_object
from mentra_actors.providers.wires.offers import deferred_names

__all__ = ["tool_fields"]

_Fields = JsonObject

_SEARCH = "tool_search"


def tool_fields(request: ModelRequest, profile: Profile) -> _Fields:
    """The tools, the choice among them and whether calls may run side by side.

    Raises:
        ProviderError: `invalid_request`: the server does not take these tools or this choice.
    """
    tools = _declared(request, profile)
    if not profile.takes_tool_choice:
        chosen = _left_without_choice(tools, request, profile)
        return {"tools": chosen} if chosen else {}
    if not tools:
        return {}
    fields: _Fields = {"tools": tools, "tool_choice": _choice(request, tools)}
    if request.options.parallel_tool_calls is not None:
        fields["parallel_tool_calls"] = request.options.parallel_tool_calls
    return fields


def _declared(request: ModelRequest, profile: Profile) -> list[_Fields]:
    hosted = [{"type": tool.kind, **tool.options} for tool in request.options.hosted_tools]
    has_search = any(tool["type"] == _SEARCH for tool in hosted)
    deferred = deferred_names(request, profile, has_search=has_search)
    own = [_own(tool, is_deferred=tool.name in deferred) for tool in request.tools]
    search = [{"type": _SEARCH}] if deferred and not has_search else []
    return [*own, *hosted, *search]


def _own(tool: ToolSpec, *, is_deferred: bool) -> _Fields:
    """A tool; `strict` is said, because leaving it out asks for strict schemas."""
    fields: _Fields = {"type": "function", "name": tool.name}
    if tool.description:
        fields["description"] = tool.description
    fields["parameters"] = schema_object(tool.input_schema, f"tool {tool.name!r}")
    fields["strict"] = bool(tool.strict)
    if is_deferred:
        fields["defer_loading"] = True
    return fields


def _choice(request: ModelRequest, tools: list[_Fields]) -> object:
    """The choice in the words of the wire; a tool of the server is named by its type."""
    match request.tool_choice:
        case NamedTool(name=name):
            if any(tool.get("name") == name for tool in tools):
                kind = next(tool["type"] for tool in tools if tool.get("name") == name)
                return {"type": kind, "name": name}
            is_hosted = any(tool["type"] == name for tool in tools)
            return {"type": name} if is_hosted else {"type": "function", "name": name}
        case "any":
            return "required"
        case choice:
            return choice


def _left_without_choice(
    tools: list[_Fields], request: ModelRequest, profile: Profile
) -> list[_Fields]:
    """What is offered to a server that knows no choice: only the tool that is named."""
    match request.tool_choice:
        case NamedTool(name=name):
            return [tool for tool in tools if name in (tool.get("name"), tool["type"])]
        case "any" if tools:
            raise invalid_request(
                f"{profile.title} cannot be made to call a tool: choose 'auto' or name one tool"
            )
        case "none":
            return []
        case _:
            return tools
