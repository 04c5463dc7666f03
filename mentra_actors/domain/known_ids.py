"""The last ids that a stream has seen, so that what is sent twice counts once."""

from mentra_actors.ids import CommandId

__all__ = ["REMEMBERED_IDS", "remembered"]

REMEMBERED_IDS = 256
"""How many ids of prompts, or of other commands, a state knows again."""


def remembered(known: tuple[CommandId, ...], new: CommandId) -> tuple[CommandId, ...]:
    """The last known ids, the new one among them."""
    return (*known, new)[-REMEMBERED_IDS:]
