"""Other words in the place of an entry: the conversation goes on from them, the old ones stay.

What comes of it is a conversation that any provider accepts, whatever was asked for: an entry of
another kind than was meant is not said, and only its number is taken.
"""

import msgspec

from mentra_actors.domain.agent.entries import entries_in
from mentra_actors.domain.agent.events.branching import ConversationEdited
from mentra_actors.domain.content import (
    AssistantMessage,
    TextBlock,
    ToolCallBlock,
    ToolResultsMessage,
    UserMessage,
)
from mentra_actors.domain.conversation_tree import (
    Entry,
    Transcript,
    closed,
    moved_to,
    with_entry,
)

__all__ = ["edited"]

_replace = msgspec.structs.replace


def edited(transcript: Transcript, event: ConversationEdited) -> Transcript:
    """The conversation as it goes on from the new words."""
    before = closed(transcript)
    is_there = 1 <= event.entry <= len(before.entries)
    entry = before.entries[event.entry - 1] if is_there else None
    if entry is None:
        is_next = event.kind == "message" and not event.entry
        words = UserMessage(text=event.text)
        return with_entry(before, words, "user_turn") if is_next else _unsaid(before, event)
    match entry.message:
        case UserMessage() as message if event.kind == "message":
            at = moved_to(before, entry.parent)
            return with_entry(at, _replace(message, text=event.text), entry.kind)
        case AssistantMessage() if event.kind == "answer":
            answer = AssistantMessage(blocks=(TextBlock(text=event.text),))
            return with_entry(moved_to(before, entry.parent), answer, "assistant_turn")
        case ToolResultsMessage() as message if event.kind == "result":
            return _with_result(before, entry, message, event)
        case _:
            return _unsaid(before, event)


def _with_result(
    before: Transcript, entry: Entry, message: ToolResultsMessage, event: ConversationEdited
) -> Transcript:
    """The answer once more, and its results with other words for one of them."""
    asked = before.entries[entry.parent - 1] if entry.parent else None
    is_answer = asked is not None and isinstance(asked.message, AssistantMessage)
    if asked is None or not is_answer or event.key not in entry.keys:
        return _unsaid(before, event)
    results = tuple(
        _replace(one, content=event.text, is_error=False, attachments=(), is_json=False)
        if key == event.key
        else one
        for key, one in zip(entry.keys, message.results, strict=False)
    )
    at = with_entry(moved_to(before, asked.parent), asked.message, asked.kind, keys=asked.keys)
    known = at.call_ids
    for block in asked.message.blocks if isinstance(asked.message, AssistantMessage) else ():
        known = known.add(block.call_id) if isinstance(block, ToolCallBlock) else known
    told = ToolResultsMessage(results=results)
    at = _replace(at, call_ids=known)
    return with_entry(at, told, entry.kind, keys=entry.keys, details=entry.details)


def _unsaid(before: Transcript, event: ConversationEdited) -> Transcript:
    for _ in range(entries_in(event)):
        before = with_entry(before, UserMessage(text=""), "user_turn", is_said=False)
    return before
