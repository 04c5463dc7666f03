"""One item of a Responses answer: collected from its events, then turned into neutral blocks.

The same text arrives up to four times: in deltas, in `.done` events, in the closed item and in the
final response. The later copy is the authority, and a copy that is empty or missing is skipped.
"""

from collections.abc import Sequence

import msgspec

from mentra_actors.domain.content import (
    AssistantBlock,
    OpaqueBlock,
    Provenance,
    RefusalBlock,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from mentra_actors.providers.json_access import Json, list_of, text_of

__all__ = ["StreamedItem", "blocks_of", "merged_items"]


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

    @property
    def is_closed(self) -> bool:
        """Whether the server said that the item is whole."""
        return bool(self.done or self.final)

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

    Ids are no reliable key (some servers change them with each event), so equal sequences of
    types are paired in order, and only others by id.
    """
    types = [item.item_type for item in streamed]
    if types == [text_of(final, "type") for final in output]:
        for item, final in zip(streamed, output, strict=True):
            item.final = final
        return list(streamed)
    items_by_id = {item.first("id"): item for item in streamed if item.first("id")}
    merged: list[StreamedItem] = []
    for final in output:
        found = items_by_id.pop(text_of(final, "id"), None)
        item = StreamedItem(text_of(final, "type")) if found is None else found
        item.final = final
        merged.append(item)
    return merged + [item for item in streamed if item not in merged]


def blocks_of(item: StreamedItem, provenance: Provenance) -> list[AssistantBlock]:
    """The neutral blocks of an item; one that was never closed gives at most its text."""
    match item.item_type:
        case "message":
            return _message_blocks(item)
        case "reasoning":
            return [_thinking(item, provenance)]
        case "function_call":
            return [_tool_call(item)] if _is_whole_call(item) else []
        case _:
            return [_opaque(item, provenance)] if item.is_closed else []


def _message_blocks(item: StreamedItem) -> list[AssistantBlock]:
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
            item_id, phase = item.first("id"), item.first("phase")
            blocks.append(TextBlock(text=text, item_id=item_id, phase=phase))
    return blocks


def _first_text(parts: Sequence[Json], key: str) -> str:
    return next((text for part in parts if (text := text_of(part, key))), "")


def _thinking(item: StreamedItem, provenance: Provenance) -> ThinkingBlock:
    """Reasoning; the encrypted form of `added` is provisional and does not count."""
    encrypted = text_of(item.done, "encrypted_content") or text_of(item.final, "encrypted_content")
    return ThinkingBlock(
        parts=_thinking_parts(item),
        item_id=text_of(item.done, "id") or text_of(item.final, "id") or text_of(item.added, "id"),
        encrypted=encrypted,
        provenance=provenance,
    )


def _thinking_parts(item: StreamedItem) -> tuple[str, ...]:
    for key, streamed in (("summary", item.summaries), ("content", item.parts)):
        for version in item.closed_versions:
            texts = tuple(text_of(part, "text") for part in list_of(version, key))
            if any(texts):
                return texts
        texts = tuple("".join(streamed[index]) for index in sorted(streamed))
        if any(texts):
            return texts
    return ()


def _is_whole_call(item: StreamedItem) -> bool:
    """Half a call must not run: its arguments may be valid JSON and still not be all of them."""
    statuses = {text_of(version, "status") for version in (item.done, item.final)}
    return item.is_closed and statuses.isdisjoint({"incomplete", "in_progress"})


def _tool_call(item: StreamedItem) -> ToolCallBlock:
    closed = [text_of(version, "arguments") for version in item.closed_versions]
    arguments = next(filter(None, closed), "".join(item.arguments))
    return ToolCallBlock(
        call_id=item.first("call_id"),
        name=item.first("name"),
        arguments=arguments if arguments.strip() else "{}",
        item_id=item.first("id"),
        namespace=item.first("namespace"),
    )


def _opaque(item: StreamedItem, provenance: Provenance) -> OpaqueBlock:
    raw = msgspec.json.encode(item.done or item.final).decode()
    return OpaqueBlock(item_type=item.item_type, raw=raw, provenance=provenance)
