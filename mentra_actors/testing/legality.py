"""Whether a conversation would be accepted by every provider. Pure."""

from collections.abc import Iterable

from mentra_actors.domain.content import (
    AssistantMessage,
    Message,
    ToolCallBlock,
    ToolResultsMessage,
)

__all__ = ["prompt_faults"]


def prompt_faults(messages: Iterable[Message]) -> list[str]:
    """Why a provider would refuse this prompt: a call without its result, or the reverse."""
    faults: list[str] = []
    asked: list[tuple[str, str]] = []
    for place, message in enumerate(messages):
        if isinstance(message, ToolResultsMessage):
            told = [(result.call_id, result.name) for result in message.results]
            if not asked or told != asked:
                faults.append(f"message {place} has results for {told}, asked were {asked}")
            asked = []
            continue
        if asked:
            faults.append(f"message {place} stands where the results of {asked} belong")
        asked = []
        if isinstance(message, AssistantMessage):
            blocks = [block for block in message.blocks if isinstance(block, ToolCallBlock)]
            asked = [(block.call_id, block.name) for block in blocks]
            if not message.blocks:
                faults.append(f"message {place} is an empty answer")
    if asked:
        faults.append(f"the last answer's calls {asked} have no results")
    return faults
