"""What each provider demands of calls and results, or it refuses the conversation. Pure.

The rules are those of the public documentation: Anthropic Messages ("tool use": results first in
the next user message, for every `tool_use`; the conversation begins and ends with `user`), OpenAI
Responses (`function_call` and `function_call_output` in pairs, unique `call_id`), OpenAI Chat
Completions (`tool` messages directly after the `tool_calls` that they answer) and Gemini (turns
alternate; as many `functionResponse` as `functionCall` parts, in the next turn).
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import msgspec

from mentra_actors.domain.content import (
    AssistantMessage,
    Message,
    ToolCallBlock,
    ToolResultsMessage,
)

__all__ = ["PAIRING_RULES", "pairing_faults"]


class _Turn(msgspec.Struct, frozen=True):
    """One message of a wire: who speaks, the calls it asks for, the results it gives."""

    role: str
    calls: tuple[tuple[str, str], ...] = ()
    results: tuple[tuple[str, str], ...] = ()
    has_words: bool = True


def pairing_faults(messages: Sequence[Message]) -> list[str]:
    """Why one of the providers would refuse to answer this prompt; each fault names it."""
    turns = [_turn_of(message) for message in messages]
    return [
        f"{provider}: {fault}" for provider, rule in PAIRING_RULES.items() for fault in rule(turns)
    ]


def _turn_of(message: Message) -> _Turn:
    match message:
        case AssistantMessage(blocks=blocks):
            calls = tuple((b.call_id, b.name) for b in blocks if isinstance(b, ToolCallBlock))
            return _Turn("assistant", calls=calls)
        case ToolResultsMessage(results=results):
            told = tuple((result.call_id, result.name) for result in results)
            return _Turn("user", results=told, has_words=False)
        case _:
            return _Turn("user")


def _merged(turns: Sequence[_Turn]) -> list[_Turn]:
    """Neighbours of one role as one turn, as wires with alternating roles send them."""
    merged: list[_Turn] = []
    for turn in turns:
        if merged and merged[-1].role == turn.role:
            last = merged.pop()
            turn = _Turn(turn.role, last.calls + turn.calls, last.results + turn.results)  # noqa: PLW2901
        merged.append(turn)
    return merged


def _anthropic(turns: Sequence[_Turn]) -> list[str]:
    merged = _merged(turns)
    faults = [*_ends(merged), *_repeated([call_id for turn in turns for call_id, _ in turn.calls])]
    for before, turn in zip([None, *merged], [*merged, None], strict=True):
        asked = sorted(call_id for call_id, _ in before.calls) if before else []
        told = sorted(call_id for call_id, _ in turn.results) if turn else []
        if asked != told:
            faults.append(f"tool_use {asked} is followed by tool_result {told}")
    return faults + _late_results(turns)


def _late_results(turns: Sequence[_Turn]) -> list[str]:
    """Results come first in their user turn: words before them would push them back."""
    return [
        "words stand before the tool_result blocks of a turn"
        for before, turn in pairwise(turns)
        if turn.results and before.role == "user"
    ]


def _openai_responses(turns: Sequence[_Turn]) -> list[str]:
    asked = [call_id for turn in turns for call_id, _ in turn.calls]
    told = [call_id for turn in turns for call_id, _ in turn.results]
    faults = [*_repeated(asked), *_repeated(told)]
    if missing := sorted(set(asked) - set(told)):
        faults.append(f"no tool output found for function calls {missing}")
    if orphans := sorted(set(told) - set(asked)):
        faults.append(f"no tool call found for outputs {orphans}")
    known: set[str] = set()
    for turn in turns:
        early = [call_id for call_id, _ in turn.results if call_id not in known]
        faults += [f"the output of {call_id} comes before its call" for call_id in early]
        known |= {call_id for call_id, _ in turn.calls}
    return faults


def _openai_chat(turns: Sequence[_Turn]) -> list[str]:
    faults: list[str] = []
    for before, turn in zip([None, *turns], [*turns, None], strict=True):
        asked = {call_id for call_id, _ in before.calls} if before else set[str]()
        told = {call_id for call_id, _ in turn.results} if turn else set[str]()
        if asked != told:
            faults.append(f"tool_calls {sorted(asked)} are followed by tools {sorted(told)}")
    return faults


def _gemini(turns: Sequence[_Turn]) -> list[str]:
    merged = _merged(turns)
    faults = _ends(merged)
    for before, turn in zip([None, *merged], [*merged, None], strict=True):
        asked = [name for _, name in before.calls] if before else []
        told = [name for _, name in turn.results] if turn else []
        if asked != told:
            faults.append(f"functionCall {asked} is followed by functionResponse {told}")
    return faults


def _ends(merged: Sequence[_Turn]) -> list[str]:
    if not merged:
        return ["there is no message"]
    faults = []
    if merged[0].role != "user":
        faults.append("the first turn is not the user's")
    if merged[-1].role != "user":
        faults.append("the last turn is not the user's")
    return faults


def _repeated(ids: Sequence[str]) -> list[str]:
    twice = sorted({one for one in ids if ids.count(one) > 1})
    empty = ["a call has no id"] if "" in ids else []
    return [*empty, *(f"the id {one!r} stands for several calls" for one in twice)]


PAIRING_RULES: Mapping[str, Callable[[Sequence[_Turn]], list[str]]] = {
    "anthropic": _anthropic,
    "openai_responses": _openai_responses,
    "openai_chat": _openai_chat,
    "gemini": _gemini,
}
"""The rules by provider: messages of a wire in, faults out."""
