"""What may be asked of servers of the Responses wire, and what is refused before it is sent."""

import base64
from typing import Any

import msgspec
import pytest

from mentra_actors.domain.blob import BlobRef
from mentra_actors.domain.content import (
    AssistantMessage,
    Attachment,
    FileBlock,
    ImageBlock,
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
    ResponsesOptions,
    ToolSpec,
)
from mentra_actors.errors import ProviderError
from mentra_actors.providers.presets import GENERIC, LMSTUDIO, OLLAMA, OPENAI, OPENROUTER
from mentra_actors.providers.profile import Capabilities, Profile
from mentra_actors.providers.wires.contract import whole_body
from mentra_actors.providers.wires.responses.request import input_items
from mentra_actors.providers.wires.responses_wire import RESPONSES

_PIXEL = base64.b64decode("R0lGODlhAQABAAAAACw=")
_DATA_URL = f"data:image/gif;base64,{base64.b64encode(_PIXEL).decode()}"
_IMAGE = ImageBlock(media_type="image/gif", data=_PIXEL)
_SCHEMA = '{"type":"object","properties":{}}'
_TOOL = ToolSpec(name="search", description="Find it.", input_schema=_SCHEMA)
_DEFERRED = ToolSpec(name="rare", description="", input_schema=_SCHEMA, is_deferred=True)


def _asked(model: str = "gpt-5.6", **fields: Any) -> ModelRequest:
    return ModelRequest(model=model, messages=(), **fields)


def _body(request: ModelRequest, profile: Profile = OPENAI) -> dict[str, Any]:
    return whole_body(RESPONSES, request, profile)


def _refusal(request: ModelRequest, profile: Profile = OPENAI) -> str:
    with pytest.raises(ProviderError) as caught:
        _body(request, profile)
    assert (caught.value.kind, caught.value.transient) == ("invalid_request", False)
    return str(caught.value)


def _user_parts(*attachments: Attachment, profile: Profile = OPENAI) -> list[dict[str, Any]]:
    (item,) = input_items(UserMessage(text="look", attachments=attachments), "m", profile)
    return list(item["content"])


def test_images_and_files_go_with_the_words_of_a_user() -> None:
    """Bytes become data URLs; what the server has or can fetch is named."""
    parts = _user_parts(
        msgspec.structs.replace(_IMAGE, detail="low"),
        ImageBlock(url="https://a.b/c.png"),
        FileBlock(media_type="image/gif", data=_PIXEL),
        FileBlock(media_type="application/pdf", name="a.pdf", data=b"%PDF"),
        FileBlock(url="https://a.b/c.pdf"),
        FileBlock(file_id="file-1", provider="openai"),
        FileBlock(file_id="file-2", media_type="image/png"),
    )

    assert parts == [
        {"type": "input_text", "text": "look"},
        {"type": "input_image", "image_url": _DATA_URL, "detail": "low"},
        {"type": "input_image", "image_url": "https://a.b/c.png", "detail": "auto"},
        {"type": "input_image", "image_url": _DATA_URL, "detail": "auto"},
        {
            "type": "input_file",
            "filename": "a.pdf",
            "file_data": "data:application/pdf;base64,JVBERg==",
        },
        {"type": "input_file", "file_url": "https://a.b/c.pdf"},
        {"type": "input_file", "file_id": "file-1"},
        {"type": "input_image", "detail": "auto", "file_id": "file-2"},
    ]


@pytest.mark.parametrize(
    ("attachment", "profile", "words"),
    [
        (ImageBlock(url="https://a.b/c.png"), OLLAMA, "Ollama takes no URLs of images"),
        (FileBlock(data=b"%PDF", name="a.pdf"), OLLAMA, "a.pdf, which this model cannot be shown"),
        (FileBlock(file_id="f", provider="anthropic"), OPENAI, "kept by anthropic"),
        (ImageBlock(blob=BlobRef(digest="abc", size_bytes=1)), OPENAI, "not read from the store"),
        (FileBlock(name="a"), OPENAI, "it is empty"),
        (FileBlock(url="gs://a/b"), OPENAI, "none of the web"),
        (FileBlock(data=b"PK", media_type="application/zip"), OPENAI, "a file (application/zip)"),
        (ImageBlock(data=b"x"), OPENAI, "its media type is none of image/gif"),
        (ImageBlock(data=b"x", media_type="image/svg+xml"), OPENAI, "(image/svg+xml)"),
        (
            _IMAGE,
            Profile(name="x", base_url="", capabilities=Capabilities(images=False)),
            "x takes no images",
        ),
    ],
)
def test_a_text_stands_for_what_a_server_cannot_take(
    attachment: Attachment, profile: Profile, words: str
) -> None:
    """It is part of the history for good: a refusal would make the agent unusable."""
    [_, part] = _user_parts(attachment, profile=profile)

    assert part["type"] == "input_text"
    assert part["text"].startswith("[attached: ")
    assert words in part["text"]


def test_a_long_name_of_a_file_is_one_short_line() -> None:
    """It is text of anybody, and stands among the words of the user."""
    [_, part] = _user_parts(FileBlock(name="a\nb" * 500), profile=OPENAI)

    assert "\n" not in part["text"]
    assert len(part["text"]) < 300


def test_attachments_of_a_result_stand_in_it_or_behind_it() -> None:
    """Where a result can only be text, the model is told which result a picture is of."""
    result = ToolResultBlock(call_id="c1", name="shot", content="done", attachments=(_IMAGE,))
    message = ToolResultsMessage(results=(result,))
    image = {"type": "input_image", "image_url": _DATA_URL, "detail": "auto"}

    (item,) = input_items(message, "m", OPENAI)
    assert item["output"] == [{"type": "input_text", "text": "done"}, image]
    output, user = input_items(message, "m", LMSTUDIO)
    assert output["output"] == "done"
    assert user["role"] == "user"
    assert user["content"][1] == image
    assert "shot" in user["content"][0]["text"]


def test_strict_tools_and_tools_of_the_server_are_declared() -> None:
    """Options of a hosted tool go out as they are, and may say another type."""
    hosted = (
        HostedTool(kind="web_search", options={"search_context_size": "low"}),
        HostedTool(kind="image_generation"),
    )
    strict = msgspec.structs.replace(_TOOL, strict=True)
    body = _body(_asked(tools=(strict,), options=ProviderOptions(hosted_tools=hosted)))

    assert body["tools"][0]["strict"] is True
    assert body["tools"][1:] == [
        {"type": "web_search", "search_context_size": "low"},
        {"type": "image_generation"},
    ]
    refused = _asked(options=ProviderOptions(hosted_tools=hosted))
    assert "Ollama runs no tools" in _refusal(refused, OLLAMA)


def test_deferred_tools_need_a_search() -> None:
    """Without one the model would never hear of them."""
    request = _asked(tools=(_TOOL, _DEFERRED))
    searching = ProviderOptions(tool_search="hosted")

    tools = _body(msgspec.structs.replace(request, options=searching))["tools"]

    assert tools[1]["defer_loading"] is True
    assert tools[2] == {"type": "tool_search"}
    assert "OpenAI deferred tools require hosted tool search" in _refusal(request)
    refused = msgspec.structs.replace(request, options=searching)
    assert "Ollama deferred tools require" in _refusal(refused, OLLAMA)


def test_a_search_of_ours_is_declared_instead_of_that_of_the_server() -> None:
    """Two searches would find everything twice."""
    own = HostedTool(kind="tool_search", options={"execution": "client", "parameters": {}})
    body = _body(_asked(tools=(_DEFERRED,), options=ProviderOptions(hosted_tools=(own,))))

    assert [tool["type"] for tool in body["tools"]] == ["function", "tool_search"]
    assert body["tools"][1]["execution"] == "client"


def test_a_forced_deferred_tool_is_told_at_once() -> None:
    """There is nothing to look for."""
    request = _asked(
        tools=(_DEFERRED,),
        tool_choice=NamedTool("rare"),
        options=ProviderOptions(tool_search="hosted"),
    )

    body = _body(request)

    assert [tool.get("defer_loading") for tool in body["tools"]] == [None]
    assert body["tool_choice"] == {"type": "function", "name": "rare"}


def test_a_tool_of_the_server_is_chosen_by_its_type() -> None:
    """Any other name is that of a function; whether there is one, the server knows."""
    options = ProviderOptions(hosted_tools=(HostedTool(kind="web_search"),))
    request = _asked(tools=(_TOOL,), options=options, tool_choice=NamedTool("web_search"))

    assert _body(request)["tool_choice"] == {"type": "web_search"}
    other = msgspec.structs.replace(request, tool_choice=NamedTool("gone"))
    assert _body(other)["tool_choice"] == {"type": "function", "name": "gone"}


@pytest.mark.parametrize(
    ("model", "reasoning", "words"),
    [
        ("o3-mini", None, "takes no temperature while it reasons: leave it out"),
        ("gpt-5", None, "takes no temperature while it reasons"),
        ("gpt-5.6", None, "or set reasoning.effort to 'none'"),
        ("gpt-5.2", ReasoningOptions(effort="low"), "takes no temperature"),
        ("gpt-5.2", ReasoningOptions(enabled=True), "takes no temperature"),
        ("gpt-5.6", ReasoningOptions(enabled=False), ""),
        ("gpt-5.2", None, ""),
        ("gpt-4o", None, ""),
        ("gpt-5-chat-latest", None, ""),
        ("gpt-9", ReasoningOptions(effort="high"), ""),
    ],
)
def test_sampling_is_refused_exactly_while_a_model_is_known_to_reason(
    model: str, reasoning: ReasoningOptions | None, words: str
) -> None:
    """The server answers 400; what is not known goes out as it is asked."""
    request = _asked(model, temperature=0.5, reasoning=reasoning)

    if words:
        assert words in _refusal(request)
    else:
        assert _body(request)["temperature"] == 0.5
    assert _body(request, GENERIC)["temperature"] == 0.5


@pytest.mark.parametrize(
    ("model", "asked", "sent"),
    [
        ("gpt-5.6", ReasoningOptions(effort="max", summary="auto"), {"effort": "max"}),
        ("gpt-5.6", ReasoningOptions(enabled=False), {"effort": "none"}),
        ("gpt-5.6", ReasoningOptions(enabled=True), None),
        ("gpt-5.2", ReasoningOptions(enabled=True), {"effort": "medium"}),
        ("gpt-4o", ReasoningOptions(enabled=False), None),
        ("unknown", ReasoningOptions(effort="turbo"), {"effort": "turbo"}),
        ("gpt-5.6", ReasoningOptions(), None),
    ],
)
def test_how_hard_to_think_is_asked_in_one_word(
    model: str, asked: ReasoningOptions, sent: dict[str, str] | None
) -> None:
    """What is the default already is not said."""
    body = _body(_asked(model, reasoning=asked))

    if sent and asked.summary:
        sent = {**sent, "summary": asked.summary}
    assert body.get("reasoning") == sent


@pytest.mark.parametrize(
    ("model", "asked", "words"),
    [
        ("gpt-5.6", ReasoningOptions(budget_tokens=1000), "set reasoning.effort"),
        ("gpt-4o", ReasoningOptions(effort="low"), "gpt-4o does not reason"),
        ("o3", ReasoningOptions(enabled=False), "set reasoning.effort to 'low'"),
    ],
)
def test_thinking_that_a_model_is_known_not_to_do_is_refused(
    model: str, asked: ReasoningOptions, words: str
) -> None:
    """The message says what to ask instead."""
    assert words in _refusal(_asked(model, reasoning=asked))


def test_a_reseller_is_told_everything_about_thinking() -> None:
    """It translates a budget or a switch for models that take no word."""
    asked = ReasoningOptions(budget_tokens=1000, enabled=True)

    assert _body(_asked(reasoning=asked), OPENROUTER)["reasoning"] == {
        "max_tokens": 1000,
        "enabled": True,
    }


def test_sampling_that_the_wire_has_no_field_for_is_refused_where_that_is_known() -> None:
    """Silently leaving it out would break a promise; unknown servers may know it."""
    options = ProviderOptions(top_k=5, seed=7, stop_sequences=("END",), top_p=0.5)
    request = _asked("gpt-4o", options=options)

    assert "no field for top_k, seed, stop_sequences" in _refusal(request)
    body = _body(request, GENERIC)
    assert (body["top_k"], body["seed"], body["stop"], body["top_p"]) == (5, 7, ["END"], 0.5)


def test_whom_and_what_for_is_said_in_the_fields_of_the_server() -> None:
    """OpenAI has renamed the field for the person; others have not."""
    options = ProviderOptions(
        user_id="u1", service_tier="flex", responses=ResponsesOptions(service_tier="priority")
    )
    request = _asked(options=options)

    assert _body(request)["safety_identifier"] == "u1"
    assert _body(request, GENERIC)["user"] == "u1"
    assert _body(request)["service_tier"] == "flex"


@pytest.mark.parametrize(
    ("model", "cache", "sent"),
    [
        ("gpt-5.6", CacheOptions(), {}),
        ("gpt-5.6", CacheOptions(ttl="1h"), {"prompt_cache_retention": "24h"}),
        ("gpt-4o", CacheOptions(ttl="1h"), {}),
        ("gpt-5.6", CacheOptions(mode="off"), {"prompt_cache_options": {"mode": "explicit"}}),
        ("gpt-5.5", CacheOptions(mode="off"), {}),
    ],
)
def test_wishes_for_the_cache_go_to_models_that_take_them(
    model: str, cache: CacheOptions, sent: dict[str, Any]
) -> None:
    """The others answer 400 to the fields, and cache as they do anyway."""
    body = _body(_asked(model, options=ProviderOptions(cache=cache)))

    assert {name: body[name] for name in body if name.startswith("prompt_cache")} == sent


def test_a_shape_is_refused_where_none_can_be_promised() -> None:
    """The answer would be parsed, and fail there."""
    server = Profile(name="x", base_url="", capabilities=Capabilities(structured_output=False))
    request = _asked(output=OutputSchema(name="out", schema=_SCHEMA))

    assert "x cannot promise a shape" in _refusal(request, server)


def test_the_include_of_encrypted_reasoning_is_said_once() -> None:
    """Others are kept."""
    asked = ("reasoning.encrypted_content", "file_search_call.results")
    options = ProviderOptions(responses=ResponsesOptions(include=(*asked, *asked)))

    assert _body(_asked(options=options))["include"] == list(asked)


def test_calls_go_behind_texts_where_the_server_wants_them_together() -> None:
    """DeepSeek refuses an answer in which text stands between two calls."""
    blocks = (
        ToolCallBlock(call_id="a", name="f"),
        TextBlock(text="and"),
        ToolCallBlock(call_id="b", name="f"),
    )
    message = AssistantMessage(blocks=blocks)
    server = msgspec.structs.replace(GENERIC, calls_last=True)

    kinds = [item["type"] for item in input_items(message, "m", server)]

    assert kinds == ["message", "function_call", "function_call"]
    assert [item["type"] for item in input_items(message, "m", GENERIC)][1] == "message"


def test_the_path_may_be_without_a_version() -> None:
    """DeepSeek has its own."""
    server = msgspec.structs.replace(GENERIC, path="responses", version_path="")

    assert RESPONSES.answer_path(_asked(), server) == "responses"


def test_a_listed_model_says_who_made_it() -> None:
    """Servers that have no words for a model still say whose it is."""
    entries = [
        {"id": "a", "created": 5, "owned_by": "them"},
        {"id": "b", "name": "Bee", "description": "Flies.", "owned_by": "them"},
        {"id": "c"},
    ]

    plain, described, bare = RESPONSES.models_page({"data": entries}, OPENAI).models

    assert (plain.created_at, plain.display_name, plain.description) == (5.0, "", "Owned by them")
    assert (described.display_name, described.description) == ("Bee", "Flies.")
    assert (bare.created_at, bare.description) == (None, "")
