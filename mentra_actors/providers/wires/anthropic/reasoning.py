"""How a model is asked to think, and which sampling it then takes."""

from collections.abc import Mapping

from mentra_actors.domain.model_call import ModelRequest, ReasoningOptions
from mentra_actors.errors import ProviderError
from mentra_actors.json_types import JsonObject
from mentra_actors.providers.provider_faults import invalid_request
from mentra_actors.providers.wires.anthropic.model_traits import ModelTraits

__all__ = ["DEFAULT_MAX_TOKENS", "effort", "sampling", "thinking"]

DEFAULT_MAX_TOKENS = 8192
"""The wire asks for a limit; this is the one of requests that have none."""

_LEAST_BUDGET = 1024
_LEAST_TOP_P_THINKING = 0.95
_DISPLAYS: Mapping[str, str] = {
    "auto": "summarized",
    "concise": "summarized",
    "detailed": "summarized",
    "none": "omitted",
}
_OVERRIDE = "or send it unchecked in ProviderOptions(extra_body=…)"

_Fields = JsonObject


def thinking(request: ModelRequest, traits: ModelTraits) -> _Fields:
    """The field `thinking`; empty if the server is to choose.

    Raises:
        ProviderError: `invalid_request`: the model is known not to think in this way.
    """
    reasoning = request.reasoning
    if reasoning is None:
        return {}
    if reasoning.enabled is False:
        return {} if traits.mode == "none" else {"type": "disabled"}
    asked = _asked_thinking(request, reasoning, traits)
    display = _display(request, reasoning)
    return {**asked, "display": display} if asked and display else asked


def _asked_thinking(
    request: ModelRequest, reasoning: ReasoningOptions, traits: ModelTraits
) -> _Fields:
    if reasoning.budget_tokens is not None:
        return _with_budget(request, reasoning.budget_tokens, traits)
    if traits.mode == "adaptive" and (reasoning.enabled or reasoning.effort):
        return {"type": "adaptive"}
    if not reasoning.enabled:
        return {}
    if traits.mode == "none":
        raise _refused(request, "it does not reason: leave out reasoning.enabled")
    return _with_budget(request, max(_LEAST_BUDGET, _max_tokens(request) // 2), traits)


def _with_budget(request: ModelRequest, budget_tokens: int, traits: ModelTraits) -> _Fields:
    if traits.is_known:
        if not traits.takes_budget:
            instead = "reasoning.effort instead" if traits.efforts else "a model that reasons"
            raise _refused(request, f"it takes no reasoning.budget_tokens: use {instead}")
        if budget_tokens < _LEAST_BUDGET:
            raise _refused(request, f"reasoning.budget_tokens must be at least {_LEAST_BUDGET}")
        if budget_tokens >= _max_tokens(request):
            raise _refused(
                request,
                f"max_output_tokens ({_max_tokens(request)}) includes the reasoning: it must be "
                f"more than its budget ({budget_tokens})",
            )
    return {"type": "enabled", "budget_tokens": budget_tokens}


def _max_tokens(request: ModelRequest) -> int:
    return request.max_output_tokens or DEFAULT_MAX_TOKENS


def _display(request: ModelRequest, reasoning: ReasoningOptions) -> str:
    """The word for how much of the reasoning is shown; empty leaves it to the model."""
    if reasoning.summary:
        return _DISPLAYS.get(reasoning.summary, reasoning.summary)
    thoughts = request.options.thoughts
    return "" if thoughts is None else "summarized" if thoughts else "omitted"


def effort(request: ModelRequest, traits: ModelTraits) -> str:
    """The word of `output_config.effort`; empty if none is asked for.

    Raises:
        ProviderError: `invalid_request`: the model is known not to know the word.
    """
    reasoning = request.reasoning
    if reasoning is None or not reasoning.effort:
        return ""
    is_disabled = reasoning.enabled is False and traits.efforts_unthinking is not None
    known = traits.efforts_unthinking if is_disabled else traits.efforts
    if known is None or reasoning.effort in known:
        return reasoning.effort
    if not known:
        raise _refused(
            request, "it has no effort: use reasoning.budget_tokens, another model,", _OVERRIDE
        )
    where = " while reasoning is disabled" if is_disabled else ""
    raise _refused(
        request,
        f"it has no effort {reasoning.effort!r}{where}: use one of {', '.join(known)},",
        _OVERRIDE,
    )


def sampling(request: ModelRequest, traits: ModelTraits, *, thinks: bool) -> _Fields:
    """Temperature, `top_p` and `top_k`, as far as they are given and say something.

    Raises:
        ProviderError: `invalid_request`: the model is known to reject them, or a seed is given.
    """
    if request.options.seed is not None:
        raise _refused(request, "the API has no field for seed: leave it out")
    fields = {
        name: value
        for name, value in (
            ("temperature", request.temperature),
            ("top_p", request.options.top_p),
            ("top_k", request.options.top_k),
        )
        if value is not None
    }
    if not traits.is_known:
        return fields
    if not traits.takes_sampling:
        fields = {name: value for name, value in fields.items() if name == "top_k" or value != 1}
    if fault := _sampling_fault(fields, traits, thinks=thinks):
        raise _refused(request, fault)
    return fields


def _sampling_fault(fields: _Fields, traits: ModelTraits, *, thinks: bool) -> str:
    """Why a known model rejects these fields; empty if it is not known to."""
    if fields and not traits.takes_sampling:
        return f"it takes no {' and no '.join(fields)}: leave them out"
    if not traits.takes_two_samplings and {"temperature", "top_p"} <= fields.keys():
        return "it takes temperature or top_p, not both: leave one out"
    if fields.get("temperature", 0) > 1:
        return "temperature must be from 0 to 1"
    return _thinking_fault(fields) if thinks else ""


def _thinking_fault(fields: _Fields) -> str:
    if fields.get("temperature", 1) != 1:
        return "temperature must be 1 or left out while it reasons"
    if fields.get("top_p", 1) < _LEAST_TOP_P_THINKING:
        return f"top_p must be at least {_LEAST_TOP_P_THINKING} while it reasons"
    return "top_k must be left out while it reasons" if "top_k" in fields else ""


def _refused(request: ModelRequest, fault: str, advice: str = "") -> ProviderError:
    return invalid_request(f"{request.model}: {fault}{' ' if advice else ''}{advice}")
