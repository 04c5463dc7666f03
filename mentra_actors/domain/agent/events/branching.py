"""Facts about an agent that goes on from a moment of another log, and about words put in place.

These names are the storage format: never rename or re-mean one. Times are Unix seconds.
"""

from typing import Literal, TypeAlias

import msgspec

from mentra_actors.ids import CommandId, EffectId, EntryId

__all__ = ["AgentBranched", "ConversationEdited", "EditKind"]

EditKind: TypeAlias = Literal["message", "answer", "result"]
"""What is written: words to the agent, words of its model, what its model is told of a call."""


class AgentBranched(
    msgspec.Struct,
    gc=False,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="agent.branched.v1",
):
    """From here on the agent is another one than in the log that it comes from.

    What it did before was done in the world of that other one, which goes on: it is not undone
    here, and calls that are open get keys with the `salt` of the branch. `position` is the last
    one that both logs have.
    """

    branch: str
    position: int
    salt: str
    branched_at: float
    by: str = ""


class ConversationEdited(
    msgspec.Struct,
    gc=False,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="agent.conversation_edited.v1",
):
    """The conversation goes on from other words in the place of `entry` (0: after the last one).

    The old entry stays, on a branch of its own. With `result` the answer that called and all its
    results are said again, the one of the call `key` in other words.
    """

    kind: EditKind
    text: str
    edited_at: float
    entry: EntryId = EntryId(0)
    key: EffectId = EffectId("")
    by: str = ""
    command_id: CommandId = CommandId("")
