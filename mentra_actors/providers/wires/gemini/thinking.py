"""How a Gemini model is asked to think: by a word, by a number of tokens, or not at all."""

from mentra_actors.domain.model_call import ModelRequest, ReasoningOptions
from mentra_actors.json_types import JsonObject
from mentra_actors.providers.provider_faults import invalid_request
from mentra_actors.providers.wires.gemini.model_traits import ModelTraits, bare_name, traits_of

__all__ = ["thinking_fields"]

_Fields = JsonObject

_AS_MUCH_AS_IT_WANTS = -1


def thinking_fields(request: ModelRequest) -> _Fields:
    """`thinkingConfig`, or nothing where nothing is asked for.

    Raises:
        ProviderError: `invalid_request`: the model does not think like this.
    """
    reasoning = request.reasoning or ReasoningOptions()
    traits, name = traits_of(request.model), bare_name(request.model)
    shows = _shows(request, reasoning)
    asks = bool(reasoning.effort or reasoning.budget_tokens or reasoning.enabled or shows)
    if asks and not traits.reasons:
        raise invalid_request(f"{name} does not think: leave out reasoning and thoughts")
    config = _amount(reasoning, traits, name)
    if shows is not None and traits.reasons:
        config["includeThoughts"] = shows
    return {"thinkingConfig": config} if config else {}


def _shows(request: ModelRequest, reasoning: ReasoningOptions) -> bool | None:
    """Whether thoughts are to be seen; None leaves it to the server, which does not show them."""
    if request.options.thoughts is not None:
        return request.options.thoughts
    if reasoning.summary:
        return reasoning.summary != "none"
    return None


def _amount(reasoning: ReasoningOptions, traits: ModelTraits, name: str) -> _Fields:
    if reasoning.enabled is False:
        return _none(reasoning, traits, name)
    if reasoning.effort and reasoning.budget_tokens is not None:
        raise invalid_request(f"{name} takes effort or budget_tokens, not both: leave out one")
    if reasoning.effort:
        return _level(reasoning.effort, traits, name)
    if reasoning.budget_tokens is not None:
        return _budget(reasoning.budget_tokens, traits, name)
    is_by_budget = traits.levels == () and traits.takes_budget
    return {"thinkingBudget": _AS_MUCH_AS_IT_WANTS} if reasoning.enabled and is_by_budget else {}


def _none(reasoning: ReasoningOptions, traits: ModelTraits, name: str) -> _Fields:
    if reasoning.effort or reasoning.budget_tokens:
        raise invalid_request("reasoning is disabled: leave out effort and budget_tokens")
    return _budget(0, traits, name) if traits.reasons else {}


def _level(effort: str, traits: ModelTraits, name: str) -> _Fields:
    if traits.levels is None or effort in traits.levels:
        return {"thinkingLevel": effort}
    if not traits.levels:
        raise invalid_request(f"{name} takes no effort {effort!r}: set budget_tokens instead")
    raise invalid_request(
        f"{name} takes no effort {effort!r}: use one of {', '.join(traits.levels)}"
    )


def _budget(tokens: int, traits: ModelTraits, name: str) -> _Fields:
    if tokens == 0 and not traits.can_stop_thinking:
        least = f"effort {traits.levels[0]!r}" if traits.levels else "a small budget_tokens"
        raise invalid_request(f"{name} cannot stop thinking: ask for {least} instead")
    return {"thinkingBudget": tokens}
