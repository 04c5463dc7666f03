"""Our next request is the one that was recorded, apart from differences that a test names."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from recordings import file_of, named, recorded

from mentra_actors.domain.content import (
    AssistantMessage,
    Message,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
    ToolResultBlock,
    ToolResultsMessage,
    UserMessage,
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

_Item = dict[str, Any]

_CONVERSATIONS: dict[str, tuple[Profile, tuple[str, ...]]] = {
    "openai_responses/tool_result_followup": (OPENAI, ("openai_responses/tool_call",)),
    "openai_responses/tool_search_client_step2": (
        OPENAI,
        ("openai_responses/tool_search_client",),
    ),
    "openai_responses/tool_search_client_step3": (
        OPENAI,
        ("openai_responses/tool_search_client", "openai_responses/tool_search_client_step2"),
    ),
    "openai_responses/tool_search_hosted_followup": (
        OPENAI,
        ("openai_responses/tool_search_hosted",),
    ),
    "openai_responses/phase_final_answer": (OPENAI, ("openai_responses/phase_commentary_tool",)),
    "openai_compat/deepseek_tool_followup": (GENERIC, ("openai_compat/deepseek_tool",)),
}
"""Each request that followed on answers that were recorded as well."""


def _reply(name: str, profile: Profile, model: str) -> ModelReply:
    decoder = ResponsesDecoder(model, profile)
    for event in SseParser().feed(file_of(named(name), "response.sse").read_bytes()):
        for neutral in decoder.feed(json.loads(event)):
            if isinstance(neutral, ReplyFinished):
                return neutral.reply
    pytest.fail("the recording has no end")


def _outputs(items: list[_Item]) -> Iterator[str]:
    """What our side answered, in order; what the server found itself is no answer of ours."""
    for item in items:
        if item.get("type") == "function_call_output":
            yield item["output"]
        if item.get("type") == "tool_search_output" and item.get("execution") == "client":
            yield json.dumps(item["tools"])


def _rebuilt(items: list[_Item], names: tuple[str, ...], profile: Profile, model: str) -> Any:
    """The conversation from our own decoded answers and the recorded results."""
    messages: list[Message] = [UserMessage(text=_text(items[0]["content"]))]
    outputs = _outputs(items)
    for name in names:
        reply = _reply(name, profile, model)
        calls = [block for block in reply.blocks if isinstance(block, ToolCallBlock)]
        results = tuple(
            ToolResultBlock(
                call_id=call.call_id, name=call.name, content=next(outputs), kind=call.kind
            )
            for call in calls
        )
        messages.append(AssistantMessage(blocks=reply.blocks, provenance=reply.provenance))
        messages.append(ToolResultsMessage(results=results))
    request = ModelRequest(model=model, messages=messages)
    return list(whole_body(RESPONSES, request, profile)["input"])


def _text(content: str | list[_Item]) -> str:
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


def _plain(items: list[_Item]) -> list[_Item]:
    """Items without what differs on purpose.

    We send ids only behind reasoning, except of searches; the ids of calls are of different runs;
    a status is optional, and nothing is said by a null.
    """
    order: dict[str, str] = {}
    reasons = any(item.get("type") == "reasoning" for item in items)
    return [_plain_item(item, order, reasons=reasons) for item in items]


def _plain_item(item: _Item, order: dict[str, str], *, reasons: bool) -> _Item:
    plain = {name: value for name, value in item.items() if value not in (None, "")}
    plain.pop("status", None)
    if item.get("type") == "function_call" and not reasons:
        plain.pop("id", None)
    if "call_id" in plain:
        plain["call_id"] = order.setdefault(plain["call_id"], f"call {len(order)}")
    if item.get("role") == "user":
        plain["content"] = _text(item["content"])
    return plain


@pytest.mark.parametrize("name", _CONVERSATIONS)
def test_the_next_request_of_a_recorded_answer_is_the_recorded_one(name: str) -> None:
    """The server accepted that request; ours is built from what we made of its answers."""
    profile, names = _CONVERSATIONS[name]
    request = recorded(named(name), "request.json")

    items = _rebuilt(request["input"], names, profile, request["model"])

    assert _plain(items) == _plain(request["input"])


def test_a_recorded_reasoning_loop_goes_back_as_recorded() -> None:
    """The recording client put the response id before call ids, which repeat on this server."""
    items = recorded(named("openai_compat/bedrock_mantle_text"), "request.json")["input"][-3:]
    prefix = "resp_3irkem3mb4qjb6cw3bfrozqwtev62iuhg5ygpmhx2j775j2hft5q:"
    for item in items[1:]:
        item["call_id"] = item["call_id"].removeprefix(prefix)
    user = {"role": "user", "content": "go"}

    built = _rebuilt(
        [user, *items],
        ("openai_compat/bedrock_mantle_reused_call_id",),
        GENERIC,
        "openai.gpt-5.6-luna",
    )

    assert built[1:] == items


def test_a_recorded_search_of_ours_and_its_result_go_back_as_recorded() -> None:
    """The server asks us to look for tools, and takes the definitions that we have found."""
    name = named("openai_responses/tool_search_client_step3")
    items = recorded(name, "request.json")["input"][:3]

    built = _rebuilt(items, ("openai_responses/tool_search_client",), OPENAI, "gpt-5.4")

    assert built[1:] == items[1:]


def test_a_recorded_search_of_the_server_goes_back_as_it_came() -> None:
    """Its call needs the definitions that the search found, and its namespace."""
    name = "openai_responses/tool_search_hosted"
    final = recorded(named(name), "expected.json")

    built = _rebuilt(
        [
            {"role": "user", "content": "go"},
            {"type": "function_call_output", "output": "1 USD = 0.92 EUR"},
        ],
        (name,),
        OPENAI,
        "gpt-5.4",
    )

    assert [item["type"] for item in built[1:]] == [
        "tool_search_call",
        "tool_search_output",
        "function_call",
        "function_call_output",
    ]
    assert [item["id"] for item in built[1:3]] == [one["id"] for one in final["other_items"]]
    assert built[3]["namespace"] == "get_exchange_rate"


def test_a_recorded_answer_with_phases_goes_back_as_recorded() -> None:
    """Reasoning, commentary and call of one answer, as the server accepted them."""
    items = recorded(named("openai_responses/phase_final_answer"), "request.json")["input"]
    reasoning, message, call, output = items[1:]
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

    assert built["input"] == items[1:]
