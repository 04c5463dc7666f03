"""A conversation as a tree of entries: what there is, where it stands, how it grows. Pure.

Every message that was ever said keeps its number, and the path from the first entry to the leaf is
what a model is sent. A path never ends between a call and its result.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

import msgspec

from mentra_actors.domain.append_only import AppendOnly, AppendOnlySet
from mentra_actors.domain.blob import BlobRef
from mentra_actors.domain.compacted import Compaction
from mentra_actors.domain.content import (
    AssistantMessage,
    CallKind,
    Message,
    ToolCallBlock,
    ToolResultBlock,
    ToolResultsMessage,
    UserMessage,
    blobs_of,
)
from mentra_actors.domain.token_estimate import message_tokens
from mentra_actors.ids import EffectId, EntryId

__all__ = [
    "NO_RESULT",
    "Entry",
    "EntryKind",
    "OpenCall",
    "Transcript",
    "children_of",
    "closed",
    "compacted",
    "moved_to",
    "path_to",
    "spilled_result",
    "told_result",
    "with_entry",
    "with_stubs",
]

STUB_BYTES = 100
"""A result that is not longer (UTF-8) stays as it is: a stub would save nothing."""

NO_RESULT = "No result was recorded for this call. It may or may not have happened."

EntryKind: TypeAlias = Literal["user_turn", "assistant_turn", "tool_exchange", "mail", "context"]
"""`context` is what the runtime or a round strategy says; mail comes from others."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A message. `parent` is the entry before it, 0 for a first one.

    `keys` are those of the calls of an answer or of a message of results, in order. `details` are
    JSON for people and programs by the key of the call, never sent to a model.
    """

    entry_id: EntryId
    parent: EntryId
    kind: EntryKind
    message: Message
    keys: tuple[EffectId, ...] = ()
    details: Mapping[EffectId, str] = {}


class OpenCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call of the last answer, its result if it has one, and what only people see of it."""

    key: EffectId
    call_id: str
    name: str
    result: ToolResultBlock | None = None
    details: str = ""
    kind: CallKind = "function"


class Exchange(msgspec.Struct, frozen=True):
    """An entry of the path with results: how many, their tokens, and those of their stubs."""

    entry_id: EntryId
    results: int
    tokens: int
    stub_tokens: int


class PlacedCompaction(msgspec.Struct, frozen=True):
    """A compaction, and how many entries there were when it was made."""

    compaction: Compaction
    entries_then: int


class Transcript(msgspec.Struct, frozen=True, kw_only=True):
    """All entries by number, the path to the leaf, and input that is not placed yet.

    Inputs wait by kind and id, oldest first: senders choose ids, and two may choose the same.
    `placed` is what the open run has placed of them, in case that it is taken back. `call_ids`
    are those on the path. `has_attachments` is true once a message, on whatever branch, has named
    bytes beside the log; until then none has to be looked at for them. `messages` are what a model
    is sent: the newest of the `compactions` that speaks of the path has replaced their older part,
    and the results in entries up to `stubbed_through` are stubs. `tokens` are those of them, as
    far as they can be guessed. `exchanges` are the entries of the path with results.
    """

    entries: AppendOnly[Entry] = AppendOnly()
    path: AppendOnly[EntryId] = AppendOnly()
    messages: AppendOnly[Message] = AppendOnly()
    call_ids: AppendOnlySet[str] = AppendOnlySet()
    waiting: Mapping[str, tuple[UserMessage, ...]] = {}
    placed: Mapping[str, tuple[UserMessage, ...]] = {}
    open_calls: tuple[OpenCall, ...] = ()
    labels: Mapping[EntryId, str] = {}
    spilled: AppendOnly[tuple[EffectId, BlobRef]] = AppendOnly()
    has_attachments: bool = False
    compactions: tuple[PlacedCompaction, ...] = ()
    stubbed_through: EntryId = EntryId(0)
    tokens: int = 0
    exchanges: AppendOnly[Exchange] = AppendOnly()

    @property
    def leaf(self) -> EntryId:
        """The entry from which the conversation goes on; 0 at its beginning."""
        return self.path[-1] if self.path else EntryId(0)

    @property
    def compaction_on_path(self) -> Compaction | None:
        """The newest compaction of this branch; None if there is none."""
        placed = self.placed_compaction
        return placed.compaction if placed else None

    @property
    def placed_compaction(self) -> PlacedCompaction | None:
        """The same, and when it was made."""
        if not self.compactions:
            return None
        here = frozenset(self.path)
        newest_first = reversed(self.compactions)
        return next((one for one in newest_first if one.compaction.through in here), None)


_replace = msgspec.structs.replace


def path_to(transcript: Transcript, entry_id: EntryId) -> Sequence[EntryId]:
    """Ids from the first entry to this one; to its results, if it is an answer with calls.

    Empty for 0 and for an entry that there is not.
    """
    entries = transcript.entries
    if not 1 <= entry_id <= len(entries):
        return []
    is_answer = entries[entry_id - 1].kind == "assistant_turn" and entries[entry_id - 1].keys
    here = EntryId(entry_id + 1) if is_answer and entry_id < len(entries) else entry_id
    path: list[EntryId] = []
    while here:
        path.append(here)
        here = entries[here - 1].parent
    return path[::-1]


def children_of(transcript: Transcript, entry_id: EntryId) -> Sequence[Entry]:
    """Entries that follow this one, on any branch, in the order of their numbers; 0: the first."""
    return [entry for entry in transcript.entries if entry.parent == entry_id]


def spilled_result(transcript: Transcript, call: str) -> BlobRef | None:
    """Where the whole of a long result is kept; `call` is its key, or the id that its answer has.

    The last one of that id counts: providers may use one again.
    """
    keys = {call, *(key for key, call_id in _named_calls(transcript) if call_id == call)}
    found = [ref for key, ref in transcript.spilled if key in keys]
    return found[-1] if found else None


def told_result(transcript: Transcript, key: EffectId) -> str:
    """What the model was told of a call; empty if that is not recorded."""
    for entry in reversed(transcript.entries):
        if key in entry.keys and isinstance(entry.message, ToolResultsMessage):
            return entry.message.results[entry.keys.index(key)].content
    return ""


def _named_calls(transcript: Transcript) -> Sequence[tuple[EffectId, str]]:
    return [
        (key, result.call_id)
        for entry in transcript.entries
        if isinstance(entry.message, ToolResultsMessage)
        for key, result in zip(entry.keys, entry.message.results, strict=False)
    ]


def closed(transcript: Transcript) -> Transcript:
    """The conversation with its open calls answered: as recorded, or by saying that it is not."""
    calls = transcript.open_calls
    if not calls:
        return transcript
    results = tuple(
        call.result
        or ToolResultBlock(
            call_id=call.call_id,
            name=call.name,
            content=NO_RESULT,
            is_error=True,
            kind=call.kind,
        )
        for call in calls
    )
    after = with_entry(
        transcript,
        ToolResultsMessage(results=results),
        "tool_exchange",
        keys=tuple(call.key for call in calls),
        details={call.key: call.details for call in calls if call.details},
    )
    return _replace(after, open_calls=())


def with_entry(
    transcript: Transcript,
    message: Message,
    kind: EntryKind,
    *,
    keys: tuple[EffectId, ...] = (),
    details: Mapping[EffectId, str] | None = None,
    is_said: bool = True,
) -> Transcript:
    """The conversation with one more entry; if it is not said, only its number is taken."""
    entry = Entry(
        entry_id=EntryId(len(transcript.entries) + 1),
        parent=transcript.leaf,
        kind=kind,
        message=message,
        keys=keys,
        details=details or {},
    )
    entries = transcript.entries.append(entry)
    if not is_said:
        return _replace(transcript, entries=entries)
    exchanges = transcript.exchanges
    tokens = message_tokens(message)
    if isinstance(message, ToolResultsMessage):
        exchanges = exchanges.append(_exchange(entry, message, tokens))
    return _replace(
        transcript,
        entries=entries,
        path=transcript.path.append(entry.entry_id),
        messages=transcript.messages.append(message),
        has_attachments=transcript.has_attachments or bool(blobs_of(message)),
        tokens=transcript.tokens + tokens,
        exchanges=exchanges,
    )


def _exchange(entry: Entry, message: ToolResultsMessage, tokens: int) -> Exchange:
    stub_tokens = message_tokens(_stub(message))
    return Exchange(entry.entry_id, len(message.results), tokens, stub_tokens)


def _stub(message: ToolResultsMessage) -> ToolResultsMessage:
    """The results, each longer one as a stub that names its tool."""
    results = tuple(
        _replace(one, content=f"[Previous: used {one.name}]", attachments=(), is_json=False)
        if one.attachments or len(one.content.encode("utf-8", "surrogatepass")) > STUB_BYTES
        else one
        for one in message.results
    )
    return _replace(message, results=results)


def moved_to(transcript: Transcript, entry_id: EntryId) -> Transcript:
    """The conversation as it goes on from another entry; as it is, if there is no such entry."""
    path = path_to(transcript, entry_id)
    if entry_id and not path:
        return transcript
    messages = [transcript.entries[here - 1].message for here in path]
    call_ids = [
        block.call_id
        for message in messages
        if isinstance(message, AssistantMessage)
        for block in message.blocks
        if isinstance(block, ToolCallBlock)
    ]
    exchanges = [
        _exchange(entry, entry.message, message_tokens(entry.message))
        for entry in (transcript.entries[here - 1] for here in path)
        if isinstance(entry.message, ToolResultsMessage)
    ]
    moved = _replace(
        transcript,
        path=AppendOnly(path),
        call_ids=AppendOnlySet(call_ids),
        exchanges=AppendOnly(exchanges),
    )
    return _retold(moved)


def with_stubs(transcript: Transcript, through: EntryId) -> Transcript:
    """The conversation with its results in entries up to `through` told as stubs.

    Those that come later are not, whatever number is given.
    """
    through = min(through, EntryId(len(transcript.entries)))
    if through == transcript.stubbed_through:
        return transcript
    if through < transcript.stubbed_through:
        return _retold(_replace(transcript, stubbed_through=through))
    return _with_more_stubs(transcript, through)


def _with_more_stubs(transcript: Transcript, through: EntryId) -> Transcript:
    """Only results that become stubs are replaced: all else stays the same objects.

    What stands behind a summary stands as far from the end of the messages as of the path.
    """
    entries, path, messages = transcript.entries, transcript.path, list(transcript.messages)
    tokens, shift = transcript.tokens, len(messages) - len(path)
    for exchange in reversed(transcript.exchanges):
        if exchange.entry_id <= transcript.stubbed_through:
            break
        whole = entries[exchange.entry_id - 1].message
        place = shift + bisect_left(path, exchange.entry_id)
        is_told = place >= 0 and messages[place] is whole
        if exchange.entry_id <= through and is_told and isinstance(whole, ToolResultsMessage):
            messages[place] = _stub(whole)
            tokens += exchange.stub_tokens - exchange.tokens
    return _replace(
        transcript, messages=AppendOnly(messages), tokens=tokens, stubbed_through=through
    )


def _retold(transcript: Transcript) -> Transcript:
    """The same conversation, with what a model is sent of it made anew."""
    messages = _messages_on_path(transcript)
    tokens = sum(map(message_tokens, messages))
    return _replace(transcript, messages=AppendOnly(messages), tokens=tokens)


def compacted(transcript: Transcript, compaction: Compaction) -> Transcript:
    """The conversation with its older part told as a summary, on each branch that has it."""
    placed = PlacedCompaction(compaction, len(transcript.entries))
    return _retold(_replace(transcript, compactions=(*transcript.compactions, placed)))


def _messages_on_path(transcript: Transcript) -> list[Message]:
    """What a model is sent: words that were kept, the summary, and all that came after it.

    Legal whatever the compaction says: no call is parted from its results.
    """
    path = [transcript.entries[here - 1] for here in transcript.path]
    placed = transcript.placed_compaction
    through = transcript.stubbed_through
    if placed is None:
        return [_told(entry, through) for entry in path]
    compaction = placed.compaction
    at = 1 + next(i for i, entry in enumerate(path) if entry.entry_id == compaction.through)
    if transcript.open_calls:  # the last answer waits for its results, which come after it
        at = min(at, len(path) - 1)
    while at < len(path) and path[at].kind == "tool_exchange":
        at += 1
    before = [
        entry.message
        for entry in path[:at]
        if entry.entry_id in compaction.kept and isinstance(entry.message, UserMessage)
    ]
    summary = UserMessage(text=compaction.summary, source="summary")
    after = [_forgotten_by_servers(entry, placed, through) for entry in path[at:]]
    return [*before, summary, *after]


def _told(entry: Entry, stubbed_through: EntryId) -> Message:
    message = entry.message
    if isinstance(message, ToolResultsMessage) and entry.entry_id <= stubbed_through:
        return _stub(message)
    return message


def _forgotten_by_servers(
    entry: Entry, placed: PlacedCompaction, stubbed_through: EntryId
) -> Message:
    """A message after the summary; an older answer does not stand for what a server has kept.

    A conversation that goes on from there would go on from the long one.
    """
    message = _told(entry, stubbed_through)
    is_older = entry.entry_id <= placed.entries_then
    if is_older and isinstance(message, AssistantMessage) and message.response_id:
        return _replace(message, response_id="")
    return message
