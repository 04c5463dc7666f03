"""The fields of a request beside its messages: how the model is to answer."""

from mentra_actors.domain.content import AssistantMessage, OpaqueBlock
from mentra_actors.domain.model_call import ModelRequest
from mentra_actors.json_types import JsonObject
from mentra_actors.providers.json_access import text_of
from mentra_actors.providers.profile import Profile
from mentra_actors.providers.wires.anthropic.caching import (
    MOST_MARKS,
    breakpoints,
    cache_mark,
    mark_count,
    mark_last_tool,
)
from mentra_actors.providers.wires.anthropic.closed_schema import closed_schema
from mentra_actors.providers.wires.anthropic.messages import CONTAINER
from mentra_actors.providers.wires.anthropic.model_traits import ModelTraits, traits_of
from mentra_actors.providers.wires.anthropic.reasoning import (
    DEFAULT_MAX_TOKENS,
    effort,
    sampling,
    thinking,
)
from mentra_actors.providers.wires.anthropic.tools import declared_tools, tool_choice
from mentra_actors.providers.wires.contract import RequestPlan
from mentra_actors.providers.wires.json_texts import arguments_object, schema_object
from mentra_actors.providers.wires.offers import require_offered

__all__ = ["request_plan"]

_Fields = JsonObject


def request_plan(request: ModelRequest, profile: Profile) -> RequestPlan:
    """All fields but `messages`, and where the server is asked to cache.

    Raises:
        ProviderError: `invalid_request`: the server cannot do what is asked.
    """
    require_offered(request, profile)
    traits = traits_of(request.model)
    thought = thinking(request, traits)
    thinks = thought.get("type") in ("enabled", "adaptive")
    marked = _cached_fields(request, profile)
    fields: _Fields = {
        "model": request.model,
        "max_tokens": request.max_output_tokens or DEFAULT_MAX_TOKENS,
        "stream": True,
        **marked,
        **_choice(request, marked.get("tools", []), traits, thought),
        **({"thinking": thought} if thought else {}),
        **_output_config(request, traits),
        **sampling(request, traits, thinks=thinks),
        **_small_fields(request),
        **_container(request, profile),
    }
    return RequestPlan(fields=fields, breakpoints=_breakpoints(request, marked))


def _cached_fields(request: ModelRequest, profile: Profile) -> _Fields:
    """Tools and system with their marks.

    A mark of another time to live stands on messages only where the server puts it: the form of
    a message does not depend on the options of a request.
    """
    mark = cache_mark(request.options.cache)
    tools = declared_tools(request, profile)
    mark_last_tool(tools, mark)
    fields: _Fields = {"tools": tools} if tools else {}
    if request.system.strip():
        marked = {"cache_control": mark} if mark and mark_count(tools) < MOST_MARKS else {}
        fields["system"] = [{"type": "text", "text": request.system, **marked}]
    if "ttl" in mark and _marks_used(fields) < MOST_MARKS:
        fields["cache_control"] = mark
    return fields


def _marks_used(fields: _Fields) -> int:
    return mark_count([*fields.get("tools", ()), *fields.get("system", ())])


def _breakpoints(request: ModelRequest, marked: _Fields) -> frozenset[int]:
    cache = request.options.cache
    if cache.mode == "off" or "ttl" in cache_mark(cache):
        return frozenset()
    return breakpoints(request.messages, _marks_used(marked))


def _choice(
    request: ModelRequest, tools: list[_Fields], traits: ModelTraits, thought: _Fields
) -> _Fields:
    if not tools:
        return {}
    thinks_by_budget = thought.get("type") == "enabled"
    return {"tool_choice": tool_choice(request, tools, traits, thinks_by_budget=thinks_by_budget)}


def _output_config(request: ModelRequest, traits: ModelTraits) -> _Fields:
    config: _Fields = {}
    if word := effort(request, traits):
        config["effort"] = word
    if request.output is not None:
        named = f"output {request.output.name!r}"
        schema = schema_object(request.output.schema, named)
        closed = closed_schema(schema, named, "use the output mode 'tool'")
        config["format"] = {"type": "json_schema", "schema": closed}
    return {"output_config": config} if config else {}


def _small_fields(request: ModelRequest) -> _Fields:
    options = request.options
    user_id = options.user_id or request.metadata.get("user_id", "")
    fields: _Fields = {}
    if options.stop_sequences:
        fields["stop_sequences"] = list(options.stop_sequences)
    if user_id:
        fields["metadata"] = {"user_id": user_id}
    if options.service_tier:
        fields["service_tier"] = options.service_tier
    return fields


def _container(request: ModelRequest, profile: Profile) -> _Fields:
    """Where the program waits that made the calls of the last answer, if one did."""
    answers = (one for one in reversed(request.messages) if isinstance(one, AssistantMessage))
    own = profile.provenance(request.model)
    for block in next((answer.blocks for answer in answers), ()):
        match block:
            case OpaqueBlock(item_type=kind, raw=raw) if kind == CONTAINER:
                is_own = block.provenance == own
                return {"container": text_of(arguments_object(raw), "id")} if is_own else {}
    return {}
