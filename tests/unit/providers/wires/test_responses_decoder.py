"""Rules of the Responses stream that recordings do not show, event by event."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mentra_actors.domain.content import (
    OpaqueBlock,
    RefusalBlock,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from mentra_actors.domain.model_call import ModelReply, StopReason, TokenUsage
from mentra_actors.errors import ProviderError
from mentra_actors.providers.port import (
    AnswerStarted,
    ModelEvent,
    ReplyFinished,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
)
from mentra_actors.providers.presets import OPENAI
from mentra_actors.providers.wires.responses.decoder import ResponsesDecoder

_Event = dict[str, Any]
_OWN = OPENAI.provenance("m")


def _events(*events: _Event) -> list[ModelEvent]:
    decoder = ResponsesDecoder("m", OPENAI)
    found = [neutral for event in events for neutral in decoder.feed(event)]
    decoder.finish()
    return found


def _reply(*events: _Event) -> ModelReply:
    last = _events(*events)[-1]
    assert isinstance(last, ReplyFinished)
    return last.reply


def _added(index: int, **item: Any) -> _Event:
    return {"type": "response.output_item.added", "output_index": index, "item": item}


def _done(index: int, **item: Any) -> _Event:
    return {"type": "response.output_item.done", "output_index": index, "item": item}


def _completed(**response: Any) -> _Event:
    return {"type": "response.completed", "response": {"status": "completed", **response}}


def _delta(kind: str, delta: str, index: int = 0, **fields: Any) -> _Event:
    return {"type": f"response.{kind}.delta", "output_index": index, "delta": delta, **fields}


def test_ids_may_change_between_the_events_of_an_item() -> None:
    """One server gives a new id with each event, so only `output_index` tells items apart."""
    output = [
        {"type": "function_call", "id": "5", "call_id": "a", "name": "f", "arguments": "{}"},
        {"type": "message", "id": "6", "content": [{"type": "output_text", "text": "hi"}]},
    ]
    reply = _reply(
        _added(0, type="function_call", id="1", call_id="a", name="f"),
        _added(1, type="message", id="2"),
        _done(1, type="message", id="3"),
        _done(0, type="function_call", id="4", call_id="a", name="f", arguments=""),
        _completed(output=output),
    )

    assert [type(block) for block in reply.blocks] == [ToolCallBlock, TextBlock]


def test_blocks_are_in_the_order_of_their_indexes() -> None:
    """Items may begin out of order, and indexes may have gaps."""
    first, second = _delta("output_text", "a", 1), _delta("output_text", "b", 5)

    assert _reply(second, first, _completed()).blocks == (TextBlock(text="a"), TextBlock(text="b"))


def test_the_closed_item_corrects_the_opened_one() -> None:
    """What is announced is a first guess; what is closed is what the server means."""
    call = {"type": "function_call", "call_id": "a"}
    events = (
        _added(0, **call, name="guess", arguments="{"),
        _done(0, **call, name="meant", arguments='{"x":1}'),
    )

    assert _reply(*events, _completed()).blocks == (
        ToolCallBlock(call_id="a", name="meant", arguments='{"x":1}'),
    )


def test_deltas_say_more_than_the_opened_item() -> None:
    """What an item is announced with is not the whole of it, whatever it holds."""
    content = [{"type": "output_text", "text": "he"}]
    call = {"type": "function_call", "call_id": "a", "name": "f"}
    reply = _reply(
        _added(0, type="message", content=content),
        _delta("output_text", "hello"),
        _added(1, **call, arguments="{"),
        _delta("function_call_arguments", "{}", 1),
        _done(1, **call),
        _completed(),
    )

    assert reply.blocks == (TextBlock(text="hello"), ToolCallBlock(call_id="a", name="f"))


def test_interleaved_calls_keep_their_arguments() -> None:
    """Calls may run side by side in the stream."""
    call = {"type": "function_call", "name": "f"}
    reply = _reply(
        _added(0, **call, call_id="a"),
        _added(2, **call, call_id="b"),
        _delta("function_call_arguments", '{"x":', 0),
        _delta("function_call_arguments", "{}", 2),
        _delta("function_call_arguments", "1}", 0),
        _done(2, **call, call_id="b"),
        _done(0, **call, call_id="a"),
        _completed(),
    )

    assert [b.arguments for b in reply.blocks if isinstance(b, ToolCallBlock)] == ['{"x":1}', "{}"]


@pytest.mark.parametrize("arguments", ["", "  ", None])
def test_a_call_without_arguments_has_an_empty_object(arguments: str | None) -> None:
    """Servers send an empty string for a tool without parameters."""
    call = {"type": "function_call", "name": "f", "call_id": "a", "arguments": arguments}

    assert _reply(_done(0, **call), _completed()).blocks == (ToolCallBlock(call_id="a", name="f"),)


@pytest.mark.parametrize(
    "last",
    [
        {"type": "response.function_call_arguments.done", "output_index": 0, "arguments": "{}"},
        _done(0, type="function_call", call_id="a", name="f", arguments="{}"),
    ],
)
def test_arguments_without_deltas_are_shown(last: _Event) -> None:
    """LM Studio sends them whole at the end."""
    call = {"type": "function_call", "call_id": "a", "name": "f"}
    events = _events(_added(0, **call), last, _done(0, **call), _completed())

    assert [e.arguments for e in events if isinstance(e, ToolCallDelta)] == ["", "{}"]


def test_half_a_call_is_dropped_from_an_incomplete_answer() -> None:
    """Its arguments may be valid JSON and still not be what the model meant."""
    call = {"type": "function_call", "call_id": "a", "name": "f"}
    incomplete = {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    last = {"type": "response.incomplete", "response": incomplete}
    open_call = _reply(_added(0, **call), _delta("function_call_arguments", "{}"), last)
    cut_call = _reply(_done(0, **call, status="incomplete", arguments="{}"), last)

    assert open_call.blocks == cut_call.blocks == ()
    assert open_call.stop_reason is StopReason.MAX_TOKENS
    assert open_call.raw_stop_reason == "max_output_tokens"


@pytest.mark.parametrize("index", [{"output_index": 0}, {}])
@pytest.mark.parametrize("key", ["call_id", "id"])
def test_calls_at_one_index_are_all_kept(index: _Event, key: str) -> None:
    """A server may leave out the index or repeat it; no call may be lost by that."""
    calls = [
        {"type": "function_call", key: name, "name": name, "arguments": "{}"} for name in "fgh"
    ]
    closed = {"type": "response.output_item.done", **index}
    events = _events(*({**closed, "item": call} for call in calls), _completed(output=None))

    shown = [event.block_index for event in events if isinstance(event, ToolCallDelta)]
    assert shown == [0, 1, 2]
    last = events[-1]
    assert isinstance(last, ReplyFinished)
    assert [block.call_id for block in last.reply.blocks if isinstance(block, ToolCallBlock)] == [
        "f",
        "g",
        "h",
    ]


def test_a_call_that_is_closed_twice_is_one() -> None:
    """The id for its result says that it is the same, whatever the other id is."""
    call = {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"}
    reply = _reply(_done(0, **call, id="1"), _done(0, **call, id="2"), _completed(output=None))

    assert len(reply.blocks) == 1


def test_final_calls_in_another_order_keep_their_arguments() -> None:
    """Calls are paired by the id for their result before they are paired in order."""
    calls = [
        {"type": "function_call", "call_id": name, "name": name, "arguments": f'{{"{name}":1}}'}
        for name in "fg"
    ]
    final = [{**call, "arguments": ""} for call in reversed(calls)]
    reply = _reply(_done(0, **calls[0]), _done(1, **calls[1]), _completed(output=final))

    assert [
        (block.call_id, block.arguments)
        for block in reply.blocks
        if isinstance(block, ToolCallBlock)
    ] == [("g", '{"g":1}'), ("f", '{"f":1}')]


def test_a_call_that_a_complete_answer_leaves_open_is_malformed() -> None:
    """Dropping it silently would end the run as if the model had nothing more to do."""
    with pytest.raises(ProviderError, match="'f' was never closed") as caught:
        _reply(_added(0, type="function_call", call_id="a", name="f"), _completed())

    assert caught.value.kind == "malformed_stream"


def test_the_encrypted_content_of_the_closed_item_counts() -> None:
    """What comes with `added` is provisional, and what comes at the end only fills a gap."""
    final = {"type": "reasoning", "encrypted_content": "final"}
    added = _added(0, type="reasoning", id="rs", encrypted_content="provisional")

    def encrypted(**done: Any) -> str:
        events = (added, _done(0, type="reasoning", id="rs", **done), _completed(output=[final]))
        (block,) = _reply(*events).blocks
        assert isinstance(block, ThinkingBlock)
        return block.encrypted

    assert encrypted(encrypted_content="done") == "done"
    assert encrypted(encrypted_content=None) == "final"
    (alone,) = _reply(added, _completed()).blocks
    assert alone == ThinkingBlock(item_id="rs", provenance=_OWN)


def test_summary_parts_stay_apart() -> None:
    """A blank line is shown between parts, not after the last, and the parts are kept."""
    events = _events(
        _delta("reasoning_summary_text", "a", summary_index=0),
        _delta("reasoning_summary_text", "b", summary_index=1),
        _delta("reasoning_summary_text", "c", summary_index=1),
        _completed(),
    )

    shown = [event.text for event in events if isinstance(event, ThinkingDelta)]
    assert shown == ["a", "\n\nb", "c"]
    assert isinstance(events[-1], ReplyFinished)
    assert events[-1].reply.blocks == (ThinkingBlock(parts=("a", "bc"), provenance=_OWN),)


@pytest.mark.parametrize("kind", ["reasoning_text", "reasoning_summary_text"])
def test_reasoning_may_come_only_at_its_end(kind: str) -> None:
    """LM Studio sends no deltas for short reasoning, and one server no index."""
    done = {"type": f"response.{kind}.done", "output_index": 0, "text": "hm"}
    events = _events(done, _completed())

    assert events[0] == ThinkingDelta("hm")
    assert isinstance(events[-1], ReplyFinished)
    is_raw = kind == "reasoning_text"
    assert events[-1].reply.blocks == (
        ThinkingBlock(parts=("hm",), provenance=_OWN, is_raw=is_raw),
    )


def test_the_later_copy_of_a_text_is_trusted() -> None:
    """Proxies leave out deltas; what was shown live may be shorter than what was said."""
    message = {"type": "message", "content": [{"type": "output_text", "text": "hello world"}]}
    delta = _delta("output_text", "hel")
    text_done = {"type": "response.output_text.done", "output_index": 0, "text": "hello world"}

    for events in (
        (delta, _completed(output=[message])),
        (delta, _done(0, **message), _completed(output=None)),
        (delta, text_done, _completed(output=[])),
    ):
        assert _reply(*events).blocks == (TextBlock(text="hello world"),)


def test_an_answer_may_be_only_in_the_last_event() -> None:
    """A server that was asked to stream may still answer at once."""
    message = {"type": "message", "content": [{"type": "output_text", "text": "x"}]}

    assert _reply(_completed(output=[message])).blocks == (TextBlock(text="x"),)


@pytest.mark.parametrize("index", [10**15, -3])
def test_a_strange_index_costs_nothing(index: int) -> None:
    """A number from outside must not decide how long a loop runs."""
    events = (_delta("output_text", "a", index, content_index=index), _completed())

    assert _reply(*events).blocks == (TextBlock(text="a"),)


def test_parts_of_a_message_are_blocks_in_order() -> None:
    """Text and refusal may stand in one message."""
    content = [{"type": "output_text", "text": "a"}, {"type": "refusal", "refusal": "no"}]
    events = _events(
        _delta("output_text", "a", content_index=0),
        _delta("refusal", "no", content_index=1),
        _done(0, type="message", id="msg", phase="final_answer", content=content),
        _completed(),
    )

    assert events[:2] == [TextDelta("a", block_index=0), TextDelta("no", block_index=1)]
    assert isinstance(events[-1], ReplyFinished)
    assert events[-1].reply.stop_reason is StopReason.REFUSAL
    assert events[-1].reply.blocks == (
        TextBlock(text="a", item_id="msg", phase="final_answer"),
        RefusalBlock(text="no", item_id="msg"),
    )


def test_an_unknown_item_is_kept_as_it_is() -> None:
    """It must survive the round trip although nobody here understands it."""
    reply = _reply(
        _added(0, type="future", id="z"),
        {"type": "response.future.delta", "output_index": 0, "delta": "?"},
        _done(0, type="future", id="z", data=[1]),
        _added(1, type="open_future"),
        _completed(),
    )

    raw = '{"type":"future","id":"z","data":[1]}'
    assert reply.blocks == (OpaqueBlock(item_type="future", raw=raw, provenance=_OWN),)


@pytest.mark.parametrize("usage", [None, {}, {"input_tokens": None, "input_tokens_details": None}])
def test_usage_may_be_missing(usage: Any) -> None:
    """Compatible servers leave it out, and an answer must not fail for a figure."""
    assert _reply(_completed(usage=usage)).usage == TokenUsage()


def test_a_resumed_stream_begins_in_the_middle() -> None:
    """The first event may be `in_progress`, and ids may come from there."""
    started = {"type": "response.in_progress", "response": {"id": "resp", "model": "real"}}
    reply = _reply(started, _delta("output_text", "x", 3), _completed())

    assert (reply.response_id, reply.model) == ("resp", "real")
    assert reply.blocks == (TextBlock(text="x"),)


@pytest.mark.parametrize(
    ("status", "reason"),
    [("cancelled", StopReason.OTHER), ("queued", StopReason.PAUSE)],
)
def test_an_unusual_end_keeps_its_own_word(status: str, reason: StopReason) -> None:
    """A word that we do not know is shown to the user as it came."""
    reply = _reply({"type": "response.completed", "response": {"status": status}})

    assert (reply.stop_reason, reply.raw_stop_reason) == (reason, status)


def test_nothing_counts_after_the_end() -> None:
    """The finished reply is the last event, exactly once."""
    assert len(_events(_completed(), _delta("output_text", "late"), _completed())) == 1


def test_an_answer_without_a_model_is_of_the_one_that_was_asked() -> None:
    """Compatible servers leave it out, at the start and at the end."""
    created = {"type": "response.created", "response": {"id": "resp"}}
    details = {"incomplete_details": {"reason": "max_output_tokens"}}
    cut = {"type": "response.incomplete", "response": {"status": "incomplete", **details}}
    error = {"code": "server_error", "message": "went wrong"}
    failed = {"type": "response.failed", "response": {"status": "failed", "error": error}}

    started, *_, finished = _events(created, _delta("output_text", "x"), cut)

    assert started == AnswerStarted(model="m", response_id="resp")
    assert isinstance(finished, ReplyFinished)
    assert (finished.reply.model, finished.reply.response_id) == ("m", "resp")
    assert finished.reply.stop_reason is StopReason.MAX_TOKENS
    assert finished.reply.raw_stop_reason == "max_output_tokens"
    with pytest.raises(ProviderError, match="went wrong"):
        _events(created, failed)


def test_a_failed_answer_is_an_error_whatever_its_event_is_called() -> None:
    """A body that is not a stream has only its status."""
    response = {"status": "failed", "error": {"code": "server_error", "message": "m"}}

    with pytest.raises(ProviderError, match="server_error"):
        _reply({"type": "response.completed", "response": response})


@pytest.mark.parametrize("place", [-1, 2**31, 10**30, True, 1.5, "1"])
def test_a_place_that_no_text_has_counts_as_not_said(place: Any) -> None:
    """A number above 64 bits would make the whole answer impossible to store."""
    citation = {"type": "url_citation", "url": "https://x.example", "start_index": 0}
    content = {"type": "output_text", "text": "a", "annotations": [citation]}
    citation["end_index"] = place
    block = _reply(_done(0, type="message", content=[content]), _completed()).blocks[0]

    assert isinstance(block, TextBlock)
    assert (block.citations[0].start, block.citations[0].end) == (0, None)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "x", "message"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["type", "content", "text", "id"]), inner, max_size=3)
    ),
    max_leaves=6,
)
_TYPES = st.sampled_from(sorted(ResponsesDecoder("m", OPENAI)._readers))
_KEYS = st.sampled_from(
    ["item", "delta", "output_index", "response", "text", "arguments", "error", "content_index"]
)


@given(st.lists(st.tuples(_TYPES, st.dictionaries(_KEYS, _JSON, max_size=4)), max_size=6))
def test_no_event_can_crash_the_decoder(events: list[tuple[str, _Event]]) -> None:
    """Strange servers exist; the only failure is a `ProviderError`."""
    decoder = ResponsesDecoder("m", OPENAI)
    kind = ""
    try:
        for event_type, fields in events:
            decoder.feed({**fields, "type": event_type})
        decoder.finish()
    except ProviderError as error:
        kind = error.kind

    assert kind in {"", "in_band", "malformed_stream"}
