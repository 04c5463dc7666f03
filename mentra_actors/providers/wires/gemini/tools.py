"""The tools of a request: functions, tools that the server runs, and which are to be called."""

from collections.abc import Mapping

from mentra_actors.domain.model_call import HostedTool, ModelRequest, NamedTool, ToolSpec
from mentra_actors.json_types import JsonObject
from mentra_actors.providers.profile import Profile
from mentra_actors.providers.provider_faults import invalid_request
from mentra_actors.providers.wires.gemini.model_traits import bare_name, traits_of
from mentra_actors.providers.wires.json_texts import schema_object
from mentra_actors.providers.wires.offers import require_none_deferred

__all__ = ["tool_fields"]

_Fields = JsonObject

_HOSTED_WORDS: Mapping[str, str] = {
    "web_search": "googleSearch",
    "code_execution": "codeExecution",
    "url_context": "urlContext",
    "file_search": "fileSearch",
    "google_maps": "googleMaps",
    "computer_use": "computerUse",
}


def tool_fields(request: ModelRequest, profile: Profile) -> _Fields:
    """`tools` and `toolConfig`, as far as there is something to say.

    Raises:
        ProviderError: `invalid_request`: the server has no such tool, or the model takes none.
    """
    tools: list[_Fields] = []
    if request.tools:
        require_none_deferred(request, profile)
        tools.append({"functionDeclarations": [_declaration(tool) for tool in request.tools]})
    tools += [_hosted(tool, profile) for tool in request.options.hosted_tools]
    _require_combinable(request)
    fields: _Fields = {"tools": tools} if tools else {}
    if config := {**_calling(request), **_reporting(request)}:
        fields["toolConfig"] = config
    return fields


def _declaration(tool: ToolSpec) -> _Fields:
    """A function; `parametersJsonSchema` takes JSON Schema as it is, `parameters` a part of it."""
    schema = schema_object(tool.input_schema, f"tool {tool.name!r}")
    described = {"description": tool.description} if tool.description else {}
    return {"name": tool.name, **described, "parametersJsonSchema": schema}


def _hosted(tool: HostedTool, profile: Profile) -> _Fields:
    if tool.kind == "image_generation":
        raise invalid_request(
            f"{profile.title} has no tool for images: ask one of its image models, which draw "
            "without a tool"
        )
    return {_HOSTED_WORDS.get(tool.kind, tool.kind): dict(tool.options)}


def _require_combinable(request: ModelRequest) -> None:
    asked = {
        "functions": bool(request.tools),
        "hosted tools": bool(request.options.hosted_tools),
        "a shape of the answer": request.output is not None,
    }
    together = [kind for kind, is_asked in asked.items() if is_asked]
    if len(together) > 1 and not traits_of(request.model).combines:
        raise invalid_request(
            f"{bare_name(request.model)} cannot combine {' and '.join(together)}: leave out one, "
            "or use a newer model"
        )


def _calling(request: ModelRequest) -> _Fields:
    """Which functions are to be called; what is left to the model is left to the server, too."""
    if not request.tools:
        return {}
    match request.tool_choice:
        case NamedTool(name=name):
            return {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": [name]}}
        case "any":
            return {"functionCallingConfig": {"mode": "ANY"}}
        case "none":
            return {"functionCallingConfig": {"mode": "NONE"}}
        case _:
            return {}


def _reporting(request: ModelRequest) -> _Fields:
    """Asks for the calls of the server's own tools: without them, they cannot be sent back."""
    if request.options.hosted_tools and traits_of(request.model).reports_hosted_calls:
        return {"includeServerSideToolInvocations": True}
    return {}
