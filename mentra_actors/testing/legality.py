"""Whether a conversation would be accepted by every provider. Pure."""

from collections.abc import Sequence

from mentra_actors.domain.content import (
    AssistantMessage,
    Message,
    ToolCallBlock,
    ToolResultsMessage,
)

__all__ = ["legality_problems"]


def legality_problems(messages: Sequence[Message]) -> list[str]:
    """What is wrong with a conversation; empty if nothing.

    Each answer with calls is followed at once by one message with exactly one result per call,
    in the order of the calls, and results stand nowhere else.
    """
    problems: list[str] = []
    asked: list[str] = []
    for index, message in enumerate(messages):
        if isinstance(message, ToolResultsMessage):
            given = [result.call_id for result in message.results]
            if given != asked:
                problems.append(f"message {index}: results {given} for calls {asked}")
            asked = []
            continue
        if asked:
            problems.append(f"message {index}: calls {asked} have no results")
        asked = _calls(message)
    if asked:
        problems.append(f"the last answer's calls {asked} have no results")
    return problems


def _calls(message: Message) -> list[str]:
    if not isinstance(message, AssistantMessage):
        return []
    return [block.call_id for block in message.blocks if isinstance(block, ToolCallBlock)]
