"""Calls of tools in answers on the chat wire: in pieces, with odd ids, whole ones."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from mentra_actors.domain.content import (
    ToolCallBlock,
)
from mentra_actors.domain.model_call import StopReason
from mentra_actors.providers.port import (
    ToolCallDelta,
)

sys.path.insert(0, str(Path(__file__).parent))
from chat_chunks import Chunk, calls_in, delta_chunk, end_chunk, events_of, reply_of


def _call(arguments: Any = None, **piece: Any) -> Chunk:
    function: dict[str, Any] = {} if arguments is None else {"arguments": arguments}
    if "name" in piece:
        function["name"] = piece.pop("name")
    return delta_chunk(tool_calls=[{**piece, "function": function}])


def test_a_call_after_the_end_is_none() -> None:
    """The reason is the end of all calls; one that comes in the same chunk is still whole."""
    piece = {"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}}
    late = _call("{}", index=1, id="b", name="g")

    assert calls_in(reply_of(end_chunk("tool_calls", tool_calls=[piece]), late)) == [
        ("a", "f", "{}")
    ]
    assert reply_of(end_chunk("stop"), late).stop_reason is StopReason.END_TURN
    more = _call('{"x":1}', index=0)
    assert calls_in(reply_of(end_chunk("tool_calls", tool_calls=[piece]), more)) == [
        ("a", "f", "{}")
    ]


def test_arguments_too_deep_to_be_read_are_not_whole() -> None:
    """Of an answer that was cut, they are left out like half ones."""
    deep = '{"a":' + "[" * 5_000 + "]" * 5_000 + "}"
    call = _call(deep, index=0, id="a", name="f")

    assert calls_in(reply_of(call, end_chunk("length"))) == []
    assert calls_in(reply_of(call, end_chunk("tool_calls"))) == [("a", "f", deep)]


def test_calls_are_put_together_from_pieces_by_their_index() -> None:
    """Two calls may stream interleaved; neither may get a piece of the other."""
    reply = reply_of(
        _call("", index=0, id="a", name="f"),
        _call("", index=1, id="b", name="g"),
        _call('{"x"', index=0),
        _call('{"y":2}', index=1),
        _call(":1}", index=0),
        end_chunk("tool_calls"),
    )

    assert calls_in(reply) == [("a", "f", '{"x":1}'), ("b", "g", '{"y":2}')]
    assert reply.stop_reason is StopReason.TOOL_USE


def test_ids_and_names_may_repeat() -> None:
    """Some servers repeat them with each piece; they must not be glued together."""
    reply = reply_of(
        _call('{"x"', index=0, id="a", name="f"),
        _call(":1}", index=0, id="a", name="f"),
        end_chunk("tool_calls"),
    )

    assert calls_in(reply) == [("a", "f", '{"x":1}')]


def test_ids_and_names_may_come_late() -> None:
    """A viewer gets the call under one id, with all of its arguments."""
    chunks = (
        _call('{"x"', index=0),
        _call(":1}", index=0, name="f"),
        _call(index=0, id="a"),
        end_chunk("tool_calls"),
    )

    events = events_of(*chunks)

    shown = [event for event in events if isinstance(event, ToolCallDelta)]
    assert shown == [ToolCallDelta("a", "f", '{"x":1}')]
    assert calls_in(reply_of(*chunks)) == [("a", "f", '{"x":1}')]


def test_calls_without_ids_get_their_own() -> None:
    """Results are matched by id, so each call needs one."""
    reply = reply_of(
        _call("{}", index=0, name="f"), _call("{}", index=1, name="f"), end_chunk("tool_calls")
    )

    assert [call_id for call_id, _, _ in calls_in(reply)] == ["call_0", "call_1"]


def test_calls_of_one_id_get_different_ones() -> None:
    """Two results of one id would be told of the same call."""
    reply = reply_of(
        _call("{}", index=0, id="a", name="f"),
        _call("{}", index=1, id="a", name="g"),
        end_chunk("tool_calls"),
    )

    assert [call_id for call_id, _, _ in calls_in(reply)] == ["a", "a_1"]


def test_whole_calls_may_all_have_the_index_0() -> None:
    """Some servers never count; another id with a name is another call."""
    reply = reply_of(
        _call('{"x":1}', index=0, id="a", name="f"),
        _call('{"x":2}', index=0, id="b", name="f"),
        end_chunk("tool_calls"),
    )

    assert calls_in(reply) == [("a", "f", '{"x":1}'), ("b", "f", '{"x":2}')]


def test_calls_may_have_no_index() -> None:
    """Without an index a piece belongs to the call of its id, else to the last one."""
    reply = reply_of(
        _call('{"x":', id="a", name="f"),
        _call("1}"),
        _call("{}", id="b", name="g"),
        end_chunk("tool_calls"),
    )

    assert calls_in(reply) == [("a", "f", '{"x":1}'), ("b", "g", "{}")]


def test_arguments_may_be_an_object() -> None:
    """Some servers send JSON where the wire has a text of JSON."""
    reply = reply_of(_call({"x": 1}, index=0, id="a", name="f"), end_chunk("stop"))

    assert calls_in(reply) == [("a", "f", '{"x":1}')]
    assert reply.stop_reason is StopReason.TOOL_USE


@pytest.mark.parametrize("arguments", ["", " ", None])
def test_no_arguments_are_an_empty_object(arguments: str | None) -> None:
    """A call without arguments must not fail as malformed."""
    reply = reply_of(_call(arguments, index=0, id="a", name="f"), end_chunk("tool_calls"))

    assert calls_in(reply) == [("a", "f", "{}")]


@pytest.mark.parametrize("reason", ["length", "content_filter", "unheard_of"])
@pytest.mark.parametrize("arguments", ['{"path": "/', "", "12", "{"])
def test_half_a_call_never_runs(reason: str, arguments: str) -> None:
    """Of an answer that was cut, only calls that surely are whole are reported."""
    reply = reply_of(
        _call('{"x":1}', index=0, id="a", name="f"),
        _call(arguments, index=1, id="b", name="f"),
        end_chunk(reason),
    )

    assert calls_in(reply) == [("a", "f", '{"x":1}')]


def test_a_malformed_call_of_a_whole_answer_is_reported_as_it_is() -> None:
    """The model ended it itself, and learns of its mistake from the result."""
    reply = reply_of(_call('{"x":', index=0, id="a", name="f"), end_chunk("tool_calls"))

    assert calls_in(reply) == [("a", "f", '{"x":')]


def test_the_older_function_call_is_a_call() -> None:
    """Old servers know one call of another name."""
    reply = reply_of(
        delta_chunk(function_call={"name": "f", "arguments": '{"x"'}),
        delta_chunk(function_call={"arguments": ":1}"}),
        end_chunk("function_call"),
    )

    assert calls_in(reply) == [("call_0", "f", '{"x":1}')]


def test_a_custom_call_has_its_input_as_an_argument() -> None:
    """Free text of a call stands where the neutral model looks for it."""
    piece = {"index": 0, "id": "a", "type": "custom", "custom": {"name": "sh", "input": "ls"}}
    more = {"index": 0, "custom": {"input": ' "-l"'}}

    reply = reply_of(
        delta_chunk(tool_calls=[piece]), delta_chunk(tool_calls=[more]), end_chunk("tool_calls")
    )

    [block] = reply.blocks
    assert isinstance(block, ToolCallBlock)
    assert block.kind == "custom"
    assert json.loads(block.arguments) == {"input": 'ls "-l"'}
