"""Rules of the Messages stream that recordings do not show, event by event."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mentra_actors.domain.content import (
    AssistantMessage,
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
    ReplyFinished,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    UsageReported,
)
from mentra_actors.providers.presets import ANTHROPIC
from mentra_actors.providers.wires.anthropic_wire import ANTHROPIC_MESSAGES

sys.path.insert(0, str(Path(__file__).parent))
from anthropic_events import (
    OWN,
    Event,
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


def test_a_whole_answer_event_by_event() -> None:
    """The order in which viewers see it."""
    events = events_of(
        started(usage={"input_tokens": 3, "output_tokens": 1}),
        {"type": "ping"},
        *text_block(0, "hi"),
        *call_block(1, "", '{"a":', "1}"),
        block_ended(1),
        *ended("tool_use", output_tokens=9),
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
            provenance=OWN,
        )
    )


def test_usage_merges_field_by_field() -> None:
    """Counts are totals: what comes later replaces, what is missing or null stays."""
    usage = reply_of(
        started(
            usage={
                "input_tokens": 10,
                "cache_read_input_tokens": 2,
                "cache_creation_input_tokens": 5,
                "output_tokens": 1,
            }
        ),
        *ended(
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
    start = started(usage={"input_tokens": 10, "output_tokens": 1})
    assert reply_of(start, *ended(input_tokens="many")).usage.input_tokens == 10


def test_counts_that_no_answer_has_count_as_none() -> None:
    """They would be stored for good and break every sum."""
    usage = {"input_tokens": -1, "output_tokens": 10**30, "cache_read_input_tokens": True}
    assert usage_fault(reply_of(started(usage=usage), *ended()).usage) == ""


@pytest.mark.parametrize("pieces", [(), ("",), ("", ""), (" ",)])
def test_a_call_without_arguments_has_an_empty_object(pieces: tuple[str, ...]) -> None:
    """The server streams nothing then; nobody should have to ask the model again."""
    [call] = reply_of(
        started(), *call_block(0, *pieces), block_ended(0), *ended("tool_use")
    ).blocks
    assert isinstance(call, ToolCallBlock)
    assert call.arguments == "{}"


def test_what_a_block_begins_with_counts() -> None:
    """Text, reasoning and arguments may all come with the start of their block."""
    events = events_of(
        started(),
        block_begun(0, "text", text="Hel"),
        block_delta(0, "text_delta", text="lo"),
        block_ended(0),
        block_begun(1, "thinking", thinking="hm", signature="s"),
        block_ended(1),
        *call_block(2, input={"a": 1}),
        block_ended(2),
        *ended("tool_use"),
    )

    last = events[-1]
    assert isinstance(last, ReplyFinished)
    assert last.reply.blocks == (
        TextBlock(text="Hello"),
        ThinkingBlock(parts=("hm",), signature="s", provenance=OWN),
        ToolCallBlock(call_id="c2", name="search", arguments='{"a":1}'),
    )
    assert TextDelta("Hel", block_index=0) in events
    assert ThinkingDelta("hm", block_index=1) in events
    assert ToolCallDelta("c2", "search", '{"a":1}', block_index=2) in events


def test_streamed_arguments_stand_for_those_of_the_start() -> None:
    """The start is only a fallback, for viewers, too."""
    events = events_of(
        started(), *call_block(0, '{"b":2}', input={"a": 1}), block_ended(0), *ended()
    )

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

    reply = reply_of(
        started(content=content, stop_reason="tool_use", container=container),
        {"type": "message_stop"},
    )

    text, call, box = reply.blocks
    assert text == TextBlock(text="hi")
    assert isinstance(call, ToolCallBlock)
    assert (call.arguments, call.provenance) == ('{"a":1}', OWN)
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

    reply = reply_of(*ANTHROPIC_MESSAGES.events_of_result(result))

    assert reply.blocks == (
        ThinkingBlock(parts=("hm",), signature="s", provenance=OWN),
        ThinkingBlock(is_redacted=True, encrypted="enc", provenance=OWN),
        TextBlock(text="hi"),
    )
    assert (reply.response_id, reply.usage.output_tokens) == ("msg_1", 2)


def test_a_result_that_is_an_error_is_one() -> None:
    """Under HTTP 200, too; and a body that is neither says which fields it has."""
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}
    assert failure_of(*ANTHROPIC_MESSAGES.events_of_result(error)).status == 529
    with pytest.raises(ProviderError, match="choices"):
        ANTHROPIC_MESSAGES.events_of_result({"choices": []})


def test_the_last_signature_counts() -> None:
    """It is sent whole, so a second one replaces the first."""
    [block] = reply_of(
        started(),
        block_begun(0, "thinking", thinking="", signature=""),
        block_delta(0, "thinking_delta", thinking="hm"),
        block_delta(0, "signature_delta", signature="one"),
        block_delta(0, "signature_delta", signature="two"),
        block_ended(0),
        *ended(),
    ).blocks
    assert block == ThinkingBlock(parts=("hm",), signature="two", provenance=OWN)


def test_reasoning_that_was_cut_off_is_not_vouched_for() -> None:
    """A signature that is not whole would be refused with every request that follows."""
    [block] = reply_of(
        started(),
        block_begun(0, "thinking", thinking=""),
        block_delta(0, "thinking_delta", thinking="hm"),
        block_delta(0, "signature_delta", signature="half"),
        *ended("max_tokens"),
    ).blocks
    assert block == ThinkingBlock(parts=("hm",), provenance=OWN)


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
    reply = reply_of(started(), *text_block(0, "hi"), *ended(word))
    assert (reply.stop_reason, reply.raw_stop_reason) == (reason, word or "")


@pytest.mark.parametrize("word", ["end_turn", None])
def test_an_answer_with_calls_asks_for_tools(word: str | None) -> None:
    """Some servers say that the turn has ended although they wait for results."""
    reply = reply_of(started(), *call_block(0, "{}"), block_ended(0), *ended(word))
    assert reply.stop_reason is StopReason.TOOL_USE


@pytest.mark.parametrize(
    "reason", ["max_tokens", "model_context_window_exceeded", "refusal", "pause_turn", "future"]
)
def test_an_open_call_is_left_out_where_the_answer_was_cut(reason: str) -> None:
    """Its arguments may be valid JSON and still not be all of them."""
    reply = reply_of(started(), *text_block(0, "hi"), *call_block(1, '{"a":1}'), *ended(reason))
    assert reply.blocks == (TextBlock(text="hi"),)


@pytest.mark.parametrize("reason", ["tool_use", "end_turn", "stop_sequence", None])
def test_an_open_call_is_malformed_where_the_answer_is_whole(reason: str | None) -> None:
    """The server says that nothing is missing, but something is."""
    error = failure_of(started(), *call_block(0, '{"a":1}'), *ended(reason))
    assert error.kind == "malformed_stream"
    assert "'search'" in str(error)


def test_input_after_the_end_of_its_call_is_ignored() -> None:
    """What was whole when it was closed must not become something else."""
    late = block_delta(0, "input_json_delta", partial_json='{"amount": 9}')
    call = call_block(0, "", input={"amount": 1})
    events = events_of(started(), *call, block_ended(0), late, *ended("tool_use"))

    last = events[-1]
    assert isinstance(last, ReplyFinished)
    (block,) = last.reply.blocks
    assert isinstance(block, ToolCallBlock)
    assert block.arguments == '{"amount":1}'
    shown = [event.arguments for event in events if isinstance(event, ToolCallDelta)]
    assert "".join(shown) == block.arguments


def test_a_stream_that_just_ends_is_malformed() -> None:
    """Even when the reason of the end was told: only the last event makes an answer whole."""
    for events in ([], [started()], [started(), *text_block(0, "hi"), ended()[0]]):
        error = failure_of(*events)
        assert (error.kind, error.transient) == ("malformed_stream", True)


def test_an_end_without_a_beginning_is_malformed() -> None:
    """There is no answer that could have ended."""
    assert failure_of({"type": "message_stop"}).kind == "malformed_stream"


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
    found = failure_of(started(), *text_block(0, "hi"), {"type": "error", "error": error})

    assert (found.kind, found.status, found.transient) == ("in_band", status, transient)
    words = error.get("message") if isinstance(error, dict) else error
    assert (words or "no message") in str(found)


def test_a_message_that_is_started_twice_is_one() -> None:
    """A proxy repeats the first event; the second says nothing new."""
    events = events_of(started(), started(id="other", content=[]), *text_block(0, "hi"), *ended())
    assert sum(isinstance(event, AnswerStarted) for event in events) == 1
    last = events[-1]
    assert isinstance(last, ReplyFinished)
    assert last.reply.response_id == "msg_1"


def test_a_refusal_says_why() -> None:
    """The explanation is all that there is to show; it comes after what was said before."""
    details = {"type": "refusal", "explanation": "blocked"}
    delta = {"stop_reason": "refusal", "stop_details": details}
    end = [{"type": "message_delta", "delta": delta}, {"type": "message_stop"}]

    assert reply_of(started(), *end).blocks == (RefusalBlock(text="blocked"),)
    assert reply_of(started(), *text_block(0, "hi"), *end).blocks == (
        TextBlock(text="hi"),
        RefusalBlock(text="blocked"),
    )
    assert reply_of(started(), *ended("refusal")).blocks == ()


def test_nothing_follows_the_end() -> None:
    """What a proxy adds changes nothing."""
    decoder = ANTHROPIC_MESSAGES.decoder("m", ANTHROPIC)
    for event in [started(), *text_block(0, "hi"), *ended()]:
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
def test_odd_events_end_in_an_answer_or_in_an_error_of_ours(events: list[Event]) -> None:
    """Wrong types, nulls and a wrong order come from proxies; they must not bring us down."""
    try:
        reply = reply_of(*events)
    except ProviderError as error:
        kind = error.kind
    else:
        kind = "answer"
        assert usage_fault(reply.usage) == ""
        ANTHROPIC_MESSAGES.items(AssistantMessage(blocks=reply.blocks), "m", ANTHROPIC)
    assert kind in {"answer", "in_band", "malformed_stream"}
