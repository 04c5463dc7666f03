"""The transcript of an agent: the prompt for its next model call, folded from its stream.

It is legal at every prefix of every log. An answer with calls is followed by one message with
exactly one result per call, in the order of the calls; a call without a recorded result gets one
that says so. No history can make a conversation that a provider would refuse.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.state import call_key
from mentra_actors.domain.append_only import AppendOnly
from mentra_actors.domain.content import (
    AssistantMessage,
    Message,
    ToolCallBlock,
    ToolResultBlock,
    ToolResultsMessage,
    UserMessage,
)
from mentra_actors.domain.inbox import Mail
from mentra_actors.ids import EffectId

__all__ = ["Transcript", "apply", "mail_text", "prompt_messages", "unknown_outcome_text"]

NO_RESULT = "No result was recorded for this call. It may or may not have happened."


class Transcript(msgspec.Struct, frozen=True, kw_only=True):
    """Messages so far, inputs that are not placed yet, and the open calls of the last answer.

    Inputs wait by kind and id, oldest first: senders choose ids, and two may choose the same.
    """

    messages: AppendOnly[Message] = AppendOnly()
    waiting: Mapping[str, tuple[UserMessage, ...]] = {}
    open_calls: tuple[tuple[EffectId, ToolCallBlock], ...] = ()
    results: Mapping[EffectId, ToolResultBlock] = {}


_replace = msgspec.structs.replace


def apply(transcript: Transcript, event: Any) -> Transcript:
    """Transcript after one event; events that do not speak change nothing."""
    match event:
        case e.PromptAccepted():
            return _wait(transcript, [(f"prompt:{event.prompt_id}", UserMessage(text=event.text))])
        case e.MailTaken():
            return _wait(transcript, [(f"mail:{m.mail_id}", _letter(m)) for m in event.mail])
        case e.InputPlaced():
            prompts = [f"prompt:{prompt_id}" for prompt_id in event.prompt_ids]
            return _place(transcript, [*prompts, *(f"mail:{m}" for m in event.mail_ids)])
        case e.ModelReplied():
            return _answer(transcript, event)
        case e.ToolCallFinished():
            return _result(transcript, event.key, event.content, is_error=event.is_error)
        case e.ToolCallOutcomeUnknown():
            text = unknown_outcome_text(event.reason)
            return _result(transcript, event.key, text, is_error=True)
        case e.ToolCallSkipped():
            return _result(transcript, event.key, event.reason, is_error=True)
        case _:
            return transcript


def prompt_messages(transcript: Transcript) -> Sequence[Message]:
    """Messages that any provider accepts, with a result for every call."""
    return _closed(transcript).messages


def unknown_outcome_text(reason: str) -> str:
    """What the model is told of a call whose outcome nobody knows."""
    return (
        f"The outcome of this call is unknown: {reason}. It may or may not have happened. "
        "Do not assume either; check before you repeat it."
    )


def mail_text(mail: Mail) -> str:
    """A letter as the model sees it."""
    letter = {"type": "message", "from": mail.sender, "content": mail.body}
    return f"<team-inbox>\n{msgspec.json.encode(letter).decode()}\n</team-inbox>"


def _letter(mail: Mail) -> UserMessage:
    return UserMessage(text=mail_text(mail), source="mail")


def _wait(transcript: Transcript, inputs: Sequence[tuple[str, UserMessage]]) -> Transcript:
    waiting = dict(transcript.waiting)
    for key, message in inputs:
        waiting[key] = (*waiting.get(key, ()), message)
    return _replace(transcript, waiting=waiting)


def _place(transcript: Transcript, keys: Sequence[str]) -> Transcript:
    closed = _closed(transcript)
    messages, waiting = closed.messages, dict(closed.waiting)
    for key in keys:
        here = waiting.pop(key, ())
        if here:
            messages = messages.append(here[0])
        if here[1:]:
            waiting[key] = here[1:]
    return _replace(closed, messages=messages, waiting=waiting)


def _answer(transcript: Transcript, event: e.ModelReplied) -> Transcript:
    closed = _closed(transcript)
    if not event.blocks:
        return closed
    asked = [block for block in event.blocks if isinstance(block, ToolCallBlock)]
    calls = tuple((call_key(event.effect_id, i), block) for i, block in enumerate(asked))
    messages = closed.messages.append(AssistantMessage(blocks=event.blocks))
    return _replace(closed, messages=messages, open_calls=calls)


def _result(transcript: Transcript, key: EffectId, text: str, *, is_error: bool) -> Transcript:
    call = next((block for known, block in transcript.open_calls if known == key), None)
    if call is None or key in transcript.results:
        return transcript
    block = ToolResultBlock(call_id=call.call_id, name=call.name, content=text, is_error=is_error)
    results = {**transcript.results, key: block}
    after = _replace(transcript, results=results)
    return _closed(after) if len(results) == len(transcript.open_calls) else after


def _closed(transcript: Transcript) -> Transcript:
    """The transcript with its open calls answered, by what is recorded or by saying it is not."""
    if not transcript.open_calls:
        return transcript
    results = tuple(
        transcript.results.get(key)
        or ToolResultBlock(call_id=call.call_id, name=call.name, content=NO_RESULT, is_error=True)
        for key, call in transcript.open_calls
    )
    messages = transcript.messages.append(ToolResultsMessage(results=results))
    return _replace(transcript, messages=messages, open_calls=(), results={})
