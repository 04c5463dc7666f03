"""How one request shows a conversation: which results only as stubs, and what it adds. Pure.

The log keeps it with the outcome of the call, so that what a model saw is known for each call.
"""

from collections.abc import Sequence

import msgspec

from mentra_actors.domain.agent.profile import CompactionOptions
from mentra_actors.domain.content import Message, UserMessage
from mentra_actors.domain.conversation_tree import Transcript, closed, with_stubs
from mentra_actors.domain.token_estimate import message_tokens
from mentra_actors.ids import EffectId, EntryId

__all__ = ["RequestView", "shown", "shown_tokens", "standing_view", "stub_point"]


class RequestView(msgspec.Struct, gc=False, frozen=True, kw_only=True, omit_defaults=True):
    """How a request shows the conversation.

    Results in entries up to `stubbed_through` are stubs in it. `recalled` (of the memory) and
    `reminder` (of the task board) are said behind the conversation, in this request only: what a
    provider has cached of the conversation stays the beginning of the next request.
    `recall_problem` says why the memory was not asked to its end, if it was not. `compacted_by`
    is the compaction (the id of its effect) whose summary it tells, empty for none.
    """

    stubbed_through: EntryId = EntryId(0)
    recalled: str = ""
    reminder: str = ""
    recall_problem: str = ""
    compacted_by: EffectId = EffectId("")


def standing_view(options: CompactionOptions, transcript: Transcript) -> RequestView:
    """How the next request shows the conversation, but for what it says behind it."""
    through = stub_point(
        transcript, options.keep_recent_tool_results, options.stub_at_least_tokens
    )
    placed = transcript.placed_compaction
    told_by = placed.effect_id if placed else EffectId("")
    return RequestView(stubbed_through=through, compacted_by=told_by)


def shown(transcript: Transcript, view: RequestView) -> Sequence[Message]:
    """The messages of a request, with a result for every call."""
    messages = with_stubs(closed(transcript), view.stubbed_through).messages
    extra = _extra(view)
    return (*messages, *extra) if extra else messages


def shown_tokens(transcript: Transcript, view: RequestView) -> int:
    """The tokens of these messages, as far as they can be guessed; takes no time."""
    seen = with_stubs(closed(transcript), view.stubbed_through)
    return seen.tokens + sum(map(message_tokens, _extra(view)))


def _extra(view: RequestView) -> tuple[Message, ...]:
    told = filter(None, (view.recalled, view.reminder))
    return tuple(UserMessage(text=text, source="notice") for text in told)


def stub_point(transcript: Transcript, keep: int, at_least_tokens: int) -> EntryId:
    """Through which entry results are stubs in the next request, so that `keep` of them are not.

    It moves on only if that saves so many tokens: each move changes the beginning of the request,
    which a provider may have cached. It moves back where it is too far on another branch. Looks at
    no more than the results that are not stubs yet, and at those that must not be.
    """
    before = transcript.stubbed_through
    kept, saved, point = 0, 0, EntryId(0)
    for exchange in reversed(transcript.exchanges):
        if kept >= keep:
            point = point or exchange.entry_id
            if exchange.entry_id <= before:
                break
            saved += exchange.tokens - exchange.stub_tokens
        kept += exchange.results
    is_too_far = point < before and bool(transcript.exchanges)
    return point if is_too_far or saved >= max(at_least_tokens, 1) else before
