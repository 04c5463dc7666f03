"""Our next request is the one that was recorded, apart from differences that a test names."""

from typing import Any

import msgspec
import pytest
from recordings import file_of, named, play, recorded, reply_of

from mentra_actors.domain.content import (
    AssistantMessage,
    Message,
    ToolCallBlock,
    ToolResultBlock,
    ToolResultsMessage,
    UserMessage,
)
from mentra_actors.domain.model_call import (
    CacheOptions,
    ModelRequest,
    ProviderOptions,
    ReasoningOptions,
    ToolSpec,
)
from mentra_actors.providers.presets import ANTHROPIC
from mentra_actors.providers.request_encoder import RequestEncoder
from mentra_actors.providers.wires.anthropic_wire import ANTHROPIC_MESSAGES

pytestmark = pytest.mark.anyio

_Body = dict[str, Any]


def _asked(body: _Body) -> ModelRequest:
    """The neutral request of which a recorded body was made, as far as it is our subject."""
    thinking = body.get("thinking", {})
    budget = thinking.get("budget_tokens")
    own = [tool for tool in body.get("tools", ()) if "input_schema" in tool]
    is_deferred = any("defer_loading" in tool for tool in own)
    return ModelRequest(
        model=body["model"],
        messages=[UserMessage(text=body["messages"][0]["content"][0]["text"])],
        tools=tuple(map(_spec, own)),
        temperature=body.get("temperature"),
        max_output_tokens=body["max_tokens"],
        reasoning=ReasoningOptions(budget_tokens=budget) if budget else None,
        options=ProviderOptions(
            cache=CacheOptions(mode="off"), tool_search="hosted" if is_deferred else "disabled"
        ),
    )


def _spec(tool: _Body) -> ToolSpec:
    return ToolSpec(
        name=tool["name"],
        description=tool["description"],
        input_schema=msgspec.json.encode(tool["input_schema"]).decode(),
        is_deferred=tool.get("defer_loading", False),
    )


def _results(body: _Body, calls: list[ToolCallBlock]) -> ToolResultsMessage:
    """Results with the words that the recorded client sent."""
    texts = {block["tool_use_id"]: _words(block) for block in body["messages"][2]["content"]}
    return ToolResultsMessage(
        results=tuple(
            ToolResultBlock(call_id=call.call_id, name=call.name, content=texts[call.call_id])
            for call in calls
        )
    )


def _words(result: _Body) -> str:
    content = result["content"]
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


def _normal(body: _Body) -> _Body:
    """A body without what means the same whether it is there or not.

    The recorded clients put a lone text of a result into a list, say that it is no error, that a
    description is empty and that the choice of tools is free, and put a blank text before calls.
    """
    body = {name: value for name, value in body.items() if name != "tool_choice"}
    body["tools"] = [
        {name: value for name, value in tool.items() if value != ""} for tool in body["tools"]
    ]
    body["messages"] = [
        {**message, "content": [_normal_block(b) for b in message["content"] if not _is_blank(b)]}
        for message in body["messages"]
    ]
    return body


def _is_blank(block: _Body) -> bool:
    return block["type"] == "text" and not block["text"].strip()


def _normal_block(block: _Body) -> _Body:
    if block["type"] == "tool_result":
        return {"id": block["tool_use_id"], "words": _words(block)}
    return {name: value for name, value in block.items() if name != "caller"}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("tool_parallel_no_args", "tool_results_followup"),
        ("thinking_then_tool", "thinking_replay_followup"),
        ("tool_search_native", "tool_search_native_followup"),
    ],
)
async def test_the_next_request_is_the_recorded_one(first: str, second: str) -> None:
    """The server accepted these very requests: reasoning, searches and calls as it sent them."""
    base, next_base = named(f"anthropic/{first}"), named(f"anthropic/{second}")
    request = _asked(recorded(base, "request.json"))
    body = file_of(base, "response.sse").read_bytes()
    events, error = await play(ANTHROPIC, body, 997, recorded(base, "meta.json"), request)
    assert error is None
    reply = reply_of(events)
    calls = [block for block in reply.blocks if isinstance(block, ToolCallBlock)]
    wanted = recorded(next_base, "request.json")
    messages: list[Message] = [
        *request.messages,
        AssistantMessage(blocks=reply.blocks, provenance=reply.provenance),
        _results(wanted, calls),
    ]

    follow_up = msgspec.structs.replace(request, messages=messages)
    ours = msgspec.json.decode(RequestEncoder(ANTHROPIC_MESSAGES, ANTHROPIC).encode(follow_up))

    assert ours.pop("tool_choice") == {"type": "auto"}
    assert _normal({**ours, "tool_choice": None}) == _normal(wanted)


@pytest.mark.parametrize("name", ["tool_search_native", "thinking_then_tool", "text_prompt"])
async def test_the_first_request_is_the_recorded_one(name: str) -> None:
    """What comes before the messages, field by field."""
    wanted = recorded(named(f"anthropic/{name}"), "request.json")

    plan = ANTHROPIC_MESSAGES.plan(_asked(wanted), ANTHROPIC)

    ours = {"tools": [], **plan.fields, "messages": wanted["messages"]}
    assert _normal(ours) == _normal({"tools": [], **wanted})
