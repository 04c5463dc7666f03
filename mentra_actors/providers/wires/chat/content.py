"""What an answer consists of: reasoning, text, refusals, images and calls, each from its pieces.

The wire has one text, whatever comes in between; blocks stand in the order of their beginnings.
"""

from collections.abc import Iterator

from mentra_actors.domain.content import (
    AssistantBlock,
    Citation,
    ImageBlock,
    Provenance,
    RefusalBlock,
    TextBlock,
    ThinkingBlock,
)
from mentra_actors.providers.json_access import Json, list_of, object_of, text_of, whole_of
from mentra_actors.providers.port import CitationFound, ModelEvent, TextDelta, ThinkingDelta
from mentra_actors.providers.profile import Profile
from mentra_actors.providers.wires.chat.calls import CallPieces, StreamedCall
from mentra_actors.providers.wires.chat.citations import citations_in
from mentra_actors.providers.wires.chat.reasoning_details import DetailPieces
from mentra_actors.providers.wires.chat.think_tags import ThinkTags, split_thoughts
from mentra_actors.providers.wires.data_urls import image_of_url

__all__ = ["AnswerContent"]

_REASONING_FIELDS = ("reasoning_content", "reasoning", "thinking")
_Continued = str | StreamedCall | DetailPieces
_Started = _Continued | ImageBlock


class AnswerContent:
    """The content of one answer. Feed it each piece of the message, `close` it, take `blocks`."""

    def __init__(self, profile: Profile, provenance: Provenance) -> None:
        self._provenance = provenance
        self._tags = ThinkTags() if profile.splits_think_tags else None
        self._order: list[_Started] = []
        self._places: dict[_Continued, int] = {}
        self._pieces: dict[str, list[str]] = {"text": [], "refusal": [], "thinking": []}
        self._details: dict[tuple[int, str], DetailPieces] = {}
        self._citations: dict[Citation, None] = {}
        self._calls = CallPieces()
        self._may_call = True

    def feed(self, chunk: Json, message: Json) -> list[ModelEvent]:
        """The events of a chunk with this message, or piece of one."""
        return [
            *self._reasoning(message),
            *self._content(message.get("content")),
            *self._refusal(text_of(message, "refusal")),
            *self._cited(chunk, message),
            *self._images(message),
            *self._called(message),
        ]

    def end_calls(self) -> None:
        """The server said that the answer ends: a call that comes later is none."""
        self._may_call = False

    def close(self) -> list[ModelEvent]:
        """The answer has ended; the events of what was held back."""
        events: list[ModelEvent] = []
        if self._tags is not None:
            thoughts, text = self._tags.close()
            events = [*self._thought(thoughts), *self._said(text)]
        self._calls.give_ids()
        return events + [one for call in self._calls.calls for one in self._unshown(call)]

    def blocks(self, *, is_cut: bool) -> tuple[AssistantBlock, ...]:
        """All blocks; of an answer that was cut off without the calls that may be cut, too."""
        calls = set(self._calls.whole(is_cut=is_cut))
        return tuple(block for one in self._order for block in self._blocks_of(one, calls))

    def _blocks_of(self, one: _Started, calls: set[StreamedCall]) -> Iterator[AssistantBlock]:
        match one:
            case StreamedCall():
                if one in calls:
                    yield one.block()
            case DetailPieces():
                yield one.block(self._provenance)
            case ImageBlock():
                yield one
            case "text":
                yield from self._text_blocks()
            case "refusal":
                yield RefusalBlock(text="".join(self._pieces["refusal"]))
            case _:
                yield self._thinking("".join(self._pieces["thinking"]))

    def _text_blocks(self) -> Iterator[AssistantBlock]:
        thoughts, text = "", "".join(self._pieces["text"])
        if self._tags is not None and not self._pieces["thinking"]:
            thoughts, text = split_thoughts(text)
        if thoughts.strip():
            yield self._thinking(thoughts)
        if text:
            provenance = self._provenance if self._citations else None
            citations = tuple(self._citations)
            yield TextBlock(text=text, citations=citations, provenance=provenance)

    def _thinking(self, words: str) -> ThinkingBlock:
        words = words if self._tags is None else words.strip()
        return ThinkingBlock(parts=(words,), provenance=self._provenance, is_raw=True)

    def _reasoning(self, message: Json) -> Iterator[ModelEvent]:
        """Reasoning in one of its fields; one that stands in two of them counts once."""
        is_told = False
        for piece in list_of(message, "reasoning_details"):
            is_told = bool(text_of(piece, "text") or text_of(piece, "summary")) or is_told
            yield from self._detail(piece)
        if not is_told:
            texts = (text_of(message, name) for name in _REASONING_FIELDS)
            yield from self._thought(next(filter(None, texts), ""))

    def _detail(self, piece: Json) -> Iterator[ModelEvent]:
        key = (whole_of(piece, "index"), text_of(piece, "type"))
        entry = self._details.get(key)
        if entry is None:
            entry = self._details[key] = DetailPieces()
        index = self._place(entry)
        if words := entry.add(piece):
            yield ThinkingDelta(words, block_index=index)

    def _content(self, content: object) -> Iterator[ModelEvent]:
        """The content: a text, or a list of parts."""
        if isinstance(content, str):
            yield from self._tagged(content)
        for part in content if isinstance(content, list) else []:
            if isinstance(part, dict):
                yield from self._part(part)

    def _part(self, part: Json) -> Iterator[ModelEvent]:
        match part.get("type"):
            case "text" | "output_text":
                yield from self._tagged(text_of(part, "text"))
            case "refusal":
                yield from self._refusal(text_of(part, "refusal"))
            case "thinking" | "reasoning":
                texts = [text_of(one, "text") for one in list_of(part, "thinking")]
                yield from self._thought("".join(texts) or text_of(part, "thinking"))
            case "image_url":
                yield from self._images({"images": [part]})

    def _tagged(self, piece: str) -> Iterator[ModelEvent]:
        if self._tags is None:
            yield from self._said(piece)
            return
        thoughts, text = self._tags.feed(piece)
        yield from self._thought(thoughts)
        yield from self._said(text)

    def _said(self, piece: str) -> Iterator[ModelEvent]:
        if piece:
            yield TextDelta(piece, block_index=self._begun("text", piece))

    def _refusal(self, piece: str) -> Iterator[ModelEvent]:
        if piece:
            yield TextDelta(piece, block_index=self._begun("refusal", piece))

    def _thought(self, piece: str) -> Iterator[ModelEvent]:
        if piece:
            yield ThinkingDelta(piece, block_index=self._begun("thinking", piece))

    def _begun(self, kind: str, piece: str) -> int:
        """Keep a piece; the index of its block."""
        self._pieces[kind].append(piece)
        return self._place(kind)

    def _place(self, one: _Continued) -> int:
        """The index of a block, which begins now if it is not there."""
        if one not in self._places:
            self._places[one] = len(self._order)
            self._order.append(one)
        return self._places[one]

    def _cited(self, chunk: Json, message: Json) -> Iterator[ModelEvent]:
        for citation in citations_in(chunk, message):
            if citation not in self._citations:
                self._citations[citation] = None
                yield CitationFound(citation, block_index=self._places.get("text", 0))

    def _images(self, message: Json) -> Iterator[ModelEvent]:
        for part in list_of(message, "images"):
            url = text_of(object_of(part, "image_url"), "url") or text_of(part, "image_url")
            if url:
                self._order.append(image_of_url(url))
        yield from ()

    def _called(self, message: Json) -> Iterator[ModelEvent]:
        pieces = list_of(message, "tool_calls")
        if not pieces and (older := object_of(message, "function_call")):
            pieces = [{"index": 0, "function": older}]
        for piece in pieces if self._may_call else ():
            call = self._calls.add(piece)
            yield from self._unshown(call)

    def _unshown(self, call: StreamedCall) -> Iterator[ModelEvent]:
        yield from call.unshown(self._place(call))
