"""The fields of a Gemini request beside its contents: how the model is to answer."""

from mentra_actors.domain.model_call import ModelRequest, OutputSchema
from mentra_actors.json_types import JsonObject
from mentra_actors.providers.profile import Profile
from mentra_actors.providers.wires.gemini.thinking import thinking_fields
from mentra_actors.providers.wires.gemini.tools import tool_fields
from mentra_actors.providers.wires.json_texts import schema_object
from mentra_actors.providers.wires.offers import require_offered

__all__ = ["request_fields"]

_Fields = JsonObject


def request_fields(request: ModelRequest, profile: Profile) -> _Fields:
    """All fields but `contents`; the model is part of the path, and metadata has no place.

    Raises:
        ProviderError: `invalid_request`: the server cannot do what is asked.
    """
    require_offered(request, profile)
    fields: _Fields = {}
    if request.system:
        fields["systemInstruction"] = {"parts": [{"text": request.system}]}
    fields.update(tool_fields(request, profile))
    if config := _generation(request):
        fields["generationConfig"] = config
    if request.options.service_tier:
        fields["serviceTier"] = request.options.service_tier
    return fields


def _generation(request: ModelRequest) -> _Fields:
    options = request.options
    asked = {
        "temperature": request.temperature,
        "topP": options.top_p,
        "topK": options.top_k,
        "seed": options.seed,
        "stopSequences": list(options.stop_sequences) or None,
        "maxOutputTokens": request.max_output_tokens,
    }
    config = {name: value for name, value in asked.items() if value is not None}
    config.update(thinking_fields(request))
    if request.output is not None:
        config.update(_shape(request.output))
    return config


def _shape(output: OutputSchema) -> _Fields:
    schema = schema_object(output.schema, f"output {output.name!r}")
    if output.description:
        schema = {"description": output.description, **schema}
    return {"responseMimeType": "application/json", "responseJsonSchema": schema}
