"""What a compaction of a conversation is, as it is stored."""

import msgspec

from mentra_actors.domain.model_call import TokenUsage
from mentra_actors.ids import EntryId

__all__ = ["Compaction"]


class Compaction(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All entries of the path up to `through` are told as `summary`, but for those in `kept`.

    `replaced` counts the entries that the model does not see any more. `usage` and
    `cost_usd_micros` (None: not known) are those of the call that has written the summary.
    """

    through: EntryId
    summary: str
    kept: tuple[EntryId, ...] = ()
    replaced: int = 0
    asked_model: str = ""
    usage: TokenUsage = TokenUsage()
    cost_usd_micros: int | None = None
