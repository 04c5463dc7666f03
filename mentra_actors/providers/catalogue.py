"""What is known of models: which ones a provider has, and which of them a selector means."""

from collections.abc import Iterable
from typing import Protocol, runtime_checkable

import msgspec

from mentra_actors.domain.content import OpaqueBlock
from mentra_actors.domain.model_call import ModelRequest, TokenUsage

__all__ = [
    "NEWEST",
    "UNSUPPORTED",
    "CompactsConversations",
    "CountsTokens",
    "ListedModel",
    "ListsModels",
    "RemoteCompaction",
    "TokenCount",
    "newest_first",
]

NEWEST = "newest"
"""The selector that means the newest model of a provider."""


UNSUPPORTED = "unsupported"
"""The kind of a `ProviderError` that says that this provider cannot do it."""


class ListedModel(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One model of a provider. `created_at` is Unix seconds, None where nobody says it.

    `model_id` is the provider's own name, without the prefix. `context_window` and
    `max_output_tokens` are numbers of tokens, None where they are not known.
    """

    provider: str
    model_id: str
    display_name: str = ""
    description: str = ""
    created_at: float | None = None
    context_window: int | None = None
    max_output_tokens: int | None = None

    @property
    def name(self) -> str:
        """The name under which agents ask for it: `provider:model_id`."""
        return f"{self.provider}:{self.model_id}"


class TokenCount(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens of a request. An estimate is a guess from its size and not the provider's count."""

    tokens: int
    is_estimate: bool


@runtime_checkable
class ListsModels(Protocol):
    """A provider that can say which models it has."""

    async def models(self) -> tuple[ListedModel, ...]:
        """All of them, the newest first.

        Raises:
            ProviderError: the provider could not be asked, or has no list.
            MissingCredential: nothing was sent.
        """
        ...


@runtime_checkable
class CountsTokens(Protocol):
    """A provider that can say how many tokens a request has, without answering it."""

    async def count_tokens(self, request: ModelRequest) -> TokenCount:
        """The input tokens of a request.

        Raises:
            ProviderError: the provider could not be asked, or cannot do what is asked.
            MissingCredential: nothing was sent.
        """
        ...


class RemoteCompaction(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider has made of a conversation: items that only it can read, words, or both.

    Empty means that it has made nothing of it.
    """

    blocks: tuple[OpaqueBlock, ...] = ()
    text: str = ""
    usage: TokenUsage = TokenUsage()


@runtime_checkable
class CompactsConversations(Protocol):
    """A provider that can shorten a conversation in a way of its own."""

    async def compact(self, request: ModelRequest) -> RemoteCompaction:
        """What takes the place of the messages of a request.

        Raises:
            ProviderError: the kind is `unsupported`: it cannot; else it could not be asked, or
                has answered something else.
            MissingCredential: nothing was sent.
        """
        ...


def newest_first(models: Iterable[ListedModel]) -> list[ListedModel]:
    """By time of creation, the newest first; those without one last; then by id, ascending."""
    return sorted(
        models,
        key=lambda model: (
            model.created_at is None,
            -(model.created_at or 0.0),
            model.model_id,
        ),
    )
