"""What a request consists of, part by part, as a person or a program looks at it. Pure."""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from mentra_actors.domain.agent.effects import CallModel
from mentra_actors.domain.compaction import compaction_limit
from mentra_actors.domain.content import (
    AssistantMessage,
    Message,
    ToolResultBlock,
    ToolResultsMessage,
)
from mentra_actors.domain.conversation_tree import Transcript, closed
from mentra_actors.domain.model_call import ModelRequest
from mentra_actors.domain.request_view import RequestView, shown
from mentra_actors.domain.token_estimate import result_tokens
from mentra_actors.effects.context.context_pieces import (
    PartName,
    Piece,
    frame_pieces,
    message_pieces,
)
from mentra_actors.ids import EntryId

__all__ = [
    "AssembledRequest",
    "ContextMessage",
    "ContextPart",
    "ContextReport",
    "ContextTool",
    "CountedCall",
    "ToldStubs",
    "context_report",
]

_MOST_LARGE = 10
_MOST_CHARS = 100


class ContextPart(msgspec.Struct, frozen=True, kw_only=True):
    """One part of a request, of so many `pieces`: tools, messages, or blocks of an answer."""

    name: PartName
    tokens: int
    chars: int
    pieces: int


class ContextTool(msgspec.Struct, frozen=True, kw_only=True):
    """The description of a tool: its name, what it says, and its schema."""

    name: str
    tokens: int
    chars: int


class ContextMessage(msgspec.Struct, gc=False, frozen=True, kw_only=True):
    """One message: the part that most of it is of, and its first words.

    `entry_id` is its entry in the conversation, 0 for a summary and what is said behind it.
    """

    entry_id: EntryId
    part: PartName
    tokens: int
    chars: int
    words: str


class ToldStubs(msgspec.Struct, frozen=True, kw_only=True):
    """How many results are told as stubs, their tokens, and those of the whole results."""

    count: int = 0
    tokens: int = 0
    whole_tokens: int = 0


class CountedCall(msgspec.Struct, frozen=True, kw_only=True):
    """The last call whose tokens the provider has counted, beside what we guess of it."""

    number: int
    counted_tokens: int
    estimated_tokens: int

    @property
    def scale(self) -> float:
        """By how much the provider counts more than we guess; 1 if we guess right."""
        return self.counted_tokens / self.estimated_tokens if self.estimated_tokens else 1.0


class ContextReport(msgspec.Struct, frozen=True, kw_only=True):
    """What one request consists of. All tokens are estimates, but those of `CountedCall`.

    `parts`, the largest first, add up to `tokens` and `chars`; attachments have no characters.
    `call` is the number of the call, 0 for the next one. `context_window` is that of the model,
    None if nobody knows it. A longer request than
    `compacted_at_tokens` waits for a compaction (None: none does). `is_stopped` says of a next
    call that there will be none: the agent has stopped.
    """

    agent: str
    model: str
    call: int
    tokens: int
    chars: int
    parts: tuple[ContextPart, ...]
    tools: tuple[ContextTool, ...]
    messages: tuple[ContextMessage, ...]
    stubs: ToldStubs
    entries: int
    context_window: int | None
    compacted_at_tokens: int | None
    last_counted: CountedCall | None
    is_stopped: bool = False

    @property
    def largest(self) -> tuple[ContextMessage, ...]:
        """The ten largest messages, the largest first."""
        by_size = sorted(self.messages, key=lambda one: one.tokens, reverse=True)
        return tuple(by_size[:_MOST_LARGE])

    @property
    def window_share(self) -> float | None:
        """How much of the context window the request takes; 1 is all of it."""
        return self.tokens / self.context_window if self.context_window else None

    @property
    def scaled_tokens(self) -> int:
        """The tokens as the provider would count them, going by its last count."""
        scale = self.last_counted.scale if self.last_counted else 1.0
        return round(self.tokens * scale)


class AssembledRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request as it is sent, with what it was made of. `call` is 0 for the next one."""

    call: int
    effect: CallModel
    transcript: Transcript
    view: RequestView
    request: ModelRequest


def context_report(
    one: AssembledRequest, *, context_window: int | None, last_counted: CountedCall | None
) -> ContextReport:
    """What this request consists of, in tokens. Takes a while for a long one."""
    output = one.effect.options.output
    output_tool = output.tool_name if output is not None and output.mode == "tool" else ""
    profile = one.effect.profile
    frame = list(frame_pieces(one.request, profile.system, output_tool))
    conversation, entries, sums = (
        shown(one.transcript, one.view),
        _Entries(one.transcript),
        _Sums(),
    )
    for piece in frame:
        sums.add(piece)
    messages = tuple(_messages(one, conversation, entries, sums))
    parts = sums.parts()
    return ContextReport(
        agent=profile.name,
        model=profile.model,
        call=one.call,
        tokens=sum(part.tokens for part in parts),
        chars=sum(part.chars for part in parts),
        parts=parts,
        tools=_tools(frame),
        messages=messages,
        stubs=_stubs(parts, conversation, entries),
        entries=len(closed(one.transcript).entries),
        context_window=context_window,
        compacted_at_tokens=compaction_limit(profile.compaction, context_window),
        last_counted=last_counted,
    )


class _Sums:
    """What pieces add up to, by part. They are not kept: a long request has many."""

    def __init__(self) -> None:
        self._by_name: dict[PartName, list[int]] = {}

    def add(self, piece: Piece) -> None:
        sums = self._by_name.get(piece.part)
        if sums is None:
            sums = self._by_name[piece.part] = [0, 0, 0]
        sums[0] += piece.tokens
        sums[1] += piece.chars
        sums[2] += 1

    def parts(self) -> tuple[ContextPart, ...]:
        """The largest first."""
        parts = [
            ContextPart(name=name, tokens=tokens, chars=chars, pieces=pieces)
            for name, (tokens, chars, pieces) in self._by_name.items()
        ]
        return tuple(sorted(parts, key=lambda part: part.tokens, reverse=True))


def _messages(
    one: AssembledRequest, conversation: Sequence[Message], entries: "_Entries", sums: _Sums
) -> Iterator[ContextMessage]:
    """The messages, each with its entry: they stand where they stood before bytes were loaded."""
    behind = sum(bool(text) for text in (one.view.recalled, one.view.reminder))
    first_behind = len(conversation) - behind
    for place, (plain, message) in enumerate(zip(conversation, one.request.messages, strict=True)):
        pieces = message_pieces(
            message, one.view, entries.stubs(plain), is_behind=place >= first_behind
        )
        yield _message(entries.entry_of(plain), list(pieces), sums)


def _stubs(
    parts: Iterable[ContextPart], conversation: Iterable[Message], entries: "_Entries"
) -> ToldStubs:
    told = next((part for part in parts if part.name == "stubs"), None)
    if told is None:
        return ToldStubs()
    saved = sum(
        result_tokens(whole) - result_tokens(stub)
        for message in conversation
        if isinstance(message, ToolResultsMessage)
        for stub, whole in zip(message.results, entries.whole(message), strict=True)
        if stub is not whole
    )
    return ToldStubs(count=told.pieces, tokens=told.tokens, whole_tokens=told.tokens + saved)


class _Entries:
    """The entries of a path by the messages that are told of them."""

    def __init__(self, transcript: Transcript) -> None:
        self._by_part: dict[object, EntryId] = {}
        self._whole: dict[EntryId, Sequence[ToolResultBlock]] = {}
        here = closed(transcript)
        for entry_id in here.path:
            message = here.entries[entry_id - 1].message
            self._by_part[_mark(message)] = entry_id
            if isinstance(message, ToolResultsMessage):
                self._whole[entry_id] = message.results

    def entry_of(self, message: Message) -> EntryId:
        return self._by_part.get(_mark(message), EntryId(0))

    def whole(self, message: ToolResultsMessage) -> Sequence[ToolResultBlock]:
        """The results as they were, in the same order."""
        whole = self._whole.get(self.entry_of(message), ())
        return whole if len(whole) == len(message.results) else message.results

    def stubs(self, message: Message) -> Sequence[bool]:
        if not isinstance(message, ToolResultsMessage):
            return ()
        whole = self.whole(message)
        return [a is not b for a, b in zip(message.results, whole, strict=True)]


def _mark(message: Message) -> object:
    """What stays the same when results become stubs, or an answer loses its id."""
    match message:
        case AssistantMessage(blocks=blocks):
            return id(blocks)
        case ToolResultsMessage(results=results):
            return tuple(result.call_id for result in results)
        case _:
            return id(message)


def _tools(frame: Iterable[Piece]) -> tuple[ContextTool, ...]:
    tools = [
        ContextTool(name=piece.words, tokens=piece.tokens, chars=piece.chars)
        for piece in frame
        if piece.part == "tools"
    ]
    return tuple(sorted(tools, key=lambda tool: tool.tokens, reverse=True))


def _message(entry_id: EntryId, pieces: Sequence[Piece], sums: _Sums) -> ContextMessage:
    tokens: dict[PartName, int] = {}
    chars = 0
    for piece in pieces:
        sums.add(piece)
        tokens[piece.part] = tokens.get(piece.part, 0) + piece.tokens
        chars += piece.chars
    return ContextMessage(
        entry_id=entry_id,
        part=max(tokens, key=tokens.__getitem__),
        tokens=sum(tokens.values()),
        chars=chars,
        words=_first_words(pieces),
    )


def _first_words(pieces: Iterable[Piece]) -> str:
    words = [word for one in pieces for word in one.words[: 4 * _MOST_CHARS].split()]
    line = " ".join(words)
    return line if len(line) <= _MOST_CHARS else f"{line[: _MOST_CHARS - 1]}…"
