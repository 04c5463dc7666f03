"""What a conversation consists of: entries, and compactions that speak of them."""

from collections.abc import Mapping
from typing import Literal, TypeAlias

import msgspec

from mentra_actors.domain.compacted import Compaction
from mentra_actors.domain.content import Message
from mentra_actors.ids import EffectId, EntryId

__all__ = ["Entry", "EntryKind", "PlacedCompaction"]

EntryKind: TypeAlias = Literal["user_turn", "assistant_turn", "tool_exchange", "mail", "context"]
"""`context` is what the runtime or a round strategy says; mail comes from others."""


class Entry(msgspec.Struct, gc=False, frozen=True, kw_only=True):
    """A message. `parent` is the entry before it, 0 for a first one.

    `keys` are those of the calls of an answer or of a message of results, in order. `details` are
    JSON for people and programs by the key of the call, never sent to a model.
    """

    entry_id: EntryId
    parent: EntryId
    kind: EntryKind
    message: Message
    keys: tuple[EffectId, ...] = ()
    details: Mapping[EffectId, str] = {}


class PlacedCompaction(msgspec.Struct, gc=False, frozen=True):
    """A compaction, how many entries there were when it was made, and the id of its effect."""

    compaction: Compaction
    entries_then: int
    effect_id: EffectId = EffectId("")
