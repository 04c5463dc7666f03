"""What goes out on the Gemini wire, and what is refused before it does."""

import json
from typing import Any

import msgspec
import pytest

from mentra_actors.domain.blob import BlobRef
from mentra_actors.domain.content import (
    AssistantBlock,
    AssistantMessage,
    Attachment,
    Citation,
    FileBlock,
    HostedToolBlock,
    ImageBlock,
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
    HostedTool,
    ModelRequest,
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

_MODEL = "gemini-3-flash-preview"
_OLD = "gemini-2.5-flash"
_OWN = GEMINI.provenance(_MODEL)
_OTHER = Provenance(provider="openai", model="gpt-5.5", wire="openai_responses")
_DUMMY = "skip_thought_signature_validator"
_SCHEMA = {"type": "object", "properties": {"q": {"type": "string"}}}
_TOOL = ToolSpec(name="search", description="Find it.", input_schema=json.dumps(_SCHEMA))
_PNG = b"\x89PNG\r\n\x1a\nrest"
_INLINE_PNG = {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgpyZXN0"}}


def _request(model: str = _MODEL, **fields: Any) -> ModelRequest:
    return ModelRequest(model=model, **{"messages": [UserMessage(text="hi")], **fields})


def _body(model: str = _MODEL, **fields: Any) -> dict[str, Any]:
    return whole_body(GEMINI_GENERATE_CONTENT, _request(model, **fields), GEMINI)


def _config(model: str = _MODEL, **fields: Any) -> dict[str, Any]:
    config = _body(model, max_output_tokens=None, **fields).get("generationConfig", {})
    return dict(config)


def _thinking(model: str, *, thoughts: bool | None = None, **reasoning: Any) -> Any:
    options = ProviderOptions(thoughts=thoughts)
    config = _config(model, reasoning=ReasoningOptions(**reasoning), options=options)
    return config.get("thinkingConfig")


def _parts(*blocks: AssistantBlock, model: str = _MODEL) -> list[dict[str, Any]]:
    message = AssistantMessage(blocks=blocks)
    contents = GEMINI_GENERATE_CONTENT.items(message, model, GEMINI)
    assert [content["role"] for content in contents] in (["model"], [])
    return [part for content in contents for part in content["parts"]]


def _said(*attachments: Attachment, text: str = "look") -> list[dict[str, Any]]:
    message = UserMessage(text=text, attachments=attachments)
    [content] = GEMINI_GENERATE_CONTENT.items(message, _MODEL, GEMINI)
    return list(content["parts"])


def _answered(result: ToolResultBlock, model: str = _MODEL) -> list[dict[str, Any]]:
    message = ToolResultsMessage(results=(result,))
    [content] = GEMINI_GENERATE_CONTENT.items(message, model, GEMINI)
    assert content["role"] == "user"
    return list(content["parts"])


def _refusal(model: str = _MODEL, **fields: Any) -> str:
    with pytest.raises(ProviderError) as refused:
        _body(model, **fields)
    assert refused.value.kind == "invalid_request"
    assert not refused.value.transient
    return str(refused.value)


def test_a_request_is_whole() -> None:
    """Each field where the server looks for it, and no metadata, for which it has no place."""
    call = ToolCallBlock(call_id="c1", name="search", arguments='{"q":"x"}')
    result = ToolResultBlock(call_id="c1", name="search", content="found")

    body = _body(
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
    request = _request(system="Be kind.", tools=(_TOOL,))

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
    found = GEMINI_GENERATE_CONTENT.answer_path(_request(model), GEMINI)
    counting = GEMINI_GENERATE_CONTENT.count_path(_request(model), GEMINI)

    assert found == f"{path}:streamGenerateContent?alt=sse"
    assert counting == f"{path}:countTokens"
    assert endpoint(GEMINI, GEMINI.base_url, found) == (
        f"https://generativelanguage.googleapis.com/v1beta/{path}:streamGenerateContent?alt=sse"
    )


def test_a_server_may_have_a_path_of_its_own() -> None:
    """A gateway that speaks the wire elsewhere still has to be told the model."""
    profile = msgspec.structs.replace(GEMINI, path="gateway/{model}/stream?alt=sse")

    path = GEMINI_GENERATE_CONTENT.answer_path(_request("gemini-x"), profile)

    assert path == "gateway/gemini-x/stream?alt=sse"


def test_a_server_that_reads_urls_gets_them() -> None:
    """What one server cannot fetch, another may."""
    profile = msgspec.structs.replace(GEMINI, takes_image_urls=True)
    image = ImageBlock(url="https://example.com/cat.png", media_type="image/png")

    [content] = GEMINI_GENERATE_CONTENT.items(
        UserMessage(text="", attachments=(image,)), _MODEL, profile
    )

    assert content["parts"] == [
        {"fileData": {"fileUri": "https://example.com/cat.png", "mimeType": "image/png"}}
    ]


def test_counting_asks_for_the_whole_request() -> None:
    """Tools and the system prompt are tokens, too."""
    request = _request(system="Be kind.", tools=(_TOOL,))

    body = GEMINI_GENERATE_CONTENT.count_body(request, GEMINI)

    whole = whole_body(GEMINI_GENERATE_CONTENT, request, GEMINI)
    assert body == {"generateContentRequest": {"model": f"models/{_MODEL}", **whole}}
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


def test_bytes_go_out_after_the_words() -> None:
    """Images and files travel in the request itself."""
    pdf = FileBlock(media_type="application/pdf", data=b"%PDF-1.7")

    assert _said(ImageBlock(media_type="image/png", data=_PNG), pdf) == [
        {"text": "look"},
        _INLINE_PNG,
        {"inlineData": {"mimeType": "application/pdf", "data": "JVBERi0xLjc="}},
    ]


def test_the_type_of_well_known_bytes_is_seen() -> None:
    """Nobody should have to say that a PNG is one."""
    assert _said(ImageBlock(data=_PNG), text="") == [_INLINE_PNG]


@pytest.mark.parametrize(
    "url",
    [
        "gs://bucket/a.png",
        "https://generativelanguage.googleapis.com/v1beta/files/abc",
        "https://www.youtube.com/watch?v=9hE5-98ZeCg",
        "https://youtu.be/9hE5-98ZeCg",
    ],
)
def test_addresses_that_google_reads_are_sent(url: str) -> None:
    """A film or an uploaded file needs no copy."""
    file = FileBlock(url=url, media_type="video/mp4")

    assert _said(file, text="") == [{"fileData": {"fileUri": url, "mimeType": "video/mp4"}}]


def test_a_data_url_is_bytes() -> None:
    """It is no address at all."""
    url = f"data:image/png;base64,{_INLINE_PNG['inlineData']['data']}"

    assert _said(ImageBlock(url=url), text="") == [_INLINE_PNG]


@pytest.mark.parametrize("file_id", ["files/abc", "abc"])
def test_an_uploaded_file_is_sent_by_its_address(file_id: str) -> None:
    """The server wants the whole URI, and people keep the short id."""
    uri = "https://generativelanguage.googleapis.com/v1beta/files/abc"

    assert _said(FileBlock(file_id=file_id, provider="gemini"), text="") == [
        {"fileData": {"fileUri": uri}}
    ]
    assert _said(FileBlock(file_id=uri), text="") == [{"fileData": {"fileUri": uri}}]


@pytest.mark.parametrize(
    ("attachment", "words"),
    [
        (ImageBlock(url="https://example.com/cat.png"), "https://example.com/cat.png"),
        (ImageBlock(url="https://example.com/?u=https://youtu.be/x"), "of YouTube"),
        (FileBlock(url="http://youtube.com.evil.example/x"), "of YouTube"),
        (FileBlock(file_id="file-1", provider="openai"), "kept by openai"),
        (FileBlock(data=b"who knows"), "media type"),
        (FileBlock(data=b"PK", media_type="application/zip", name="a.zip"), "a.zip"),
        (ImageBlock(data=b"GIF89a"), "(image/gif)"),
        (ImageBlock(blob=BlobRef(digest="sha256:00", size_bytes=9)), "not read"),
        (ImageBlock(), "is empty"),
        (ImageBlock(url="data:image/png;base64,???"), "no bytes"),
    ],
)
def test_a_text_stands_for_what_google_cannot_read(attachment: Attachment, words: str) -> None:
    """It is part of the history for good: a refusal would make the agent unusable."""
    [part] = _said(attachment, text="")

    assert part["text"].startswith("[attached: ")
    assert words in part["text"]


def test_nothing_is_sent_of_a_message_that_says_nothing() -> None:
    """A content without parts is a 400 for the whole conversation."""
    empty = AssistantMessage(blocks=(TextBlock(text=""),))

    body = _body(messages=[UserMessage(text="hi"), empty, UserMessage(text="")])

    assert body["contents"] == [{"role": "user", "parts": [{"text": "hi"}]}]


def test_what_this_model_signed_goes_back_signed() -> None:
    """Thoughts, texts (even empty ones) and calls keep their signature, part by part."""
    parts = _parts(
        ThinkingBlock(parts=("hm",), signature="s0", provenance=_OWN),
        TextBlock(text="I look.", signature="s1", provenance=_OWN),
        TextBlock(text="And see."),
        ToolCallBlock(call_id="a", name="f", signature="s2", provenance=_OWN),
        ToolCallBlock(call_id="b", name="f"),
        TextBlock(text="", signature="s3", provenance=_OWN),
    )

    assert parts == [
        {"text": "hm", "thought": True, "thoughtSignature": "s0"},
        {"text": "I look.", "thoughtSignature": "s1"},
        {"text": "And see."},
        {"functionCall": {"id": "a", "name": "f", "args": {}}, "thoughtSignature": "s2"},
        {"functionCall": {"id": "b", "name": "f", "args": {}}},
        {"text": "", "thoughtSignature": "s3"},
    ]


@pytest.mark.parametrize("provenance", [_OTHER, GEMINI.provenance("gemini-3-pro-preview"), None])
def test_what_others_signed_goes_out_plain(provenance: Provenance | None) -> None:
    """A signature of somebody else is a 400; the words are still worth telling."""
    parts = _parts(
        ThinkingBlock(parts=("hm", "so"), signature="s0", provenance=provenance),
        ThinkingBlock(encrypted="x", is_redacted=True, provenance=provenance),
        ThinkingBlock(encrypted="x", provenance=provenance),
        TextBlock(text="I look.", signature="s1", provenance=provenance),
        TextBlock(text="", signature="s3", provenance=provenance),
        RefusalBlock(text="I will not."),
        ToolCallBlock(call_id="a", name="f", signature="s2", provenance=provenance),
        ToolCallBlock(call_id="b", name="f", signature="s4", provenance=provenance),
    )

    assert parts == [
        {"text": "hm\n\nso"},
        {"text": "[redacted reasoning]"},
        {"text": "[reasoning unavailable]"},
        {"text": "I look."},
        {"text": "I will not."},
        {"functionCall": {"id": "a", "name": "f", "args": {}}, "thoughtSignature": _DUMMY},
        {"functionCall": {"id": "b", "name": "f", "args": {}}},
    ]


@pytest.mark.parametrize(
    ("model", "is_needed"),
    [
        ("gemini-3-pro-preview", True),
        ("models/gemini-3.1-pro-preview", True),
        ("gemini-4-flash", True),
        ("gemini-flash-latest", True),
        ("gemini-2.5-pro", False),
        ("gemini-1.5-flash", False),
        ("gemma-3-27b-it", False),
        ("tunedModels/mine", False),
    ],
)
def test_only_models_that_ask_for_signatures_get_a_stand_in(
    model: str, *, is_needed: bool
) -> None:
    """Gemini 3 answers 400 to a call without one; older models know no such word."""
    [part] = _parts(ToolCallBlock(call_id="a", name="f"), model=model)

    assert ("thoughtSignature" in part) is is_needed


@pytest.mark.parametrize("arguments", ["", "nope", "[1]", "null"])
def test_arguments_are_an_object_at_any_rate(arguments: str) -> None:
    """One bad call must not make the whole history unusable."""
    [part] = _parts(ToolCallBlock(call_id="a", name="f", arguments=arguments))

    assert part["functionCall"]["args"] == {}


def test_raw_parts_go_back_only_to_their_producer() -> None:
    """To others they mean nothing, or something else."""
    code = {"executableCode": {"code": "1"}, "thought": True, "thoughtSignature": "s"}
    grounding = {"groundingMetadata": {"webSearchQueries": ["x"]}}

    def blocks(provenance: Provenance) -> list[AssistantBlock]:
        return [
            OpaqueBlock(item_type="executableCode", raw=json.dumps(code), provenance=provenance),
            HostedToolBlock(tool="web_search", raw=json.dumps(grounding), provenance=provenance),
        ]

    assert _parts(*blocks(_OWN)) == [code]
    assert _parts(*blocks(_OTHER)) == []


def test_a_signed_image_goes_back_with_its_bytes() -> None:
    """The log keeps the bytes apart from the part; the model must see both again."""
    raw = {"inlineData": {"mimeType": "image/png"}, "thoughtSignature": "s"}
    image = ImageBlock(media_type="image/png", data=_PNG)
    block = HostedToolBlock(
        tool="image_generation", raw=json.dumps(raw), provenance=_OWN, images=(image,)
    )

    assert _parts(block) == [{**_INLINE_PNG, "thoughtSignature": "s"}]
    assert _parts(image) == [_INLINE_PNG]


def test_an_image_that_is_elsewhere_is_named() -> None:
    """What another model drew must not stop the conversation."""
    assert _parts(ImageBlock(url="https://example.com/cat.png")) == [
        {"text": "[image at https://example.com/cat.png]"}
    ]


def test_citations_stay_at_home() -> None:
    """The server takes none."""
    cited = TextBlock(text="so", citations=(Citation(kind="web"),), provenance=_OWN)

    assert _parts(cited) == [{"text": "so"}]


@pytest.mark.parametrize(
    ("fields", "response"),
    [
        ({"content": "no"}, {"output": "no"}),
        ({"content": "no", "is_error": True}, {"error": "no"}),
        ({"content": '{"t":[1]}', "is_json": True}, {"output": {"t": [1]}}),
        ({"content": "{", "is_json": True}, {"output": "{"}),
    ],
)
def test_results_say_whether_they_are_errors(
    fields: dict[str, Any], response: dict[str, Any]
) -> None:
    """The server reads `output` and `error`; data stays data."""
    [part] = _answered(ToolResultBlock(call_id="c", name="f", **fields))

    assert part == {"functionResponse": {"id": "c", "name": "f", "response": response}}


def test_images_of_results_stand_where_the_model_takes_them() -> None:
    """Gemini 3 takes them within the result; to others they are said right after."""
    image = ImageBlock(media_type="image/png", data=_PNG)
    odd = FileBlock(media_type="audio/wav", data=b"RIFF")
    result = ToolResultBlock(call_id="c", name="shot", content="ok", attachments=(image, odd))

    new, old = _answered(result), _answered(result, _OLD)

    assert new[0]["functionResponse"]["parts"] == [_INLINE_PNG]
    assert [next(iter(part)) for part in new] == ["functionResponse", "text", "inlineData"]
    assert "parts" not in old[0]["functionResponse"]
    assert old[1:3] == [{"text": "Attached to the result of shot:"}, _INLINE_PNG]


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
    assert _body(tools=(_TOOL,), tool_choice=choice).get("toolConfig") == config
    assert "toolConfig" not in _body(tool_choice=choice)


def test_deferred_tools_are_refused_unless_they_must_be_called() -> None:
    """Without a search for tools, the model would never learn of them."""
    deferred = ToolSpec(name="late", description="", input_schema="{}", is_deferred=True)

    assert "late" in _refusal(tools=(_TOOL, deferred))
    options = ProviderOptions(tool_search="hosted")
    assert "late" in _refusal(tools=(deferred,), options=options)
    forced = _body(tools=(deferred,), tool_choice=NamedTool("late"))
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

    body = _body(options=ProviderOptions(hosted_tools=hosted), tools=(_TOOL,))

    assert body["tools"][1:] == [
        {"googleSearch": {}},
        {"codeExecution": {}},
        {"urlContext": {}},
        {"enterpriseWebSearch": {"excludeDomains": ["x.com"]}},
    ]
    assert body["toolConfig"] == {"includeServerSideToolInvocations": True}
    assert "toolConfig" not in _body(_OLD, options=ProviderOptions(hosted_tools=hosted))


def test_what_older_models_cannot_combine_is_refused() -> None:
    """Gemini 2 takes functions, its own tools or a shape; the message says to leave out one."""
    search = ProviderOptions(hosted_tools=(HostedTool(kind="web_search"),))
    shape = OutputSchema(name="city", schema="{}")

    assert "leave out one" in _refusal(_OLD, tools=(_TOOL,), options=search)
    assert "leave out one" in _refusal(_OLD, tools=(_TOOL,), output=shape)
    assert _body(tools=(_TOOL,), options=search, output=shape)
    assert _body("tunedModels/mine", tools=(_TOOL,), output=shape)


def test_there_is_no_tool_for_images() -> None:
    """Gemini draws with models of their own."""
    options = ProviderOptions(hosted_tools=(HostedTool(kind="image_generation"),))

    assert "image models" in _refusal(options=options)


def test_how_to_sample_is_said_in_one_place() -> None:
    """Thinking must not push the other settings out."""
    options = ProviderOptions(
        top_p=0.9, top_k=40, seed=7, stop_sequences=("END",), service_tier="flex", thoughts=True
    )

    body = _body(
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
    assert "generationConfig" not in _body(max_output_tokens=None)


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

    body = _body(options=ProviderOptions(extra_body=extra))

    assert body["cachedContent"] == "cachedContents/1"
    assert body["generationConfig"] == {"candidateCount": 1}
