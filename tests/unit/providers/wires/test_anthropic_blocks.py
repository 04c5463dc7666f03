"""Blocks of answers on the Messages wire that are no plain text: hosted tools, citations."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from mentra_actors.domain.content import (
    AssistantMessage,
    Citation,
    HostedToolBlock,
    OpaqueBlock,
    TextBlock,
    ToolCallBlock,
)
from mentra_actors.providers.port import (
    CitationFound,
    HostedToolChanged,
    ReplyFinished,
)
from mentra_actors.providers.presets import ANTHROPIC
from mentra_actors.providers.wires.anthropic_wire import ANTHROPIC_MESSAGES

sys.path.insert(0, str(Path(__file__).parent))
from anthropic_events import (
    OWN,
    block_begun,
    block_delta,
    block_ended,
    call_block,
    ended,
    events_of,
    failure_of,
    reply_of,
    started,
    text_block,
)


def test_a_tool_search_from_call_to_result() -> None:
    """Shown as it goes on; the call and the result both go back as they came."""
    result = {
        "tool_use_id": "s1",
        "content": {"type": "tool_search_tool_search_result", "tool_references": []},
    }
    events = events_of(
        started(),
        block_begun(0, "server_tool_use", id="s1", name="tool_search_tool_bm25", input={}),
        block_delta(0, "input_json_delta", partial_json='{"query":'),
        block_delta(0, "input_json_delta", partial_json='"rates"}'),
        block_ended(0),
        block_begun(1, "tool_search_tool_result", **result),
        block_ended(1),
        *ended(),
    )

    changes = [event.block for event in events if isinstance(event, HostedToolChanged)]
    assert [(block.status, block.query) for block in changes] == [
        ("in_progress", ""),
        ("in_progress", "rates"),
        ("completed", "rates"),
    ]
    last = events[-1]
    assert isinstance(last, ReplyFinished)
    search, found = last.reply.blocks
    assert search == changes[-1]
    assert isinstance(search, HostedToolBlock)
    assert (search.tool, search.call_id) == ("tool_search", "s1")
    message = AssistantMessage(blocks=last.reply.blocks)
    [item] = ANTHROPIC_MESSAGES.items(message, "m", ANTHROPIC)
    assert item["content"] == [
        {
            "type": "server_tool_use",
            "id": "s1",
            "name": "tool_search_tool_bm25",
            "input": {"query": "rates"},
        },
        {"type": "tool_search_tool_result", **result},
    ]
    assert isinstance(found, OpaqueBlock)


@pytest.mark.parametrize(
    "result",
    [
        {"content": {"type": "web_search_tool_result_error", "error_code": "unavailable"}},
        {"content": [], "is_error": True},
    ],
)
def test_a_tool_of_the_server_may_fail(result: dict[str, Any]) -> None:
    """The answer goes on; who looks at it should know."""
    reply = reply_of(
        started(),
        block_begun(0, "server_tool_use", id="s1", name="web_search", input={"query": "q"}),
        block_ended(0),
        block_begun(1, "web_search_tool_result", tool_use_id="s1", **result),
        block_ended(1),
        *ended(),
    )
    [search, _] = reply.blocks
    assert isinstance(search, HostedToolBlock)
    assert (search.tool, search.status, search.query) == ("web_search", "failed", "q")


@pytest.mark.parametrize(
    ("reason", "status"), [("max_tokens", "cut_off"), ("pause_turn", "in_progress")]
)
def test_a_tool_of_the_server_without_a_result(reason: str, status: str) -> None:
    """A pause goes on where it was; after a cut the result never comes."""
    [block] = reply_of(
        started(),
        block_begun(0, "server_tool_use", id="s1", name="web_search", input={}),
        block_ended(0),
        *ended(reason),
    ).blocks
    assert isinstance(block, HostedToolBlock)
    assert block.status == status


def test_half_a_tool_of_the_server_is_left_out() -> None:
    """It cannot go back."""
    start = block_begun(0, "server_tool_use", id="s1", name="web_search", input={})
    assert reply_of(started(), start, *ended("max_tokens")).blocks == ()


def test_unknown_blocks_are_kept_with_what_was_streamed_into_them() -> None:
    """Also compaction, of which the summary comes in one delta."""
    compaction, future = reply_of(
        started(),
        block_begun(0, "compaction", content=None),
        block_delta(0, "compaction_delta", content="summary", encrypted_content="enc"),
        block_ended(0),
        block_begun(1, "some_future_block", payload={"x": 1}, text="a"),
        block_delta(1, "some_future_delta", v="?"),
        block_delta(1, "text_delta", text="b"),
        block_ended(1),
        {"type": "some_future_event"},
        *ended("compaction"),
    ).blocks

    assert isinstance(compaction, OpaqueBlock)
    assert json.loads(compaction.raw) == {
        "type": "compaction",
        "content": "summary",
        "encrypted_content": "enc",
    }
    assert isinstance(future, OpaqueBlock)
    assert future.item_type == "some_future_block"
    assert json.loads(future.raw) == {
        "type": "some_future_block",
        "payload": {"x": 1},
        "text": "ab",
    }


def test_citations_stand_in_their_text() -> None:
    """Shown as they come; the raw form goes back to the server."""
    raw = {
        "type": "web_search_result_location",
        "url": "https://example.org",
        "title": "T",
        "cited_text": "c",
        "encrypted_index": "enc",
    }
    events = events_of(
        started(),
        block_begun(0, "text", text="", citations=[]),
        block_delta(0, "citations_delta", citation=raw),
        block_delta(0, "text_delta", text="hi"),
        block_ended(0),
        *ended(),
    )

    last = events[-1]
    assert isinstance(last, ReplyFinished)
    [text] = last.reply.blocks
    assert isinstance(text, TextBlock)
    [citation] = text.citations
    assert citation == Citation(
        kind="web_search_result_location",
        title="T",
        url="https://example.org",
        quoted="c",
        raw=citation.raw,
    )
    assert json.loads(citation.raw) == raw
    assert text.provenance == OWN
    assert CitationFound(citation, block_index=0) in events


def test_blocks_without_an_index_are_taken_in_order() -> None:
    """Some servers leave out what they think is plain."""
    events = [started(), *text_block(0, "a"), *call_block(1, '{"a":1}'), block_ended(1), *ended()]
    for event in events:
        event.pop("index", None)

    text, call = reply_of(*events).blocks

    assert text == TextBlock(text="a")
    assert isinstance(call, ToolCallBlock)
    assert call.arguments == '{"a":1}'


def test_words_may_come_without_the_start_of_their_block() -> None:
    """They lose nothing; input of a call that nobody named cannot be saved."""
    reply = reply_of(started(), block_delta(0, "text_delta", text="hi"), block_ended(0), *ended())
    assert reply.blocks == (TextBlock(text="hi"),)
    error = failure_of(started(), block_delta(0, "input_json_delta", partial_json="{}"))
    assert error.kind == "malformed_stream"


def test_a_model_that_stepped_in_is_named() -> None:
    """Costs are those of the model that answered."""
    reply = reply_of(
        started(),
        block_begun(0, "fallback", to={"model": "second"}),
        block_ended(0),
        *text_block(1, "hi"),
        *ended(),
    )
    assert reply.model == "second"
