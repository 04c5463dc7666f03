"""A conversation as a tree of entries: what there is, where it stands, how it grows. Pure.

Every message that was ever said keeps its number, and the path from the first entry to the leaf is
what a model is sent. A path never ends between a call and its result.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence

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
from mentra_actors.domain.entry import Entry, EntryKind, PlacedCompaction
from mentra_actors.domain.token_estimate import message_tokens
from mentra_actors.domain.told_entries import stub, told_messages
from mentra_actors.ids import EffectId, EntryId

__all__ = [
    "NO_RESULT",
    "Entry",
    "EntryKind",
    "OpenCall",
    "PlacedCompaction",
    "Transcript",
    "as_compacted_by",
    "children_of",
    "closed",
    "compacted",
    "moved_to",
    "path_to",
    "settled",
    "spilled_result",
    "told_result",
    "uncompacted",
    "with_entry",
    "with_stubs",
]

NO_RESULT = "No result was recorded for this call. It may or may not have happened."


class OpenCall(msgspec.Struct, gc=False, frozen=True, kw_only=True):
    """A call of the last answer, its result if it has one, and what only people see of it."""

    key: EffectId
    call_id: str
    name: str
    result: ToolResultBlock | None = None
    details: str = ""
    kind: CallKind = "function"


class Exchange(msgspec.Struct, gc=False, frozen=True):
    """An entry of the path with results: how many, their tokens, and those of their stubs.

    `stub` is always the same object, so whoever knows messages by identity knows it again.
    """

    entry_id: EntryId
    results: int
    tokens: int
    stub: ToolResultsMessage
    stub_tokens: int


class Transcript(msgspec.Struct, gc=False, frozen=True, kw_only=True):
    """All entries by number, the path to the leaf, and input that is not placed yet.

    Inputs wait by kind and id, oldest first: senders choose ids, and two may choose the same.
    `placed` is what the open run has placed of them, in case that it is taken back. `call_ids`
    are those on the path. `has_attachments` is true once a message, on whatever branch, has named
    bytes beside the log; until then none has to be looked at for them.

    `messages` are what a model is sent: the newest of the `compactions` that speaks of the path
    (`placed_compaction`) has replaced their older part, and the results in entries up to
    `stubbed_through` are stubs. `tokens` are those of them, as far as they can be guessed;
    `settled_tokens` those when the branch was last compacted, or was not, or was told long again:
    it is not compacted by itself before it has grown. `exchanges` are the entries of the path with
    results.
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
    placed_compaction: PlacedCompaction | None = None
    stubbed_through: EntryId = EntryId(0)
    tokens: int = 0
    settled_tokens: int = 0
    exchanges: AppendOnly[Exchange] = AppendOnly()

    @property
    def leaf(self) -> EntryId:
        """The entry from which the conversation goes on; 0 at its beginning."""
        return self.path.last(EntryId(0))

    @property
    def compaction_on_path(self) -> Compaction | None:
        """The newest compaction of this branch; None if there is none."""
        placed = self.placed_compaction
        return placed.compaction if placed else None


_NO_EFFECT = EffectId("")
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
    short = stub(message)
    return Exchange(entry.entry_id, len(message.results), tokens, short, message_tokens(short))


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
    told = _retold(moved)
    placed = told.placed_compaction
    return _replace(told, settled_tokens=placed.compaction.resulting_tokens if placed else 0)


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
        if exchange.entry_id <= through and is_told:
            messages[place] = exchange.stub
            tokens += exchange.stub_tokens - exchange.tokens
    return _replace(
        transcript, messages=AppendOnly(messages), tokens=tokens, stubbed_through=through
    )


def _retold(transcript: Transcript) -> Transcript:
    """The same conversation, with what a model is sent of it made anew."""
    placed = _newest_on_path(transcript)
    messages = told_messages(
        [transcript.entries[here - 1] for here in transcript.path],
        placed,
        transcript.stubbed_through,
        has_open_calls=bool(transcript.open_calls),
    )
    tokens = sum(map(message_tokens, messages))
    return _replace(
        transcript, messages=AppendOnly(messages), tokens=tokens, placed_compaction=placed
    )


def _newest_on_path(transcript: Transcript) -> PlacedCompaction | None:
    if not transcript.compactions:
        return None
    here = frozenset(transcript.path)
    newest_first = reversed(transcript.compactions)
    return next((one for one in newest_first if one.compaction.through in here), None)


def compacted(
    transcript: Transcript, compaction: Compaction, effect_id: EffectId = _NO_EFFECT
) -> Transcript:
    """The conversation with its older part told as a summary, on each branch that has it."""
    placed = PlacedCompaction(compaction, len(transcript.entries), effect_id)
    return settled(_retold(_replace(transcript, compactions=(*transcript.compactions, placed))))


def uncompacted(transcript: Transcript, effect_id: EffectId) -> Transcript:
    """The conversation without this compaction: its words are told again."""
    left = tuple(one for one in transcript.compactions if one.effect_id != effect_id)
    return settled(_retold(_replace(transcript, compactions=left)))


def as_compacted_by(transcript: Transcript, effect_id: EffectId) -> Transcript:
    """The conversation as it was told when this compaction was its newest; empty: before any."""
    placed = transcript.placed_compaction
    if (placed.effect_id if placed else _NO_EFFECT) == effect_id:
        return transcript
    ids = [one.effect_id for one in transcript.compactions]
    count = ids.index(effect_id) + 1 if effect_id in ids else 0
    return _retold(_replace(transcript, compactions=transcript.compactions[:count]))


def settled(transcript: Transcript) -> Transcript:
    """The conversation, which is not to be compacted by itself before it has grown."""
    return _replace(transcript, settled_tokens=transcript.tokens)
