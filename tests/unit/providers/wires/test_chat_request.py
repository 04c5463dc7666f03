"""Bodies of Chat Completions: as the vendor defines them, and as other servers take them."""

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
import pytest

from mentra_actors.domain.content import (
    AssistantMessage,
    FileBlock,
    ImageBlock,
    Message,
    TextBlock,
    ToolCallBlock,
    ToolResultBlock,
    ToolResultsMessage,
    UserMessage,
)
from mentra_actors.domain.model_call import (
    CacheOptions,
    HostedTool,
    ModelRequest,
    NamedTool,
    OutputSchema,
    ProviderOptions,
    ReasoningOptions,
    ToolSpec,
)
from mentra_actors.errors import ProviderError
from mentra_actors.providers.presets import GENERIC_CHAT, OPENROUTER
from mentra_actors.providers.profile import Profile
from mentra_actors.providers.request_encoder import RequestEncoder
from mentra_actors.providers.wires.chat_wire import CHAT_COMPLETIONS
from mentra_actors.providers.wires.contract import whole_body

sys.path.insert(0, str(Path(__file__).parent))
from chat_bodies import BARE, CHAT_OPENAI, FEW, HI, profile_with, request_of

_CHAT_OPENROUTER = msgspec.structs.replace(OPENROUTER, wire="chat_completions")
_TOOL = ToolSpec(name="f", description="does f", input_schema='{"type":"object"}')


def _body(profile: Profile = GENERIC_CHAT, *messages: Message, **fields: Any) -> dict[str, Any]:
    return whole_body(CHAT_COMPLETIONS, request_of(*messages, **fields), profile)


_EVERYTHING = request_of(
    UserMessage(
        text="look",
        attachments=(
            ImageBlock(media_type="image/png", data=b"foo", detail="low"),
            ImageBlock(url="https://a/b.png"),
            FileBlock(media_type="application/pdf", name="a.pdf", data=b"%PDF"),
            FileBlock(media_type="audio/x-wav", data=b"RIFF"),
            FileBlock(file_id="file_1", provider="openai"),
        ),
    ),
    AssistantMessage(
        blocks=(TextBlock(text="well"), ToolCallBlock(call_id="a", name="f", arguments='{"x":1}'))
    ),
    ToolResultsMessage(
        results=(
            ToolResultBlock(
                call_id="a",
                name="f",
                content="1",
                attachments=(ImageBlock(media_type="image/png", data=b"foo"),),
            ),
        )
    ),
    AssistantMessage(blocks=(ToolCallBlock(call_id="b", name="f"),)),
    ToolResultsMessage(
        results=(ToolResultBlock(call_id="b", name="f", content="no", is_error=True),)
    ),
    system="be brief",
    tools=(_TOOL, ToolSpec(name="g", description="", input_schema="{}", strict=True)),
    tool_choice=NamedTool("f"),
    temperature=0.5,
    reasoning=ReasoningOptions(effort="low"),
    metadata={"k": "v"},
    output=OutputSchema(name="o", schema='{"type":"object","properties":{}}', description="d"),
    options=ProviderOptions(
        parallel_tool_calls=False,
        top_p=0.9,
        seed=7,
        stop_sequences=("END",),
        service_tier="flex",
        user_id="u1",
    ),
)


def test_the_vendors_own_types_take_our_body() -> None:
    """A field that is misspelt or misplaced is found here and not by a user."""
    body = whole_body(CHAT_COMPLETIONS, _EVERYTHING, CHAT_OPENAI)
    sdk = import_module("openai.types.chat.completion_create_params")  # it costs a second
    vendors = sdk.CompletionCreateParamsStreaming

    import_module("pydantic").TypeAdapter(vendors).validate_python(body)

    assert set(body) <= {
        *vendors.__annotations__,
        *sdk.CompletionCreateParamsBase.__annotations__,
    }


def test_each_field_has_its_place() -> None:
    """The whole body, as the wire has it."""
    body = whole_body(CHAT_COMPLETIONS, _EVERYTHING, CHAT_OPENAI)

    messages = body.pop("messages")
    assert body == {
        "model": "m",
        "stream": True,
        "stream_options": {"include_usage": True},
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "f",
                    "description": "does f",
                    "parameters": {"type": "object"},
                },
            },
            {"type": "function", "function": {"name": "g", "parameters": {}, "strict": True}},
        ],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
        "parallel_tool_calls": False,
        "max_completion_tokens": 8192,
        "temperature": 0.5,
        "top_p": 0.9,
        "seed": 7,
        "stop": ["END"],
        "reasoning_effort": "low",
        "response_format": {
            "type": "json_schema",
            "json_schema": {
                "name": "o",
                "description": "d",
                "schema": {
                    "type": "object",
                    "properties": {},
                    "required": [],
                    "additionalProperties": False,
                },
                "strict": True,
            },
        },
        "user": "u1",
        "service_tier": "flex",
        "metadata": {"k": "v"},
    }
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,Zm9v"}}
    assert messages == [
        {"role": "system", "content": "be brief"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "look"},
                {
                    "type": "image_url",
                    "image_url": {"url": "data:image/png;base64,Zm9v", "detail": "low"},
                },
                {"type": "image_url", "image_url": {"url": "https://a/b.png"}},
                {
                    "type": "file",
                    "file": {
                        "filename": "a.pdf",
                        "file_data": "data:application/pdf;base64,JVBERg==",
                    },
                },
                {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
                {"type": "file", "file": {"file_id": "file_1"}},
            ],
        },
        {
            "role": "assistant",
            "content": "well",
            "tool_calls": [
                {
                    "id": "a",
                    "type": "function",
                    "function": {"name": "f", "arguments": '{"x":1}'},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "a", "content": "1"},
        {
            "role": "user",
            "content": [{"type": "text", "text": "From the result of f (a):"}, image],
        },
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "b", "type": "function", "function": {"name": "f", "arguments": "{}"}}
            ],
        },
        {"role": "tool", "tool_call_id": "b", "content": "Tool error: no"},
    ]


@pytest.mark.parametrize("profile", [CHAT_OPENAI, _CHAT_OPENROUTER])
def test_bytes_say_the_same_as_the_body(profile: Profile) -> None:
    """What is sent is encoded message by message, the system message first."""
    request = msgspec.structs.replace(_EVERYTHING, reasoning=None)
    request = msgspec.structs.replace(
        request, messages=[UserMessage(text="look"), *request.messages[1:]]
    )

    encoded = RequestEncoder(CHAT_COMPLETIONS, profile).encode(request)

    assert json.loads(encoded) == whole_body(CHAT_COMPLETIONS, request, profile)


@pytest.mark.parametrize(
    ("reasoning", "fields"),
    [
        (ReasoningOptions(effort="high"), {"effort": "high"}),
        (ReasoningOptions(budget_tokens=9), {"max_tokens": 9}),
        (ReasoningOptions(enabled=False), {"enabled": False}),
    ],
)
def test_reasoning_may_be_asked_as_an_object(
    reasoning: ReasoningOptions, fields: dict[str, Any]
) -> None:
    """Some servers take a number of tokens where others take a word."""
    assert _body(_CHAT_OPENROUTER, reasoning=reasoning)["reasoning"] == fields


@pytest.mark.parametrize(
    ("reasoning", "word"),
    [
        (ReasoningOptions(effort="high", budget_tokens=9), "high"),
        (ReasoningOptions(enabled=False), "none"),
        (ReasoningOptions(enabled=True), None),
        (ReasoningOptions(), None),
    ],
)
def test_reasoning_is_asked_with_a_word(reasoning: ReasoningOptions, word: str | None) -> None:
    """What is not chosen is left to the server."""
    assert _body(reasoning=reasoning).get("reasoning_effort") == word


@pytest.mark.parametrize("effort", ["minimal", "low", "medium", "high", "xhigh", "max"])
def test_a_word_for_effort_goes_as_it_is(effort: str) -> None:
    """Servers learn new words faster than we do; a wrong one is theirs to refuse."""
    asked = ReasoningOptions(effort=effort)

    assert _body(reasoning=asked)["reasoning_effort"] == effort
    assert _body(_CHAT_OPENROUTER, reasoning=asked)["reasoning"] == {"effort": effort}


@pytest.mark.parametrize(
    ("choice", "field"), [("auto", "auto"), ("any", "required"), ("none", "none")]
)
def test_a_choice_of_tools_has_the_wires_word(choice: Any, field: str) -> None:
    """Without tools nothing is said of their choice: servers refuse that."""
    assert _body(tools=(_TOOL,), tool_choice=choice)["tool_choice"] == field
    assert "tool_choice" not in _body(tool_choice=choice)


def test_a_server_without_choice_is_offered_what_may_be_called() -> None:
    """The choice is kept by what is offered; what cannot be kept is refused below."""
    other = ToolSpec(name="g", description="", input_schema="{}")

    named = _body(FEW, tools=(_TOOL, other), tool_choice=NamedTool("g"))
    none = _body(FEW, tools=(_TOOL,), tool_choice="none")

    assert [tool["function"]["name"] for tool in named["tools"]] == ["g"]
    assert "tool_choice" not in named
    assert "tools" not in none


def test_tools_of_the_server_are_sent_as_they_are() -> None:
    """They have no neutral form on this wire."""
    tool = HostedTool(kind="openrouter:web_search", options={"parameters": {"max_uses": 1}})

    body = _body(_CHAT_OPENROUTER, options=ProviderOptions(hosted_tools=(tool,)))

    assert body["tools"] == [{"type": "openrouter:web_search", "parameters": {"max_uses": 1}}]


def test_a_forced_deferred_tool_is_a_plain_one() -> None:
    """There is nothing to search for."""
    tool = msgspec.structs.replace(_TOOL, is_deferred=True)

    body = _body(tools=(tool,), tool_choice=NamedTool("f"))

    assert body["tools"][0]["function"]["name"] == "f"


def test_caching_is_asked_for_by_marks() -> None:
    """The marks stand after what stays the same."""
    answer = AssistantMessage(blocks=(TextBlock(text="a"),))
    options = ProviderOptions(cache=CacheOptions(ttl="1h"))
    messages = (HI, answer, UserMessage(text="and"))

    marked = _body(_CHAT_OPENROUTER, *messages, system="s", options=options)["messages"]
    off = _body(
        _CHAT_OPENROUTER, *messages, options=ProviderOptions(cache=CacheOptions(mode="off"))
    )

    mark = {"type": "ephemeral"}
    assert marked[0]["content"][0]["cache_control"] == {**mark, "ttl": "1h"}
    assert marked[1]["content"] == [{"type": "text", "text": "hi", "cache_control": mark}]
    assert marked[2]["content"] == "a"
    assert marked[3]["content"] == [{"type": "text", "text": "and", "cache_control": mark}]
    assert "cache_control" not in json.dumps(off)


@pytest.mark.parametrize(
    ("profile", "request_", "words"),
    [
        (BARE, request_of(tools=(_TOOL,)), "takes no tools"),
        (BARE, request_of(reasoning=ReasoningOptions(effort="low")), "how to reason"),
        (BARE, request_of(output=OutputSchema(name="o", schema="{}")), "shape of the answer"),
        (FEW, request_of(tools=(_TOOL,), tool_choice="any"), "cannot be made to call"),
        (
            GENERIC_CHAT,
            request_of(reasoning=ReasoningOptions(budget_tokens=5)),
            "choose an effort",
        ),
        (
            GENERIC_CHAT,
            request_of(tools=(msgspec.structs.replace(_TOOL, is_deferred=True),)),
            "do not defer",
        ),
        (
            GENERIC_CHAT,
            request_of(options=ProviderOptions(hosted_tools=(HostedTool(kind="x"),))),
            "runs no tools",
        ),
        (CHAT_OPENAI, request_of(options=ProviderOptions(top_k=4)), "no field for top_k"),
        (
            GENERIC_CHAT,
            request_of(tools=(ToolSpec(name="f", description="", input_schema="{"),)),
            "not JSON",
        ),
    ],
)
def test_what_a_server_cannot_do_is_refused_before_it_is_sent(
    profile: Profile, request_: ModelRequest, words: str
) -> None:
    """The user learns what to change, and no tokens are paid for."""
    with pytest.raises(ProviderError, match=words) as caught:
        whole_body(CHAT_COMPLETIONS, request_, profile)

    assert caught.value.kind == "invalid_request"
    assert not caught.value.transient


def test_extra_fields_of_the_user_stand_over_ours() -> None:
    """A field that we do not know is never out of reach."""
    options = ProviderOptions(extra_body={"top_k": 4, "temperature": 1})

    body = _body(temperature=0.5, options=options)

    assert (body["top_k"], body["temperature"]) == (4, 1)


def test_a_list_of_models_says_what_servers_say_of_them() -> None:
    """The window has as many names as there are servers."""
    page = CHAT_COMPLETIONS.models_page(
        {"data": [{"id": "a", "created": 5, "max_model_len": 4096}, {"id": ""}, "x"]},
        GENERIC_CHAT,
    )

    [model] = page.models
    assert (model.model_id, model.created_at, model.context_window) == ("a", 5.0, 4096)


def test_the_paths_are_the_wires_or_the_profiles() -> None:
    """Azure and others have their own."""
    own = profile_with(path="deployments/x/chat/completions")

    assert CHAT_COMPLETIONS.answer_path(request_of(), GENERIC_CHAT) == "chat/completions"
    assert CHAT_COMPLETIONS.answer_path(request_of(), own) == own.path
    assert not CHAT_COMPLETIONS.count_path(request_of(), GENERIC_CHAT)


def test_servers_that_nobody_knows_get_top_k() -> None:
    """Most of them have it, and an option that vanishes is worse than an error."""
    assert _body(options=ProviderOptions(top_k=4))["top_k"] == 4
