"""The fields of a Responses request beside its input: how the model is to answer."""

from mentra_actors.domain.model_call import ModelRequest, OutputSchema
from mentra_actors.json_types import JsonObject
from mentra_actors.providers.profile import Profile
from mentra_actors.providers.wires.contract import RequestPlan
from mentra_actors.providers.wires.json_texts import schema_object
from mentra_actors.providers.wires.offers import require_offered, unusual_sampling
from mentra_actors.providers.wires.responses.state import is_stateful, state_fields
from mentra_actors.providers.wires.responses.thinking import (
    known_traits,
    reasoning_field,
    require_sampling,
)
from mentra_actors.providers.wires.responses.tools import tool_fields
from mentra_actors.providers.wires.strict_schema import strict_schema

__all__ = ["request_plan"]

_Fields = JsonObject

_ENCRYPTED_REASONING = "reasoning.encrypted_content"


def request_plan(request: ModelRequest, profile: Profile) -> RequestPlan:
    """All fields but `input`, and the first message that is sent.

    Raises:
        ProviderError: `invalid_request`: the server cannot do what is asked.
    """
    require_offered(request, profile)
    is_remembered = is_stateful(request) and profile.takes_previous_response
    stored = bool(request.options.responses.store) or is_remembered
    state, first_message = state_fields(request, profile)
    fields: _Fields = {"model": request.model, "store": stored, "stream": True, **state}
    if request.system:
        fields["instructions"] = request.system
    fields.update(tool_fields(request, profile))
    fields.update(_sampling(request, profile))
    if include := _include(request, profile):
        fields["include"] = include
    reasoning = reasoning_field(request, profile)
    require_sampling(request, profile, reasoning.get("reasoning", {}).get("effort", ""))
    fields.update(reasoning)
    fields.update(_text(request))
    fields.update(_labels(request, profile))
    fields.update(_caching(request, profile))
    return RequestPlan(fields=fields, first_message=first_message)


def _sampling(request: ModelRequest, profile: Profile) -> _Fields:
    """How words are chosen; what the wire has no field for goes only to unknown servers."""
    options = request.options
    stop = list(options.stop_sequences) or None
    unusual = {"top_k": options.top_k, "seed": options.seed, "stop": stop}
    given = unusual_sampling(unusual, profile)
    usual = {
        "temperature": request.temperature,
        "top_p": options.top_p,
        "max_output_tokens": request.max_output_tokens,
    }
    return {name: value for name, value in usual.items() if value is not None} | given


def _include(request: ModelRequest, profile: Profile) -> list[str]:
    include = list(dict.fromkeys(request.options.responses.include))
    reasons = not request.model.startswith(profile.plain_models)
    if profile.asks_encrypted_reasoning and reasons and _ENCRYPTED_REASONING not in include:
        include.append(_ENCRYPTED_REASONING)
    return include


def _text(request: ModelRequest) -> _Fields:
    text: _Fields = {}
    if request.output is not None:
        text["format"] = _format(request.output)
    if verbosity := request.options.responses.text_verbosity:
        text["verbosity"] = verbosity
    return {"text": text} if text else {}


def _format(output: OutputSchema) -> _Fields:
    """The shape of the answer, strict where that can be said in the way that it asks for."""
    schema = schema_object(output.schema, f"output {output.name!r}")
    strict = strict_schema(schema)
    described = {"description": output.description} if output.description else {}
    return {
        "type": "json_schema",
        "name": output.name,
        **described,
        "schema": schema if strict is None else strict,
        "strict": strict is not None,
    }


def _labels(request: ModelRequest, profile: Profile) -> _Fields:
    options = request.options
    words = {
        profile.user_field: options.user_id,
        "service_tier": options.service_tier or options.responses.service_tier,
        "prompt_cache_key": options.responses.prompt_cache_key,
    }
    fields: _Fields = {name: word for name, word in words.items() if word}
    if request.metadata:
        fields["metadata"] = dict(request.metadata)
    return fields


def _caching(request: ModelRequest, profile: Profile) -> _Fields:
    """Wishes for the server's cache of prompts, for models that are known to take them."""
    traits, cache = known_traits(request, profile), request.options.cache
    if cache.mode == "off":
        return {"prompt_cache_options": {"mode": "explicit"}} if traits.has_cache_options else {}
    is_long = cache.ttl == "1h" and traits.has_long_cache
    return {"prompt_cache_retention": "24h"} if is_long else {}
