"""The fields of a Responses request beside its input: how the model is to answer."""

from typing import Any

import msgspec

from mentra_actors.domain.model_call import ModelRequest, NamedTool, OutputSchema, ToolSpec
from mentra_actors.providers.profile import Profile
from mentra_actors.providers.provider_faults import invalid_request
from mentra_actors.providers.wires.strict_schema import strict_schema

__all__ = ["request_fields"]

_Fields = dict[str, Any]

_ENCRYPTED_REASONING = "reasoning.encrypted_content"


def request_fields(request: ModelRequest, profile: Profile) -> _Fields:
    """All fields but `input`.

    Raises:
        ProviderError: `invalid_request`: the server cannot do what is asked.
    """
    options = request.options.responses
    fields: _Fields = {"model": request.model, "store": bool(options.store), "stream": True}
    if request.system:
        fields["instructions"] = request.system
    fields.update(_tool_fields(request, profile))
    if request.temperature is not None:
        fields["temperature"] = request.temperature
    if request.max_output_tokens is not None:
        fields["max_output_tokens"] = request.max_output_tokens
    if include := _include(request, profile):
        fields["include"] = include
    fields.update(_reasoning(request))
    fields.update(_text(request))
    if request.metadata:
        fields["metadata"] = dict(request.metadata)
    for name in ("service_tier", "prompt_cache_key"):
        if value := getattr(options, name):
            fields[name] = value
    return fields


def _include(request: ModelRequest, profile: Profile) -> list[str]:
    include = list(request.options.responses.include)
    reasons = not request.model.startswith(profile.plain_models)
    if profile.asks_encrypted_reasoning and reasons and _ENCRYPTED_REASONING not in include:
        include.append(_ENCRYPTED_REASONING)
    return include


def _reasoning(request: ModelRequest) -> _Fields:
    reasoning = request.reasoning
    if reasoning is None:
        return {}
    named = {"effort": reasoning.effort, "summary": reasoning.summary}
    asked = {name: value for name, value in named.items() if value}
    return {"reasoning": asked} if asked else {}


def _text(request: ModelRequest) -> _Fields:
    text: _Fields = {}
    if request.output is not None:
        text["format"] = _format(request.output)
    if verbosity := request.options.responses.text_verbosity:
        text["verbosity"] = verbosity
    return {"text": text} if text else {}


def _format(output: OutputSchema) -> _Fields:
    """The shape of the answer, strict where that can be said in the way that it asks for."""
    schema = _decoded(output.schema, f"output {output.name!r}")
    strict = strict_schema(schema)
    described = {"description": output.description} if output.description else {}
    return {
        "type": "json_schema",
        "name": output.name,
        **described,
        "schema": schema if strict is None else strict,
        "strict": strict is not None,
    }


def _tool_fields(request: ModelRequest, profile: Profile) -> _Fields:
    if not request.tools:
        return {}
    fields = _choice(request, profile)
    parallel = request.options.parallel_tool_calls
    if fields and parallel is not None:
        fields["parallel_tool_calls"] = parallel
    return fields


def _choice(request: ModelRequest, profile: Profile) -> _Fields:
    """The tools with the choice; a server that knows no choice is offered only the named tool."""
    tools, choice = request.tools, request.tool_choice
    if profile.takes_tool_choice:
        return {"tools": [_tool(tool) for tool in tools], "tool_choice": _choice_field(request)}
    if choice == "any":
        raise invalid_request(f"{profile.name} cannot be made to call a tool")
    if choice == "none":
        return {}
    if isinstance(choice, NamedTool):
        tools = tuple(tool for tool in tools if tool.name == choice.name)
    return {"tools": [_tool(tool) for tool in tools]}


def _choice_field(request: ModelRequest) -> Any:
    match request.tool_choice:
        case NamedTool(name=name):
            return {"type": "function", "name": name}
        case "any":
            return "required"
        case choice:
            return choice


def _tool(tool: ToolSpec) -> _Fields:
    """A tool; `strict` is said, because leaving it out asks for strict schemas."""
    parameters = _decoded(tool.input_schema, f"tool {tool.name!r}")
    described = {"description": tool.description} if tool.description else {}
    return {
        "type": "function",
        "name": tool.name,
        **described,
        "parameters": parameters,
        "strict": False,
    }


def _decoded(schema: str, named: str) -> Any:
    try:
        return msgspec.json.decode(schema)
    except msgspec.DecodeError as error:
        raise invalid_request(f"the schema of {named} is not JSON: {error}") from error
