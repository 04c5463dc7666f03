"""How hard a model is to think, and what it does not take while it does."""

from mentra_actors.domain.model_call import ModelRequest, ReasoningOptions
from mentra_actors.json_types import JsonObject
from mentra_actors.providers.profile import Profile
from mentra_actors.providers.provider_faults import invalid_request
from mentra_actors.providers.wires.responses.model_traits import ModelTraits, traits_of

__all__ = ["known_traits", "reasoning_field", "require_sampling"]

_Fields = JsonObject
_UNASKED = ModelTraits()


def known_traits(request: ModelRequest, profile: Profile) -> ModelTraits:
    """What is known of the model; names mean something only at the server that gave them."""
    return traits_of(request.model) if profile.has_openai_models else _UNASKED


def reasoning_field(request: ModelRequest, profile: Profile) -> _Fields:
    """The field `reasoning`, if anything is asked.

    Raises:
        ProviderError: `invalid_request`: the model cannot be asked that.
    """
    asked = request.reasoning
    if asked is None or asked == ReasoningOptions():
        return {}
    if profile.reasoning_request == "object":
        return _whole_object(asked)
    if asked.budget_tokens is not None:
        raise invalid_request(
            f"{profile.title} takes no budget of tokens for reasoning: set reasoning.effort, "
            "like 'low' or 'high'"
        )
    effort = _effort(asked, request.model, known_traits(request, profile))
    named = {"effort": effort, "summary": asked.summary}
    fields = {name: word for name, word in named.items() if word}
    return {"reasoning": fields} if fields else {}


def _whole_object(asked: ReasoningOptions) -> _Fields:
    """All that was said, for a server that translates it for many models."""
    named: _Fields = {
        "effort": asked.effort or None,
        "summary": asked.summary or None,
        "enabled": asked.enabled,
        "max_tokens": asked.budget_tokens,
    }
    return {"reasoning": {name: value for name, value in named.items() if value is not None}}


def _effort(asked: ReasoningOptions, model: str, traits: ModelTraits) -> str:
    effort = "none" if asked.enabled is False else asked.effort
    if traits.reasoning == "never" and effort not in ("", "none"):
        raise invalid_request(f"{model} does not reason: leave out reasoning.effort")
    if traits.reasoning == "never":
        return ""
    if traits.reasoning == "always" and effort == "none":
        raise invalid_request(
            f"{model} always reasons, so it cannot be switched off: set reasoning.effort to 'low'"
        )
    if asked.enabled and not effort and traits.reasoning in ("optional", "unknown"):
        return "medium"
    return effort


def require_sampling(request: ModelRequest, profile: Profile, effort: str) -> None:
    """Refuse temperature and `top_p` where the model is known to answer 400 to them.

    `effort` is the word that is sent.

    Raises:
        ProviderError: `invalid_request`: the model reasons in this request.
    """
    sampling = {"temperature": request.temperature, "top_p": request.options.top_p}
    named = [name for name, value in sampling.items() if value is not None]
    reasoning = known_traits(request, profile).reasoning
    reasons = (
        reasoning == "always"
        or (reasoning == "default" and effort != "none")
        or (reasoning == "optional" and effort not in ("", "none"))
    )
    if named and reasons:
        switch = "" if reasoning == "always" else ", or set reasoning.effort to 'none'"
        raise invalid_request(
            f"{request.model} takes no {' and no '.join(named)} while it reasons: leave it "
            f"out{switch}"
        )
