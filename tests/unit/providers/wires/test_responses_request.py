"""What goes out on the Responses wire, and that a long conversation is encoded only once."""

from typing import Any

import msgspec
import pytest

from mentra_actors.domain.content import (
    AssistantBlock,
    AssistantMessage,
    OpaqueBlock,
    Provenance,
    RefusalBlock,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
    ToolResultBlock,
    ToolResultsMessage,
    UserMessage,
)
from mentra_actors.domain.model_call import (
    ModelRequest,
    NamedTool,
    OutputSchema,
    ProviderOptions,
    ReasoningOptions,
    ResponsesOptions,
    ToolChoice,
    ToolSpec,
)
from mentra_actors.errors import ProviderError
from mentra_actors.providers.presets import GENERIC, LMSTUDIO, OLLAMA, OPENAI
from mentra_actors.providers.profile import Profile
from mentra_actors.providers.wires.contract import whole_body
from mentra_actors.providers.wires.responses.request import input_items
from mentra_actors.providers.wires.responses_wire import RESPONSES

_MODEL = "gpt-5.5"
_OWN = OPENAI.provenance(_MODEL)
_TOOL = ToolSpec(
    name="search", description="Find it.", input_schema='{"type":"object","properties":{}}'
)

_THINKING = ThinkingBlock(parts=("a", "b"), item_id="rs_1", encrypted="enc", provenance=_OWN)
_TEXT = TextBlock(text="looking", item_id="msg_1", phase="commentary")
_CALL = ToolCallBlock(call_id="call_1", name="search", arguments='{"q":1}', item_id="fc_1")
_OPAQUE = OpaqueBlock(
    item_type="web_search_call", raw='{"type":"web_search_call"}', provenance=_OWN
)


def _body(request: ModelRequest, profile: Profile) -> dict[str, Any]:
    return whole_body(RESPONSES, request, profile)


def _items(
    *blocks: AssistantBlock,
    profile: Profile = OPENAI,
    model: str = _MODEL,
    provenance: Provenance | None = _OWN,
) -> list[dict[str, Any]]:
    message = AssistantMessage(blocks=blocks, provenance=provenance)
    return input_items(message, model, profile)


def _types(items: list[dict[str, Any]]) -> list[str]:
    return [item["type"] for item in items]


def test_a_request_is_stateless_and_whole() -> None:
    """Nothing may depend on what the server remembers."""
    request = ModelRequest(
        model=_MODEL,
        messages=(
            UserMessage(text="hi"),
            AssistantMessage(blocks=(_CALL,)),
            ToolResultsMessage(
                results=(ToolResultBlock(call_id="call_1", name="search", content="found"),)
            ),
        ),
        system="Be brief.",
        tools=(_TOOL,),
        temperature=0.5,
        max_output_tokens=100,
        reasoning=ReasoningOptions(effort="none"),
    )

    assert _body(request, OPENAI) == {
        "model": _MODEL,
        "store": False,
        "stream": True,
        "instructions": "Be brief.",
        "tools": [
            {
                "type": "function",
                "name": "search",
                "description": "Find it.",
                "parameters": {"type": "object", "properties": {}},
                "strict": False,
            }
        ],
        "tool_choice": "auto",
        "temperature": 0.5,
        "max_output_tokens": 100,
        "reasoning": {"effort": "none"},
        "include": ["reasoning.encrypted_content"],
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "hi"}]},
            {
                "type": "function_call",
                "call_id": "call_1",
                "name": "search",
                "arguments": '{"q":1}',
            },
            {"type": "function_call_output", "call_id": "call_1", "output": "found"},
        ],
    }


def test_what_is_not_asked_for_is_not_sent() -> None:
    """Servers answer 400 to a tool choice without tools, and some to null fields."""
    request = ModelRequest(model="m", messages=(), tool_choice="any", max_output_tokens=None)

    assert _body(request, GENERIC) == {
        "model": "m",
        "store": False,
        "stream": True,
        "input": [],
    }


@pytest.mark.parametrize(
    ("profile", "model", "asks"),
    [
        (OPENAI, "gpt-5.5", True),
        (OPENAI, "o3-mini", True),
        (OPENAI, "a-model-of-the-future", True),
        (OPENAI, "gpt-4o", False),
        (OPENAI, "gpt-4.1-mini", False),
        (OPENAI, "gpt-5-chat-latest", False),
        (OLLAMA, "gpt-oss", False),
    ],
)
def test_encrypted_reasoning_is_asked_for_where_the_model_reasons(
    profile: Profile, model: str, *, asks: bool
) -> None:
    """Without it reasoning cannot be sent back; with it, models that do not reason refuse."""
    assert ("include" in _body(ModelRequest(model=model, messages=()), profile)) == asks


@pytest.mark.parametrize(
    ("choice", "sent"), [("auto", "auto"), ("any", "required"), ("none", "none")]
)
def test_a_tool_choice_is_translated(choice: ToolChoice, sent: str) -> None:
    """The neutral word `any` is `required` on this wire."""
    request = ModelRequest(model="m", messages=(), tools=(_TOOL,), tool_choice=choice)

    assert _body(request, OPENAI)["tool_choice"] == sent


def test_a_server_without_tool_choice_is_not_asked_for_it() -> None:
    """Ollama ignores the field, so a promise in it would be broken silently."""
    request = ModelRequest(model="m", messages=(), tools=(_TOOL,))
    forced = msgspec.structs.replace(request, tool_choice="any")
    without = msgspec.structs.replace(request, tool_choice="none")

    assert "tool_choice" not in _body(request, OLLAMA)
    assert "tools" not in _body(without, OLLAMA)
    with pytest.raises(ProviderError, match="Ollama cannot be made") as caught:
        _body(forced, OLLAMA)
    assert caught.value.kind == "invalid_request"


def test_a_schema_that_is_no_json_is_refused_before_sending() -> None:
    """The server's own message would not name the tool."""
    tool = ToolSpec(name="broken", description="", input_schema="{")

    with pytest.raises(ProviderError, match="'broken'"):
        _body(ModelRequest(model="m", messages=(), tools=(tool,)), OPENAI)


def test_an_own_answer_goes_back_as_it_came() -> None:
    """Reasoning, then its item, with ids, phase and separate summary parts: all else is a 400."""
    assert _items(_THINKING, _TEXT, _CALL) == [
        {
            "type": "reasoning",
            "id": "rs_1",
            "encrypted_content": "enc",
            "summary": [
                {"type": "summary_text", "text": "a"},
                {"type": "summary_text", "text": "b"},
            ],
        },
        {
            "type": "message",
            "role": "assistant",
            "id": "msg_1",
            "status": "completed",
            "phase": "commentary",
            "content": [{"type": "output_text", "text": "looking", "annotations": []}],
        },
        {
            "type": "function_call",
            "call_id": "call_1",
            "name": "search",
            "arguments": '{"q":1}',
            "id": "fc_1",
        },
    ]


def test_an_own_reasoning_without_summary_keeps_the_empty_list() -> None:
    """`summary` is required even when it is empty."""
    bare = msgspec.structs.replace(_THINKING, parts=())

    assert _items(bare, _CALL)[0]["summary"] == []


@pytest.mark.parametrize(
    "changed",
    [
        {"encrypted": ""},
        {"item_id": ""},
        {"provenance": None},
        {"provenance": Provenance(provider="openai", model="gpt-5.4", wire=_OWN.wire)},
        {"provenance": Provenance(provider="azure", model=_MODEL, wire=_OWN.wire)},
        {"provenance": Provenance(provider="openai", model=_MODEL, wire="other")},
    ],
)
def test_reasoning_that_cannot_go_back_takes_ids_and_opaque_items_with_it(
    changed: dict[str, Any],
) -> None:
    """Its words stay, as text; an id without it is a 400: 'without its required reasoning'."""
    items = _items(msgspec.structs.replace(_THINKING, **changed), _OPAQUE, _TEXT, _CALL)

    assert _types(items) == ["message", "message", "function_call"]
    assert items[0]["content"] == [{"type": "output_text", "text": "a\n\nb"}]
    assert not any("id" in item for item in items)


def test_reasoning_that_nothing_follows_is_dropped() -> None:
    """The mirror image: 'reasoning was provided without its required following item'."""
    assert _items(_THINKING) == []
    assert _types(_items(_THINKING, _CALL, _THINKING)) == ["reasoning", "function_call"]


def test_ids_are_dropped_without_reasoning() -> None:
    """Nothing is stored at the server, so an id would refer to nothing."""
    assert not any("id" in item for item in _items(_TEXT, _CALL))


@pytest.mark.parametrize("profile", [OPENAI, OLLAMA, LMSTUDIO, GENERIC])
def test_an_opaque_item_goes_back_only_to_its_producer(profile: Profile) -> None:
    """Others do not know the item, and Ollama and LM Studio refuse unknown ones."""
    own = msgspec.structs.replace(_OPAQUE, provenance=profile.provenance(_MODEL))

    assert bool(_items(own, profile=profile)) == profile.replays_opaque
    assert not _items(own, profile=profile, model="other")


def test_reasoning_goes_back_to_ollama_without_ids() -> None:
    """Its encrypted content is plain text, for which no stored item is needed."""
    thinking = msgspec.structs.replace(_THINKING, provenance=OLLAMA.provenance(_MODEL))

    items = _items(thinking, _TEXT, _CALL, profile=OLLAMA)

    assert _types(items) == ["reasoning", "message", "function_call"]
    assert not any("id" in item or "phase" in item for item in items)


def test_the_phase_goes_back_without_reasoning_too_but_not_to_others() -> None:
    """Without it a preamble can be read as the final answer."""
    elsewhere = Provenance(provider="other", model=_MODEL, wire=_OWN.wire)

    assert _items(_TEXT)[0]["phase"] == "commentary"
    assert _items(_TEXT, provenance=None)[0]["phase"] == "commentary"
    assert "phase" not in _items(_TEXT, provenance=elsewhere)[0]
    assert "phase" not in _items(_TEXT, profile=GENERIC)[0]


def test_parts_of_one_message_go_back_as_one_message() -> None:
    """The same id twice would be a duplicate item."""
    refusal = RefusalBlock(text="no", item_id="msg_1")
    other = TextBlock(text="then", item_id="msg_2")

    items = _items(_THINKING, _TEXT, refusal, other)

    assert _types(items) == ["reasoning", "message", "message"]
    assert items[1]["content"][1] == {"type": "refusal", "refusal": "no"}
    assert items[2]["id"] == "msg_2"


def test_a_refusal_goes_elsewhere_as_text() -> None:
    """Few servers know the refusal part as an input."""
    assert _items(RefusalBlock(text="no"))[0]["content"] == [{"type": "output_text", "text": "no"}]


@pytest.mark.parametrize("arguments", ["", "{", '{"a":', "[1]", '"x"', "NaN", '{"a":NaN}', "null"])
def test_a_call_with_malformed_arguments_can_be_replayed(arguments: str) -> None:
    """Servers parse the arguments again, and one bad call must not end the conversation."""
    items = _items(msgspec.structs.replace(_CALL, arguments=arguments))

    assert items[0]["arguments"] == "{}"


def test_arguments_are_sent_back_character_by_character() -> None:
    """A changed history costs the server's prompt cache."""
    arguments = '{ "a" : 12345678901234567890, "a": 2 }'

    assert _items(msgspec.structs.replace(_CALL, arguments=arguments))[0]["arguments"] == arguments


def test_a_namespace_goes_back() -> None:
    """A call of a found tool is refused without it."""
    assert _items(msgspec.structs.replace(_CALL, namespace="n"))[0]["namespace"] == "n"


def test_a_failed_tool_is_marked_in_its_text() -> None:
    """The wire has no flag for it."""
    result = ToolResultBlock(call_id="c", name="f", content="no such file", is_error=True)

    items = input_items(ToolResultsMessage(results=(result,)), "m", OPENAI)

    assert items[0]["output"] == "Tool error: no such file"


def test_a_forced_tool_is_named() -> None:
    """A server that knows no tool choice is offered that tool alone."""
    other = msgspec.structs.replace(_TOOL, name="other")
    request = ModelRequest(
        model="m", messages=(), tools=(_TOOL, other), tool_choice=NamedTool(name="other")
    )

    assert _body(request, OPENAI)["tool_choice"] == {
        "type": "function",
        "name": "other",
    }
    assert len(_body(request, OPENAI)["tools"]) == 2
    assert [tool["name"] for tool in _body(request, OLLAMA)["tools"]] == ["other"]
    assert "tool_choice" not in _body(request, OLLAMA)


def test_how_the_model_is_to_think_and_write() -> None:
    """Options go out as the wire names them, and what is not set is not said."""
    request = ModelRequest(
        model=_MODEL,
        messages=(),
        tools=(_TOOL,),
        reasoning=ReasoningOptions(effort="high"),
        metadata={"ticket": "7"},
        options=ProviderOptions(
            parallel_tool_calls=False,
            responses=ResponsesOptions(
                include=("file_search_call.results",),
                service_tier="flex",
                prompt_cache_key="k",
                text_verbosity="low",
                store=True,
            ),
        ),
    )
    body = _body(request, OPENAI)
    plain = _body(ModelRequest(model=_MODEL, messages=()), OPENAI)

    assert body["reasoning"] == {"effort": "high"}
    assert body["metadata"] == {"ticket": "7"}
    assert body["parallel_tool_calls"] is False
    assert body["include"] == ["file_search_call.results", "reasoning.encrypted_content"]
    assert (body["service_tier"], body["prompt_cache_key"]) == ("flex", "k")
    assert body["text"] == {"verbosity": "low"}
    assert body["store"] is True
    assert not {"reasoning", "metadata", "text", "parallel_tool_calls"} & set(plain)


@pytest.mark.parametrize(
    ("schema", "sent"),
    [
        (
            {"type": "object", "properties": {"n": {"type": "integer", "default": 1}}},
            {
                "type": "object",
                "properties": {"n": {"type": "integer"}},
                "required": ["n"],
                "additionalProperties": False,
            },
        ),
        ({"type": "object", "properties": {"n": {"minLength": 2}}}, None),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, None),
        ({"type": "object", "properties": {"anything": {}}}, None),
        (
            {
                "$defs": {"A": {"type": "object", "properties": {}, "title": "A"}},
                "type": "object",
                "properties": {
                    "a": {"anyOf": [{"$ref": "#/$defs/A"}, {"type": "null"}]},
                    "b": {"type": "array", "items": {"enum": [1]}},
                },
            },
            {
                "$defs": {
                    "A": {
                        "type": "object",
                        "properties": {},
                        "required": [],
                        "additionalProperties": False,
                    }
                },
                "type": "object",
                "properties": {
                    "a": {"anyOf": [{"$ref": "#/$defs/A"}, {"type": "null"}]},
                    "b": {"type": "array", "items": {"enum": [1]}},
                },
                "required": ["a", "b"],
                "additionalProperties": False,
            },
        ),
    ],
    ids=["plain", "unknown keyword", "any names", "any value", "nested"],
)
def test_a_shape_is_asked_for_strictly_where_that_can_be_said(
    schema: dict[str, Any], sent: dict[str, Any] | None
) -> None:
    """What fits the strict schema fits ours; any other is asked for as it is."""
    output = OutputSchema(name="o", schema=msgspec.json.encode(schema).decode(), description="d")
    request = ModelRequest(model=_MODEL, messages=(), output=output)

    assert _body(request, OPENAI)["text"]["format"] == {
        "type": "json_schema",
        "name": "o",
        "description": "d",
        "schema": schema if sent is None else sent,
        "strict": sent is not None,
    }


def test_a_shape_that_is_no_json_is_refused() -> None:
    """The provider would say so in worse words."""
    request = ModelRequest(model="m", messages=(), output=OutputSchema(name="o", schema="{"))
    with pytest.raises(ProviderError, match="output 'o' is not JSON"):
        _body(request, OPENAI)
