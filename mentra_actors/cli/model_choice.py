"""Checks of a model name before anything is recorded."""

import os

from mentra_actors.demo.offline_model import OFFLINE_MODELS, OFFLINE_PROVIDER, OfflineModel
from mentra_actors.errors import ConfigurationError, MissingCredential, UnknownModel
from mentra_actors.providers.registry import ProviderRegistry
from mentra_actors.providers.responses_wire import LMSTUDIO, OLLAMA, OPENAI

__all__ = ["MODEL_VARIABLE", "require_model", "require_usable"]

MODEL_VARIABLE = "MENTRA_MODEL"

_PROFILES = {profile.name: profile for profile in (OPENAI, OLLAMA, LMSTUDIO)}
_WAYS = (
    "openai:NAME (with OPENAI_API_KEY), ollama:NAME or lmstudio:NAME (servers on this machine), "
    f"or {OFFLINE_PROVIDER}:{OFFLINE_MODELS[0]} (rules, no network)"
)


def require_model(model: str | None) -> str:
    """The model that was chosen.

    Raises:
        ConfigurationError: none was.
    """
    if not model:
        raise ConfigurationError(
            f"no model is chosen: give --model or set {MODEL_VARIABLE} to {_WAYS}"
        )
    return model


def require_usable(model: str) -> None:
    """Check that a model can be asked at all; the server is not called.

    Raises:
        UnknownModel: no provider serves it.
        MissingCredential: its key is not set.
    """
    registry = ProviderRegistry()
    registry.register(OfflineModel())
    try:
        provider, name = registry.resolve(model)
    except UnknownModel as error:
        raise UnknownModel(f"{error}. Choose {_WAYS}") from error
    if provider.name == OFFLINE_PROVIDER and name not in OFFLINE_MODELS:
        known = ", ".join(f"{OFFLINE_PROVIDER}:{one}" for one in OFFLINE_MODELS)
        raise UnknownModel(f"no offline model {name!r}; known: {known}")
    profile = _PROFILES.get(provider.name)
    if profile and profile.needs_key and not os.environ.get(profile.key_variable, "").strip():
        raise MissingCredential(
            f"{model} needs an API key: set {profile.key_variable}, or choose another model"
        )
