"""The conversation of an agent: a tree of entries, and the prompt for its next model call.

Every message that was ever said keeps its number; `LeafMoved` chooses from which entry the
conversation goes on, and nothing is deleted. What a model is sent is the path from the first entry
to the leaf.

It is legal at every prefix of every log. An answer with calls is followed by one message with
exactly one result per call, in the order of the calls; a call without a recorded result gets one
that says so, and a path never ends between a call and its result. Ids of calls are unique on it.
No history can make a conversation that a provider would refuse.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from mentra_actors.decider import Steps
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.state import call_key
from mentra_actors.domain.append_only import AppendOnlySet
from mentra_actors.domain.content import (
    AssistantBlock,
    AssistantMessage,
    Attachment,
    Message,
    Provenance,
    ToolCallBlock,
    ToolResultBlock,
    UserMessage,
)
from mentra_actors.domain.conversation_tree import (
    EntryKind,
    OpenCall,
    Transcript,
    closed,
    compacted,
    moved_to,
    settled,
    uncompacted,
    with_entry,
    with_stubs,
)
from mentra_actors.domain.edited_entries import edited
from mentra_actors.domain.inbox import Mail, letter_fields
from mentra_actors.ids import EffectId

__all__ = ["LETTER", "Transcript", "apply", "mail_text", "prompt_messages", "unknown_outcome_text"]

LETTER = "<team-inbox>"
"""How the text of a letter of a teammate begins."""

_replace = msgspec.structs.replace


def apply(transcript: Transcript, event: object) -> Transcript:
    """Transcript after one event; events that do not speak change nothing."""
    step = _STEPS.get(type(event))
    return transcript if step is None else step(transcript, event)


def prompt_messages(transcript: Transcript) -> Sequence[Message]:
    """Messages that any provider accepts, with a result for every call."""
    return closed(transcript).messages


def unknown_outcome_text(reason: str) -> str:
    """What the model is told of a call whose outcome nobody knows."""
    return (
        f"The outcome of this call is unknown: {reason}. It may or may not have happened. "
        "Do not assume either; check before you repeat it."
    )


def mail_text(mail: Mail) -> str:
    """A letter as the model sees it: mail as JSON, what comes by itself in words of its own."""
    match mail.kind:
        case "background":
            return f"<background-results>\n{mail.body}\n</background-results>"
        case "task":
            return mail.body
        case "timer":
            return f"<timer>\n{mail.body}\n</timer>"
        case _:
            letter = msgspec.json.encode(letter_fields(mail)).decode()
            return f"{LETTER}\n{letter}\n</team-inbox>"


# --- input ------------------------------------------------------------------------------------


def _prompt(transcript: Transcript, event: e.PromptAccepted) -> Transcript:
    message = UserMessage(text=event.text, attachments=event.attachments)
    return _wait(transcript, [(f"prompt:{event.prompt_id}", message)])


def _mail(transcript: Transcript, event: e.MailTaken) -> Transcript:
    letters = [
        (f"mail:{mail.mail_id}", UserMessage(text=mail_text(mail), source="mail"))
        for mail in event.mail
    ]
    return _wait(transcript, letters)


def _handed_over(transcript: Transcript, event: e.MailHandedOver) -> Transcript:
    waiting = dict(transcript.waiting)
    for mail_id in event.mail_ids:
        waiting.pop(f"mail:{mail_id}", None)
    return _replace(transcript, waiting=waiting)


def _queued(transcript: Transcript, event: e.InputQueued) -> Transcript:
    message = UserMessage(text=event.text, source=event.queue, attachments=event.attachments)
    return _wait(transcript, [(f"{event.queue}:{event.item_id}", message)])


def _cleared(transcript: Transcript, event: e.QueueCleared) -> Transcript:
    kept = {k: v for k, v in transcript.waiting.items() if not k.startswith(f"{event.queue}:")}
    return _replace(transcript, waiting=kept)


def _wait(transcript: Transcript, inputs: Sequence[tuple[str, UserMessage]]) -> Transcript:
    waiting = dict(transcript.waiting)
    for key, message in inputs:
        waiting[key] = (*waiting.get(key, ()), message)
    return _replace(transcript, waiting=waiting)


def _run_started(transcript: Transcript, _event: e.RunStarted) -> Transcript:
    return _replace(transcript, placed={}) if transcript.placed else transcript


def _placed(transcript: Transcript, event: e.InputPlaced) -> Transcript:
    """Each prompt and letter is an entry; items of one queue are one, between them."""
    after = closed(transcript)
    for prompt_id in event.prompt_ids:
        after = _place_together(after, [f"prompt:{prompt_id}"], "user_turn")
    if event.steer_ids:
        keys = [f"steer:{item_id}" for item_id in event.steer_ids]
        after = _place_together(after, keys, "user_turn")
    if event.follow_up_ids:
        keys = [f"follow_up:{item_id}" for item_id in event.follow_up_ids]
        after = _place_together(after, keys, "user_turn")
    for mail_id in event.mail_ids:
        after = _place_together(after, [f"mail:{mail_id}"], "mail")
    if event.injected:
        message = UserMessage(text=event.injected, source="notice")
        after = with_entry(after, message, "context")
    return after


def _place_together(transcript: Transcript, keys: Sequence[str], kind: EntryKind) -> Transcript:
    waiting, placed = dict(transcript.waiting), dict(transcript.placed)
    said: list[UserMessage] = []
    for key in keys:
        here = waiting.pop(key, ())
        said += here[:1]
        if here[1:]:
            waiting[key] = here[1:]
        if here:
            placed[key] = (*placed.get(key, ()), here[0])
    after = _replace(transcript, waiting=waiting, placed=placed)
    if not said:  # its number is taken all the same
        return with_entry(after, UserMessage(text=""), kind, is_said=False)
    text = "\n\n".join(message.text for message in said)
    shown = tuple(one for message in said for one in message.attachments)
    message = said[0]
    if len(said) > 1:
        message = UserMessage(text=text, source=message.source, attachments=shown)
    return with_entry(after, message, kind)


def _returned(transcript: Transcript, event: e.InputReturned) -> Transcript:
    keys = [
        *(f"mail:{mail_id}" for mail_id in event.mail_ids),
        *(f"steer:{item_id}" for item_id in event.steer_ids),
        *(f"follow_up:{item_id}" for item_id in event.follow_up_ids),
    ]
    waiting = dict(transcript.waiting)
    for key in keys:
        waiting[key] = (*transcript.placed.get(key, ()), *waiting.get(key, ()))
    return _replace(transcript, waiting={k: v for k, v in waiting.items() if v})


# --- answers and results ----------------------------------------------------------------------


def _answer(transcript: Transcript, event: e.ModelReplied) -> Transcript:
    before = with_stubs(closed(transcript), event.stubbed_through)
    if not event.blocks:
        return before
    number = len(before.entries) + 1
    blocks, call_ids = _with_unique_ids(event.blocks, number, before.call_ids)
    calls = [block for block in blocks if isinstance(block, ToolCallBlock)]
    opened = tuple(
        OpenCall(
            key=call_key(event.effect_id, index),
            call_id=block.call_id,
            name=block.name,
            kind=block.kind,
        )
        for index, block in enumerate(calls)
    )
    keys = tuple(call.key for call in opened)
    provenance = _provenance(event)
    response_id = event.response_id if provenance else ""
    message = AssistantMessage(blocks=blocks, provenance=provenance, response_id=response_id)
    after = with_entry(before, message, "assistant_turn", keys=keys)
    return _replace(after, open_calls=opened, call_ids=call_ids) if opened else after


def _call_failed(transcript: Transcript, event: e.ModelCallFailed) -> Transcript:
    return with_stubs(transcript, event.stubbed_through) if event.stubbed_through else transcript


def _provenance(event: e.ModelReplied) -> Provenance | None:
    """Who can read the answer back; None for one of a time when that was not recorded."""
    if not event.wire:
        return None
    provider, _, model = event.asked_model.partition(":")
    return Provenance(provider=provider, model=model, wire=event.wire)


def _with_unique_ids(
    answered: Sequence[AssistantBlock], entry: int, known: AppendOnlySet[str]
) -> tuple[tuple[AssistantBlock, ...], AppendOnlySet[str]]:
    """The blocks of an answer, with an id of ours for a call whose id is missing or taken.

    It is made of the number of the entry, so it is the same however often a model was asked.
    """
    blocks: list[AssistantBlock] = []
    for index, block in enumerate(answered):
        if not isinstance(block, ToolCallBlock):
            blocks.append(block)
            continue
        call_id = block.call_id
        if not call_id or call_id in known:
            call_id = f"call-{entry}-{index}"
        blocks.append(block if call_id == block.call_id else _replace(block, call_id=call_id))
        known = known.add(call_id)
    return tuple(blocks), known


def _finished(transcript: Transcript, event: e.ToolCallFinished) -> Transcript:
    told = _Told(event.content, event.is_error, event.details, event.attachments, event.is_json)
    after = _result(transcript, event.key, told)
    if event.spilled is None:
        return after
    return _replace(after, spilled=after.spilled.append((event.key, event.spilled)))


def _unknown(transcript: Transcript, event: e.ToolCallOutcomeUnknown) -> Transcript:
    return _result(transcript, event.key, _Told(unknown_outcome_text(event.reason), is_error=True))


def _skipped(transcript: Transcript, event: e.ToolCallSkipped) -> Transcript:
    return _result(transcript, event.key, _Told(event.reason, is_error=True))


class _Told(NamedTuple):
    """What is told of a call."""

    text: str
    is_error: bool = False
    details: str = ""
    attachments: tuple[Attachment, ...] = ()
    is_json: bool = False


def _result(transcript: Transcript, key: EffectId, told: _Told) -> Transcript:
    calls = tuple(
        _answered(call, told) if call.key == key and call.result is None else call
        for call in transcript.open_calls
    )
    after = _replace(transcript, open_calls=calls)
    return closed(after) if all(call.result is not None for call in calls) else after


def _answered(call: OpenCall, told: _Told) -> OpenCall:
    result = ToolResultBlock(
        call_id=call.call_id,
        name=call.name,
        content=told.text,
        is_error=told.is_error,
        attachments=told.attachments,
        is_json=told.is_json,
        kind=call.kind,
    )
    return _replace(call, result=result, details=told.details)


def _compacted(transcript: Transcript, event: e.ConversationCompacted) -> Transcript:
    return compacted(transcript, event.compaction, event.effect_id)


def _not_compacted(transcript: Transcript, event: e.CompactionSkipped) -> Transcript:
    """What could not be told shorter now is not tried again at once."""
    return transcript if event.is_cancelled else settled(transcript)


def _told_long_again(transcript: Transcript, event: e.CompactionUndone) -> Transcript:
    return uncompacted(transcript, event.effect_id)


# --- the tree ---------------------------------------------------------------------------------


def _leaf_moved(transcript: Transcript, event: e.LeafMoved) -> Transcript:
    return moved_to(closed(transcript), event.to_entry)


def _labelled(transcript: Transcript, event: e.EntryLabelled) -> Transcript:
    labels = {k: v for k, v in transcript.labels.items() if k != event.entry}
    if event.label:
        labels[event.entry] = event.label
    return _replace(transcript, labels=labels)


_STEPS: Steps[Transcript] = {
    e.PromptAccepted: _prompt,
    e.MailTaken: _mail,
    e.MailHandedOver: _handed_over,
    e.InputQueued: _queued,
    e.QueueCleared: _cleared,
    e.RunStarted: _run_started,
    e.InputPlaced: _placed,
    e.InputReturned: _returned,
    e.ModelReplied: _answer,
    e.ModelCallFailed: _call_failed,
    e.ToolCallFinished: _finished,
    e.ToolCallOutcomeUnknown: _unknown,
    e.ToolCallSkipped: _skipped,
    e.ConversationCompacted: _compacted,
    e.CompactionSkipped: _not_compacted,
    e.CompactionUndone: _told_long_again,
    e.LeafMoved: _leaf_moved,
    e.EntryLabelled: _labelled,
    e.ConversationEdited: edited,
}
