"""What an answer rests on: sources of its text, and the searches that found them.

The server counts places in bytes of UTF-8 over the whole text of the answer; a `Citation` counts
characters of its block.
"""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from mentra_actors.domain.content import Citation, HostedToolBlock, Provenance
from mentra_actors.providers.json_access import Json, list_of, object_of, text_of, whole_of

__all__ = ["CitedText", "citations_of", "grounding_block"]

_TOOL_BY_SOURCE: Mapping[str, str] = {
    "web": "web_search",
    "image": "web_search",
    "retrievedContext": "file_search",
    "maps": "google_maps",
}


class CitedText(msgspec.Struct, frozen=True):
    """The text of one block, and where it begins in the bytes of the answer."""

    block_index: int
    text: str
    first_byte: int

    def span(self, start: int, end: int) -> tuple[int, int] | None:
        """The characters of a place that is given in bytes of the answer; None if it is not here.

        A place that goes on in the next block ends with this one.
        """
        encoded = self.text.encode()
        first, last = start - self.first_byte, max(start, end) - self.first_byte
        if not 0 <= first < len(encoded):
            return None
        ends = [len(encoded[:end].decode("utf-8", "replace")) for end in (first, last)]
        return ends[0], ends[1]

    def found(self, words: str) -> tuple[int, int] | None:
        """The characters of the first place with these words."""
        first = self.text.find(words) if words else -1
        return (first, first + len(words)) if first >= 0 else None


def citations_of(
    grounding: Json, recited: Json, texts: Sequence[CitedText]
) -> Iterator[tuple[int, Citation]]:
    """Each citation with the index of the block whose text it is for."""
    chunks = _sources(grounding)
    for support in list_of(grounding, "groundingSupports"):
        segment = object_of(support, "segment")
        place = _place(segment, text_of(segment, "text"), texts)
        for index in _indexes(support):
            if place is not None and index < len(chunks):
                block_index, span = place
                yield block_index, _citation(chunks[index], span)
    for source in list_of(recited, "citations") or list_of(recited, "citationSources"):
        if (place := _place(source, "", texts)) is not None:
            block_index, (start, end) = place
            raw = msgspec.json.encode(source).decode()
            title, url = text_of(source, "title"), text_of(source, "uri")
            cited = Citation(kind="citation", title=title, url=url, start=start, end=end, raw=raw)
            yield block_index, cited


def _sources(grounding: Json) -> list[Json]:
    """The chunks by their number; one of a wrong type keeps its place."""
    chunks = grounding.get("groundingChunks")
    if not isinstance(chunks, list):
        return []
    return [chunk if isinstance(chunk, dict) else {} for chunk in chunks]


def _indexes(support: Json) -> list[int]:
    found = support.get("groundingChunkIndices")
    if not isinstance(found, list):
        return []
    return [index for index in found if type(index) is int and index >= 0]


def _place(
    segment: Json, words: str, texts: Sequence[CitedText]
) -> tuple[int, tuple[int, int]] | None:
    """The block and the characters of a segment; its words decide, where it has some."""
    start, end = whole_of(segment, "startIndex"), whole_of(segment, "endIndex")
    counted = [(text, span) for text in texts if (span := text.span(start, end)) is not None]
    spans = [(text, span) for text, span in counted if text.text[slice(*span)] == words]
    spans += [(text, span) for text in texts if (span := text.found(words)) is not None]
    spans += [(text, span) for text, span in counted if words.startswith(text.text[slice(*span)])]
    spans += [] if words else counted
    return next(((text.block_index, span) for text, span in spans), None)


def _citation(chunk: Json, span: tuple[int, int]) -> Citation:
    kind = next((key for key, value in chunk.items() if isinstance(value, dict)), "")
    source = object_of(chunk, kind)
    start, end = span
    return Citation(
        kind=kind or "source",
        title=text_of(source, "title"),
        url=text_of(source, "uri") or text_of(source, "sourceUri"),
        quoted=text_of(source, "text"),
        start=start,
        end=end,
        raw=msgspec.json.encode(chunk).decode(),
    )


def grounding_block(
    grounding: Json, url_context: Json, provenance: Provenance
) -> HostedToolBlock | None:
    """The search behind an answer; None where there was none. It is no part, and never goes back.

    The page that the server asks to show beside the answer is in `raw`.
    """
    found = {"groundingMetadata": grounding, "urlContextMetadata": url_context}
    raw = {key: value for key, value in found.items() if value}
    if not raw:
        return None
    queries = _texts(grounding, "webSearchQueries") or _texts(grounding, "retrievalQueries")
    urls = [text_of(one, "retrievedUrl") for one in list_of(url_context, "urlMetadata")]
    action = {"queries": queries, "urls": [url for url in urls if url]}
    asked = {key: value for key, value in action.items() if value}
    return HostedToolBlock(
        tool=_tool(grounding, url_context),
        status="completed",
        query=", ".join(queries),
        action=msgspec.json.encode(asked).decode() if asked else "",
        raw=msgspec.json.encode(raw).decode(),
        provenance=provenance,
    )


def _tool(grounding: Json, url_context: Json) -> str:
    if _texts(grounding, "webSearchQueries") or object_of(grounding, "searchEntryPoint"):
        return "web_search"
    if url_context:
        return "url_context"
    kinds = [kind for chunk in _sources(grounding) for kind in chunk if kind in _TOOL_BY_SOURCE]
    return _TOOL_BY_SOURCE[kinds[0]] if kinds else "web_search"


def _texts(value: Json, key: str) -> list[str]:
    found = value.get(key)
    return [text for text in found if isinstance(text, str)] if isinstance(found, list) else []
