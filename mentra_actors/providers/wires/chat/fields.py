"""The fields of a Chat Completions request: how the model is to answer."""

from mentra_actors.domain.model_call import (
    ModelRequest,
    NamedTool,
    OutputSchema,
    ReasoningOptions,
    ToolSpec,
)
from mentra_actors.json_types import JsonObject
from mentra_actors.providers.profile import Profile
from mentra_actors.providers.provider_faults import invalid_request
from mentra_actors.providers.wires.anthropic.caching import breakpoints, cache_mark
from mentra_actors.providers.wires.contract import RequestPlan
from mentra_actors.providers.wires.json_texts import schema_object
from mentra_actors.providers.wires.offers import (
    require_none_deferred,
    require_offered,
    unusual_sampling,
)
from mentra_actors.providers.wires.strict_schema import strict_schema

__all__ = ["request_plan"]

_Fields = JsonObject


def request_plan(request: ModelRequest, profile: Profile) -> RequestPlan:
    """All fields but the messages, and the system message, which is the first.

    Raises:
        ProviderError: `invalid_request`: the server cannot do what is asked.
    """
    require_offered(request, profile)
    mark = cache_mark(request.options.cache) if profile.takes_cache_marks else {}
    return RequestPlan(
        fields=_fields(request, profile),
        first_items=_system(request.system, mark),
        breakpoints=breakpoints(request.messages, bool(request.system)) if mark else frozenset(),
    )


def _system(system: str, mark: _Fields) -> tuple[_Fields, ...]:
    if not system:
        return ()
    content: object = system
    if mark:
        content = [{"type": "text", "text": system, "cache_control": mark}]
    return ({"role": "system", "content": content},)


def _fields(request: ModelRequest, profile: Profile) -> _Fields:
    fields: _Fields = {"model": request.model, "stream": True}
    if profile.takes_stream_options:
        fields["stream_options"] = {"include_usage": True}
    fields.update(_tool_fields(request, profile))
    fields.update(_sampling(request, profile))
    fields.update(unusual_sampling({"top_k": request.options.top_k}, profile))
    if request.reasoning is not None:
        fields.update(_reasoning(request.reasoning, profile))
    if request.output is not None:
        fields["response_format"] = _response_format(request.output)
    fields.update(_labels(request))
    return fields


def _sampling(request: ModelRequest, profile: Profile) -> _Fields:
    options = request.options
    numbers = {
        profile.max_tokens_field: request.max_output_tokens,
        "temperature": request.temperature,
        "top_p": options.top_p,
        "seed": options.seed,
    }
    fields: _Fields = {name: value for name, value in numbers.items() if value is not None}
    if options.stop_sequences:
        fields["stop"] = list(options.stop_sequences)
    return fields


def _labels(request: ModelRequest) -> _Fields:
    options = request.options
    words = {
        "user": options.user_id,
        "service_tier": options.service_tier or options.responses.service_tier,
    }
    fields: _Fields = {name: word for name, word in words.items() if word}
    if request.metadata:
        fields["metadata"] = dict(request.metadata)
    return fields


def _reasoning(reasoning: ReasoningOptions, profile: Profile) -> _Fields:
    """How hard to think, as a word or as an object; a choice that is not made says nothing."""
    asked: _Fields = {
        "effort": reasoning.effort or None,
        "max_tokens": reasoning.budget_tokens,
        "enabled": reasoning.enabled,
    }
    asked = {name: value for name, value in asked.items() if value is not None}
    if not asked:
        return {}
    if profile.reasoning_request == "object":
        return {"reasoning": asked}
    if reasoning.enabled is False:
        return {"reasoning_effort": "none"}
    if not reasoning.effort and reasoning.budget_tokens is not None:
        raise invalid_request(
            f"{profile.title} takes no number of tokens to reason with: choose an effort"
        )
    return {"reasoning_effort": reasoning.effort} if reasoning.effort else {}


def _response_format(output: OutputSchema) -> _Fields:
    """The shape of the answer, strict where that can be said in the way that it asks for."""
    schema = schema_object(output.schema, f"output {output.name!r}")
    strict = strict_schema(schema)
    described = {"description": output.description} if output.description else {}
    shape = {
        "name": output.name,
        **described,
        "schema": schema if strict is None else strict,
        "strict": strict is not None,
    }
    return {"type": "json_schema", "json_schema": shape}


def _tool_fields(request: ModelRequest, profile: Profile) -> _Fields:
    require_none_deferred(request, profile)
    tools, choice = request.tools, request.tool_choice
    if not profile.takes_tool_choice:
        if choice == "any":
            raise invalid_request(f"{profile.title} cannot be made to call a tool")
        tools = _chosen(tools, request)
    declared = [_tool(tool) for tool in tools] + _hosted(request)
    if not declared:
        return {}
    fields: _Fields = {"tools": declared}
    if profile.takes_tool_choice:
        fields["tool_choice"] = _choice(request)
    if request.options.parallel_tool_calls is not None and profile.takes_tool_choice:
        fields["parallel_tool_calls"] = request.options.parallel_tool_calls
    return fields


def _chosen(tools: tuple[ToolSpec, ...], request: ModelRequest) -> tuple[ToolSpec, ...]:
    """What is left to offer to a server that knows no choice of tools."""
    match request.tool_choice:
        case "none":
            return ()
        case NamedTool(name=name):
            return tuple(tool for tool in tools if tool.name == name)
        case _:
            return tools


def _choice(request: ModelRequest) -> object:
    match request.tool_choice:
        case NamedTool(name=name):
            return {"type": "function", "function": {"name": name}}
        case "any":
            return "required"
        case choice:
            return choice


def _tool(tool: ToolSpec) -> _Fields:
    function: _Fields = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    function["parameters"] = schema_object(tool.input_schema, f"tool {tool.name!r}")
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def _hosted(request: ModelRequest) -> list[_Fields]:
    """Tools of the server; the wire has no neutral words for them, so each is sent as it is."""
    return [{"type": tool.kind, **tool.options} for tool in request.options.hosted_tools]
