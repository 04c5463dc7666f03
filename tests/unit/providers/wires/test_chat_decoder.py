"""Rules of Chat Completions streams that recordings do not show, chunk by chunk."""

import json
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
    ToolCallBlock,
)
from mentra_actors.domain.model_call import ModelReply, StopReason, TokenUsage
from mentra_actors.errors import ProviderError
from mentra_actors.providers.port import (
    CitationFound,
    ModelEvent,
    ReplyFinished,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    UsageReported,
)
from mentra_actors.providers.presets import GENERIC_CHAT
from mentra_actors.providers.wires.chat.decoder import ChatDecoder
from mentra_actors.providers.wires.chat.think_tags import ThinkTags
from mentra_actors.providers.wires.chat_wire import CHAT_COMPLETIONS

_Chunk = dict[str, Any]
_OWN = GENERIC_CHAT.provenance("m")
_THINKING = msgspec.structs.replace(GENERIC_CHAT, splits_think_tags=True)


def _events(*chunks: _Chunk, profile: Any = GENERIC_CHAT) -> list[ModelEvent]:
    decoder = ChatDecoder("m", profile)
    found = [event for chunk in chunks for event in decoder.feed(chunk)]
    return found + decoder.finish()


def _reply(*chunks: _Chunk, profile: Any = GENERIC_CHAT) -> ModelReply:
    events = _events(*chunks, profile=profile)
    assert sum(isinstance(event, ReplyFinished) for event in events) == 1
    last = events[-1]
    assert isinstance(last, ReplyFinished)
    return last.reply


def _delta(**delta: Any) -> _Chunk:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}


def _end(reason: str = "stop", **delta: Any) -> _Chunk:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}


def _call(arguments: Any = None, **piece: Any) -> _Chunk:
    function: dict[str, Any] = {} if arguments is None else {"arguments": arguments}
    if "name" in piece:
        function["name"] = piece.pop("name")
    return _delta(tool_calls=[{**piece, "function": function}])


def _calls(reply: ModelReply) -> list[tuple[str, str, str]]:
    return [
        (block.call_id, block.name, block.arguments)
        for block in reply.blocks
        if isinstance(block, ToolCallBlock)
    ]


def test_a_call_after_the_end_is_none() -> None:
    """The reason is the end of all calls; one that comes in the same chunk is still whole."""
    piece = {"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}}
    late = _call("{}", index=1, id="b", name="g")

    assert _calls(_reply(_end("tool_calls", tool_calls=[piece]), late)) == [("a", "f", "{}")]
    assert _reply(_end("stop"), late).stop_reason is StopReason.END_TURN
    more = _call('{"x":1}', index=0)
    assert _calls(_reply(_end("tool_calls", tool_calls=[piece]), more)) == [("a", "f", "{}")]


def test_arguments_too_deep_to_be_read_are_not_whole() -> None:
    """Of an answer that was cut, they are left out like half ones."""
    deep = '{"a":' + "[" * 5_000 + "]" * 5_000 + "}"
    call = _call(deep, index=0, id="a", name="f")

    assert _calls(_reply(call, _end("length"))) == []
    assert _calls(_reply(call, _end("tool_calls"))) == [("a", "f", deep)]


def test_calls_are_put_together_from_pieces_by_their_index() -> None:
    """Two calls may stream interleaved; neither may get a piece of the other."""
    reply = _reply(
        _call("", index=0, id="a", name="f"),
        _call("", index=1, id="b", name="g"),
        _call('{"x"', index=0),
        _call('{"y":2}', index=1),
        _call(":1}", index=0),
        _end("tool_calls"),
    )

    assert _calls(reply) == [("a", "f", '{"x":1}'), ("b", "g", '{"y":2}')]
    assert reply.stop_reason is StopReason.TOOL_USE


def test_ids_and_names_may_repeat() -> None:
    """Some servers repeat them with each piece; they must not be glued together."""
    reply = _reply(
        _call('{"x"', index=0, id="a", name="f"),
        _call(":1}", index=0, id="a", name="f"),
        _end("tool_calls"),
    )

    assert _calls(reply) == [("a", "f", '{"x":1}')]


def test_ids_and_names_may_come_late() -> None:
    """A viewer gets the call under one id, with all of its arguments."""
    chunks = (
        _call('{"x"', index=0),
        _call(":1}", index=0, name="f"),
        _call(index=0, id="a"),
        _end("tool_calls"),
    )

    events = _events(*chunks)

    shown = [event for event in events if isinstance(event, ToolCallDelta)]
    assert shown == [ToolCallDelta("a", "f", '{"x":1}')]
    assert _calls(_reply(*chunks)) == [("a", "f", '{"x":1}')]


def test_calls_without_ids_get_their_own() -> None:
    """Results are matched by id, so each call needs one."""
    reply = _reply(
        _call("{}", index=0, name="f"), _call("{}", index=1, name="f"), _end("tool_calls")
    )

    assert [call_id for call_id, _, _ in _calls(reply)] == ["call_0", "call_1"]


def test_calls_of_one_id_get_different_ones() -> None:
    """Two results of one id would be told of the same call."""
    reply = _reply(
        _call("{}", index=0, id="a", name="f"),
        _call("{}", index=1, id="a", name="g"),
        _end("tool_calls"),
    )

    assert [call_id for call_id, _, _ in _calls(reply)] == ["a", "a_1"]


def test_whole_calls_may_all_have_the_index_0() -> None:
    """Some servers never count; another id with a name is another call."""
    reply = _reply(
        _call('{"x":1}', index=0, id="a", name="f"),
        _call('{"x":2}', index=0, id="b", name="f"),
        _end("tool_calls"),
    )

    assert _calls(reply) == [("a", "f", '{"x":1}'), ("b", "f", '{"x":2}')]


def test_calls_may_have_no_index() -> None:
    """Without an index a piece belongs to the call of its id, else to the last one."""
    reply = _reply(
        _call('{"x":', id="a", name="f"),
        _call("1}"),
        _call("{}", id="b", name="g"),
        _end("tool_calls"),
    )

    assert _calls(reply) == [("a", "f", '{"x":1}'), ("b", "g", "{}")]


def test_arguments_may_be_an_object() -> None:
    """Some servers send JSON where the wire has a text of JSON."""
    reply = _reply(_call({"x": 1}, index=0, id="a", name="f"), _end("stop"))

    assert _calls(reply) == [("a", "f", '{"x":1}')]
    assert reply.stop_reason is StopReason.TOOL_USE


@pytest.mark.parametrize("arguments", ["", " ", None])
def test_no_arguments_are_an_empty_object(arguments: str | None) -> None:
    """A call without arguments must not fail as malformed."""
    reply = _reply(_call(arguments, index=0, id="a", name="f"), _end("tool_calls"))

    assert _calls(reply) == [("a", "f", "{}")]


@pytest.mark.parametrize("reason", ["length", "content_filter", "unheard_of"])
@pytest.mark.parametrize("arguments", ['{"path": "/', "", "12", "{"])
def test_half_a_call_never_runs(reason: str, arguments: str) -> None:
    """Of an answer that was cut, only calls that surely are whole are reported."""
    reply = _reply(
        _call('{"x":1}', index=0, id="a", name="f"),
        _call(arguments, index=1, id="b", name="f"),
        _end(reason),
    )

    assert _calls(reply) == [("a", "f", '{"x":1}')]


def test_a_malformed_call_of_a_whole_answer_is_reported_as_it_is() -> None:
    """The model ended it itself, and learns of its mistake from the result."""
    reply = _reply(_call('{"x":', index=0, id="a", name="f"), _end("tool_calls"))

    assert _calls(reply) == [("a", "f", '{"x":')]


def test_the_older_function_call_is_a_call() -> None:
    """Old servers know one call of another name."""
    reply = _reply(
        _delta(function_call={"name": "f", "arguments": '{"x"'}),
        _delta(function_call={"arguments": ":1}"}),
        _end("function_call"),
    )

    assert _calls(reply) == [("call_0", "f", '{"x":1}')]


def test_a_custom_call_has_its_input_as_an_argument() -> None:
    """Free text of a call stands where the neutral model looks for it."""
    piece = {"index": 0, "id": "a", "type": "custom", "custom": {"name": "sh", "input": "ls"}}
    more = {"index": 0, "custom": {"input": ' "-l"'}}

    reply = _reply(_delta(tool_calls=[piece]), _delta(tool_calls=[more]), _end("tool_calls"))

    [block] = reply.blocks
    assert isinstance(block, ToolCallBlock)
    assert block.kind == "custom"
    assert json.loads(block.arguments) == {"input": 'ls "-l"'}


def test_an_error_after_the_end_is_an_error() -> None:
    """What follows a finish reason may still say that the answer is worth nothing."""
    with pytest.raises(ProviderError) as caught:
        _events(_delta(content="hi"), _end(), {"error": {"code": 429, "message": "slow"}})

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
def test_errors_are_found_where_servers_put_them(chunk: _Chunk) -> None:
    """An error that is read as an empty chunk leaves the user without a reason."""
    with pytest.raises(ProviderError, match="boom"):
        _events(chunk)


def test_an_answer_that_ends_with_an_error_is_none() -> None:
    """A finish reason of `error` is no end of an answer."""
    with pytest.raises(ProviderError, match="does not explain"):
        _events(_delta(content="hi"), _end("error"))


def test_a_stream_without_an_end_is_malformed() -> None:
    """A closed connection is no sign that the answer was whole."""
    with pytest.raises(ProviderError) as caught:
        _events(_delta(content="hi"), {"choices": [], "usage": {"prompt_tokens": 1}})

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
    chunks = (_delta(content="hi"), _end(), {"choices": [], "usage": usage})

    reply = _reply(*chunks)

    assert reply.usage == TokenUsage(
        input_tokens=10,
        output_tokens=5,
        cached_input_tokens=4,
        cache_write_tokens=2,
        reasoning_tokens=3,
    )
    assert reply.cost_usd_micros == 1200
    assert [e for e in _events(*chunks) if isinstance(e, UsageReported)] == [
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
def test_usage_of_odd_servers(chunk: _Chunk, expected: tuple[int, int]) -> None:
    """A budget must count what the server says, and never a number that cannot be."""
    usage = _reply(_end(content="hi"), chunk).usage

    assert (usage.input_tokens, usage.cached_input_tokens) == expected


@pytest.mark.parametrize("field", ["reasoning", "reasoning_content"])
def test_reasoning_is_told_from_text(field: str) -> None:
    """Reasoning must never be read as the answer."""
    chunks = (_delta(**{field: "hm "}), _delta(**{field: "ok"}), _delta(content="42"), _end())

    reply = _reply(*chunks)

    assert reply.blocks == (
        ThinkingBlock(parts=("hm ok",), provenance=_OWN, is_raw=True),
        TextBlock(text="42"),
    )
    assert [e for e in _events(*chunks) if isinstance(e, ThinkingDelta)] == [
        ThinkingDelta("hm "),
        ThinkingDelta("ok"),
    ]


def test_reasoning_in_two_fields_counts_once() -> None:
    """Servers say it under the old and the new name, and again in details."""
    said = {"reasoning": "hm", "reasoning_content": "hm"}
    detail = {"type": "reasoning.text", "text": "hm", "index": 0}

    reply = _reply(_delta(**said, reasoning_details=[detail]), _end(content="42"))

    thinking = [block for block in reply.blocks if isinstance(block, ThinkingBlock)]
    assert [block.parts for block in thinking] == [("hm",)]


def test_details_of_reasoning_keep_what_the_server_needs_back() -> None:
    """Texts come in pieces, the signature with the last; what is encrypted stays whole."""
    text = {"type": "reasoning.text", "index": 0, "format": "anthropic-claude-v1"}
    secret = {"type": "reasoning.encrypted", "data": "Zm9v", "id": "rs_1", "index": 1}
    reply = _reply(
        _delta(reasoning_details=[{**text, "text": "a"}]),
        _delta(reasoning_details=[{**text, "text": "b", "signature": None}]),
        _delta(reasoning_details=[{**text, "signature": "sig"}, secret]),
        _delta(reasoning_details=[{"type": "reasoning.new", "index": 2, "word": "x"}]),
        _end(),
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
    reply = _reply(_delta(refusal="I "), _delta(refusal="won't"), _end())

    assert reply.blocks == (RefusalBlock(text="I won't"),)
    assert reply.stop_reason is StopReason.REFUSAL


def test_citations_stand_in_the_text_they_are_for() -> None:
    """A reader wants the page; the server its own words for it."""
    source = {"url": "https://a", "title": "A", "start_index": 0, "end_index": 2, "content": "q"}
    annotation = {"type": "url_citation", "url_citation": source}
    chunks = (_delta(content="hi"), _delta(annotations=[annotation]), _end())

    [block] = _reply(*chunks).blocks

    assert isinstance(block, TextBlock)
    [citation] = block.citations
    assert (citation.url, citation.title, citation.quoted) == ("https://a", "A", "q")
    assert (citation.start, citation.end) == (0, 2)
    assert json.loads(citation.raw) == annotation
    assert block.provenance == _OWN
    assert CitationFound(citation) in _events(*chunks)


def test_a_list_of_pages_counts_once() -> None:
    """Some servers repeat their pages in each chunk."""
    pages = {"citations": ["https://a", "https://b"]}

    [block] = _reply({**_delta(content="hi"), **pages}, {**_end(), **pages}).blocks

    assert isinstance(block, TextBlock)
    assert block.citations == (
        Citation(kind="url_citation", url="https://a"),
        Citation(kind="url_citation", url="https://b"),
    )


def test_images_of_an_answer_are_kept() -> None:
    """Their bytes come in a URL."""
    part = {"type": "image_url", "image_url": {"url": "data:image/png;base64,Zm9v"}}
    reply = _reply(_delta(images=[part]), _end())

    assert reply.blocks == (ImageBlock(media_type="image/png", data=b"foo"),)


def test_content_may_be_a_list_of_parts() -> None:
    """Some servers send text and reasoning as parts, whole or in pieces."""
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
    reply = _reply(
        _delta(content=[thinking]), _delta(content=[{"type": "text", "text": "42"}]), _end()
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

    reply = _reply(*(_delta(content=piece) for piece in pieces), _end(), profile=_THINKING)

    thinking = [b for b in reply.blocks if isinstance(b, ThinkingBlock)]
    texts = [b for b in reply.blocks if isinstance(b, TextBlock)]
    assert "".join(part for block in thinking for part in block.parts) == thoughts
    assert "".join(block.text for block in texts) == text


def test_think_tags_are_text_where_nobody_asked() -> None:
    """A model that explains tags must be able to write them."""
    reply = _reply(_delta(content="<think>x</think>"), _end())

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
    reply = _reply(_delta(content="hi"), _end(raw))

    assert (reply.stop_reason, reply.raw_stop_reason) == (reason, raw)


def test_other_choices_are_not_mixed_in() -> None:
    """One answer was asked for; a second one is somebody else's."""
    other = {"choices": [{"index": 1, "delta": {"content": "no"}, "finish_reason": "stop"}]}

    assert _reply(_delta(content="yes"), other, _end()).blocks == (TextBlock(text="yes"),)


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
    chunks = [_delta(**delta) for delta in deltas]

    reply = _reply(*chunks, {"choices": junk, "usage": junk, "citations": junk}, _end())

    ids = [call_id for call_id, _, _ in _calls(reply)]
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

    reply = _reply(*CHAT_COMPLETIONS.events_of_result(result))

    assert _calls(reply) == [("a", "f", "{}"), ("b", "f", "{}")]
    assert (reply.response_id, reply.model, reply.usage.total_tokens) == ("x", "m1", 3)


def test_a_body_that_is_no_answer_is_refused() -> None:
    """Another API at this address is told from an empty answer."""
    with pytest.raises(ProviderError) as caught:
        CHAT_COMPLETIONS.events_of_result({"detail": "welcome"})

    assert caught.value.kind == "invalid_response"


def test_text_shows_before_the_end() -> None:
    """A viewer reads along."""
    events = ChatDecoder("m", GENERIC_CHAT).feed(_delta(content="hi"))

    assert TextDelta("hi") in events
