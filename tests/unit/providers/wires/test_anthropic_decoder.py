"""Rules of the Messages stream that recordings do not show, event by event."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mentra_actors.domain.content import (
    AssistantMessage,
    Citation,
    HostedToolBlock,
    OpaqueBlock,
    RefusalBlock,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from mentra_actors.domain.model_call import ModelReply, StopReason, TokenUsage, usage_fault
from mentra_actors.errors import ProviderError
from mentra_actors.providers.port import (
    AnswerStarted,
    CitationFound,
    HostedToolChanged,
    ModelEvent,
    ReplyFinished,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    UsageReported,
)
from mentra_actors.providers.presets import ANTHROPIC
from mentra_actors.providers.wires.anthropic_wire import ANTHROPIC_MESSAGES

_Event = dict[str, Any]
_OWN = ANTHROPIC.provenance("m")


def _events(*events: _Event) -> list[ModelEvent]:
    decoder = ANTHROPIC_MESSAGES.decoder("m", ANTHROPIC)
    found = [neutral for event in events for neutral in decoder.feed(event)]
    found += decoder.finish()
    assert decoder.is_finished
    return found


def _reply(*events: _Event) -> ModelReply:
    last = _events(*events)[-1]
    assert isinstance(last, ReplyFinished)
    return last.reply


def _failure(*events: _Event) -> ProviderError:
    with pytest.raises(ProviderError) as raised:
        _events(*events)
    return raised.value


def _start(**message: Any) -> _Event:
    return {"type": "message_start", "message": {"id": "msg_1", "model": "served", **message}}


def _begin(index: int, block_type: str, **block: Any) -> _Event:
    block = {"type": block_type, **block}
    return {"type": "content_block_start", "index": index, "content_block": block}


def _delta(index: int, delta_type: str, **delta: Any) -> _Event:
    delta = {"type": delta_type, **delta}
    return {"type": "content_block_delta", "index": index, "delta": delta}


def _stop(index: int) -> _Event:
    return {"type": "content_block_stop", "index": index}


def _end(reason: str | None = "end_turn", **usage: Any) -> list[_Event]:
    return [
        {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": usage},
        {"type": "message_stop"},
    ]


def _text(index: int, text: str) -> list[_Event]:
    return [_begin(index, "text", text=""), _delta(index, "text_delta", text=text), _stop(index)]


def _call(index: int, *pieces: str, **block: Any) -> list[_Event]:
    block = {"id": f"c{index}", "name": "search", "input": {}, **block}
    deltas = [_delta(index, "input_json_delta", partial_json=piece) for piece in pieces]
    return [_begin(index, "tool_use", **block), *deltas]


def test_a_whole_answer_event_by_event() -> None:
    """The order in which viewers see it."""
    events = _events(
        _start(usage={"input_tokens": 3, "output_tokens": 1}),
        {"type": "ping"},
        *_text(0, "hi"),
        *_call(1, "", '{"a":', "1}"),
        _stop(1),
        *_end("tool_use", output_tokens=9),
    )

    assert events[:-1] == [
        AnswerStarted(model="served", response_id="msg_1"),
        UsageReported(TokenUsage(input_tokens=3, output_tokens=1)),
        TextDelta("hi", block_index=0),
        ToolCallDelta("c1", "search", "", block_index=1),
        ToolCallDelta("c1", "search", '{"a":', block_index=1),
        ToolCallDelta("c1", "search", "1}", block_index=1),
        UsageReported(TokenUsage(input_tokens=3, output_tokens=9)),
    ]
    assert events[-1] == ReplyFinished(
        ModelReply(
            blocks=(
                TextBlock(text="hi"),
                ToolCallBlock(call_id="c1", name="search", arguments='{"a":1}'),
            ),
            stop_reason=StopReason.TOOL_USE,
            raw_stop_reason="tool_use",
            usage=TokenUsage(input_tokens=3, output_tokens=9),
            response_id="msg_1",
            model="served",
            provenance=_OWN,
        )
    )


def test_usage_merges_field_by_field() -> None:
    """Counts are totals: what comes later replaces, what is missing or null stays."""
    usage = _reply(
        _start(
            usage={
                "input_tokens": 10,
                "cache_read_input_tokens": 2,
                "cache_creation_input_tokens": 5,
                "output_tokens": 1,
            }
        ),
        *_end(
            output_tokens=3,
            input_tokens=None,
            output_tokens_details={"thinking_tokens": 2},
        ),
    ).usage

    assert usage == TokenUsage(
        input_tokens=17,
        output_tokens=3,
        cached_input_tokens=2,
        cache_write_tokens=5,
        reasoning_tokens=2,
    )


def test_a_count_of_a_wrong_type_leaves_the_one_before() -> None:
    """A proxy that garbles the last event must not make the answer look free."""
    start = _start(usage={"input_tokens": 10, "output_tokens": 1})
    assert _reply(start, *_end(input_tokens="many")).usage.input_tokens == 10


def test_counts_that_no_answer_has_count_as_none() -> None:
    """They would be stored for good and break every sum."""
    usage = {"input_tokens": -1, "output_tokens": 10**30, "cache_read_input_tokens": True}
    assert usage_fault(_reply(_start(usage=usage), *_end()).usage) == ""


@pytest.mark.parametrize("pieces", [(), ("",), ("", ""), (" ",)])
def test_a_call_without_arguments_has_an_empty_object(pieces: tuple[str, ...]) -> None:
    """The server streams nothing then; nobody should have to ask the model again."""
    [call] = _reply(_start(), *_call(0, *pieces), _stop(0), *_end("tool_use")).blocks
    assert isinstance(call, ToolCallBlock)
    assert call.arguments == "{}"


def test_what_a_block_begins_with_counts() -> None:
    """Text, reasoning and arguments may all come with the start of their block."""
    events = _events(
        _start(),
        _begin(0, "text", text="Hel"),
        _delta(0, "text_delta", text="lo"),
        _stop(0),
        _begin(1, "thinking", thinking="hm", signature="s"),
        _stop(1),
        *_call(2, input={"a": 1}),
        _stop(2),
        *_end("tool_use"),
    )

    last = events[-1]
    assert isinstance(last, ReplyFinished)
    assert last.reply.blocks == (
        TextBlock(text="Hello"),
        ThinkingBlock(parts=("hm",), signature="s", provenance=_OWN),
        ToolCallBlock(call_id="c2", name="search", arguments='{"a":1}'),
    )
    assert TextDelta("Hel", block_index=0) in events
    assert ThinkingDelta("hm", block_index=1) in events
    assert ToolCallDelta("c2", "search", '{"a":1}', block_index=2) in events


def test_streamed_arguments_stand_for_those_of_the_start() -> None:
    """The start is only a fallback, for viewers, too."""
    events = _events(_start(), *_call(0, '{"b":2}', input={"a": 1}), _stop(0), *_end())

    last = events[-1]
    assert isinstance(last, ReplyFinished)
    [call] = last.reply.blocks
    assert isinstance(call, ToolCallBlock)
    shown = "".join(event.arguments for event in events if isinstance(event, ToolCallDelta))
    assert call.arguments == shown == '{"b":2}'


def test_a_message_may_be_whole_at_its_start() -> None:
    """So come calls of programs: blocks and reason in the first event, then only the end."""
    caller = {"type": "code_execution_20260120", "tool_id": "s1"}
    content = [
        {"type": "text", "text": "hi"},
        {"type": "tool_use", "id": "c", "name": "n", "input": {"a": 1}, "caller": caller},
    ]
    container = {"id": "box", "expires_at": "2030-01-01T00:00:00Z"}

    reply = _reply(
        _start(content=content, stop_reason="tool_use", container=container),
        {"type": "message_stop"},
    )

    text, call, box = reply.blocks
    assert text == TextBlock(text="hi")
    assert isinstance(call, ToolCallBlock)
    assert (call.arguments, call.provenance) == ('{"a":1}', _OWN)
    assert json.loads(call.caller) == caller
    assert isinstance(box, OpaqueBlock)
    assert json.loads(box.raw) == container
    assert reply.stop_reason is StopReason.TOOL_USE


def test_a_result_that_is_no_stream_says_the_same() -> None:
    """Some proxies do not stream; reasoning is marked as that of the model that was asked for."""
    result = {
        "type": "message",
        "id": "msg_1",
        "model": "served",
        "role": "assistant",
        "content": [
            {"type": "thinking", "thinking": "hm", "signature": "s"},
            {"type": "redacted_thinking", "data": "enc"},
            {"type": "text", "text": "hi"},
        ],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 1, "output_tokens": 2},
    }

    reply = _reply(*ANTHROPIC_MESSAGES.events_of_result(result))

    assert reply.blocks == (
        ThinkingBlock(parts=("hm",), signature="s", provenance=_OWN),
        ThinkingBlock(is_redacted=True, encrypted="enc", provenance=_OWN),
        TextBlock(text="hi"),
    )
    assert (reply.response_id, reply.usage.output_tokens) == ("msg_1", 2)


def test_a_result_that_is_an_error_is_one() -> None:
    """Under HTTP 200, too; and a body that is neither says which fields it has."""
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}
    assert _failure(*ANTHROPIC_MESSAGES.events_of_result(error)).status == 529
    with pytest.raises(ProviderError, match="choices"):
        ANTHROPIC_MESSAGES.events_of_result({"choices": []})


def test_the_last_signature_counts() -> None:
    """It is sent whole, so a second one replaces the first."""
    [block] = _reply(
        _start(),
        _begin(0, "thinking", thinking="", signature=""),
        _delta(0, "thinking_delta", thinking="hm"),
        _delta(0, "signature_delta", signature="one"),
        _delta(0, "signature_delta", signature="two"),
        _stop(0),
        *_end(),
    ).blocks
    assert block == ThinkingBlock(parts=("hm",), signature="two", provenance=_OWN)


def test_reasoning_that_was_cut_off_is_not_vouched_for() -> None:
    """A signature that is not whole would be refused with every request that follows."""
    [block] = _reply(
        _start(),
        _begin(0, "thinking", thinking=""),
        _delta(0, "thinking_delta", thinking="hm"),
        _delta(0, "signature_delta", signature="half"),
        *_end("max_tokens"),
    ).blocks
    assert block == ThinkingBlock(parts=("hm",), provenance=_OWN)


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("end_turn", StopReason.END_TURN),
        ("max_tokens", StopReason.MAX_TOKENS),
        ("stop_sequence", StopReason.STOP_SEQUENCE),
        ("pause_turn", StopReason.PAUSE),
        ("compaction", StopReason.COMPACTION),
        ("refusal", StopReason.REFUSAL),
        ("model_context_window_exceeded", StopReason.CONTEXT_EXCEEDED),
        ("some_future_reason", StopReason.OTHER),
        (None, StopReason.END_TURN),
    ],
)
def test_stop_reasons(word: str | None, reason: StopReason) -> None:
    """Ours, and the provider's own word beside it."""
    reply = _reply(_start(), *_text(0, "hi"), *_end(word))
    assert (reply.stop_reason, reply.raw_stop_reason) == (reason, word or "")


@pytest.mark.parametrize("word", ["end_turn", None])
def test_an_answer_with_calls_asks_for_tools(word: str | None) -> None:
    """Some servers say that the turn has ended although they wait for results."""
    reply = _reply(_start(), *_call(0, "{}"), _stop(0), *_end(word))
    assert reply.stop_reason is StopReason.TOOL_USE


@pytest.mark.parametrize(
    "reason", ["max_tokens", "model_context_window_exceeded", "refusal", "pause_turn", "future"]
)
def test_an_open_call_is_left_out_where_the_answer_was_cut(reason: str) -> None:
    """Its arguments may be valid JSON and still not be all of them."""
    reply = _reply(_start(), *_text(0, "hi"), *_call(1, '{"a":1}'), *_end(reason))
    assert reply.blocks == (TextBlock(text="hi"),)


@pytest.mark.parametrize("reason", ["tool_use", "end_turn", "stop_sequence", None])
def test_an_open_call_is_malformed_where_the_answer_is_whole(reason: str | None) -> None:
    """The server says that nothing is missing, but something is."""
    error = _failure(_start(), *_call(0, '{"a":1}'), *_end(reason))
    assert error.kind == "malformed_stream"
    assert "'search'" in str(error)


def test_input_after_the_end_of_its_call_is_ignored() -> None:
    """What was whole when it was closed must not become something else."""
    late = _delta(0, "input_json_delta", partial_json='{"amount": 9}')
    call = _call(0, "", input={"amount": 1})
    events = _events(_start(), *call, _stop(0), late, *_end("tool_use"))

    last = events[-1]
    assert isinstance(last, ReplyFinished)
    (block,) = last.reply.blocks
    assert isinstance(block, ToolCallBlock)
    assert block.arguments == '{"amount":1}'
    shown = [event.arguments for event in events if isinstance(event, ToolCallDelta)]
    assert "".join(shown) == block.arguments


def test_a_stream_that_just_ends_is_malformed() -> None:
    """Even when the reason of the end was told: only the last event makes an answer whole."""
    for events in ([], [_start()], [_start(), *_text(0, "hi"), _end()[0]]):
        error = _failure(*events)
        assert (error.kind, error.transient) == ("malformed_stream", True)


def test_an_end_without_a_beginning_is_malformed() -> None:
    """There is no answer that could have ended."""
    assert _failure({"type": "message_stop"}).kind == "malformed_stream"


@pytest.mark.parametrize(
    ("error", "status", "transient"),
    [
        ({"type": "overloaded_error", "message": "busy"}, 529, True),
        ({"type": "rate_limit_error", "message": "slow"}, 429, True),
        ({"type": "api_error", "message": "oops"}, 500, True),
        ({"type": "timeout_error", "message": "late"}, 408, True),
        ({"type": "authentication_error", "message": "who"}, 401, False),
        ({"type": "invalid_request_error", "message": "what"}, 400, False),
        ({"type": "billing_error", "message": "pay"}, 402, False),
        ({"message": "odd"}, None, False),
        ("words", None, False),
        (None, None, False),
    ],
)
def test_errors_within_the_answer(error: Any, status: int | None, *, transient: bool) -> None:
    """They come under HTTP 200; what they would have been else decides about a repeat."""
    found = _failure(_start(), *_text(0, "hi"), {"type": "error", "error": error})

    assert (found.kind, found.status, found.transient) == ("in_band", status, transient)
    words = error.get("message") if isinstance(error, dict) else error
    assert (words or "no message") in str(found)


def test_a_message_that_is_started_twice_is_one() -> None:
    """A proxy repeats the first event; the second says nothing new."""
    events = _events(_start(), _start(id="other", content=[]), *_text(0, "hi"), *_end())
    assert sum(isinstance(event, AnswerStarted) for event in events) == 1
    last = events[-1]
    assert isinstance(last, ReplyFinished)
    assert last.reply.response_id == "msg_1"


def test_a_refusal_says_why() -> None:
    """The explanation is all that there is to show; it comes after what was said before."""
    details = {"type": "refusal", "explanation": "blocked"}
    delta = {"stop_reason": "refusal", "stop_details": details}
    end = [{"type": "message_delta", "delta": delta}, {"type": "message_stop"}]

    assert _reply(_start(), *end).blocks == (RefusalBlock(text="blocked"),)
    assert _reply(_start(), *_text(0, "hi"), *end).blocks == (
        TextBlock(text="hi"),
        RefusalBlock(text="blocked"),
    )
    assert _reply(_start(), *_end("refusal")).blocks == ()


def test_a_tool_search_from_call_to_result() -> None:
    """Shown as it goes on; the call and the result both go back as they came."""
    result = {
        "tool_use_id": "s1",
        "content": {"type": "tool_search_tool_search_result", "tool_references": []},
    }
    events = _events(
        _start(),
        _begin(0, "server_tool_use", id="s1", name="tool_search_tool_bm25", input={}),
        _delta(0, "input_json_delta", partial_json='{"query":'),
        _delta(0, "input_json_delta", partial_json='"rates"}'),
        _stop(0),
        _begin(1, "tool_search_tool_result", **result),
        _stop(1),
        *_end(),
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
    reply = _reply(
        _start(),
        _begin(0, "server_tool_use", id="s1", name="web_search", input={"query": "q"}),
        _stop(0),
        _begin(1, "web_search_tool_result", tool_use_id="s1", **result),
        _stop(1),
        *_end(),
    )
    [search, _] = reply.blocks
    assert isinstance(search, HostedToolBlock)
    assert (search.tool, search.status, search.query) == ("web_search", "failed", "q")


@pytest.mark.parametrize(
    ("reason", "status"), [("max_tokens", "cut_off"), ("pause_turn", "in_progress")]
)
def test_a_tool_of_the_server_without_a_result(reason: str, status: str) -> None:
    """A pause goes on where it was; after a cut the result never comes."""
    [block] = _reply(
        _start(),
        _begin(0, "server_tool_use", id="s1", name="web_search", input={}),
        _stop(0),
        *_end(reason),
    ).blocks
    assert isinstance(block, HostedToolBlock)
    assert block.status == status


def test_half_a_tool_of_the_server_is_left_out() -> None:
    """It cannot go back."""
    start = _begin(0, "server_tool_use", id="s1", name="web_search", input={})
    assert _reply(_start(), start, *_end("max_tokens")).blocks == ()


def test_unknown_blocks_are_kept_with_what_was_streamed_into_them() -> None:
    """Also compaction, of which the summary comes in one delta."""
    compaction, future = _reply(
        _start(),
        _begin(0, "compaction", content=None),
        _delta(0, "compaction_delta", content="summary", encrypted_content="enc"),
        _stop(0),
        _begin(1, "some_future_block", payload={"x": 1}, text="a"),
        _delta(1, "some_future_delta", v="?"),
        _delta(1, "text_delta", text="b"),
        _stop(1),
        {"type": "some_future_event"},
        *_end("compaction"),
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
    events = _events(
        _start(),
        _begin(0, "text", text="", citations=[]),
        _delta(0, "citations_delta", citation=raw),
        _delta(0, "text_delta", text="hi"),
        _stop(0),
        *_end(),
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
    assert text.provenance == _OWN
    assert CitationFound(citation, block_index=0) in events


def test_blocks_without_an_index_are_taken_in_order() -> None:
    """Some servers leave out what they think is plain."""
    events = [_start(), *_text(0, "a"), *_call(1, '{"a":1}'), _stop(1), *_end()]
    for event in events:
        event.pop("index", None)

    text, call = _reply(*events).blocks

    assert text == TextBlock(text="a")
    assert isinstance(call, ToolCallBlock)
    assert call.arguments == '{"a":1}'


def test_words_may_come_without_the_start_of_their_block() -> None:
    """They lose nothing; input of a call that nobody named cannot be saved."""
    reply = _reply(_start(), _delta(0, "text_delta", text="hi"), _stop(0), *_end())
    assert reply.blocks == (TextBlock(text="hi"),)
    error = _failure(_start(), _delta(0, "input_json_delta", partial_json="{}"))
    assert error.kind == "malformed_stream"


def test_a_model_that_stepped_in_is_named() -> None:
    """Costs are those of the model that answered."""
    reply = _reply(
        _start(), _begin(0, "fallback", to={"model": "second"}), _stop(0), *_text(1, "hi"), *_end()
    )
    assert reply.model == "second"


def test_nothing_follows_the_end() -> None:
    """What a proxy adds changes nothing."""
    decoder = ANTHROPIC_MESSAGES.decoder("m", ANTHROPIC)
    for event in [_start(), *_text(0, "hi"), *_end()]:
        decoder.feed(event)
    assert decoder.feed({"type": "error", "error": {}}) == []
    assert decoder.feed({"type": "message_stop"}) == []


@pytest.mark.parametrize(
    ("event", "is_terminal"),
    [("message_stop", True), ("error", True), ("message_delta", False), ("ping", False)],
)
def test_terminal_events(event: str, *, is_terminal: bool) -> None:
    """Only these may be taken for whole when the stream is cut right behind them."""
    assert ANTHROPIC_MESSAGES.is_terminal({"type": event}) is is_terminal


_KEYS = (
    *("type", "index", "delta", "content_block", "message", "usage", "text", "id", "name"),
    *("input", "content", "citations", "citation", "stop_reason", "container", "caller"),
    *("partial_json", "tool_use_id", "to"),
)
_TYPES = (
    *("message_start", "content_block_start", "content_block_delta", "content_block_stop"),
    *("message_delta", "message_stop", "error", "ping"),
)
_words = st.sampled_from(["", "text", "tool_use", "server_tool_use", "input_json_delta", "s1"])
_odd = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | _words,
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(_KEYS), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(
    events=st.lists(
        st.builds(
            lambda event_type, fields: {**fields, "type": event_type},
            st.sampled_from(_TYPES),
            st.dictionaries(
                st.sampled_from(["index", "delta", "content_block", "message", "usage", "error"]),
                _odd,
                max_size=4,
            ),
        ),
        max_size=8,
    )
)
def test_odd_events_end_in_an_answer_or_in_an_error_of_ours(events: list[_Event]) -> None:
    """Wrong types, nulls and a wrong order come from proxies; they must not bring us down."""
    try:
        reply = _reply(*events)
    except ProviderError as error:
        kind = error.kind
    else:
        kind = "answer"
        assert usage_fault(reply.usage) == ""
        ANTHROPIC_MESSAGES.items(AssistantMessage(blocks=reply.blocks), "m", ANTHROPIC)
    assert kind in {"answer", "in_band", "malformed_stream"}
