"""What is asked of an agent that goes on from a moment of another log."""

import msgspec

from mentra_actors.domain.agent.events.branching import EditKind
from mentra_actors.ids import CommandId, EffectId, EntryId

__all__ = ["BranchAgent", "EditConversation"]


class BranchAgent(msgspec.Struct, frozen=True, kw_only=True):
    """Leave alone what the other one has done; without effect if there is nothing of that kind."""

    branch: str
    position: int
    salt: str
    now: float
    by: str = ""


class EditConversation(msgspec.Struct, frozen=True, kw_only=True):
    """Go on from other words in the place of an entry; see `ConversationEdited`."""

    command_id: CommandId
    kind: EditKind
    text: str
    now: float
    entry: EntryId = EntryId(0)
    key: EffectId = EffectId("")
    by: str = ""
