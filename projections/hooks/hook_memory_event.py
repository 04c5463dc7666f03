"""The events of hooks about memory: what is looked for, remembered, shortened."""

from typing import Literal, TypeAlias

from mentra_actors.domain.model_call import TokenUsage
from projections.hooks.hook_base import Told

__all__ = [
    "MemoryCompactionApplied",
    "MemoryCompactionProposed",
    "MemoryCompactionSkipped",
    "MemoryIngestFinished",
    "MemoryIngestStarted",
    "MemorySearchFinished",
    "MemorySearchStarted",
    "SearchedBy",
]

SearchedBy: TypeAlias = Literal["recall", "tool"]
"""A request, which recalls by itself, or the model by its tool."""


class MemorySearchStarted(Told, frozen=True, kw_only=True, omit_defaults=True):
    """The memory of an agent is searched; `effect_id` names the model call, or the tool's."""

    effect_id: str
    by: SearchedBy


class MemorySearchFinished(Told, frozen=True, kw_only=True, omit_defaults=True):
    """It was searched, or not in time; then nothing was recalled. `chars` is what was told of it.

    A recall is told when its request has an outcome, and one that has found nothing is not told.
    """

    effect_id: str
    by: SearchedBy
    success: bool
    error: str | None = None
    chars: int = 0


class MemoryIngestStarted(Told, frozen=True, kw_only=True, omit_defaults=True):
    """What was said in a run is to be remembered."""


class MemoryIngestFinished(Told, frozen=True, kw_only=True, omit_defaults=True):
    """It is: it stands on the log, and every search finds it as the record `record_id`."""

    record_id: str


class MemoryCompactionProposed(Told, frozen=True, kw_only=True, omit_defaults=True):
    """The older part of a conversation is to be summarised; `effect_id` names the wish."""

    effect_id: str


class MemoryCompactionApplied(Told, frozen=True, kw_only=True, omit_defaults=True):
    """Models see a summary in place of `replaced` entries, up to the entry `through`.

    Usage and money (millionths of a US dollar) are those of the call that has written it.
    """

    effect_id: str
    trigger: str
    through: int
    replaced: int
    model: str = ""
    usage: TokenUsage | None = None
    cost_usd_micros: int | None = None


class MemoryCompactionSkipped(Told, frozen=True, kw_only=True, omit_defaults=True):
    """Nothing was summarised. With `is_error` it was tried and failed."""

    effect_id: str
    reason: str
    is_error: bool = False
