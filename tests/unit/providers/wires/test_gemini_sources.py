"""What an answer of Gemini rests on: sources, searches, recited texts."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from mentra_actors.domain.content import (
    HostedToolBlock,
    TextBlock,
)
from mentra_actors.providers.port import (
    HostedToolChanged,
    ReplyFinished,
)

sys.path.insert(0, str(Path(__file__).parent))
from gemini_chunks import OWN, chunk_of, events_of, reply_of


def _grounded(*supports: tuple[int, int, str], **grounding: Any) -> dict[str, Any]:
    chunk = {"web": {"uri": "https://x.example", "title": "X"}}
    return {
        "groundingMetadata": {
            "groundingChunks": [chunk],
            "groundingSupports": [
                {
                    "segment": {"startIndex": start, "endIndex": end, "text": words},
                    "groundingChunkIndices": [0, 7, None],
                }
                for start, end, words in supports
            ],
            **grounding,
        }
    }


def test_sources_stand_on_the_words_that_they_are_for() -> None:
    """The wire counts bytes over all blocks; a signature may cut the words in two."""
    reply = reply_of(
        chunk_of({"text": "Grüße ", "thoughtSignature": "s"}),
        chunk_of({"text": "aus Köln."}),
        chunk_of(
            reason="STOP",
            **_grounded((8, 18, "aus Köln."), (0, 12, "Grüße aus"), (3, 9, "Köln")),
        ),
    )

    first, second, hosted = reply.blocks
    assert isinstance(first, TextBlock)
    assert isinstance(second, TextBlock)
    assert [first.text[c.start : c.end] for c in first.citations] == ["Grüße "]
    assert [second.text[c.start : c.end] for c in second.citations] == ["aus Köln.", "Köln"]
    assert first.provenance == second.provenance == OWN
    assert (second.citations[0].kind, second.citations[0].url) == ("web", "https://x.example")
    assert isinstance(hosted, HostedToolBlock)


def test_words_that_come_twice_are_told_apart_by_their_place() -> None:
    """The place decides where the words alone do not."""
    first, second, _ = reply_of(
        chunk_of({"text": "so ", "thoughtSignature": "s"}, {"text": "so, so"}),
        chunk_of(reason="STOP", **_grounded((7, 9, "so"))),
    ).blocks

    assert isinstance(first, TextBlock)
    assert isinstance(second, TextBlock)
    assert first.citations == ()
    assert [(c.start, c.end) for c in second.citations] == [(4, 6)]


def test_a_search_is_told_with_what_was_searched_for() -> None:
    """People want to know where an answer is from, and the server asks to show its page."""
    beside = _grounded(webSearchQueries=["a", "b"], searchEntryPoint={"renderedContent": "<p>"})

    events = events_of(chunk_of({"text": "so"}, reason="STOP", **beside))

    changed = [event for event in events if isinstance(event, HostedToolChanged)]
    [block] = [event.block for event in changed]
    assert (block.tool, block.query, block.status) == ("web_search", "a, b", "completed")
    assert json.loads(block.action) == {"queries": ["a", "b"]}
    assert json.loads(block.raw) == beside
    assert isinstance(events[-1], ReplyFinished)
    assert events[-1].reply.blocks[changed[0].block_index] == block


@pytest.mark.parametrize(
    ("beside", "tool"),
    [
        ({"urlContextMetadata": {"urlMetadata": [{"retrievedUrl": "u"}]}}, "url_context"),
        ({"groundingMetadata": {"groundingChunks": [{"retrievedContext": {}}]}}, "file_search"),
        ({"groundingMetadata": {"groundingChunks": [{"maps": {}}]}}, "google_maps"),
        ({"groundingMetadata": {"groundingChunks": "x", "groundingSupports": 3}}, "web_search"),
    ],
)
def test_what_an_answer_rests_on_has_a_neutral_name(beside: dict[str, Any], tool: str) -> None:
    """Pages, files and places are found by different tools."""
    *_, block = reply_of(chunk_of({"text": "so"}, reason="STOP", **beside)).blocks

    assert isinstance(block, HostedToolBlock)
    assert block.tool == tool


def test_a_text_that_was_recited_names_its_source() -> None:
    """The server says where it read the words."""
    source = {"startIndex": 0, "endIndex": 4, "uri": "https://x.example", "license": "MIT"}

    [block] = reply_of(
        chunk_of({"text": "if a:"}, reason="STOP", citationMetadata={"citations": [source]})
    ).blocks

    assert isinstance(block, TextBlock)
    [citation] = block.citations
    assert (citation.url, citation.start, citation.end) == ("https://x.example", 0, 4)
    assert json.loads(citation.raw) == source
