"""Our next request is the one that was recorded, apart from differences that a test names."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from mentra_actors.domain.content import (
    AssistantMessage,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
    ToolResultBlock,
    ToolResultsMessage,
)
from mentra_actors.domain.model_call import ModelReply, ModelRequest
from mentra_actors.providers.port import ReplyFinished
from mentra_actors.providers.presets import GENERIC, OPENAI
from mentra_actors.providers.profile import Profile
from mentra_actors.providers.sse import SseParser
from mentra_actors.providers.wires.contract import whole_body
from mentra_actors.providers.wires.responses.decoder import ResponsesDecoder
from mentra_actors.providers.wires.responses_wire import RESPONSES

_MODEL = "gpt-5.5"
_OWN = OPENAI.provenance(_MODEL)
_FIXTURES = Path(
    os.environ.get("MENTRA_FIXTURES") or Path(__file__).parents[2] / ".." / "shared" / "fixtures"
)


def _fixture(name: str, suffix: str) -> bytes:
    path = _FIXTURES / f"{name}.{suffix}"
    if not path.exists():
        reason = f"no fixture {path}: set MENTRA_FIXTURES to their directory"
        print(reason)
        pytest.skip(reason)
    return path.read_bytes()


def _recorded_input(name: str) -> list[dict[str, Any]]:
    return list(json.loads(_fixture(name, "request.json"))["input"])


def _recorded_reply(name: str, profile: Profile, model: str) -> ModelReply:
    decoder = ResponsesDecoder(model, profile)
    parser = SseParser()
    for event in parser.feed(_fixture(name, "response.sse")):
        for neutral in decoder.feed(json.loads(event.data)):
            if isinstance(neutral, ReplyFinished):
                return neutral.reply
    pytest.fail("the recording has no end")


def _follow_up(
    name: str, output: str, profile: Profile, model: str
) -> tuple[ModelReply, list[dict[str, Any]]]:
    reply = _recorded_reply(name, profile, model)
    results = tuple(
        ToolResultBlock(call_id=block.call_id, name=block.name, content=output)
        for block in reply.blocks
        if isinstance(block, ToolCallBlock)
    )
    messages = (AssistantMessage(blocks=reply.blocks), ToolResultsMessage(results=results))
    request = ModelRequest(model=model, messages=messages)
    return reply, list(whole_body(RESPONSES, request, profile)["input"])


def test_the_follow_up_of_a_recorded_call_is_the_recorded_one() -> None:
    """The server accepted that request; the call ids are of two different runs."""
    recorded = _recorded_input("openai_responses/tool_result_followup")

    _, items = _follow_up("openai_responses/tool_call", "Paris", OPENAI, "gpt-4o")

    for item in (*items, *recorded[1:]):
        item.pop("call_id")
    assert items == recorded[1:]


def test_a_recorded_reasoning_loop_goes_back_as_recorded() -> None:
    """The recording client put the response id before call ids, which repeat on this server."""
    recorded = _recorded_input("openai_compat/bedrock_mantle_text")[-3:]
    prefix = "resp_3irkem3mb4qjb6cw3bfrozqwtev62iuhg5ygpmhx2j775j2hft5q:"
    for item in recorded[1:]:
        item["call_id"] = item["call_id"].removeprefix(prefix)

    _, items = _follow_up(
        "openai_compat/bedrock_mantle_reused_call_id",
        recorded[2]["output"],
        GENERIC,
        "openai.gpt-5.6-luna",
    )

    assert items == recorded


def test_a_recorded_tool_search_goes_back_as_recorded() -> None:
    """An item that we do not model survives the round trip unchanged."""
    recorded = _recorded_input("openai_responses/tool_search_client_step3")

    _, items = _follow_up("openai_responses/tool_search_client", "", OPENAI, "gpt-5.4")

    assert items == recorded[1:2]


def test_a_recorded_answer_with_phases_goes_back_as_recorded() -> None:
    """Reasoning, commentary and call of one answer, as the server accepted them."""
    recorded = _recorded_input("openai_responses/phase_final_answer")
    reasoning, message, call, output = recorded[1:]
    blocks = (
        ThinkingBlock(
            item_id=reasoning["id"],
            encrypted=reasoning["encrypted_content"],
            provenance=_OWN,
        ),
        TextBlock(
            text=message["content"][0]["text"], item_id=message["id"], phase=message["phase"]
        ),
        ToolCallBlock(
            call_id=call["call_id"],
            name=call["name"],
            arguments=call["arguments"],
            item_id=call["id"],
        ),
    )
    result = ToolResultBlock(
        call_id=output["call_id"], name=call["name"], content=output["output"]
    )
    messages = (AssistantMessage(blocks=blocks), ToolResultsMessage(results=(result,)))

    built = whole_body(RESPONSES, ModelRequest(model=_MODEL, messages=messages), OPENAI)

    assert built["input"] == recorded[1:]
