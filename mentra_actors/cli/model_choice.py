"""Checks of a model name before anything is recorded."""

import os

from mentra_actors.cli.signed_in import is_signed_in
from mentra_actors.demo.offline_model import OFFLINE_MODELS, OFFLINE_PROVIDER, OfflineModel
from mentra_actors.errors import ConfigurationError, MissingCredential, UnknownModel
from mentra_actors.providers.credentials import key_of_environment
from mentra_actors.providers.presets import PRESETS
from mentra_actors.providers.registry import ProviderRegistry

__all__ = ["MODEL_VARIABLE", "require_model", "require_usable"]

MODEL_VARIABLE = "MENTRA_MODEL"

_WAYS = (
    "anthropic:NAME, openai:NAME, gemini:NAME or openrouter:NAME (with a key in the environment), "
    "ollama:NAME or lmstudio:NAME (servers on this machine), custom:NAME (any other server, at "
    "MENTRA_CUSTOM_BASE_URL), "
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


def require_usable(model: str, *, with_login: bool = False) -> None:
    """Check that a model can be asked at all; the server is not called.

    With `with_login` a login stands in for a key.

    Raises:
        UnknownModel: no provider serves it.
        ConfigurationError: it is of a custom provider that is not described.
        MissingCredential: its key is not set.
    """
    registry = ProviderRegistry()
    registry.register(OfflineModel())
    try:
        provider, name = registry.resolve(model)
    except UnknownModel as error:
        if model.startswith("scripted:"):
            raise UnknownModel(
                f"the model {model!r} is one of a program, which gives it to `open_runtime`; "
                f"here choose another with --model: {_WAYS}"
            ) from error
        raise UnknownModel(f"{error}. Choose {_WAYS}") from error
    if provider.name == OFFLINE_PROVIDER and name not in OFFLINE_MODELS:
        known = ", ".join(f"{OFFLINE_PROVIDER}:{one}" for one in OFFLINE_MODELS)
        raise UnknownModel(f"no offline model {name!r}; known: {known}")
    profile = PRESETS.get(provider.name)
    if profile and profile.needs_key and not key_of_environment(profile, os.environ):
        if with_login and is_signed_in(profile.name):
            return
        named = " or ".join(profile.key_variables)
        raise MissingCredential(f"{model} needs an API key: set {named}, or choose another model")
