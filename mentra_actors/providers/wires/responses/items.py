"""One item of a Responses answer: collected from its events, then turned into neutral blocks.

The same text arrives up to four times: in deltas, in `.done` events, in the closed item and in the
final response. The later copy is the authority, and a copy that is empty or missing is skipped.
"""

from collections.abc import Mapping, Sequence

import msgspec

from mentra_actors.domain.content import (
    AssistantBlock,
    CallKind,
    Citation,
    HostedToolBlock,
    OpaqueBlock,
    Provenance,
    RefusalBlock,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from mentra_actors.providers.json_access import Json, list_of, text_of
from mentra_actors.providers.wires.annotations import citation_of
from mentra_actors.providers.wires.responses.hosted import HOSTED_TOOLS, hosted_block

__all__ = ["CALL_TYPES", "StreamedItem", "asked_in", "blocks_of", "hosted_work", "merged_items"]

CALL_TYPES: Mapping[str, str] = {
    "function_call": "arguments",
    "custom_tool_call": "input",
    "tool_search_call": "arguments",
}
"""The types of items that may wait for a result of ours, and their field with what is asked."""

_SEARCH = "tool_search_call"
_KINDS: Mapping[str, CallKind] = {
    "function_call": "function",
    "custom_tool_call": "custom",
    "tool_search_call": "tool_search",
}


class StreamedItem:
    """What the events have told of the item at one `output_index`; filled by the decoder."""

    def __init__(self, item_type: str) -> None:
        self.item_type = item_type
        self.added: Json = {}
        self.done: Json = {}
        self.final: Json = {}
        self.parts: dict[int, list[str]] = {}
        self.refusals: dict[int, list[str]] = {}
        self.summaries: dict[int, list[str]] = {}
        self.arguments: list[str] = []
        self.unshown_size = 0
        self.shown_size = 0
        self.annotations: dict[int, list[Json]] = {}
        self.status = ""

    def add_search(self, piece: str) -> bool:
        """Take a piece of a search; whether enough of it is new to show the whole again.

        That is where it is twice as long, so that to show it costs no more than to read it.
        """
        if not piece:
            return False
        self.arguments.append(piece)
        self.unshown_size += len(piece)
        if self.unshown_size < self.shown_size:
            return False
        self.shown_size, self.unshown_size = self.shown_size + self.unshown_size, 0
        return True

    @property
    def is_call(self) -> bool:
        """Whether the item is a call that we have to answer; a search may be the server's."""
        if self.item_type == _SEARCH:
            return self.first("execution") == "client"
        return self.item_type in CALL_TYPES

    @property
    def is_hosted(self) -> bool:
        """Whether the item is work of a tool that the server has run."""
        return self.item_type in HOSTED_TOOLS and not self.is_call

    @property
    def call_id(self) -> str:
        """The id for the result of a call; a server that gives none has to know the item's."""
        return self.first("call_id") or self.first("id")

    @property
    def call_name(self) -> str:
        """The name of the tool that is called."""
        return self.first("name") or ("tool_search" if self.item_type == _SEARCH else "")

    @property
    def is_closed(self) -> bool:
        """Whether the server said that the item is whole."""
        return bool(self.done or self.final)

    def is_other_than(self, sent: Json) -> bool:
        """Whether an item that the server tells of is not this one, which is closed.

        Calls are told apart by the id for their result, for some servers change the others.
        """
        ids = ((self.first(key), text_of(sent, key)) for key in ("call_id", "id"))
        known, told = next((pair for pair in ids if all(pair)), ("", ""))
        return bool(self.done) and known != told

    @property
    def closed_versions(self) -> tuple[Json, Json]:
        """The whole item as the server sent it, the best version first; each may be empty."""
        return (self.final, self.done)

    @property
    def versions(self) -> tuple[Json, ...]:
        """All versions, the best first; `added` has only what is known at the start."""
        return (*self.closed_versions, self.added)

    def first(self, key: str) -> str:
        """The first text that is not empty under this key."""
        return next((text for item in self.versions if (text := text_of(item, key))), "")


def merged_items(streamed: Sequence[StreamedItem], output: Sequence[Json]) -> list[StreamedItem]:
    """The streamed items with their final versions, and the final ones that were not streamed.

    Calls are paired by the id for their result. Other ids are no reliable key (some servers change
    them with each event), so what is left is paired in order where the types are equal, and only
    else by id. The order is that of the output.
    """
    paired = _paired_by("call_id", streamed, list(enumerate(output)))
    rest = _rest_of(streamed, paired)
    unpaired = [(at, final) for at, final in enumerate(output) if at not in paired]
    if [item.item_type for item in rest] == [text_of(final, "type") for _, final in unpaired]:
        paired |= {at: item for item, (at, _) in zip(rest, unpaired, strict=True)}
    else:
        paired |= _paired_by("id", rest, unpaired)
    merged: list[StreamedItem] = []
    for at, final in enumerate(output):
        item = paired.get(at) or StreamedItem(text_of(final, "type"))
        item.final = final
        merged.append(item)
    return merged + _rest_of(streamed, paired)


def _paired_by(
    key: str, streamed: Sequence[StreamedItem], output: Sequence[tuple[int, Json]]
) -> dict[int, StreamedItem]:
    """The streamed item for each place of the output that has the same text under a key."""
    waiting: dict[str, list[StreamedItem]] = {}
    for item in reversed(streamed):
        waiting.setdefault(item.first(key), []).append(item)
    return {
        at: waiting[value].pop()
        for at, final in output
        if (value := text_of(final, key)) and waiting.get(value)
    }


def _rest_of(
    streamed: Sequence[StreamedItem], paired: Mapping[int, StreamedItem]
) -> list[StreamedItem]:
    """The streamed items that are not paired."""
    taken = set(paired.values())
    return [item for item in streamed if item not in taken]


def blocks_of(item: StreamedItem, provenance: Provenance) -> list[AssistantBlock]:
    """The neutral blocks of an item; one that was never closed gives at most its text."""
    if item.item_type == "message":
        return _message_blocks(item, provenance)
    if item.item_type == "reasoning":
        return [_thinking(item, provenance)]
    if item.is_call:
        return [_tool_call(item)] if _is_whole_call(item) else []
    if not item.is_closed:
        return []
    return [hosted_work(item, provenance) if item.is_hosted else _opaque(item, provenance)]


def hosted_work(item: StreamedItem, provenance: Provenance) -> HostedToolBlock:
    """The block of work that the server does itself, as far as it is known by now."""
    known: dict[str, object] = {}
    for version in reversed((item.done, item.final, item.added)):
        known |= {
            name: value
            for name, value in version.items()
            if value is not None or name not in known
        }
    shown = {**known, "type": item.item_type}
    if item.status and not item.is_closed:
        shown["status"] = item.status
    return hosted_block(shown, provenance, query="".join(item.arguments))


def _message_blocks(item: StreamedItem, provenance: Provenance) -> list[AssistantBlock]:
    contents = [list_of(version, "content") for version in item.closed_versions]
    indexes = {*range(max(map(len, contents))), *item.parts, *item.refusals}
    blocks: list[AssistantBlock] = []
    for index in sorted(indexes):
        parts = [content[index] for content in contents if 0 <= index < len(content)]
        text = _first_text(parts, "text") or "".join(item.parts.get(index, ()))
        refusal = _first_text(parts, "refusal") or "".join(item.refusals.get(index, ()))
        if refusal:
            blocks.append(RefusalBlock(text=refusal, item_id=item.first("id")))
        elif text:
            citations = _citations(parts, item.annotations.get(index, ()))
            blocks.append(_text_block(item, text, citations, provenance))
    return blocks


def _text_block(
    item: StreamedItem, text: str, citations: tuple[Citation, ...], provenance: Provenance
) -> TextBlock:
    return TextBlock(
        text=text,
        item_id=item.first("id"),
        phase=item.first("phase"),
        citations=citations,
        provenance=provenance if citations else None,
    )


def _citations(parts: Sequence[Json], streamed: Sequence[Json]) -> tuple[Citation, ...]:
    """The sources of a text; those of the first copy that has any."""
    copies = (*(list_of(part, "annotations") for part in parts), streamed)
    return tuple(map(citation_of, next(filter(None, copies), ())))


def _first_text(parts: Sequence[Json], key: str) -> str:
    return next((text for part in parts if (text := text_of(part, key))), "")


def _thinking(item: StreamedItem, provenance: Provenance) -> ThinkingBlock:
    """Reasoning; the encrypted form of `added` is provisional and does not count."""
    closed = (item.done, item.final)
    encrypted = _first_text(closed, "encrypted_content")
    key, parts = _thinking_parts(item)
    return ThinkingBlock(
        parts=parts,
        item_id=_first_text((*closed, item.added), "id"),
        encrypted=encrypted,
        provenance=provenance,
        signature=_first_text(closed, "signature"),
        is_redacted=bool(encrypted) and not any(parts),
        is_raw=key == "content",
        format=_first_text(closed, "format"),
    )


def _thinking_parts(item: StreamedItem) -> tuple[str, tuple[str, ...]]:
    """The field that has the reasoning, and its parts: a summary, or the reasoning itself."""
    for key, streamed in (("summary", item.summaries), ("content", item.parts)):
        for version in item.closed_versions:
            texts = tuple(text_of(part, "text") for part in list_of(version, key))
            if any(texts):
                return key, texts
        texts = tuple("".join(streamed[index]) for index in sorted(streamed))
        if any(texts):
            return key, texts
    return "", ()


def _is_whole_call(item: StreamedItem) -> bool:
    """Half a call must not run: its arguments may be valid JSON and still not be all of them."""
    statuses = {text_of(version, "status") for version in (item.done, item.final)}
    return item.is_closed and statuses.isdisjoint({"incomplete", "in_progress"})


def _tool_call(item: StreamedItem) -> ToolCallBlock:
    arguments = _arguments(item)
    return ToolCallBlock(
        call_id=item.call_id,
        name=item.call_name,
        arguments=arguments if arguments.strip() else "{}",
        item_id=item.first("id"),
        namespace=item.first("namespace"),
        kind=_KINDS[item.item_type],
    )


def asked_in(item: StreamedItem, version: Json) -> str:
    """What the model asks of a tool in one version of its call; most servers send JSON text."""
    asked = version.get(CALL_TYPES[item.item_type])
    if isinstance(asked, dict):
        return msgspec.json.encode(asked).decode()
    return asked if isinstance(asked, str) else ""


def _arguments(item: StreamedItem) -> str:
    """The arguments of a call as JSON text; the free text of a custom one is in an object."""
    texts = [asked_in(item, version) for version in item.closed_versions]
    asked = next(filter(None, texts), "".join(item.arguments))
    if item.item_type == "custom_tool_call":
        return msgspec.json.encode({"input": asked}).decode()
    return asked


def _opaque(item: StreamedItem, provenance: Provenance) -> OpaqueBlock:
    raw = msgspec.json.encode(item.done or item.final).decode()
    return OpaqueBlock(item_type=item.item_type, raw=raw, provenance=provenance)
