"""Rules of the Gemini stream that recordings do not show, chunk by chunk."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mentra_actors.domain.content import (
    HostedToolBlock,
    ImageBlock,
    OpaqueBlock,
    TextBlock,
    ThinkingBlock,
    text_of,
)
from mentra_actors.domain.model_call import (
    MOST_TOKENS,
    StopReason,
    TokenUsage,
    usage_fault,
)
from mentra_actors.errors import ProviderError
from mentra_actors.providers.port import (
    AnswerStarted,
    ReplyFinished,
    TextDelta,
    ThinkingDelta,
    UsageReported,
)
from mentra_actors.providers.presets import GEMINI
from mentra_actors.providers.wires.gemini_wire import GEMINI_GENERATE_CONTENT

sys.path.insert(0, str(Path(__file__).parent))
from gemini_chunks import OWN, STOP, Chunk, call_part, chunk_of, events_of, failure_of, reply_of

_PNG = {"mimeType": "image/png", "data": "iVBORw0KGgo="}


def test_text_comes_in_pieces_of_one_block() -> None:
    """Each piece is shown at once, and no piece is left out because it was said before."""
    events = events_of(chunk_of({"text": "ha"}), chunk_of({"text": "ha"}), STOP)

    assert events[1:3] == [TextDelta("ha"), TextDelta("ha")]
    last = events[-1]
    assert isinstance(last, ReplyFinished)
    assert last.reply.blocks == (TextBlock(text="haha"),)
    assert last.reply.stop_reason is StopReason.END_TURN
    assert last.reply.usage == TokenUsage()


def test_an_answer_begins_with_who_gives_it() -> None:
    """The model that answers may not be the one that was asked."""
    events = events_of({**STOP, "modelVersion": "m-002", "responseId": "r1"})

    assert events[0] == AnswerStarted(model="m-002", response_id="r1")
    last = events[-1]
    assert isinstance(last, ReplyFinished)
    assert (last.reply.model, last.reply.response_id) == ("m-002", "r1")
    assert last.reply.provenance == OWN
    assert events_of(STOP)[0] == AnswerStarted(model="m")


def test_thoughts_are_no_text() -> None:
    """What a model thinks must not stand in its answer."""
    events = events_of(
        chunk_of({"text": "hm", "thought": True}), chunk_of({"text": "so"}, {"text": "!"}), STOP
    )

    assert events[1:4] == [
        ThinkingDelta("hm", block_index=0),
        TextDelta("so", block_index=1),
        TextDelta("!", block_index=1),
    ]
    assert isinstance(events[-1], ReplyFinished)
    assert events[-1].reply.blocks == (
        ThinkingBlock(parts=("hm",), provenance=OWN),
        TextBlock(text="so!"),
    )


def test_a_signature_stays_on_its_part() -> None:
    """It vouches for that part: neither what was before nor what comes after is within."""
    reply = reply_of(
        chunk_of({"text": "a"}),
        chunk_of({"text": "b", "thoughtSignature": "s1"}),
        chunk_of({"text": "c"}),
        chunk_of({"text": "", "thoughtSignature": "s2"}, reason="STOP"),
    )

    assert reply.blocks == (
        TextBlock(text="a"),
        TextBlock(text="b", signature="s1", provenance=OWN),
        TextBlock(text="c"),
        TextBlock(text="", signature="s2", provenance=OWN),
    )
    assert text_of(reply.blocks) == "abc"


def test_a_signature_alone_is_kept() -> None:
    """A part may be nothing else."""
    reply = reply_of(chunk_of({"thoughtSignature": "s"}, reason="STOP"))

    assert reply.blocks == (TextBlock(text="", signature="s", provenance=OWN),)


def test_thoughts_take_the_signature_that_follows_them() -> None:
    """An empty thought would be nothing but a note that reasoning is missing."""
    reply = reply_of(
        chunk_of({"text": "hm", "thought": True}),
        chunk_of({"text": "", "thought": True, "thoughtSignature": "s"}),
        chunk_of({"text": "on", "thought": True}),
        STOP,
    )

    assert reply.blocks == (
        ThinkingBlock(parts=("hm",), signature="s", provenance=OWN),
        ThinkingBlock(parts=("on",), provenance=OWN),
    )


def test_an_answer_ends_with_the_stream_and_not_before() -> None:
    """A reason may come twice, with content and usage after the first."""
    reply = reply_of(
        chunk_of({"text": "a"}, reason="STOP"),
        chunk_of({"text": "b"}),
        chunk_of({"text": "c"}, reason="MAX_TOKENS"),
        {"usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 4}},
    )

    assert text_of(reply.blocks) == "abc"
    assert reply.raw_stop_reason == "MAX_TOKENS"
    assert reply.usage == TokenUsage(input_tokens=10, output_tokens=4)


@pytest.mark.parametrize(
    "chunks",
    [
        (),
        ({},),
        ({"usageMetadata": {"promptTokenCount": 5}},),
        (chunk_of({"text": "half"}),),
        (chunk_of(call_part("f")),),
        ({**chunk_of({"text": "half"}), "promptFeedback": {"safetyRatings": []}},),
        ({"promptFeedback": {"safetyRatings": []}}, chunk_of({"text": "half"})),
    ],
)
def test_a_stream_without_a_reason_is_malformed(chunks: tuple[Chunk, ...]) -> None:
    """Half an answer must be asked for again."""
    failure = failure_of(*chunks)

    assert failure.kind == "malformed_stream"
    assert failure.transient


@pytest.mark.parametrize(
    ("feedback", "word"),
    [({"blockReason": "SAFETY"}, "SAFETY"), ({}, "BLOCKED"), ({"blockReason": None}, "BLOCKED")],
)
def test_a_blocked_prompt_is_an_answer_without_blocks(feedback: dict[str, Any], word: str) -> None:
    """To ask again would be refused again."""
    reply = reply_of({"promptFeedback": feedback, "usageMetadata": {"promptTokenCount": 8}})

    assert reply.blocks == ()
    assert reply.stop_reason is StopReason.CONTENT_FILTER
    assert reply.raw_stop_reason == word
    assert reply.usage.input_tokens == 8


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("STOP", StopReason.END_TURN),
        ("MAX_TOKENS", StopReason.MAX_TOKENS),
        ("CONTINUATION", StopReason.PAUSE),
        ("RECITATION", StopReason.CONTENT_FILTER),
        ("IMAGE_SAFETY", StopReason.CONTENT_FILTER),
        ("MODEL_ARMOR", StopReason.CONTENT_FILTER),
        ("MISSING_THOUGHT_SIGNATURE", StopReason.MALFORMED_CALL),
        ("MALFORMED_RESPONSE", StopReason.MALFORMED_CALL),
        ("OTHER", StopReason.OTHER),
        ("SOMETHING_NEW", StopReason.OTHER),
    ],
)
def test_a_reason_without_content_is_an_answer(word: str, reason: StopReason) -> None:
    """All tokens may have gone into thoughts; the caller decides what to do."""
    reply = reply_of({"candidates": [{"content": {"role": "model"}, "finishReason": word}]})

    assert (reply.blocks, reply.stop_reason, reply.raw_stop_reason) == ((), reason, word)


def test_the_prompt_counts_last_and_the_steps_count_most() -> None:
    """The prompt is estimated first; counts of a step vanish when the server's tools run."""
    events = events_of(
        {
            **chunk_of({"text": "a"}),
            "usageMetadata": {
                "promptTokenCount": 169,
                "candidatesTokenCount": 51,
                "thoughtsTokenCount": 9,
            },
        },
        {**chunk_of({"text": "b"}), "usageMetadata": {"promptTokenCount": 79}},
        {
            **STOP,
            "usageMetadata": {
                "promptTokenCount": 79,
                "candidatesTokenCount": 46,
                "cachedContentTokenCount": 30,
                "toolUsePromptTokenCount": 100,
                "trafficType": "ON_DEMAND",
            },
        },
        {"usageMetadata": {"promptTokenCount": None, "candidatesTokenCount": "x"}},
    )

    used = [event.usage for event in events if isinstance(event, UsageReported)]
    assert used == [
        TokenUsage(input_tokens=169, output_tokens=60, reasoning_tokens=9),
        TokenUsage(input_tokens=79, output_tokens=60, reasoning_tokens=9),
        TokenUsage(input_tokens=179, output_tokens=60, reasoning_tokens=9, cached_input_tokens=30),
    ]
    assert isinstance(events[-1], ReplyFinished)
    assert events[-1].reply.usage == used[-1]


@pytest.mark.parametrize("count", [MOST_TOKENS, 2**63, 10**30])
def test_usage_can_always_be_counted(count: int) -> None:
    """Each count may be possible and their sum not; then no usage at all would be counted."""
    names = ("promptTokenCount", "toolUsePromptTokenCount", "candidatesTokenCount")
    counts = {**dict.fromkeys(names, count), "thoughtsTokenCount": 7}
    usage = reply_of({**STOP, "usageMetadata": counts}).usage

    assert usage_fault(usage) == ""
    assert usage.reasoning_tokens == 7
    assert usage.input_tokens == (MOST_TOKENS if count == MOST_TOKENS else 0)


def test_parts_without_a_neutral_form_are_kept_whole() -> None:
    """Their signatures and marks must come back with them."""
    parts = [
        {"executableCode": {"code": "1"}, "thought": True, "thoughtSignature": "s"},
        {"thoughtSignature": "s", "toolCall": {"toolType": "GOOGLE_SEARCH_WEB"}},
        {"somethingNew": {"x": 1}},
        {"fileData": {"fileUri": "u"}},
    ]

    reply = reply_of(chunk_of({"text": "a"}, *parts, {"text": "b"}), STOP)

    opaque = [block for block in reply.blocks if isinstance(block, OpaqueBlock)]
    assert [json.loads(block.raw) for block in opaque] == parts
    assert [block.item_type for block in opaque] == [
        "executableCode",
        "toolCall",
        "somethingNew",
        "fileData",
    ]
    assert {block.provenance for block in opaque} == {OWN}
    assert [b.text for b in reply.blocks if isinstance(b, TextBlock)] == ["a", "b"]


def test_an_image_is_seen_and_a_signed_one_goes_back() -> None:
    """People see the image; the model gets the very part that it signed."""
    drawn = {"inlineData": _PNG}
    signed = {"inlineData": _PNG, "thoughtSignature": "s"}

    reply = reply_of(chunk_of(drawn, signed, {**drawn, "thought": True}, reason="STOP"))

    first, second, third = reply.blocks
    assert isinstance(first, ImageBlock)
    assert first.data == b"\x89PNG\r\n\x1a\n"
    assert isinstance(second, HostedToolBlock)
    assert isinstance(third, HostedToolBlock)
    assert second.images == third.images == (first,)
    assert _PNG["data"] not in second.raw
    assert (second.status, third.status) == ("completed", "draft")


@pytest.mark.parametrize("data", ["???", "", None])
def test_an_image_that_cannot_be_read_breaks_the_answer(data: Any) -> None:
    """The message says of which type it was."""
    failure = failure_of(chunk_of({"inlineData": {"mimeType": "image/png", "data": data}}), STOP)

    assert failure.kind == "malformed_stream"
    assert "image/png" in str(failure)


def test_data_that_is_no_image_is_kept_as_it_is() -> None:
    """Speech has no neutral form."""
    part = {"inlineData": {"mimeType": "audio/wav", "data": "UklGRg=="}}

    [block] = reply_of(chunk_of(part, reason="STOP")).blocks

    assert isinstance(block, OpaqueBlock)
    assert json.loads(block.raw) == part


def test_only_the_first_candidate_is_the_answer() -> None:
    """Others are other answers, not more of this one."""
    other = {"index": 1, "content": {"parts": [{"text": "other"}]}, "finishReason": "SAFETY"}

    reply = reply_of({"candidates": [other]}, chunk_of({"text": "mine"}, reason="STOP"))

    assert text_of(reply.blocks) == "mine"
    assert reply.raw_stop_reason == "STOP"


_BUSY = {
    "code": 429,
    "message": "Slow down.",
    "status": "RESOURCE_EXHAUSTED",
    "details": [
        {"@type": "type.googleapis.com/google.rpc.QuotaFailure"},
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.4s"},
    ],
}


def test_an_error_says_how_long_to_wait() -> None:
    """The server sends no header for it."""
    failure = failure_of(chunk_of({"text": "a"}), {"error": _BUSY})

    assert (failure.kind, failure.status, failure.code) == ("in_band", 429, "RESOURCE_EXHAUSTED")
    assert failure.transient
    assert failure.retry_after_s == pytest.approx(34.4)
    assert "Slow down." in str(failure)


@pytest.mark.parametrize(
    ("error", "status", "is_transient"),
    [
        ({"code": 503, "status": "UNAVAILABLE"}, 503, True),
        ({"status": "UNAVAILABLE"}, 503, True),
        ({"code": 400, "status": "INVALID_ARGUMENT"}, 400, False),
        ({"status": "PERMISSION_DENIED"}, 403, False),
        ({"message": "what?"}, None, False),
    ],
)
def test_errors_are_told_apart_by_number_or_word(
    error: dict[str, Any], status: int | None, *, is_transient: bool
) -> None:
    """Only some are worth another try."""
    failure = failure_of({"error": error})

    assert (failure.status, failure.transient) == (status, is_transient)
    assert failure.retry_after_s is None


@pytest.mark.parametrize(
    ("event", "is_whole"),
    [
        (STOP, True),
        ({"promptFeedback": {"blockReason": "SAFETY"}}, True),
        ({"error": _BUSY}, True),
        (chunk_of({"text": "a"}), False),
        ({"usageMetadata": {}}, False),
        ({}, False),
    ],
)
def test_only_an_end_counts_without_a_blank_line_after_it(event: Chunk, *, is_whole: bool) -> None:
    """Anything else that is cut off may be cut short."""
    assert GEMINI_GENERATE_CONTENT.is_terminal(event) is is_whole


def test_a_whole_answer_reads_like_a_stream_of_one_chunk() -> None:
    """Some servers do not stream."""
    result = chunk_of({"text": "hi"}, reason="STOP")

    events = GEMINI_GENERATE_CONTENT.events_of_result(result)

    assert text_of(reply_of(*events).blocks) == "hi"
    assert GEMINI_GENERATE_CONTENT.events_of_result({"error": _BUSY}) == [{"error": _BUSY}]
    with pytest.raises(ProviderError) as failed:
        GEMINI_GENERATE_CONTENT.events_of_result({"message": "hello"})
    assert failed.value.kind == "invalid_response"


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "candidates",
                    "content",
                    "parts",
                    "text",
                    "thought",
                    "thoughtSignature",
                    "functionCall",
                    "name",
                    "args",
                    "partialArgs",
                    "jsonPath",
                    "inlineData",
                    "mimeType",
                    "finishReason",
                    "usageMetadata",
                    "promptTokenCount",
                    "promptFeedback",
                    "groundingMetadata",
                    "groundingSupports",
                    "groundingChunkIndices",
                    "groundingChunks",
                    "segment",
                    "startIndex",
                    "error",
                    "details",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(st.lists(st.dictionaries(st.sampled_from(["candidates", "error"]), _JSON), max_size=3))
def test_nothing_that_a_server_sends_is_worse_than_an_error(chunks: list[Chunk]) -> None:
    """Wrong types, nulls and unknown fields are an answer or a `ProviderError`, no crash."""
    decoder = GEMINI_GENERATE_CONTENT.decoder("m", GEMINI)
    try:
        for chunk in [*chunks, chunk_of(*_whole_parts(chunks), reason="STOP")]:
            decoder.feed(chunk)
        decoder.finish()
    except ProviderError:
        pass


def _whole_parts(chunks: list[Chunk]) -> list[Any]:
    """The random values as parts, too: they rarely get so deep by themselves."""
    return [value for chunk in chunks for value in chunk.values()]
