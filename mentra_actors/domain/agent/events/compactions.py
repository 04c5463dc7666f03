"""Facts about the shortening of the conversation for the model.

These names are the storage format: never rename or re-mean one. Times are Unix seconds.
"""

from typing import Literal, TypeAlias

import msgspec

from mentra_actors.domain.compacted import Compaction
from mentra_actors.domain.model_call import TokenUsage
from mentra_actors.ids import EffectId, RunId

__all__ = [
    "CompactionAwaited",
    "CompactionRequested",
    "CompactionRetried",
    "CompactionSkipped",
    "CompactionTrigger",
    "CompactionUndone",
    "CompactionWish",
    "ConversationCompacted",
]

CompactionWish: TypeAlias = Literal["manual", "auto", "overflow"]
"""Who asks for one: a person or program, a request that would be longer than it may be, or one
that was too long for its model."""

CompactionTrigger: TypeAlias = Literal["manual", "tool", "auto", "overflow"]
"""Who wanted one that is made: one of these, or the model by its tool."""


class CompactionRequested(
    msgspec.Struct,
    gc=False,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="agent.compaction_requested.v1",
):
    """The older part of the conversation is to be summarised; nothing has changed yet.

    The model call `awaited_by` is made when it is over, however it ends. Its request would have
    about `tokens`, which is more than the `limit` (0: not known).
    """

    effect_id: EffectId
    requested_at: float
    trigger: CompactionWish = "manual"
    awaited_by: EffectId = EffectId("")
    tokens: int = 0
    limit: int = 0


class CompactionAwaited(
    msgspec.Struct,
    gc=False,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="agent.compaction_awaited.v1",
):
    """The summary that is being written is waited for by this model call as well."""

    effect_id: EffectId
    awaited_by: EffectId


class CompactionRetried(
    msgspec.Struct,
    gc=False,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="agent.compaction_retried.v1",
):
    """The summary could not be written; attempt `attempt` (from 2) begins at `not_before`.

    What the failed attempt has used counts all the same, for the run `run_id` if that needs it.
    """

    effect_id: EffectId
    attempt: int
    not_before: float
    error: str
    retried_at: float
    usage: TokenUsage = TokenUsage()
    cost_usd_micros: int | None = None
    asked_model: str = ""
    run_id: RunId = RunId("")


class ConversationCompacted(
    msgspec.Struct,
    gc=False,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="agent.conversation_compacted.v1",
):
    """From now on models see a summary in place of older entries, which all stay on the log.

    `effect_id` is the request, or the call of the tool. What it has used counts for the run
    `run_id`, unless a person has asked for it.
    """

    effect_id: EffectId
    compaction: Compaction
    compacted_at: float
    trigger: CompactionTrigger = "manual"
    run_id: RunId = RunId("")


class CompactionSkipped(
    msgspec.Struct,
    gc=False,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="agent.compaction_skipped.v1",
):
    """Nothing was summarised; the reason says why. With `is_error` it was tried and failed.

    With `is_cancelled` nobody waits for it any more. What was used for it counts all the same, for
    the run `run_id` if that needed it.
    """

    effect_id: EffectId
    reason: str
    is_error: bool = False
    is_cancelled: bool = False
    usage: TokenUsage = TokenUsage()
    cost_usd_micros: int | None = None
    asked_model: str = ""
    run_id: RunId = RunId("")


class CompactionUndone(
    msgspec.Struct,
    gc=False,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="agent.compaction_undone.v1",
):
    """Models are told the words of this compaction again, and not its summary."""

    effect_id: EffectId
    undone_at: float
