"""What a program adds to a runtime that is open: the same for both of its faces."""

from collections.abc import Sequence

from mentra_actors.errors import ConfigurationError
from mentra_actors.providers.port import ModelProvider
from mentra_actors.runtime.operations import Operations

__all__ = ["Registrations"]


class Registrations:
    """Providers and objects for tools, added after the opening. None of it is on the log."""

    _operations: Operations

    @property
    def providers(self) -> Sequence[str]:
        """The names of all providers that a model can be of, also of those without a key."""
        return self._operations.core.providers.names

    def register_provider(self, provider: ModelProvider) -> None:
        """Offer a provider under its name, from the next model call on; it is closed at the end.

        It takes the place of a built-in one that nobody has asked yet. After a restart agents that
        use it go on at the opening: to have it there, pass it to `open_runtime`.

        Raises:
            ConfigurationError: the name is none, or belongs to a provider that is in use.
        """
        self._operations.core.providers.register(provider)

    def register_context(self, given: object) -> None:
        """Give an object to tools, which find it by its type (`ToolContext.app`), from now on.

        Raises:
            ConfigurationError: there is one of this very type.
        """
        application, kind = self._operations.core.application, type(given)
        if application.setdefault(kind, given) is not given:
            raise ConfigurationError(f"tools have an object of the type {kind.__name__} already")
