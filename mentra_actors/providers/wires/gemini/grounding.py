"""What an answer rests on: sources of its text, and the searches that found them.

The server counts places in bytes of UTF-8 over the whole text of the answer; a `Citation` counts
characters of its block.
"""

from bisect import bisect_right
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

_STRETCH = 4_096
"""Bytes between the marks in a text; a place is counted from the mark before it."""
_CONTINUATION = bytes(range(0x80, 0xC0))
"""Bytes of UTF-8 that begin no character."""
_MOST_SEARCHED = 100_000_000
"""Characters through which words are searched for that are not in their place."""
_COST_OF_A_SEARCH = 64

_Span = tuple[int, int]


class CitedText:
    """The text of one block, and where it begins and ends in the bytes of the answer."""

    def __init__(self, block_index: int, text: str, first_byte: int) -> None:
        self.block_index = block_index
        self.text = text
        self.first_byte = first_byte
        self._encoded = text.encode()
        self.end_byte = first_byte + len(self._encoded)
        self._marks = [0]
        for first in range(0, len(self._encoded), _STRETCH):
            stretch = self._encoded[first : first + _STRETCH]
            self._marks.append(self._marks[-1] + _characters(stretch))

    def span(self, start: int, end: int) -> _Span | None:
        """The characters of a place that is given in bytes of the answer; None if it is not here.

        A place that goes on in the next block ends with this one.
        """
        if not self.first_byte <= start < self.end_byte:
            return None
        return self._characters_before(start), self._characters_before(max(start, end))

    def found(self, words: str) -> _Span | None:
        """The characters of the first place with these words."""
        first = self.text.find(words)
        return (first, first + len(words)) if first >= 0 else None

    def says(self, words: str, span: _Span) -> bool:
        """Whether these characters are the words."""
        start, end = span
        return end - start == len(words) and self.text.startswith(words, start)

    def begins(self, words: str, span: _Span) -> bool:
        """Whether the words begin with these characters."""
        start, end = span
        return end - start <= len(words) and words.startswith(self.text[start:end])

    def _characters_before(self, byte: int) -> int:
        at = min(byte, self.end_byte) - self.first_byte
        mark = at // _STRETCH
        return self._marks[mark] + _characters(self._encoded[mark * _STRETCH : at])


def _characters(encoded: bytes) -> int:
    """How many characters begin in these bytes."""
    return len(encoded.translate(None, _CONTINUATION))


class _Places:
    """Finds places in the texts of an answer; the cost does not grow with texts times places."""

    def __init__(self, texts: Sequence[CitedText]) -> None:
        self._texts = texts
        self._first_bytes = [text.first_byte for text in texts]
        self._searched = 0

    def place(self, segment: Json, words: str) -> tuple[int, _Span] | None:
        """The block and the characters of a segment; its words decide, where it has some."""
        counted = self._counted(segment)
        if counted is not None and counted[0].says(words, counted[1]):
            return counted[0].block_index, counted[1]
        if words and (found := self._found(words)) is not None:
            return found
        if counted is None or (words and not counted[0].begins(words, counted[1])):
            return None
        return counted[0].block_index, counted[1]

    def _counted(self, segment: Json) -> tuple[CitedText, _Span] | None:
        start, end = whole_of(segment, "startIndex"), whole_of(segment, "endIndex")
        at = bisect_right(self._first_bytes, start) - 1
        span = self._texts[at].span(start, end) if at >= 0 else None
        return None if span is None else (self._texts[at], span)

    def _found(self, words: str) -> tuple[int, _Span] | None:
        for text in self._texts:
            if self._searched >= _MOST_SEARCHED:
                return None
            self._searched += len(text.text) + _COST_OF_A_SEARCH
            if (span := text.found(words)) is not None:
                return text.block_index, span
        return None


def citations_of(
    grounding: Json, recited: Json, texts: Sequence[CitedText]
) -> Iterator[tuple[int, Citation]]:
    """Each citation with the index of the block whose text it is for."""
    chunks = _sources(grounding)
    places = _Places(texts)
    cited_by_index: dict[int, Citation] = {}
    for support in list_of(grounding, "groundingSupports"):
        segment = object_of(support, "segment")
        place = places.place(segment, text_of(segment, "text"))
        for index in _indexes(support):
            if place is not None and index < len(chunks):
                block_index, (start, end) = place
                if index not in cited_by_index:
                    cited_by_index[index] = _citation(chunks[index])
                cited = cited_by_index[index]
                yield block_index, msgspec.structs.replace(cited, start=start, end=end)
    for source in list_of(recited, "citations") or list_of(recited, "citationSources"):
        if (place := places.place(source, "")) is not None:
            block_index, (start, end) = place
            raw = msgspec.json.encode(source).decode()
            title, url = text_of(source, "title"), text_of(source, "uri")
            yield (
                block_index,
                Citation(kind="citation", title=title, url=url, start=start, end=end, raw=raw),
            )


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


def _citation(chunk: Json) -> Citation:
    """The source, yet without a place."""
    kind = next((key for key, value in chunk.items() if isinstance(value, dict)), "")
    source = object_of(chunk, kind)
    return Citation(
        kind=kind or "source",
        title=text_of(source, "title"),
        url=text_of(source, "uri") or text_of(source, "sourceUri"),
        quoted=text_of(source, "text"),
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
