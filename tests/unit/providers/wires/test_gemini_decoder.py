"""Rules of the Gemini stream that recordings do not show, chunk by chunk."""

import json
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
    ToolCallBlock,
    text_of,
)
from mentra_actors.domain.model_call import (
    MOST_TOKENS,
    ModelReply,
    StopReason,
    TokenUsage,
    usage_fault,
)
from mentra_actors.errors import ProviderError
from mentra_actors.providers.port import (
    AnswerStarted,
    HostedToolChanged,
    ModelEvent,
    ReplyFinished,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    UsageReported,
)
from mentra_actors.providers.presets import GEMINI
from mentra_actors.providers.wires.gemini_wire import GEMINI_GENERATE_CONTENT

_Chunk = dict[str, Any]
_OWN = GEMINI.provenance("m")
_PNG = {"mimeType": "image/png", "data": "iVBORw0KGgo="}


def _events(*chunks: _Chunk) -> list[ModelEvent]:
    decoder = GEMINI_GENERATE_CONTENT.decoder("m", GEMINI)
    found = [neutral for chunk in chunks for neutral in decoder.feed(chunk)]
    assert not decoder.is_finished
    found += decoder.finish()
    assert decoder.is_finished
    assert decoder.finish() == decoder.feed(_parts({"text": "late"})) == []
    return found


def _reply(*chunks: _Chunk) -> ModelReply:
    last = _events(*chunks)[-1]
    assert isinstance(last, ReplyFinished)
    return last.reply


def _failure(*chunks: _Chunk) -> ProviderError:
    with pytest.raises(ProviderError) as failed:
        _events(*chunks)
    return failed.value


def _parts(*parts: Any, reason: str = "", **beside: Any) -> _Chunk:
    end = {"finishReason": reason} if reason else {}
    return {"candidates": [{"content": {"parts": list(parts), "role": "model"}, **end, **beside}]}


def _call(name: str, **fields: Any) -> dict[str, Any]:
    return {"functionCall": {"name": name, **fields}}


_STOP = _parts({"text": ""}, reason="STOP")


def test_text_comes_in_pieces_of_one_block() -> None:
    """Each piece is shown at once, and no piece is left out because it was said before."""
    events = _events(_parts({"text": "ha"}), _parts({"text": "ha"}), _STOP)

    assert events[1:3] == [TextDelta("ha"), TextDelta("ha")]
    last = events[-1]
    assert isinstance(last, ReplyFinished)
    assert last.reply.blocks == (TextBlock(text="haha"),)
    assert last.reply.stop_reason is StopReason.END_TURN
    assert last.reply.usage == TokenUsage()


def test_an_answer_begins_with_who_gives_it() -> None:
    """The model that answers may not be the one that was asked."""
    events = _events({**_STOP, "modelVersion": "m-002", "responseId": "r1"})

    assert events[0] == AnswerStarted(model="m-002", response_id="r1")
    last = events[-1]
    assert isinstance(last, ReplyFinished)
    assert (last.reply.model, last.reply.response_id) == ("m-002", "r1")
    assert last.reply.provenance == _OWN
    assert _events(_STOP)[0] == AnswerStarted(model="m")


def test_thoughts_are_no_text() -> None:
    """What a model thinks must not stand in its answer."""
    events = _events(
        _parts({"text": "hm", "thought": True}), _parts({"text": "so"}, {"text": "!"}), _STOP
    )

    assert events[1:4] == [
        ThinkingDelta("hm", block_index=0),
        TextDelta("so", block_index=1),
        TextDelta("!", block_index=1),
    ]
    assert isinstance(events[-1], ReplyFinished)
    assert events[-1].reply.blocks == (
        ThinkingBlock(parts=("hm",), provenance=_OWN),
        TextBlock(text="so!"),
    )


def test_a_signature_stays_on_its_part() -> None:
    """It vouches for that part: neither what was before nor what comes after is within."""
    reply = _reply(
        _parts({"text": "a"}),
        _parts({"text": "b", "thoughtSignature": "s1"}),
        _parts({"text": "c"}),
        _parts({"text": "", "thoughtSignature": "s2"}, reason="STOP"),
    )

    assert reply.blocks == (
        TextBlock(text="a"),
        TextBlock(text="b", signature="s1", provenance=_OWN),
        TextBlock(text="c"),
        TextBlock(text="", signature="s2", provenance=_OWN),
    )
    assert text_of(reply.blocks) == "abc"


def test_a_signature_alone_is_kept() -> None:
    """A part may be nothing else."""
    reply = _reply(_parts({"thoughtSignature": "s"}, reason="STOP"))

    assert reply.blocks == (TextBlock(text="", signature="s", provenance=_OWN),)


def test_thoughts_take_the_signature_that_follows_them() -> None:
    """An empty thought would be nothing but a note that reasoning is missing."""
    reply = _reply(
        _parts({"text": "hm", "thought": True}),
        _parts({"text": "", "thought": True, "thoughtSignature": "s"}),
        _parts({"text": "on", "thought": True}),
        _STOP,
    )

    assert reply.blocks == (
        ThinkingBlock(parts=("hm",), signature="s", provenance=_OWN),
        ThinkingBlock(parts=("on",), provenance=_OWN),
    )


def test_each_call_is_a_block_with_an_id_of_its_own() -> None:
    """Two calls that look alike are two calls."""
    chunk = {**_parts(_call("roll"), _call("roll", id="x"), reason="STOP"), "responseId": "r"}

    events = _events(chunk)

    assert events[1:3] == [
        ToolCallDelta("r-0", "roll", "{}", block_index=0),
        ToolCallDelta("x", "roll", "{}", block_index=1),
    ]
    assert isinstance(events[-1], ReplyFinished)
    assert events[-1].reply.blocks == (
        ToolCallBlock(call_id="r-0", name="roll"),
        ToolCallBlock(call_id="x", name="roll"),
    )
    assert events[-1].reply.stop_reason is StopReason.TOOL_USE


def test_an_id_that_comes_twice_is_one_calls_only() -> None:
    """Two results for one id would be lost on the model."""
    reply = _reply(_parts(_call("a", id="x"), _call("b", id="x"), reason="STOP"))

    ids = [block.call_id for block in reply.blocks if isinstance(block, ToolCallBlock)]
    assert ids[0] == "x"
    assert len(set(ids)) == 2


def test_text_and_calls_at_one_place_of_their_chunks_do_not_mix() -> None:
    """Places within a chunk say nothing of blocks."""
    reply = _reply(_parts({"text": "Let me."}), _parts(_call("a", args={"x": 1})), _STOP)

    assert reply.blocks == (
        TextBlock(text="Let me."),
        ToolCallBlock(call_id="call-1", name="a", arguments='{"x":1}'),
    )


@pytest.mark.parametrize("arguments", [None, "x", [], 3])
def test_arguments_of_a_wrong_type_count_as_none(arguments: Any) -> None:
    """A call without arguments is a call."""
    reply = _reply(_parts(_call("a", args=arguments), reason="STOP"))

    assert reply.blocks == (ToolCallBlock(call_id="call-0", name="a"),)


def test_a_call_may_come_in_fragments() -> None:
    """Each names its place; texts of one place are joined, other values are whole."""
    events = _events(
        _parts({**_call("f", willContinue=True), "thoughtSignature": "s"}),
        _parts({"text": ""}, {"text": "hm", "thought": True}),
        *[
            _parts({"functionCall": {"partialArgs": [fragment], "willContinue": True}})
            for fragment in (
                {"jsonPath": "$.city", "stringValue": "New ", "willContinue": True},
                {"jsonPath": "$.city", "stringValue": "York"},
                {"jsonPath": "$.places[0].name", "stringValue": "a"},
                {"jsonPath": "$.places[1]['the zip']", "numberValue": 7},
                {"jsonPath": '$.x["it\'s"]', "boolValue": False},
                {"jsonPath": "$.none", "nullValue": "NULL_VALUE"},
            )
        ],
        _parts({"functionCall": {}}),
        _STOP,
    )

    last = events[-1]
    assert isinstance(last, ReplyFinished)
    call, _ = last.reply.blocks
    assert isinstance(call, ToolCallBlock)
    assert json.loads(call.arguments) == {
        "city": "New York",
        "places": [{"name": "a"}, {"the zip": 7}],
        "x": {"it's": False},
        "none": None,
    }
    assert (call.signature, call.provenance) == ("s", _OWN)
    shown = [event for event in events if isinstance(event, ToolCallDelta)]
    assert [event.arguments for event in shown] == ["", call.arguments]


@pytest.mark.parametrize("path", ["", "$", "x", "$[0]", "$.a[1]", "$.a..b", "$.a[-1]", "$.s.t"])
def test_a_fragment_that_belongs_nowhere_breaks_the_answer(path: str) -> None:
    """A guess would be a call that nobody asked for."""
    failure = _failure(
        _parts(_call("f", args={"s": "text"}, willContinue=True)),
        _parts({"functionCall": {"partialArgs": [{"jsonPath": path, "stringValue": "v"}]}}),
        _STOP,
    )

    assert failure.kind == "malformed_stream"


def test_a_place_deeper_than_json_can_be_breaks_the_answer() -> None:
    """Each part of a path is one level; arguments that deep could be neither kept nor sent."""
    fragment = {"jsonPath": "$" + ".a" * 1_000, "stringValue": "v"}

    failure = _failure(_parts({"functionCall": {"name": "f", "partialArgs": [fragment]}}), _STOP)

    assert failure.kind == "malformed_stream"


def test_a_call_that_was_not_closed_never_runs() -> None:
    """Its arguments may be valid and still not be all of them."""
    begun = _parts({"text": "a"}, _call("f", args={"x": 1}, willContinue=True))

    assert _failure(begun, _STOP).kind == "malformed_stream"
    assert _failure(begun, _parts(_call("g"), reason="STOP")).kind == "malformed_stream"
    reply = _reply(begun, _parts(reason="MAX_TOKENS"))
    assert reply.blocks == (TextBlock(text="a"),)
    assert reply.stop_reason is StopReason.MAX_TOKENS


@pytest.mark.parametrize("sent_id", ["a", "c"])
def test_a_fragment_of_another_call_is_not_of_the_open_one(sent_id: str) -> None:
    """Arguments of a payment must not end in a harmless call."""
    late = {"id": sent_id, "partialArgs": [{"jsonPath": "$.amount", "numberValue": 9}]}
    failure = _failure(
        _parts(_call("pay", id="a")),
        _parts(_call("look", id="b", willContinue=True)),
        _parts({"functionCall": late}),
        _STOP,
    )

    assert failure.kind == "malformed_stream"


def test_a_fragment_may_name_the_open_call() -> None:
    """Its id says the same as its order, also where another call has that id already."""
    fragment = {"id": "a", "partialArgs": [{"jsonPath": "$.x", "numberValue": 9}]}
    reply = _reply(
        _parts(_call("f", id="a")),
        _parts(_call("g", id="a", willContinue=True)),
        _parts({"functionCall": fragment}),
        _STOP,
    )

    calls = [block for block in reply.blocks if isinstance(block, ToolCallBlock)]
    assert [(call.name, call.arguments) for call in calls] == [("f", "{}"), ("g", '{"x":9}')]


@pytest.mark.parametrize("odd", ["garbage", 3, [], {"willContinue": "true"}, {"willContinue": 0}])
def test_only_a_fragment_that_is_one_closes_a_call(odd: Any) -> None:
    """Half a call must not run because of something that nobody can read."""
    begun = _parts(_call("f", args={"x": 1}, willContinue=True))

    assert "never closed" in str(_failure(begun, _parts({"functionCall": odd}), _STOP))


def test_a_call_without_a_name_breaks_the_answer() -> None:
    """Dropping it would end the turn as if nothing had been asked for."""
    assert _failure(_parts({"functionCall": {"args": {"x": 1}}}), _STOP).transient


def test_an_answer_ends_with_the_stream_and_not_before() -> None:
    """A reason may come twice, with content and usage after the first."""
    reply = _reply(
        _parts({"text": "a"}, reason="STOP"),
        _parts({"text": "b"}),
        _parts({"text": "c"}, reason="MAX_TOKENS"),
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
        (_parts({"text": "half"}),),
        (_parts(_call("f")),),
        ({**_parts({"text": "half"}), "promptFeedback": {"safetyRatings": []}},),
        ({"promptFeedback": {"safetyRatings": []}}, _parts({"text": "half"})),
    ],
)
def test_a_stream_without_a_reason_is_malformed(chunks: tuple[_Chunk, ...]) -> None:
    """Half an answer must be asked for again."""
    failure = _failure(*chunks)

    assert failure.kind == "malformed_stream"
    assert failure.transient


@pytest.mark.parametrize(
    ("feedback", "word"),
    [({"blockReason": "SAFETY"}, "SAFETY"), ({}, "BLOCKED"), ({"blockReason": None}, "BLOCKED")],
)
def test_a_blocked_prompt_is_an_answer_without_blocks(feedback: dict[str, Any], word: str) -> None:
    """To ask again would be refused again."""
    reply = _reply({"promptFeedback": feedback, "usageMetadata": {"promptTokenCount": 8}})

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
    reply = _reply({"candidates": [{"content": {"role": "model"}, "finishReason": word}]})

    assert (reply.blocks, reply.stop_reason, reply.raw_stop_reason) == ((), reason, word)


def test_the_prompt_counts_last_and_the_steps_count_most() -> None:
    """The prompt is estimated first; counts of a step vanish when the server's tools run."""
    events = _events(
        {
            **_parts({"text": "a"}),
            "usageMetadata": {
                "promptTokenCount": 169,
                "candidatesTokenCount": 51,
                "thoughtsTokenCount": 9,
            },
        },
        {**_parts({"text": "b"}), "usageMetadata": {"promptTokenCount": 79}},
        {
            **_STOP,
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
    usage = _reply({**_STOP, "usageMetadata": counts}).usage

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

    reply = _reply(_parts({"text": "a"}, *parts, {"text": "b"}), _STOP)

    opaque = [block for block in reply.blocks if isinstance(block, OpaqueBlock)]
    assert [json.loads(block.raw) for block in opaque] == parts
    assert [block.item_type for block in opaque] == [
        "executableCode",
        "toolCall",
        "somethingNew",
        "fileData",
    ]
    assert {block.provenance for block in opaque} == {_OWN}
    assert [b.text for b in reply.blocks if isinstance(b, TextBlock)] == ["a", "b"]


def test_an_image_is_seen_and_a_signed_one_goes_back() -> None:
    """People see the image; the model gets the very part that it signed."""
    drawn = {"inlineData": _PNG}
    signed = {"inlineData": _PNG, "thoughtSignature": "s"}

    reply = _reply(_parts(drawn, signed, {**drawn, "thought": True}, reason="STOP"))

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
    failure = _failure(_parts({"inlineData": {"mimeType": "image/png", "data": data}}), _STOP)

    assert failure.kind == "malformed_stream"
    assert "image/png" in str(failure)


def test_data_that_is_no_image_is_kept_as_it_is() -> None:
    """Speech has no neutral form."""
    part = {"inlineData": {"mimeType": "audio/wav", "data": "UklGRg=="}}

    [block] = _reply(_parts(part, reason="STOP")).blocks

    assert isinstance(block, OpaqueBlock)
    assert json.loads(block.raw) == part


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
    reply = _reply(
        _parts({"text": "Grüße ", "thoughtSignature": "s"}),
        _parts({"text": "aus Köln."}),
        _parts(
            reason="STOP",
            **_grounded((8, 18, "aus Köln."), (0, 12, "Grüße aus"), (3, 9, "Köln")),
        ),
    )

    first, second, hosted = reply.blocks
    assert isinstance(first, TextBlock)
    assert isinstance(second, TextBlock)
    assert [first.text[c.start : c.end] for c in first.citations] == ["Grüße "]
    assert [second.text[c.start : c.end] for c in second.citations] == ["aus Köln.", "Köln"]
    assert first.provenance == second.provenance == _OWN
    assert (second.citations[0].kind, second.citations[0].url) == ("web", "https://x.example")
    assert isinstance(hosted, HostedToolBlock)


def test_words_that_come_twice_are_told_apart_by_their_place() -> None:
    """The place decides where the words alone do not."""
    first, second, _ = _reply(
        _parts({"text": "so ", "thoughtSignature": "s"}, {"text": "so, so"}),
        _parts(reason="STOP", **_grounded((7, 9, "so"))),
    ).blocks

    assert isinstance(first, TextBlock)
    assert isinstance(second, TextBlock)
    assert first.citations == ()
    assert [(c.start, c.end) for c in second.citations] == [(4, 6)]


def test_a_search_is_told_with_what_was_searched_for() -> None:
    """People want to know where an answer is from, and the server asks to show its page."""
    beside = _grounded(webSearchQueries=["a", "b"], searchEntryPoint={"renderedContent": "<p>"})

    events = _events(_parts({"text": "so"}, reason="STOP", **beside))

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
    *_, block = _reply(_parts({"text": "so"}, reason="STOP", **beside)).blocks

    assert isinstance(block, HostedToolBlock)
    assert block.tool == tool


def test_a_text_that_was_recited_names_its_source() -> None:
    """The server says where it read the words."""
    source = {"startIndex": 0, "endIndex": 4, "uri": "https://x.example", "license": "MIT"}

    [block] = _reply(
        _parts({"text": "if a:"}, reason="STOP", citationMetadata={"citations": [source]})
    ).blocks

    assert isinstance(block, TextBlock)
    [citation] = block.citations
    assert (citation.url, citation.start, citation.end) == ("https://x.example", 0, 4)
    assert json.loads(citation.raw) == source


def test_only_the_first_candidate_is_the_answer() -> None:
    """Others are other answers, not more of this one."""
    other = {"index": 1, "content": {"parts": [{"text": "other"}]}, "finishReason": "SAFETY"}

    reply = _reply({"candidates": [other]}, _parts({"text": "mine"}, reason="STOP"))

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
    failure = _failure(_parts({"text": "a"}), {"error": _BUSY})

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
    failure = _failure({"error": error})

    assert (failure.status, failure.transient) == (status, is_transient)
    assert failure.retry_after_s is None


@pytest.mark.parametrize(
    ("event", "is_whole"),
    [
        (_STOP, True),
        ({"promptFeedback": {"blockReason": "SAFETY"}}, True),
        ({"error": _BUSY}, True),
        (_parts({"text": "a"}), False),
        ({"usageMetadata": {}}, False),
        ({}, False),
    ],
)
def test_only_an_end_counts_without_a_blank_line_after_it(
    event: _Chunk, *, is_whole: bool
) -> None:
    """Anything else that is cut off may be cut short."""
    assert GEMINI_GENERATE_CONTENT.is_terminal(event) is is_whole


def test_a_whole_answer_reads_like_a_stream_of_one_chunk() -> None:
    """Some servers do not stream."""
    result = _parts({"text": "hi"}, reason="STOP")

    events = GEMINI_GENERATE_CONTENT.events_of_result(result)

    assert text_of(_reply(*events).blocks) == "hi"
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
def test_nothing_that_a_server_sends_is_worse_than_an_error(chunks: list[_Chunk]) -> None:
    """Wrong types, nulls and unknown fields are an answer or a `ProviderError`, no crash."""
    decoder = GEMINI_GENERATE_CONTENT.decoder("m", GEMINI)
    try:
        for chunk in [*chunks, _parts(*_whole_parts(chunks), reason="STOP")]:
            decoder.feed(chunk)
        decoder.finish()
    except ProviderError:
        pass


def _whole_parts(chunks: list[_Chunk]) -> list[Any]:
    """The random values as parts, too: they rarely get so deep by themselves."""
    return [value for chunk in chunks for value in chunk.values()]
