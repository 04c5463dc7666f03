"""Model names to providers: `openai:gpt-5.4-mini` is the provider `openai` and its own name."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

from mentra_actors.errors import ConfigurationError, UnknownModel
from mentra_actors.late_module import LateModule
from mentra_actors.providers.port import ModelProvider
from mentra_actors.providers.presets import CUSTOM_PROVIDER, PRESETS
from mentra_actors.providers.profile import Profile

if TYPE_CHECKING:
    from mentra_actors.providers import custom, http_provider
else:
    custom = LateModule("mentra_actors.providers.custom")
    http_provider = LateModule("mentra_actors.providers.http_provider")

__all__ = ["BUILTIN_PROVIDERS", "ProviderRegistry"]


def _preset(profile: Profile) -> ModelProvider:
    return http_provider.HttpProvider(profile)


def _of_environment() -> ModelProvider:
    return custom.provider_of_environment()


BUILTIN_PROVIDERS: Mapping[str, Callable[[], ModelProvider]] = {
    **{name: partial(_preset, profile) for name, profile in PRESETS.items()},
    CUSTOM_PROVIDER: _of_environment,
}

_EXAMPLE = "openai:gpt-5.4-mini"


class ProviderRegistry:
    """Providers by name. A built-in one is made at its first use, so a name costs nothing.

    Used on the effects loop; `register` may be called from any thread.
    """

    def __init__(
        self,
        builtin: Mapping[str, Callable[[], ModelProvider]] = BUILTIN_PROVIDERS,
        providers: Iterable[ModelProvider] = (),
        lent: Iterable[ModelProvider] = (),
    ) -> None:
        """See `register` for the `providers` and their errors; those that are `lent` stay open."""
        self._lent = tuple(lent)
        self._builtin = dict(builtin)
        self._providers: dict[str, ModelProvider] = {}
        for provider in providers:
            self.register(provider)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all providers that can be asked for, in order."""
        return tuple(sorted({*self._builtin, *self._providers}))

    @property
    def profiles(self) -> Mapping[str, Profile]:
        """The profiles of the providers that have one, by name: what each server is and can do."""
        own = (
            one for one in self._providers.values() if isinstance(one, http_provider.HttpProvider)
        )
        known = {name: PRESETS[name] for name in self._builtin if name in PRESETS}
        hidden = self._providers.keys() & known.keys()
        kept = {name: known[name] for name in known.keys() - hidden}
        return MappingProxyType({**kept, **{one.name: one.profile for one in own}})

    def register(self, provider: ModelProvider) -> None:
        """Offer a provider under its name; it takes the place of a built-in one.

        Raises:
            ConfigurationError: the name is empty, holds a colon, or is registered already.
            TypeError: it is no provider, but perhaps its name or its class.
        """
        name = _name_of(provider)
        if not name or ":" in name:
            raise ConfigurationError(
                f"a provider name is not empty and has no colon, found {name!r}"
            )
        if name in self._providers:
            raise ConfigurationError(f"provider {name!r} is registered already")
        self._providers = {**self._providers, name: provider}

    def resolve(self, name: str) -> tuple[ModelProvider, str]:
        """The provider of a model name, and the name that the provider knows the model by.

        Only the first colon counts: `ollama:llama3.2:1b` is the model `llama3.2:1b` of `ollama`.

        Raises:
            UnknownModel: the name has no provider, or one that is not known.
        """
        provider_name, _, model = name.partition(":")
        if not model.strip() or not self._is_known(provider_name):
            raise UnknownModel(self._unknown(name))
        return self.named(provider_name), model

    def named(self, provider_name: str) -> ModelProvider:
        """The provider of this name.

        Raises:
            UnknownModel: there is none.
        """
        if not isinstance(provider_name, str):
            raise UnknownModel(f"a provider has a name, and {provider_name!r} is none")
        if not self._is_known(provider_name):
            known = ", ".join(self.names) or "none"
            raise UnknownModel(f"no provider is named {provider_name!r}; known providers: {known}")
        provider = self._providers.get(provider_name)
        if provider is None:
            provider = self._builtin[provider_name]()
            self._providers = {**self._providers, provider_name: provider}
        return provider

    def _is_known(self, provider_name: str) -> bool:
        return provider_name in self._providers or provider_name in self._builtin

    async def aclose(self) -> None:
        """Close every provider that was made or registered. Calling it twice is allowed."""
        own = [one for one in self._providers.values() if not any(one is it for it in self._lent)]
        for provider in own:
            await provider.aclose()

    def _unknown(self, name: str) -> str:
        form = f"A model name is provider:model, for example {_EXAMPLE!r}"
        provider_name, colon, _ = name.partition(":")
        if colon and provider_name in self.names:
            return f"the name of the model is empty in {name!r}. {form}"
        known = ", ".join(self.names) or "none"
        return f"no provider serves model {name!r}; known providers: {known}. {form}"


def _name_of(provider: object) -> str:
    name = getattr(provider, "name", None)
    is_provider = isinstance(name, str) and callable(getattr(provider, "stream", None))
    if isinstance(provider, type) or not is_provider:
        raise TypeError(
            f"a provider is an object with a name and `stream`, such as ScriptedModel(…), "
            f"not {provider!r}"
        )
    return str(name)
