"""Facts about the shortening of the conversation for the model.

These names are the storage format: never rename or re-mean one. Times are Unix seconds.
"""

from typing import Literal, TypeAlias

import msgspec

from mentra_actors.domain.compacted import Compaction
from mentra_actors.ids import EffectId

__all__ = [
    "CompactionRequested",
    "CompactionSkipped",
    "CompactionTrigger",
    "ConversationCompacted",
]

CompactionTrigger: TypeAlias = Literal["manual", "tool"]
"""Who wanted it: a person or program, or the model by its tool."""


class CompactionRequested(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="agent.compaction_requested.v1",
):
    """The older part of the conversation is to be summarised; nothing has changed yet."""

    effect_id: EffectId
    requested_at: float


class ConversationCompacted(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="agent.conversation_compacted.v1",
):
    """From now on models see a summary in place of older entries, which all stay on the log.

    `effect_id` is the request, or the call of the tool.
    """

    effect_id: EffectId
    compaction: Compaction
    compacted_at: float
    trigger: CompactionTrigger = "manual"


class CompactionSkipped(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="agent.compaction_skipped.v1",
):
    """Nothing was summarised; the reason says why. With `is_error` it was tried and failed."""

    effect_id: EffectId
    reason: str
    is_error: bool = False
