"""What is known of models: which ones a provider has, and which of them a selector means."""

from collections.abc import Iterable

import msgspec

__all__ = ["ListedModel", "newest_first"]


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
