"""One block of an answer while it is streamed, and the neutral blocks that it gives."""

from collections.abc import Callable, Mapping

import msgspec

from mentra_actors.domain.content import (
    AssistantBlock,
    Citation,
    HostedToolBlock,
    OpaqueBlock,
    Provenance,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from mentra_actors.providers.json_access import Json, list_of, object_of, text_of
from mentra_actors.providers.wires.json_texts import arguments_object

__all__ = ["StreamedBlock", "citation_of", "hosted_tool_block", "neutral_blocks"]

_TOOL_WORDS: Mapping[str, str] = {
    "tool_search_tool_bm25": "tool_search",
    "tool_search_tool_regex": "tool_search",
}
"""Neutral words for tools of the server that it calls otherwise."""
_QUERY_FIELDS = ("query", "pattern", "url")


class StreamedBlock:
    """What the events have told of one block; filled by the decoder.

    `start` is the block as it began. Pieces of text are kept by the field that they continue;
    `folded` holds fields that were sent whole after the start.
    """

    def __init__(self, start: Json, position: int) -> None:
        self.start = start
        self.position = position
        self.pieces: dict[str, list[str]] = {}
        self.folded: dict[str, object] = {}
        self.citations: list[Json] = list_of(start, "citations")
        self.is_closed = False
        self.result: Json | None = None

    @property
    def block_type(self) -> str:
        """The provider's word for what the block is."""
        return text_of(self.start, "type")

    @property
    def is_call(self) -> bool:
        """Whether the caller is to run something."""
        return self.block_type == "tool_use"

    @property
    def is_hosted_call(self) -> bool:
        """Whether the server runs something."""
        return self.block_type in ("server_tool_use", "mcp_tool_use")

    def add(self, field: str, piece: str) -> None:
        """Continue a field that is a text; `input` is continued as JSON text."""
        self.pieces.setdefault(field, []).append(piece)

    def text(self, field: str) -> str:
        """A field that is a text, whole as far as it was sent."""
        whole = self.folded.get(field)
        if isinstance(whole, str):
            return whole
        return text_of(self.start, field) + "".join(self.pieces.get(field, ()))

    def input_text(self) -> str:
        """The input of a call as JSON text: what was streamed, else what the block began with."""
        streamed = "".join(self.pieces.get("input", ()))
        if streamed.strip():
            return streamed
        begun = self.start.get("input")
        if isinstance(begun, str):
            return begun if begun.strip() else "{}"
        return msgspec.json.encode(begun or {}).decode()

    def whole(self) -> dict[str, object]:
        """The block as one JSON object, as if it had not been streamed."""
        whole = {**self.start, **self.folded}
        whole.update({name: self.text(name) for name in self.pieces if name != "input"})
        if "input" in self.start or "input" in self.pieces:
            whole["input"] = arguments_object(self.input_text())
        if self.citations:
            whole["citations"] = self.citations
        return whole


def neutral_blocks(block: StreamedBlock, provenance: Provenance) -> list[AssistantBlock]:
    """The neutral blocks of a streamed one: one, or none where nothing of it can be used.

    Of a block that was not closed only words count: half a call must never run, and half a
    signature or item would be refused.
    """
    read = _READERS.get(block.block_type)
    if read is not None:
        return read(block, provenance)
    if not block.is_closed:
        return []
    if block.is_hosted_call:
        return [hosted_tool_block(block, provenance)]
    raw = msgspec.json.encode(block.whole()).decode()
    return [OpaqueBlock(item_type=block.block_type, raw=raw, provenance=provenance)]


def _text(block: StreamedBlock, provenance: Provenance) -> list[AssistantBlock]:
    text = block.text("text")
    if not text:
        return []
    citations = tuple(map(citation_of, block.citations))
    return [
        TextBlock(text=text, citations=citations, provenance=provenance if citations else None)
    ]


def citation_of(raw: Json) -> Citation:
    """The source that the provider names; where it says a place, that is one in a document."""
    return Citation(
        kind=text_of(raw, "type"),
        title=text_of(raw, "title") or text_of(raw, "document_title"),
        url=text_of(raw, "url") or text_of(raw, "source"),
        quoted=text_of(raw, "cited_text"),
        raw=msgspec.json.encode(raw).decode(),
    )


def _thinking(block: StreamedBlock, provenance: Provenance) -> list[AssistantBlock]:
    words = block.text("thinking")
    signature = block.text("signature") if block.is_closed else ""
    if not words and not signature:
        return []
    return [
        ThinkingBlock(parts=(words,) if words else (), signature=signature, provenance=provenance)
    ]


def _redacted_thinking(block: StreamedBlock, provenance: Provenance) -> list[AssistantBlock]:
    encrypted = block.text("data")
    if not block.is_closed:
        return []
    return [ThinkingBlock(encrypted=encrypted, is_redacted=True, provenance=provenance)]


def _tool_call(block: StreamedBlock, provenance: Provenance) -> list[AssistantBlock]:
    if not block.is_closed:
        return []
    caller = object_of(block.start, "caller")
    is_program = text_of(caller, "type") not in ("", "direct")
    return [
        ToolCallBlock(
            call_id=text_of(block.start, "id"),
            name=text_of(block.start, "name"),
            arguments=block.input_text(),
            provenance=provenance if is_program else None,
            caller=msgspec.json.encode(caller).decode() if is_program else "",
        )
    ]


_READERS: Mapping[str, Callable[[StreamedBlock, Provenance], list[AssistantBlock]]] = {
    "text": _text,
    "thinking": _thinking,
    "redacted_thinking": _redacted_thinking,
    "tool_use": _tool_call,
}


def hosted_tool_block(block: StreamedBlock, provenance: Provenance) -> HostedToolBlock:
    """The call of a tool of the server, with its status as far as it is known."""
    name = text_of(block.start, "name")
    whole = block.whole()
    called = object_of(whole, "input")
    query = next(filter(None, (text_of(called, key) for key in _QUERY_FIELDS)), "")
    return HostedToolBlock(
        tool=_TOOL_WORDS.get(name, name),
        raw=msgspec.json.encode(whole).decode(),
        provenance=provenance,
        call_id=text_of(block.start, "id"),
        status="in_progress" if block.result is None else _status(block.result),
        query=query,
        action=msgspec.json.encode(called).decode(),
    )


def _status(result: Json) -> str:
    content = object_of(result, "content")
    failed = result.get("is_error") is True or text_of(content, "type").endswith("_error")
    return "failed" if failed or text_of(content, "error_code") else "completed"
