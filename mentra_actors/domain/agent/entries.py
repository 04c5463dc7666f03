"""How the entries of a conversation are counted. Pure.

Every message that ever stood in a transcript has a number, from 1, in the order of the log. An
answer with calls takes two: its own, and the next one for the results. The decider and the
transcript count by this one rule, so an id means the same to both and needs no place in events.
"""

from mentra_actors.domain.agent.events.branching import ConversationEdited
from mentra_actors.domain.agent.events.inputs import InputPlaced
from mentra_actors.domain.agent.events.runs import ModelReplied
from mentra_actors.domain.content import ToolCallBlock

__all__ = ["entries_in"]


def entries_in(event: object) -> int:
    """How many entries an event adds to the conversation."""
    match event:
        case InputPlaced():
            singles = len(event.prompt_ids) + len(event.mail_ids)
            groups = (event.steer_ids, event.follow_up_ids, event.injected)
            return singles + sum(map(bool, groups))
        case ModelReplied(blocks=blocks) if blocks:
            return 1 + any(isinstance(block, ToolCallBlock) for block in blocks)
        case ConversationEdited(kind=kind):
            return 2 if kind == "result" else 1
        case _:
            return 0
