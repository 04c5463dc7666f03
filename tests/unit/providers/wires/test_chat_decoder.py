"""Rules of Chat Completions streams that recordings do not show, chunk by chunk."""

import json
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mentra_actors.domain.content import (
    Citation,
    ImageBlock,
    OpaqueBlock,
    RefusalBlock,
    TextBlock,
    ThinkingBlock,
)
from mentra_actors.domain.model_call import StopReason, TokenUsage
from mentra_actors.errors import ProviderError
from mentra_actors.providers.port import (
    CitationFound,
    TextDelta,
    ThinkingDelta,
    UsageReported,
)
from mentra_actors.providers.presets import GENERIC_CHAT
from mentra_actors.providers.wires.chat.decoder import ChatDecoder
from mentra_actors.providers.wires.chat.think_tags import ThinkTags
from mentra_actors.providers.wires.chat_wire import CHAT_COMPLETIONS

sys.path.insert(0, str(Path(__file__).parent))
from chat_chunks import Chunk, calls_in, delta_chunk, end_chunk, events_of, reply_of

_OWN = GENERIC_CHAT.provenance("m")
_THINKING = msgspec.structs.replace(GENERIC_CHAT, splits_think_tags=True)


def test_an_error_after_the_end_is_an_error() -> None:
    """What follows a finish reason may still say that the answer is worth nothing."""
    with pytest.raises(ProviderError) as caught:
        events_of(
            delta_chunk(content="hi"), end_chunk(), {"error": {"code": 429, "message": "slow"}}
        )

    assert (caught.value.kind, caught.value.status) == ("in_band", 429)
    assert caught.value.transient


@pytest.mark.parametrize(
    "chunk",
    [
        {"error": "boom"},
        {"object": "error", "message": "boom", "code": 400},
        {"choices": [{"index": 0, "delta": {}, "error": {"message": "boom"}}]},
    ],
)
def test_errors_are_found_where_servers_put_them(chunk: Chunk) -> None:
    """An error that is read as an empty chunk leaves the user without a reason."""
    with pytest.raises(ProviderError, match="boom"):
        events_of(chunk)


def test_an_answer_that_ends_with_an_error_is_none() -> None:
    """A finish reason of `error` is no end of an answer."""
    with pytest.raises(ProviderError, match="does not explain"):
        events_of(delta_chunk(content="hi"), end_chunk("error"))


def test_a_stream_without_an_end_is_malformed() -> None:
    """A closed connection is no sign that the answer was whole."""
    with pytest.raises(ProviderError) as caught:
        events_of(delta_chunk(content="hi"), {"choices": [], "usage": {"prompt_tokens": 1}})

    assert caught.value.kind == "malformed_stream"
    assert caught.value.transient


def test_usage_in_a_last_chunk_without_choices_counts() -> None:
    """That is where it stands in the vendor's own streams."""
    usage = {
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2},
        "completion_tokens_details": {"reasoning_tokens": 3},
        "cost": 0.0012,
    }
    chunks = (delta_chunk(content="hi"), end_chunk(), {"choices": [], "usage": usage})

    reply = reply_of(*chunks)

    assert reply.usage == TokenUsage(
        input_tokens=10,
        output_tokens=5,
        cached_input_tokens=4,
        cache_write_tokens=2,
        reasoning_tokens=3,
    )
    assert reply.cost_usd_micros == 1200
    assert [e for e in events_of(*chunks) if isinstance(e, UsageReported)] == [
        UsageReported(reply.usage)
    ]


@pytest.mark.parametrize(
    ("chunk", "expected"),
    [
        ({"usage": {"prompt_tokens": 9, "prompt_cache_hit_tokens": 4}}, (9, 4)),
        ({"x_groq": {"usage": {"prompt_tokens": 9}}}, (9, 0)),
        ({"usage": {"prompt_tokens": -9}}, (0, 0)),
        ({"usage": {"prompt_tokens": "many"}}, (0, 0)),
        ({"usage": None}, (0, 0)),
    ],
)
def test_usage_of_odd_servers(chunk: Chunk, expected: tuple[int, int]) -> None:
    """A budget must count what the server says, and never a number that cannot be."""
    usage = reply_of(end_chunk(content="hi"), chunk).usage

    assert (usage.input_tokens, usage.cached_input_tokens) == expected


@pytest.mark.parametrize("field", ["reasoning", "reasoning_content"])
def test_reasoning_is_told_from_text(field: str) -> None:
    """Reasoning must never be read as the answer."""
    chunks = (
        delta_chunk(**{field: "hm "}),
        delta_chunk(**{field: "ok"}),
        delta_chunk(content="42"),
        end_chunk(),
    )

    reply = reply_of(*chunks)

    assert reply.blocks == (
        ThinkingBlock(parts=("hm ok",), provenance=_OWN, is_raw=True),
        TextBlock(text="42"),
    )
    assert [e for e in events_of(*chunks) if isinstance(e, ThinkingDelta)] == [
        ThinkingDelta("hm "),
        ThinkingDelta("ok"),
    ]


def test_reasoning_in_two_fields_counts_once() -> None:
    """Servers say it under the old and the new name, and again in details."""
    said = {"reasoning": "hm", "reasoning_content": "hm"}
    detail = {"type": "reasoning.text", "text": "hm", "index": 0}

    reply = reply_of(delta_chunk(**said, reasoning_details=[detail]), end_chunk(content="42"))

    thinking = [block for block in reply.blocks if isinstance(block, ThinkingBlock)]
    assert [block.parts for block in thinking] == [("hm",)]


def test_details_of_reasoning_keep_what_the_server_needs_back() -> None:
    """Texts come in pieces, the signature with the last; what is encrypted stays whole."""
    text = {"type": "reasoning.text", "index": 0, "format": "anthropic-claude-v1"}
    secret = {"type": "reasoning.encrypted", "data": "Zm9v", "id": "rs_1", "index": 1}
    reply = reply_of(
        delta_chunk(reasoning_details=[{**text, "text": "a"}]),
        delta_chunk(reasoning_details=[{**text, "text": "b", "signature": None}]),
        delta_chunk(reasoning_details=[{**text, "signature": "sig"}, secret]),
        delta_chunk(reasoning_details=[{"type": "reasoning.new", "index": 2, "word": "x"}]),
        end_chunk(),
    )

    assert reply.blocks == (
        ThinkingBlock(
            parts=("ab",),
            provenance=_OWN,
            signature="sig",
            is_raw=True,
            format="anthropic-claude-v1",
        ),
        ThinkingBlock(item_id="rs_1", encrypted="Zm9v", provenance=_OWN, is_redacted=True),
        OpaqueBlock(
            item_type="reasoning_detail",
            raw='{"type":"reasoning.new","index":2,"word":"x"}',
            provenance=_OWN,
        ),
    )


def test_a_refusal_is_no_text() -> None:
    """Who checks an answer must see that it is none."""
    reply = reply_of(delta_chunk(refusal="I "), delta_chunk(refusal="won't"), end_chunk())

    assert reply.blocks == (RefusalBlock(text="I won't"),)
    assert reply.stop_reason is StopReason.REFUSAL


def test_citations_stand_in_the_text_they_are_for() -> None:
    """A reader wants the page; the server its own words for it."""
    source = {"url": "https://a", "title": "A", "start_index": 0, "end_index": 2, "content": "q"}
    annotation = {"type": "url_citation", "url_citation": source}
    chunks = (delta_chunk(content="hi"), delta_chunk(annotations=[annotation]), end_chunk())

    [block] = reply_of(*chunks).blocks

    assert isinstance(block, TextBlock)
    [citation] = block.citations
    assert (citation.url, citation.title, citation.quoted) == ("https://a", "A", "q")
    assert (citation.start, citation.end) == (0, 2)
    assert json.loads(citation.raw) == annotation
    assert block.provenance == _OWN
    assert CitationFound(citation) in events_of(*chunks)


def test_a_list_of_pages_counts_once() -> None:
    """Some servers repeat their pages in each chunk."""
    pages = {"citations": ["https://a", "https://b"]}

    [block] = reply_of({**delta_chunk(content="hi"), **pages}, {**end_chunk(), **pages}).blocks

    assert isinstance(block, TextBlock)
    assert block.citations == (
        Citation(kind="url_citation", url="https://a"),
        Citation(kind="url_citation", url="https://b"),
    )


def test_images_of_an_answer_are_kept() -> None:
    """Their bytes come in a URL."""
    part = {"type": "image_url", "image_url": {"url": "data:image/png;base64,Zm9v"}}
    reply = reply_of(delta_chunk(images=[part]), end_chunk())

    assert reply.blocks == (ImageBlock(media_type="image/png", data=b"foo"),)


def test_content_may_be_a_list_of_parts() -> None:
    """Some servers send text and reasoning as parts, whole or in pieces."""
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
    reply = reply_of(
        delta_chunk(content=[thinking]),
        delta_chunk(content=[{"type": "text", "text": "42"}]),
        end_chunk(),
    )

    assert reply.blocks == (
        ThinkingBlock(parts=("hm",), provenance=_OWN, is_raw=True),
        TextBlock(text="42"),
    )


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
@pytest.mark.parametrize(
    ("said", "thoughts", "text"),
    [
        ("<think>\nhm\n</think>\n\n42", "hm", "42"),
        ("\n<think>a < b</think>if a </thin", "a < b", "if a </thin"),
        ("<thinking aloud", "", "<thinking aloud"),
        ("see <think>x</think>", "", "see <think>x</think>"),
        ("hm, so\n</think>\n\n42", "hm, so", "42"),
        ("<think>never ends", "never ends", ""),
        ("  plain", "", "  plain"),
        ("<thi", "", "<thi"),
    ],
)
def test_think_tags_are_reasoning(size: int, said: str, thoughts: str, text: str) -> None:
    """However a tag is cut, what stands in it is no part of the answer."""
    pieces = [said[at : at + size] for at in range(0, len(said), size)]

    reply = reply_of(
        *(delta_chunk(content=piece) for piece in pieces), end_chunk(), profile=_THINKING
    )

    thinking = [b for b in reply.blocks if isinstance(b, ThinkingBlock)]
    texts = [b for b in reply.blocks if isinstance(b, TextBlock)]
    assert "".join(part for block in thinking for part in block.parts) == thoughts
    assert "".join(block.text for block in texts) == text


def test_think_tags_are_text_where_nobody_asked() -> None:
    """A model that explains tags must be able to write them."""
    reply = reply_of(delta_chunk(content="<think>x</think>"), end_chunk())

    assert reply.blocks == (TextBlock(text="<think>x</think>"),)


@given(st.lists(st.sampled_from(["<think>", "</think>", "<", "x", " ", "/", "think>", "\n"])))
def test_no_cut_of_a_text_with_tags_changes_what_it_says(parts: list[str]) -> None:
    """Chunks of a stream are chance."""

    def read(pieces: list[str]) -> tuple[str, str]:
        tags = ThinkTags()
        found = [*(tags.feed(piece) for piece in pieces), tags.close()]
        return "".join(one.thoughts for one in found), "".join(one.text for one in found)

    whole = "".join(parts)

    assert read(list(whole)) == read(parts) == read([whole])


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("stop", StopReason.END_TURN),
        ("length", StopReason.MAX_TOKENS),
        ("content_filter", StopReason.CONTENT_FILTER),
        ("tool_calls", StopReason.END_TURN),
        ("model_length", StopReason.CONTEXT_EXCEEDED),
        ("insufficient_system_resource", StopReason.OTHER),
    ],
)
def test_reasons_are_neutral_and_kept_raw(raw: str, reason: StopReason) -> None:
    """Without a call the word for calls is the end of a turn."""
    reply = reply_of(delta_chunk(content="hi"), end_chunk(raw))

    assert (reply.stop_reason, reply.raw_stop_reason) == (reason, raw)


def test_other_choices_are_not_mixed_in() -> None:
    """One answer was asked for; a second one is somebody else's."""
    other = {"choices": [{"index": 1, "delta": {"content": "no"}, "finish_reason": "stop"}]}

    assert reply_of(delta_chunk(content="yes"), other, end_chunk()).blocks == (
        TextBlock(text="yes"),
    )


_JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 3) | st.text(max_size=3),
    lambda one: (
        st.lists(one, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                [
                    "id",
                    "index",
                    "name",
                    "type",
                    "function",
                    "arguments",
                    "text",
                    "url",
                    "image_url",
                ]
            ),
            one,
            max_size=3,
        )
    ),
    max_leaves=6,
)


_FIELDS = (
    "content",
    "refusal",
    "reasoning",
    "reasoning_details",
    "tool_calls",
    "function_call",
    "annotations",
    "images",
)


@given(st.lists(st.dictionaries(st.sampled_from(_FIELDS), _JUNK), max_size=4), _JUNK)
def test_wrong_types_do_no_harm(deltas: list[dict[str, Any]], junk: Any) -> None:
    """A server's odd field is skipped; the answer is still one."""
    chunks = [delta_chunk(**delta) for delta in deltas]

    reply = reply_of(*chunks, {"choices": junk, "usage": junk, "citations": junk}, end_chunk())

    ids = [call_id for call_id, _, _ in calls_in(reply)]
    assert len(set(ids)) == len(ids)
    msgspec.json.encode(reply)


def test_a_whole_result_is_read_like_a_stream() -> None:
    """Servers that do not stream send one object with the message."""
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    second = {**call, "id": "b"}
    message = {"role": "assistant", "content": "hi", "tool_calls": [call, second]}
    result = {
        "id": "x",
        "model": "m1",
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2},
    }

    reply = reply_of(*CHAT_COMPLETIONS.events_of_result(result))

    assert calls_in(reply) == [("a", "f", "{}"), ("b", "f", "{}")]
    assert (reply.response_id, reply.model, reply.usage.total_tokens) == ("x", "m1", 3)


def test_a_body_that_is_no_answer_is_refused() -> None:
    """Another API at this address is told from an empty answer."""
    with pytest.raises(ProviderError) as caught:
        CHAT_COMPLETIONS.events_of_result({"detail": "welcome"})

    assert caught.value.kind == "invalid_response"


def test_text_shows_before_the_end() -> None:
    """A viewer reads along."""
    events = ChatDecoder("m", GENERIC_CHAT).feed(delta_chunk(content="hi"))

    assert TextDelta("hi") in events
