"""What a compaction of a conversation is, as it is stored."""

import msgspec

from mentra_actors.domain.content import OpaqueBlock
from mentra_actors.domain.model_call import TokenUsage
from mentra_actors.ids import EffectId, EntryId

__all__ = ["Compaction", "UnwrittenSummary"]


class Compaction(msgspec.Struct, gc=False, frozen=True, kw_only=True, omit_defaults=True):
    """All entries of the path up to `through` are told as `summary`, but for those in `kept`.

    Of the calls `kept_results` (their keys) the results are told as words. `replaced` counts the
    entries that the model does not see any more. `files_touched` are the paths of this and earlier
    compactions, the first seen first. `resulting_tokens` is what was sent of the conversation
    afterwards, as far as that can be guessed (0: not known). `remote` is the summary of a provider
    in a form that only the provider reads; it is told behind `summary`.

    `usage` and `cost_usd_micros` (None: not known) are those of the call that has written the
    summary.
    """

    through: EntryId
    summary: str
    kept: tuple[EntryId, ...] = ()
    replaced: int = 0
    asked_model: str = ""
    usage: TokenUsage = TokenUsage()
    cost_usd_micros: int | None = None
    kept_results: tuple[EffectId, ...] = ()
    files_touched: tuple[str, ...] = ()
    resulting_tokens: int = 0
    remote: tuple[OpaqueBlock, ...] = ()


class UnwrittenSummary(msgspec.Struct, gc=False, frozen=True, kw_only=True, omit_defaults=True):
    """Why a call has compacted nothing, and what it has used all the same."""

    reason: str
    asked_model: str = ""
    usage: TokenUsage = TokenUsage()
    cost_usd_micros: int | None = None
