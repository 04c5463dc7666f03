"""Calls of tools in answers of Gemini: whole, in fragments, and broken ones."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from mentra_actors.domain.content import (
    TextBlock,
    ToolCallBlock,
)
from mentra_actors.domain.model_call import (
    StopReason,
)
from mentra_actors.providers.port import (
    ReplyFinished,
    ToolCallDelta,
)

sys.path.insert(0, str(Path(__file__).parent))
from gemini_chunks import OWN, STOP, call_part, chunk_of, events_of, failure_of, reply_of


def test_each_call_is_a_block_with_an_id_of_its_own() -> None:
    """Two calls that look alike are two calls."""
    chunk = {
        **chunk_of(call_part("roll"), call_part("roll", id="x"), reason="STOP"),
        "responseId": "r",
    }

    events = events_of(chunk)

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
    reply = reply_of(chunk_of(call_part("a", id="x"), call_part("b", id="x"), reason="STOP"))

    ids = [block.call_id for block in reply.blocks if isinstance(block, ToolCallBlock)]
    assert ids[0] == "x"
    assert len(set(ids)) == 2


def test_text_and_calls_at_one_place_of_their_chunks_do_not_mix() -> None:
    """Places within a chunk say nothing of blocks."""
    reply = reply_of(chunk_of({"text": "Let me."}), chunk_of(call_part("a", args={"x": 1})), STOP)

    assert reply.blocks == (
        TextBlock(text="Let me."),
        ToolCallBlock(call_id="call-1", name="a", arguments='{"x":1}'),
    )


@pytest.mark.parametrize("arguments", [None, "x", [], 3])
def test_arguments_of_a_wrong_type_count_as_none(arguments: Any) -> None:
    """A call without arguments is a call."""
    reply = reply_of(chunk_of(call_part("a", args=arguments), reason="STOP"))

    assert reply.blocks == (ToolCallBlock(call_id="call-0", name="a"),)


def test_a_call_may_come_in_fragments() -> None:
    """Each names its place; texts of one place are joined, other values are whole."""
    events = events_of(
        chunk_of({**call_part("f", willContinue=True), "thoughtSignature": "s"}),
        chunk_of({"text": ""}, {"text": "hm", "thought": True}),
        *[
            chunk_of({"functionCall": {"partialArgs": [fragment], "willContinue": True}})
            for fragment in (
                {"jsonPath": "$.city", "stringValue": "New ", "willContinue": True},
                {"jsonPath": "$.city", "stringValue": "York"},
                {"jsonPath": "$.places[0].name", "stringValue": "a"},
                {"jsonPath": "$.places[1]['the zip']", "numberValue": 7},
                {"jsonPath": '$.x["it\'s"]', "boolValue": False},
                {"jsonPath": "$.none", "nullValue": "NULL_VALUE"},
            )
        ],
        chunk_of({"functionCall": {}}),
        STOP,
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
    assert (call.signature, call.provenance) == ("s", OWN)
    shown = [event for event in events if isinstance(event, ToolCallDelta)]
    assert [event.arguments for event in shown] == ["", call.arguments]


@pytest.mark.parametrize("path", ["", "$", "x", "$[0]", "$.a[1]", "$.a..b", "$.a[-1]", "$.s.t"])
def test_a_fragment_that_belongs_nowhere_breaks_the_answer(path: str) -> None:
    """A guess would be a call that nobody asked for."""
    failure = failure_of(
        chunk_of(call_part("f", args={"s": "text"}, willContinue=True)),
        chunk_of({"functionCall": {"partialArgs": [{"jsonPath": path, "stringValue": "v"}]}}),
        STOP,
    )

    assert failure.kind == "malformed_stream"


def test_a_place_deeper_than_json_can_be_breaks_the_answer() -> None:
    """Each part of a path is one level; arguments that deep could be neither kept nor sent."""
    fragment = {"jsonPath": "$" + ".a" * 1_000, "stringValue": "v"}

    failure = failure_of(
        chunk_of({"functionCall": {"name": "f", "partialArgs": [fragment]}}), STOP
    )

    assert failure.kind == "malformed_stream"


def test_a_call_that_was_not_closed_never_runs() -> None:
    """Its arguments may be valid and still not be all of them."""
    begun = chunk_of({"text": "a"}, call_part("f", args={"x": 1}, willContinue=True))

    assert failure_of(begun, STOP).kind == "malformed_stream"
    assert failure_of(begun, chunk_of(call_part("g"), reason="STOP")).kind == "malformed_stream"
    reply = reply_of(begun, chunk_of(reason="MAX_TOKENS"))
    assert reply.blocks == (TextBlock(text="a"),)
    assert reply.stop_reason is StopReason.MAX_TOKENS


@pytest.mark.parametrize("sent_id", ["a", "c"])
def test_a_fragment_of_another_call_is_not_of_the_open_one(sent_id: str) -> None:
    """Arguments of a payment must not end in a harmless call."""
    late = {"id": sent_id, "partialArgs": [{"jsonPath": "$.amount", "numberValue": 9}]}
    failure = failure_of(
        chunk_of(call_part("pay", id="a")),
        chunk_of(call_part("look", id="b", willContinue=True)),
        chunk_of({"functionCall": late}),
        STOP,
    )

    assert failure.kind == "malformed_stream"


def test_a_fragment_may_name_the_open_call() -> None:
    """Its id says the same as its order, also where another call has that id already."""
    fragment = {"id": "a", "partialArgs": [{"jsonPath": "$.x", "numberValue": 9}]}
    reply = reply_of(
        chunk_of(call_part("f", id="a")),
        chunk_of(call_part("g", id="a", willContinue=True)),
        chunk_of({"functionCall": fragment}),
        STOP,
    )

    calls = [block for block in reply.blocks if isinstance(block, ToolCallBlock)]
    assert [(call.name, call.arguments) for call in calls] == [("f", "{}"), ("g", '{"x":9}')]


@pytest.mark.parametrize("odd", ["garbage", 3, [], {"willContinue": "true"}, {"willContinue": 0}])
def test_only_a_fragment_that_is_one_closes_a_call(odd: Any) -> None:
    """Half a call must not run because of something that nobody can read."""
    begun = chunk_of(call_part("f", args={"x": 1}, willContinue=True))

    assert "never closed" in str(failure_of(begun, chunk_of({"functionCall": odd}), STOP))


def test_a_call_without_a_name_breaks_the_answer() -> None:
    """Dropping it would end the turn as if nothing had been asked for."""
    assert failure_of(chunk_of({"functionCall": {"args": {"x": 1}}}), STOP).transient
