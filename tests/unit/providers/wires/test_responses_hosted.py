"""What Responses servers do beside writing: searches, images, sources, calls of other kinds."""

import base64
import json
from typing import Any

import pytest

from mentra_actors.domain.blob import BlobRef
from mentra_actors.domain.content import (
    AssistantMessage,
    Citation,
    HostedToolBlock,
    ImageBlock,
    OpaqueBlock,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
    ToolResultBlock,
    ToolResultsMessage,
)
from mentra_actors.domain.model_call import ModelReply, StopReason, TokenUsage
from mentra_actors.errors import ProviderError
from mentra_actors.providers.port import (
    AnswerStarted,
    CitationFound,
    HostedToolChanged,
    ModelEvent,
    ReplyFinished,
    TextDelta,
    ToolCallDelta,
    UsageReported,
)
from mentra_actors.providers.presets import GENERIC, LMSTUDIO, OPENAI, OPENROUTER
from mentra_actors.providers.profile import Profile
from mentra_actors.providers.wires.responses.decoder import ResponsesDecoder
from mentra_actors.providers.wires.responses.request import input_items

_Event = dict[str, Any]
_MODEL = "m"
_OWN = OPENAI.provenance(_MODEL)
_PIXEL = base64.b64decode("R0lGODlhAQABAAAAACw=")


def _events(*events: _Event, profile: Profile = OPENAI) -> list[ModelEvent]:
    decoder = ResponsesDecoder(_MODEL, profile)
    found = [neutral for event in events for neutral in decoder.feed(event)]
    decoder.finish()
    return found


def _reply(*events: _Event, profile: Profile = OPENAI) -> ModelReply:
    last = _events(*events, profile=profile)[-1]
    assert isinstance(last, ReplyFinished)
    return last.reply


def _back(reply: ModelReply, profile: Profile = OPENAI, model: str = _MODEL) -> list[_Event]:
    message = AssistantMessage(blocks=reply.blocks, provenance=reply.provenance)
    return input_items(message, model, profile)


def _added(index: int = 0, **item: Any) -> _Event:
    return {"type": "response.output_item.added", "output_index": index, "item": item}


def _done(index: int = 0, **item: Any) -> _Event:
    return {"type": "response.output_item.done", "output_index": index, "item": item}


def _of(kind: str, **fields: Any) -> _Event:
    return {"type": f"response.{kind}", "output_index": 0, **fields}


def _completed(**response: Any) -> _Event:
    return {"type": "response.completed", "response": {"status": "completed", **response}}


def _hosted(events: list[ModelEvent]) -> list[HostedToolBlock]:
    return [event.block for event in events if isinstance(event, HostedToolChanged)]


def test_a_search_of_the_server_is_shown_while_it_runs_and_goes_back_as_it_came() -> None:
    """A viewer sees what is searched for; the server gets its own item again."""
    item = {
        "type": "web_search_call",
        "id": "ws_1",
        "status": "completed",
        "action": {"type": "search", "query": "cats"},
    }
    added = _added(type="web_search_call", id="ws_1", status="in_progress")
    events = _events(added, _of("web_search_call.searching"), _done(**item), _completed())

    shown = [(work.status, work.query) for work in _hosted(events)]
    assert shown == [("in_progress", ""), ("searching", ""), ("completed", "cats")]
    assert isinstance(events[-1], ReplyFinished)
    (block,) = events[-1].reply.blocks
    assert isinstance(block, HostedToolBlock)
    assert (block.tool, json.loads(block.action)["type"]) == ("web_search", "search")
    assert _back(events[-1].reply) == [item]
    assert _back(events[-1].reply, model="other") == []
    assert _back(events[-1].reply, GENERIC) == []


@pytest.mark.parametrize(
    "action",
    [{"type": "teleport", "to": "mars"}, {"type": "open_page", "url": None}, None, "?", []],
)
def test_an_action_of_the_future_is_kept(action: Any) -> None:
    """A new kind of action must not end an answer."""
    item = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": action}

    (block,) = _reply(_done(**item), _completed()).blocks

    assert isinstance(block, HostedToolBlock)
    assert json.loads(block.raw).get("action") == action


def test_an_image_is_kept_once_and_goes_back_whole() -> None:
    """Base64 of megabytes twice in the log would cost more than the rest of a conversation."""
    item = {
        "type": "image_generation_call",
        "id": "ig_1",
        "status": "completed",
        "result": base64.b64encode(_PIXEL).decode(),
        "output_format": "webp",
        "revised_prompt": "a cat",
    }
    partial = _of(
        "image_generation_call.partial_image",
        partial_image_b64=item["result"],
        output_format="webp",
    )
    events = _events(partial, _done(**item), _completed())

    image = ImageBlock(media_type="image/webp", data=_PIXEL)
    assert [work.images for work in _hosted(events)] == [(image,), (image,)]
    assert isinstance(events[-1], ReplyFinished)
    (block,) = events[-1].reply.blocks
    assert isinstance(block, HostedToolBlock)
    assert (block.images, block.query, "result" in json.loads(block.raw)) == (
        (image,),
        "a cat",
        False,
    )
    assert _back(events[-1].reply) == [item]


def test_an_image_whose_bytes_are_gone_stays_at_home() -> None:
    """An item without its result would be refused, and the conversation with it."""
    raw = '{"type":"image_generation_call","id":"ig_1"}'
    unread = ImageBlock(media_type="image/png", blob=BlobRef(digest="abc", size_bytes=1))
    for images in ((), (unread,)):
        block = HostedToolBlock(tool="image_generation", raw=raw, provenance=_OWN, images=images)
        assert input_items(AssistantMessage(blocks=(block,)), _MODEL, OPENAI) == []


@pytest.mark.parametrize("result", ["no base64!", "", None, 7])
def test_an_image_that_nobody_can_decode_does_not_end_the_answer(result: Any) -> None:
    """The item is kept as it is."""
    item = {"type": "image_generation_call", "id": "ig_1", "result": result}

    (block,) = _reply(_done(**item), _completed()).blocks

    assert isinstance(block, HostedToolBlock)
    assert block.images == ()
    assert json.loads(block.raw)["result"] == result


def test_hosted_work_that_was_cut_off_is_left_out() -> None:
    """A search without a result cannot go back."""
    incomplete = {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    reply = _reply(
        _added(type="web_search_call", id="ws_1", status="in_progress"),
        {"type": "response.incomplete", "response": incomplete},
    )

    assert reply.blocks == ()


def test_a_search_for_tools_that_we_run_is_a_call() -> None:
    """The server waits for the definitions that we find."""
    item = {
        "type": "tool_search_call",
        "id": "tsc_1",
        "call_id": "c1",
        "execution": "client",
        "status": "completed",
        "arguments": {"queries": ["rates"]},
    }
    added = _added(**{**item, "arguments": {}, "status": "in_progress"})
    reply = _reply(added, _done(**item), _completed())

    assert reply.blocks == (
        ToolCallBlock(
            call_id="c1",
            name="tool_search",
            arguments='{"queries":["rates"]}',
            item_id="tsc_1",
            kind="tool_search",
        ),
    )
    assert reply.stop_reason is StopReason.TOOL_USE
    assert _back(reply) == [item]
    with pytest.raises(ProviderError, match="never closed"):
        _reply(added, _completed())


def test_the_result_of_a_search_for_tools_goes_back_as_definitions() -> None:
    """In the form of the wire, or in the neutral one; what nobody can read is nothing found."""
    native = {"type": "function", "name": "a", "parameters": {}, "strict": True}
    neutral = {"name": "b", "description": "B.", "input_schema": '{"type":"object"}'}

    def output(content: str) -> Any:
        result = ToolResultBlock(
            call_id="c1", name="tool_search", content=content, kind="tool_search"
        )
        return input_items(ToolResultsMessage(results=(result,)), _MODEL, OPENAI)

    (item,) = output(json.dumps([native, neutral]))
    assert (item["type"], item["execution"], item["status"]) == (
        "tool_search_output",
        "client",
        "completed",
    )
    assert item["tools"][0] == native
    assert item["tools"][1]["parameters"] == {"type": "object"}
    assert item["tools"][1]["defer_loading"] is True
    assert output("no json")[0]["tools"] == output("{}")[0]["tools"] == []


def test_a_search_for_tools_by_the_server_is_its_own_work() -> None:
    """Nothing waits for us; what it found goes back untouched."""
    call = {
        "type": "tool_search_call",
        "id": "tsc_1",
        "call_id": None,
        "execution": "server",
        "status": "completed",
        "arguments": {"paths": ["rates"]},
    }
    output = {"type": "tool_search_output", "id": "tso_1", "tools": []}
    reply = _reply(_done(0, **call), _done(1, **output), _completed())

    first, second = reply.blocks
    assert isinstance(first, HostedToolBlock)
    assert (first.tool, first.query) == ("tool_search", "rates")
    assert isinstance(second, OpaqueBlock)
    assert reply.stop_reason is StopReason.END_TURN
    assert _back(reply)[1] == output


def test_a_custom_call_carries_free_text() -> None:
    """Its text is no JSON, so it is kept in an object, and taken out again."""
    item = {"type": "custom_tool_call", "id": "ctc_1", "call_id": "c1", "name": "sql"}
    events = _events(
        _added(**item, input=""),
        _of("custom_tool_call_input.delta", delta="SELECT"),
        _of("custom_tool_call_input.delta", delta=" 1"),
        _of("custom_tool_call_input.done", input="SELECT 1"),
        _done(**item, input="SELECT 1"),
        _completed(),
    )

    pieces = [event.arguments for event in events if isinstance(event, ToolCallDelta)]
    assert pieces == ["", "SELECT", " 1"]
    assert isinstance(events[-1], ReplyFinished)
    reply = events[-1].reply
    (call,) = reply.blocks
    assert isinstance(call, ToolCallBlock)
    assert (call.kind, call.arguments) == ("custom", '{"input":"SELECT 1"}')
    result = ToolResultBlock(call_id="c1", name="sql", content="1", kind="custom")
    items = [*_back(reply), *input_items(ToolResultsMessage(results=(result,)), _MODEL, OPENAI)]
    assert [(one["type"], one["call_id"]) for one in items] == [
        ("custom_tool_call", "c1"),
        ("custom_tool_call_output", "c1"),
    ]
    assert items[0]["input"] == "SELECT 1"


@pytest.mark.parametrize("kind", ["custom", "tool_search"])
def test_calls_of_other_kinds_are_functions_elsewhere(kind: Any) -> None:
    """LM Studio refuses items that it does not know; a call and its result stay a pair."""
    call = ToolCallBlock(call_id="c1", name="", kind=kind, arguments='{"input":"x"}')
    result = ToolResultBlock(call_id="c1", name="", content="[]", kind=kind)

    (item,) = input_items(AssistantMessage(blocks=(call,)), _MODEL, LMSTUDIO)
    (output,) = input_items(ToolResultsMessage(results=(result,)), _MODEL, LMSTUDIO)

    assert (item["type"], item["name"]) == ("function_call", kind)
    assert output == {"type": "function_call_output", "call_id": "c1", "output": "[]"}


@pytest.mark.parametrize("fields", [{}, {"call_id": None}, {"call_id": 7}])
def test_a_call_without_an_id_has_that_of_its_item(fields: _Event) -> None:
    """A result needs something to refer to."""
    item = {"type": "function_call", "id": "fc_1", "name": "f", **fields}

    (call,) = _reply(_done(**item), _completed()).blocks

    assert isinstance(call, ToolCallBlock)
    assert call.call_id == "fc_1"


def test_the_sources_of_a_text_are_shown_and_kept() -> None:
    """They go back only with the very item that they stood in."""
    annotation = {
        "type": "url_citation",
        "url": "https://a.b",
        "title": "A",
        "start_index": 0,
        "end_index": 4,
    }
    content = [{"type": "output_text", "text": "cats", "annotations": [annotation]}]
    reasoning = {"type": "reasoning", "id": "rs_1", "encrypted_content": "enc", "summary": []}
    events = _events(
        _done(0, **reasoning),
        {**_of("output_text.delta", delta="cats"), "output_index": 1},
        {**_of("output_text.annotation.added", annotation=annotation), "output_index": 1},
        _done(1, type="message", id="msg_1", content=content),
        _completed(),
    )

    citation = Citation(
        kind="url_citation",
        title="A",
        url="https://a.b",
        start=0,
        end=4,
        raw=json.dumps(annotation, separators=(",", ":")),
    )
    assert events[:2] == [TextDelta("cats"), CitationFound(citation)]
    assert isinstance(events[-1], ReplyFinished)
    text = events[-1].reply.blocks[1]
    assert text == TextBlock(text="cats", item_id="msg_1", citations=(citation,), provenance=_OWN)
    assert _back(events[-1].reply)[1]["content"][0]["annotations"] == [annotation]
    assert "annotations" not in _back(events[-1].reply, model="other")[-1]["content"][0]


def test_the_sources_of_another_do_not_go_back() -> None:
    """Their JSON means nothing to this server."""
    citation = Citation(kind="url_citation", raw="{}")
    text = TextBlock(
        text="cats",
        item_id="msg_1",
        citations=(citation,),
        provenance=GENERIC.provenance(_MODEL),
    )
    thinking = ThinkingBlock(item_id="rs_1", encrypted="enc", provenance=_OWN)

    items = input_items(AssistantMessage(blocks=(thinking, text)), _MODEL, OPENAI)

    assert items[1]["content"][0]["annotations"] == []


def test_sources_that_only_the_stream_told_are_kept() -> None:
    """Some servers leave them out of the closed item."""
    annotation = {"type": "file_citation", "filename": "a.pdf"}
    reply = _reply(
        _of("output_text.delta", delta="cats"),
        _of("output_text.annotation.added", annotation=annotation),
        _completed(),
    )

    (text,) = reply.blocks
    assert isinstance(text, TextBlock)
    assert [(one.kind, one.title) for one in text.citations] == [("file_citation", "a.pdf")]


@pytest.mark.parametrize("kind", ["response.created", "response.queued", "response.in_progress"])
def test_an_answer_begins_with_whichever_event_comes_first(kind: str) -> None:
    """A stream that is resumed begins in the middle."""
    usage = {"input_tokens": 5}
    event = {"type": kind, "response": {"id": "resp_1", "usage": usage}}
    events = _events(event, event, _completed())

    assert events[0] == AnswerStarted(model=_MODEL, response_id="resp_1")
    assert events[1:3] == [UsageReported(TokenUsage(input_tokens=5))] * 2


def test_the_price_and_the_writing_of_caches_are_counted() -> None:
    """Both cost money that a table cannot know."""
    usage = {
        "input_tokens": 328,
        "output_tokens": 52,
        "total_tokens": 380,
        "input_tokens_details": {"cached_tokens": 12, "cache_write_tokens": 100},
        "output_tokens_details": {"reasoning_tokens": 7},
        "cost": 0.00123,
    }
    reply = _reply(_completed(usage=usage))

    assert reply.cost_usd_micros == 1230
    assert reply.usage == TokenUsage(
        input_tokens=328,
        output_tokens=52,
        cached_input_tokens=12,
        reasoning_tokens=7,
        cache_write_tokens=100,
    )
    assert _reply(_completed(usage={"cost": "free", "input_tokens": -1})).usage == TokenUsage()


def test_signed_reasoning_goes_back_to_a_reseller_without_its_id() -> None:
    """OpenRouter's ids are of one answer only; the signature is what the model reads."""
    item = {
        "type": "reasoning",
        "id": "rs_tmp_1",
        "content": [{"type": "reasoning_text", "text": "hm"}],
        "summary": [],
        "signature": "sig",
        "format": "anthropic-claude-v1",
    }
    content = [{"type": "output_text", "text": "hi"}]
    message = {"type": "message", "id": "msg_tmp_1", "content": content}
    reply = _reply(_done(0, **item), _done(1, **message), _completed(), profile=OPENROUTER)

    (thinking, _) = reply.blocks
    assert thinking == ThinkingBlock(
        parts=("hm",),
        item_id="rs_tmp_1",
        provenance=OPENROUTER.provenance(_MODEL),
        signature="sig",
        is_raw=True,
        format="anthropic-claude-v1",
    )
    back = _back(reply, OPENROUTER)
    assert back[0] == {name: value for name, value in item.items() if name != "id"}
    assert "id" not in back[1]


def test_reasoning_of_which_nothing_can_be_read_says_so_elsewhere() -> None:
    """The next model should know that there was some."""
    reasoning = {"type": "reasoning", "id": "rs_1", "encrypted_content": "enc", "summary": []}
    call = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f"}
    reply = _reply(_done(0, **reasoning), _done(1, **call), _completed())

    first, second = _back(reply, model="other")

    assert first["content"] == [{"type": "output_text", "text": "[redacted reasoning]"}]
    assert "id" not in second


@pytest.mark.parametrize("name", ["code_interpreter_call", "mcp_call", "compaction"])
def test_other_items_stay_opaque(name: str) -> None:
    """What has no neutral form survives the round trip unchanged."""
    item = {"type": name, "id": "x_1", "anything": {"at": ["all"]}}
    reply = _reply(_done(**item), _of(f"{name}.searching"), _completed())

    (block,) = reply.blocks
    assert isinstance(block, OpaqueBlock)
    assert _back(reply) == [item]


@pytest.mark.parametrize("item", [None, 7, "x", [], {}, {"type": None}, {"type": 7}])
def test_items_of_a_wrong_type_do_no_harm(item: Any) -> None:
    """A proxy may send anything; an answer ends as it says."""
    events = ({**_added(), "item": item}, {**_done(), "item": item}, _completed(output=[item]))

    assert _reply(*events).stop_reason is StopReason.END_TURN
