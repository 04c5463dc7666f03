"""What goes out on the Gemini wire, and what is refused before it does."""

import json
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from mentra_actors.domain.content import (
    AssistantMessage,
    ImageBlock,
    TextBlock,
    ToolCallBlock,
    ToolResultBlock,
    ToolResultsMessage,
    UserMessage,
)
from mentra_actors.domain.model_call import (
    HostedTool,
    NamedTool,
    OutputSchema,
    ProviderOptions,
    ReasoningOptions,
    ToolSpec,
)
from mentra_actors.errors import ProviderError
from mentra_actors.providers.http.endpoint import endpoint
from mentra_actors.providers.presets import GEMINI
from mentra_actors.providers.request_encoder import RequestEncoder
from mentra_actors.providers.wires.contract import whole_body
from mentra_actors.providers.wires.gemini_wire import GEMINI_GENERATE_CONTENT
from mentra_actors.providers.wires.known import WIRES

sys.path.insert(0, str(Path(__file__).parent))
from gemini_bodies import MODEL, OLD, body_of, request_of

_SCHEMA = {"type": "object", "properties": {"q": {"type": "string"}}}
_TOOL = ToolSpec(name="search", description="Find it.", input_schema=json.dumps(_SCHEMA))


def _config(model: str = MODEL, **fields: Any) -> dict[str, Any]:
    config = body_of(model, max_output_tokens=None, **fields).get("generationConfig", {})
    return dict(config)


def _thinking(model: str, *, thoughts: bool | None = None, **reasoning: Any) -> Any:
    options = ProviderOptions(thoughts=thoughts)
    config = _config(model, reasoning=ReasoningOptions(**reasoning), options=options)
    return config.get("thinkingConfig")


def _refusal(model: str = MODEL, **fields: Any) -> str:
    with pytest.raises(ProviderError) as refused:
        body_of(model, **fields)
    assert refused.value.kind == "invalid_request"
    assert not refused.value.transient
    return str(refused.value)


def test_a_request_is_whole() -> None:
    """Each field where the server looks for it, and no metadata, for which it has no place."""
    call = ToolCallBlock(call_id="c1", name="search", arguments='{"q":"x"}')
    result = ToolResultBlock(call_id="c1", name="search", content="found")

    body = body_of(
        "gemini-2.0-flash",
        system="Be kind.",
        messages=[
            UserMessage(text="hi"),
            AssistantMessage(blocks=(TextBlock(text="Looking."), call)),
            ToolResultsMessage(results=(result,)),
        ],
        tools=(_TOOL,),
        tool_choice=NamedTool("search"),
        temperature=0.2,
        max_output_tokens=100,
        metadata={"team": "red"},
    )

    assert body == {
        "systemInstruction": {"parts": [{"text": "Be kind."}]},
        "contents": [
            {"role": "user", "parts": [{"text": "hi"}]},
            {
                "role": "model",
                "parts": [
                    {"text": "Looking."},
                    {"functionCall": {"id": "c1", "name": "search", "args": {"q": "x"}}},
                ],
            },
            {
                "role": "user",
                "parts": [
                    {
                        "functionResponse": {
                            "id": "c1",
                            "name": "search",
                            "response": {"output": "found"},
                        }
                    }
                ],
            },
        ],
        "tools": [
            {
                "functionDeclarations": [
                    {
                        "name": "search",
                        "description": "Find it.",
                        "parametersJsonSchema": _SCHEMA,
                    }
                ]
            }
        ],
        "toolConfig": {
            "functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["search"]}
        },
        "generationConfig": {"temperature": 0.2, "maxOutputTokens": 100},
    }


def test_the_encoder_sends_what_the_wire_says() -> None:
    """Messages are encoded once and kept; that must not change what is sent."""
    request = request_of(system="Be kind.", tools=(_TOOL,))

    encoded = RequestEncoder(GEMINI_GENERATE_CONTENT, GEMINI).encode(request)

    assert json.loads(encoded) == whole_body(GEMINI_GENERATE_CONTENT, request, GEMINI)


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("gemini-2.5-pro", "models/gemini-2.5-pro"),
        ("models/gemini-2.5-pro", "models/gemini-2.5-pro"),
        ("tunedModels/mine", "tunedModels/mine"),
        ("publishers/google/models/x", "publishers/google/models/x"),
        ("a b?c", "models/a%20b%3Fc"),
    ],
)
def test_a_model_is_in_its_collection_once(model: str, path: str) -> None:
    """A doubled prefix is a 404, and so is a missing one."""
    found = GEMINI_GENERATE_CONTENT.answer_path(request_of(model), GEMINI)
    counting = GEMINI_GENERATE_CONTENT.count_path(request_of(model), GEMINI)

    assert found == f"{path}:streamGenerateContent?alt=sse"
    assert counting == f"{path}:countTokens"
    assert endpoint(GEMINI, GEMINI.base_url, found) == (
        f"https://generativelanguage.googleapis.com/v1beta/{path}:streamGenerateContent?alt=sse"
    )


def test_a_server_may_have_a_path_of_its_own() -> None:
    """A gateway that speaks the wire elsewhere still has to be told the model."""
    profile = msgspec.structs.replace(GEMINI, path="gateway/{model}/stream?alt=sse")

    path = GEMINI_GENERATE_CONTENT.answer_path(request_of("gemini-x"), profile)

    assert path == "gateway/gemini-x/stream?alt=sse"


def test_a_server_that_reads_urls_gets_them() -> None:
    """What one server cannot fetch, another may."""
    profile = msgspec.structs.replace(GEMINI, takes_image_urls=True)
    image = ImageBlock(url="https://example.com/cat.png", media_type="image/png")

    [content] = GEMINI_GENERATE_CONTENT.items(
        UserMessage(text="", attachments=(image,)), MODEL, profile
    )

    assert content["parts"] == [
        {"fileData": {"fileUri": "https://example.com/cat.png", "mimeType": "image/png"}}
    ]


def test_counting_asks_for_the_whole_request() -> None:
    """Tools and the system prompt are tokens, too."""
    request = request_of(system="Be kind.", tools=(_TOOL,))

    body = GEMINI_GENERATE_CONTENT.count_body(request, GEMINI)

    whole = whole_body(GEMINI_GENERATE_CONTENT, request, GEMINI)
    assert body == {"generateContentRequest": {"model": f"models/{MODEL}", **whole}}
    assert GEMINI_GENERATE_CONTENT.counted({"totalTokens": 31}) == 31
    assert GEMINI_GENERATE_CONTENT.counted({"totalTokens": None}) is None


def test_the_list_of_models_has_those_that_answer() -> None:
    """Models that embed cannot talk; a page may say where the next one is."""
    answering = {"supportedGenerationMethods": ["generateContent", "countTokens"]}
    page = GEMINI_GENERATE_CONTENT.models_page(
        {
            "models": [
                {
                    "name": "models/gemini-2.5-pro",
                    "displayName": "Gemini 2.5 Pro",
                    "description": "Thinks.",
                    "inputTokenLimit": 1048576,
                    "outputTokenLimit": 65536,
                    **answering,
                },
                {"name": "models/x-001", "baseModelId": "x", **answering},
                {"name": "models/embed", "supportedGenerationMethods": ["embedContent"]},
                {"name": "models/silent"},
                {"name": None, **answering},
            ],
            "nextPageToken": "more",
        },
        GEMINI,
    )

    assert [model.model_id for model in page.models] == ["gemini-2.5-pro", "x"]
    first = page.models[0]
    assert (first.display_name, first.description) == ("Gemini 2.5 Pro", "Thinks.")
    assert (first.context_window, first.max_output_tokens) == (1048576, 65536)
    assert first.created_at is None
    assert page.next_page == {"pageToken": "more"}
    assert GEMINI_GENERATE_CONTENT.models_path(GEMINI) == "models?pageSize=1000"
    assert GEMINI_GENERATE_CONTENT.models_page({}, GEMINI).next_page == {}


def test_the_wire_is_found_by_the_name_that_profiles_use() -> None:
    """A profile that names no wire could not be called at all."""
    assert WIRES[GEMINI.wire] is GEMINI_GENERATE_CONTENT


@pytest.mark.parametrize(
    ("choice", "config"),
    [
        ("auto", None),
        ("any", {"functionCallingConfig": {"mode": "ANY"}}),
        ("none", {"functionCallingConfig": {"mode": "NONE"}}),
    ],
)
def test_the_choice_of_tools_is_left_out_where_it_is_the_default(choice: Any, config: Any) -> None:
    """The server's own default differs where its tools are offered, too."""
    assert body_of(tools=(_TOOL,), tool_choice=choice).get("toolConfig") == config
    assert "toolConfig" not in body_of(tool_choice=choice)


def test_deferred_tools_are_refused_unless_they_must_be_called() -> None:
    """Without a search for tools, the model would never learn of them."""
    deferred = ToolSpec(name="late", description="", input_schema="{}", is_deferred=True)

    assert "late" in _refusal(tools=(_TOOL, deferred))
    options = ProviderOptions(tool_search="hosted")
    assert "late" in _refusal(tools=(deferred,), options=options)
    forced = body_of(tools=(deferred,), tool_choice=NamedTool("late"))
    assert forced["tools"] == [
        {"functionDeclarations": [{"name": "late", "parametersJsonSchema": {}}]}
    ]


def test_a_schema_that_is_no_object_is_refused() -> None:
    """The server would say so in words that name nobody."""
    broken = ToolSpec(name="bad", description="", input_schema="{")

    assert "bad" in _refusal(tools=(broken,))


def test_tools_of_the_server_have_its_words() -> None:
    """Neutral words are translated, its own are taken; calls are asked for to be sent back."""
    hosted = (
        HostedTool(kind="web_search"),
        HostedTool(kind="code_execution"),
        HostedTool(kind="url_context"),
        HostedTool(kind="enterpriseWebSearch", options={"excludeDomains": ["x.com"]}),
    )

    body = body_of(options=ProviderOptions(hosted_tools=hosted), tools=(_TOOL,))

    assert body["tools"][1:] == [
        {"googleSearch": {}},
        {"codeExecution": {}},
        {"urlContext": {}},
        {"enterpriseWebSearch": {"excludeDomains": ["x.com"]}},
    ]
    assert body["toolConfig"] == {"includeServerSideToolInvocations": True}
    assert "toolConfig" not in body_of(OLD, options=ProviderOptions(hosted_tools=hosted))


def test_what_older_models_cannot_combine_is_refused() -> None:
    """Gemini 2 takes functions, its own tools or a shape; the message says to leave out one."""
    search = ProviderOptions(hosted_tools=(HostedTool(kind="web_search"),))
    shape = OutputSchema(name="city", schema="{}")

    assert "leave out one" in _refusal(OLD, tools=(_TOOL,), options=search)
    assert "leave out one" in _refusal(OLD, tools=(_TOOL,), output=shape)
    assert body_of(tools=(_TOOL,), options=search, output=shape)
    assert body_of("tunedModels/mine", tools=(_TOOL,), output=shape)


def test_there_is_no_tool_for_images() -> None:
    """Gemini draws with models of their own."""
    options = ProviderOptions(hosted_tools=(HostedTool(kind="image_generation"),))

    assert "image models" in _refusal(options=options)


def test_how_to_sample_is_said_in_one_place() -> None:
    """Thinking must not push the other settings out."""
    options = ProviderOptions(
        top_p=0.9, top_k=40, seed=7, stop_sequences=("END",), service_tier="flex", thoughts=True
    )

    body = body_of(
        temperature=0.5,
        max_output_tokens=10,
        options=options,
        reasoning=ReasoningOptions(summary="auto"),
    )

    assert body["generationConfig"] == {
        "temperature": 0.5,
        "topP": 0.9,
        "topK": 40,
        "seed": 7,
        "stopSequences": ["END"],
        "maxOutputTokens": 10,
        "thinkingConfig": {"includeThoughts": True},
    }
    assert body["serviceTier"] == "flex"
    assert "generationConfig" not in body_of(max_output_tokens=None)


def test_an_answer_has_the_shape_that_is_asked_for() -> None:
    """The schema is sent as it is, described where that was said apart."""
    shape = OutputSchema(name="city", schema=json.dumps(_SCHEMA), description="A city.")

    assert _config(output=shape) == {
        "responseMimeType": "application/json",
        "responseJsonSchema": {"description": "A city.", **_SCHEMA},
    }


@pytest.mark.parametrize(
    ("model", "reasoning", "config"),
    [
        ("gemini-3-pro-preview", {"effort": "low"}, {"thinkingLevel": "low"}),
        ("gemini-3-pro-preview", {"effort": "medium"}, {"thinkingLevel": "medium"}),
        ("models/gemini-3-flash-preview", {"effort": "high"}, {"thinkingLevel": "high"}),
        ("gemini-3-flash-preview", {"effort": "minimal"}, {"thinkingLevel": "minimal"}),
        ("gemini-3-flash-preview", {"budget_tokens": 512}, {"thinkingBudget": 512}),
        ("gemini-3-flash-preview", {"enabled": True}, None),
        ("gemini-3-flash-preview", {"enabled": False}, {"thinkingBudget": 0}),
        ("gemini-2.5-flash", {"budget_tokens": 512}, {"thinkingBudget": 512}),
        ("gemini-2.5-flash", {"enabled": False}, {"thinkingBudget": 0}),
        ("gemini-2.5-flash-lite", {"enabled": True}, {"thinkingBudget": -1}),
        ("gemini-2.0-flash", {"enabled": False}, None),
        ("gemini-9-ultra", {"effort": "max"}, {"thinkingLevel": "max"}),
        ("gemini-2.5-pro", {"summary": "auto"}, {"includeThoughts": True}),
        ("gemini-2.5-pro", {"summary": "none"}, {"includeThoughts": False}),
        ("gemini-2.5-pro", {}, None),
    ],
)
def test_thinking_is_asked_for_as_the_model_takes_it(
    model: str, reasoning: dict[str, Any], config: Any
) -> None:
    """Gemini 3 takes a word and Gemini 2.5 a number; what is not known takes anything."""
    assert _thinking(model, **reasoning) == config


@pytest.mark.parametrize("thoughts", [True, False])
def test_thoughts_are_shown_where_they_are_asked_for(*, thoughts: bool) -> None:
    """They come only when they are asked for, and the option says it over the summary."""
    assert _thinking("gemini-3-pro", thoughts=thoughts, summary="auto") == {
        "includeThoughts": thoughts
    }


@pytest.mark.parametrize(
    ("model", "reasoning", "advice"),
    [
        ("gemini-3-pro-preview", {"effort": "xhigh"}, "low, medium, high"),
        ("gemini-3-flash-preview", {"effort": "max"}, "minimal, low, medium, high"),
        ("gemini-3-pro-preview", {"effort": "minimal"}, "low, medium, high"),
        ("gemini-3-pro-preview", {"enabled": False}, "effort 'low'"),
        ("gemini-3-pro-preview", {"effort": "low", "budget_tokens": 9}, "not both"),
        ("gemini-2.5-flash", {"effort": "low"}, "budget_tokens"),
        ("gemini-2.5-pro", {"enabled": False}, "small budget_tokens"),
        ("gemini-2.5-pro", {"budget_tokens": 0}, "small budget_tokens"),
        ("gemini-2.5-flash", {"enabled": False, "budget_tokens": 9}, "leave out"),
        ("gemini-2.0-flash", {"effort": "low"}, "does not think"),
        ("gemini-1.5-pro", {"summary": "auto"}, "does not think"),
    ],
)
def test_thinking_that_a_model_does_not_know_is_refused(
    model: str, reasoning: dict[str, Any], advice: str
) -> None:
    """The message names the model and says what it takes instead."""
    message = _refusal(model, reasoning=ReasoningOptions(**reasoning))

    assert advice in message


def test_extra_fields_stand_over_ours() -> None:
    """What we do not know of can still be asked for."""
    extra = {"cachedContent": "cachedContents/1", "generationConfig": {"candidateCount": 1}}

    body = body_of(options=ProviderOptions(extra_body=extra))

    assert body["cachedContent"] == "cachedContents/1"
    assert body["generationConfig"] == {"candidateCount": 1}
