"""What goes out on the Messages wire, field by field."""

import base64
import re
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
    RefusalBlock,
    TextBlock,
    ThinkingBlock,
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
from mentra_actors.providers.presets import ANTHROPIC, GENERIC
from mentra_actors.providers.wires.anthropic_wire import ANTHROPIC_MESSAGES
from mentra_actors.providers.wires.contract import whole_body

_MODEL = "claude-opus-4-6"
_OWN = ANTHROPIC.provenance(_MODEL)
_OTHER = ANTHROPIC.provenance("claude-opus-4-5")
_HELLO = (UserMessage(text="hello"),)
_SCHEMA = '{"type":"object","properties":{"q":{"type":"string"}}}'
_TOOL = ToolSpec(name="search", description="Find it.", input_schema=_SCHEMA)
_LATER = ToolSpec(name="later", description="", input_schema=_SCHEMA, is_deferred=True)
_HOSTED = ProviderOptions(tool_search="hosted")
_UNCACHED = ProviderOptions(cache=CacheOptions(mode="off"))
_BM25 = {"type": "tool_search_tool_bm25_20251119", "name": "tool_search_tool_bm25"}
_MARK = {"type": "ephemeral"}


def _body(**fields: Any) -> dict[str, Any]:
    request = ModelRequest(**{"model": _MODEL, "messages": _HELLO, **fields})
    return whole_body(ANTHROPIC_MESSAGES, request, ANTHROPIC)


def _refusal(**fields: Any) -> str:
    with pytest.raises(ProviderError) as raised:
        _body(**fields)
    assert raised.value.kind == "invalid_request"
    assert not raised.value.transient
    return str(raised.value)


def _answer(*blocks: AssistantBlock, model: str = _MODEL) -> list[dict[str, Any]]:
    items = ANTHROPIC_MESSAGES.items(AssistantMessage(blocks=blocks), model, ANTHROPIC)
    assert all(item["role"] == "assistant" for item in items)
    return [block for item in items for block in item["content"]]


def _user(*attachments: Attachment, text: str = "see") -> list[dict[str, Any]]:
    message = UserMessage(text=text, attachments=attachments)
    [item] = ANTHROPIC_MESSAGES.items(message, _MODEL, ANTHROPIC)
    assert item["role"] == "user"
    return list(item["content"])


def _result(**fields: Any) -> dict[str, Any]:
    result = ToolResultBlock(**{"call_id": "c1", "name": "search", "content": "", **fields})
    message = ToolResultsMessage(results=(result,))
    [item] = ANTHROPIC_MESSAGES.items(message, _MODEL, ANTHROPIC)
    return dict(item["content"][0])


def test_the_smallest_request() -> None:
    """A limit of tokens is always sent: without it the server answers 400."""
    assert _body(
        max_output_tokens=None, options=ProviderOptions(cache=CacheOptions(mode="off"))
    ) == {
        "model": _MODEL,
        "max_tokens": 8192,
        "stream": True,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hello"}]}],
    }


def test_small_fields_have_the_names_of_the_wire() -> None:
    """Unknown fields are refused, so nothing of the metadata but the user goes along."""
    body = _body(
        temperature=0.5,
        max_output_tokens=99,
        metadata={"run": "7"},
        options=ProviderOptions(
            top_k=3, stop_sequences=("END",), service_tier="auto", user_id="u"
        ),
    )

    assert body["max_tokens"] == 99
    assert body["temperature"] == 0.5
    assert body["top_k"] == 3
    assert body["stop_sequences"] == ["END"]
    assert body["service_tier"] == "auto"
    assert body["metadata"] == {"user_id": "u"}
    assert body.keys().isdisjoint({"top_p", "reasoning"})


def test_an_explicit_user_of_the_metadata_is_sent() -> None:
    """`user_id` is the one word of metadata that the API takes."""
    assert _body(metadata={"user_id": "m", "x": "y"})["metadata"] == {"user_id": "m"}


def test_extra_fields_stand_over_ours() -> None:
    """The way out for whoever knows better than our tables."""
    options = ProviderOptions(extra_body={"max_tokens": 1, "speed": "fast"})

    body = _body(options=options)

    assert (body["max_tokens"], body["speed"]) == (1, "fast")


# Tools.


def test_tools_choice_and_parallel_calls() -> None:
    """The switch against parallel calls stands inside the choice; elsewhere it is a 400."""
    body = _body(tools=(_TOOL,), options=ProviderOptions(parallel_tool_calls=False))

    assert body["tools"] == [
        {
            "name": "search",
            "description": "Find it.",
            "input_schema": msgspec.json.decode(_SCHEMA),
            "cache_control": _MARK,
        }
    ]
    assert body["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}
    assert "disable_parallel_tool_use" not in body


@pytest.mark.parametrize(
    ("choice", "field"),
    [
        ("auto", {"type": "auto"}),
        ("any", {"type": "any"}),
        ("none", {"type": "none"}),
        (NamedTool("search"), {"type": "tool", "name": "search"}),
    ],
)
def test_the_choice_of_tools(choice: Any, field: dict[str, Any]) -> None:
    """Each neutral choice has one form; parallel calls that may be made need no word."""
    options = ProviderOptions(parallel_tool_calls=True)
    assert _body(tools=(_TOOL,), tool_choice=choice, options=options)["tool_choice"] == field


@pytest.mark.parametrize("choice", ["auto", "any", "none", NamedTool("search")])
def test_no_choice_without_tools(choice: Any) -> None:
    """The server refuses a choice among nothing."""
    assert _body(tool_choice=choice).keys().isdisjoint({"tools", "tool_choice"})


def test_a_choice_of_an_unknown_tool_is_refused() -> None:
    """The server would answer 400."""
    assert "'other'" in _refusal(tools=(_TOOL,), tool_choice=NamedTool("other"))


def test_a_strict_tool_has_a_schema_that_can_be_kept() -> None:
    """Open objects and bounds are refused in strict schemas: the first close, the rest is said."""
    schema = (
        '{"type":"object","properties":{"n":{"type":"integer","minimum":1,"description":"d"},'
        '"o":{"type":"object","properties":{}}},"required":["n"],"additionalProperties":true}'
    )
    tool = ToolSpec(name="t", description="", input_schema=schema, strict=True)

    [sent] = _body(tools=(tool,))["tools"]

    assert sent["strict"] is True
    assert sent["input_schema"] == {
        "type": "object",
        "properties": {
            "n": {"type": "integer", "description": "d\n\n{minimum: 1}"},
            "o": {"type": "object", "properties": {}, "additionalProperties": False},
        },
        "required": ["n"],
        "additionalProperties": False,
    }


_MAPS = [
    '{"type":"object","additionalProperties":{"type":"integer"}}',
    '{"type":"object","additionalProperties":true}',
    '{"type":"object","patternProperties":{"^x":{"type":"integer"}}}',
    '{"type":"array","items":{"type":"object","additionalProperties":{"type":"string"}}}',
    '{"type":"object","properties":{"o":{"type":"object"}}}',
    '{"$ref":"#/$defs/m","$defs":{"m":{"type":"object","additionalProperties":{}}}}',
    '{"anyOf":[{"type":"object","additionalProperties":{}},{"type":"null"}]}',
]


@pytest.mark.parametrize("schema", _MAPS)
def test_a_shape_with_any_names_is_refused_where_it_would_be_promised(schema: str) -> None:
    """Closed, only `{}` would fit it: that would come back, and pass for an answer."""
    tool = ToolSpec(name="t", description="", input_schema=schema, strict=True)

    assert "output mode 'tool'" in _refusal(output=OutputSchema(name="o", schema=schema))
    assert "do not make it strict" in _refusal(tools=(tool,))

    [sent] = _body(tools=(msgspec.structs.replace(tool, strict=None),))["tools"]
    assert sent["input_schema"] == {"type": "object"} | msgspec.json.decode(schema)


def test_a_strict_tool_without_parameters_has_none() -> None:
    """Many write its schema as that of any object."""
    for schema in ("{}", '{"type":"object"}', '{"type":"object","properties":{}}'):
        tool = ToolSpec(name="t", description="", input_schema=schema, strict=True)
        [sent] = _body(tools=(tool,))["tools"]

        assert sent["input_schema"] == {
            "type": "object",
            "properties": {},
            "additionalProperties": False,
        }


@pytest.mark.parametrize("strict", [None, False])
def test_a_tool_that_is_not_strict_keeps_its_schema(*, strict: bool | None) -> None:
    """Nobody asked to change it."""
    schema = '{"type":"object","properties":{"n":{"type":"integer","minimum":1}}}'
    tool = ToolSpec(name="t", description="", input_schema=schema, strict=strict)

    [sent] = _body(tools=(tool,))["tools"]

    assert sent["input_schema"] == msgspec.json.decode(schema)
    assert sent.keys().isdisjoint({"strict", "description"})


@pytest.mark.parametrize("schema", ["{", "[]"])
def test_a_schema_that_is_none_is_refused_by_the_name_of_its_tool(schema: str) -> None:
    """Whoever wrote the tool has to mend it."""
    tool = ToolSpec(name="broken", description="", input_schema=schema)
    assert "'broken'" in _refusal(tools=(tool,))


def test_deferred_tools_come_with_the_search_for_them() -> None:
    """A deferred tool that nothing can find might as well not be there; it bears no mark."""
    tools = _body(tools=(_TOOL, _LATER), options=_HOSTED)["tools"]

    assert [tool.get("defer_loading", False) for tool in tools] == [False, True, False]
    assert tools[2] == {**_BM25, "cache_control": _MARK}
    assert "cache_control" not in tools[1]


def test_deferred_tools_without_search_are_refused() -> None:
    """The caller has to say that the provider may search."""
    message = _refusal(tools=(_LATER,))
    assert "Anthropic deferred tools require hosted tool search" in message


def test_a_deferred_tool_that_must_be_called_is_told_at_once() -> None:
    """Nothing is left to search for then."""
    body = _body(tools=(_LATER,), options=_HOSTED, tool_choice=NamedTool("later"))

    assert [tool["name"] for tool in body["tools"]] == ["later"]
    assert "defer_loading" not in body["tools"][0]
    assert body["tool_choice"] == {"type": "tool", "name": "later"}


def test_another_search_may_be_chosen() -> None:
    """The server knows a search by words and one by patterns; one is enough."""
    options = ProviderOptions(
        tool_search="hosted",
        hosted_tools=(HostedTool(kind="tool_search_tool_regex_20251119"),),
    )

    names = [tool["name"] for tool in _body(tools=(_LATER,), options=options)["tools"]]

    assert names == ["later", "tool_search_tool_regex"]


@pytest.mark.parametrize(
    ("tool", "sent"),
    [
        (HostedTool(kind="web_search"), {"type": "web_search_20250305", "name": "web_search"}),
        (
            HostedTool(kind="web_search", options={"type": "web_search_20260318", "max_uses": 2}),
            {"type": "web_search_20260318", "name": "web_search", "max_uses": 2},
        ),
        (
            HostedTool(kind="text_editor_20250728"),
            {"type": "text_editor_20250728", "name": "str_replace_based_edit_tool"},
        ),
        (
            HostedTool(kind="text_editor_20250124"),
            {"type": "text_editor_20250124", "name": "str_replace_editor"},
        ),
        (
            HostedTool(kind="some_future_tool_20300101"),
            {"type": "some_future_tool_20300101", "name": "some_future_tool"},
        ),
        (
            HostedTool(kind="mcp_toolset", options={"mcp_server_name": "w"}),
            {"type": "mcp_toolset", "mcp_server_name": "w"},
        ),
        (
            HostedTool(kind="x_20300101", options={"name": "y"}),
            {"type": "x_20300101", "name": "y"},
        ),
    ],
)
def test_hosted_tools(tool: HostedTool, sent: dict[str, Any]) -> None:
    """A neutral word has a type; any other word is one, so new tools need no new release."""
    options = ProviderOptions(hosted_tools=(tool,), cache=CacheOptions(mode="off"))
    assert _body(options=options)["tools"] == [sent]


def test_a_hosted_declaration_stands_for_the_own_tool_of_its_name() -> None:
    """The model knows the server's declaration by heart; our tool still runs the calls."""
    own = ToolSpec(name="bash", description="", input_schema=_SCHEMA)
    options = ProviderOptions(
        hosted_tools=(HostedTool(kind="bash_20250124"),), cache=CacheOptions(mode="off")
    )

    body = _body(tools=(own, _TOOL), options=options, tool_choice=NamedTool("bash"))

    assert [tool["name"] for tool in body["tools"]] == ["search", "bash"]
    assert body["tools"][1] == {"type": "bash_20250124", "name": "bash"}


def test_a_server_without_hosted_tools_refuses_them() -> None:
    """What a provider does not offer is refused before it is sent."""
    options = ProviderOptions(hosted_tools=(HostedTool(kind="web_search"),))
    request = ModelRequest(model="m", messages=_HELLO, options=options)
    with pytest.raises(ProviderError, match="runs no tools"):
        whole_body(ANTHROPIC_MESSAGES, request, GENERIC)


# Reasoning and sampling.


@pytest.mark.parametrize(
    ("model", "words", "thinks"),
    [
        ("claude-opus-4-5", ("low", "medium", "high"), False),
        ("claude-opus-4-5-20251101", ("low", "high"), False),
        ("claude-mythos-preview", ("low", "medium", "high", "max"), True),
        ("claude-opus-4-6", ("low", "medium", "high", "max"), True),
        ("models/claude-sonnet-4-6", ("max",), True),
        ("claude-opus-4-7", ("low", "xhigh", "max"), True),
        ("claude-opus-4-8", ("xhigh", "max"), True),
        ("claude-opus-5", ("xhigh", "max"), True),
        ("claude-sonnet-5", ("xhigh", "max"), True),
        ("claude-fable-5-20260901", ("xhigh", "max"), True),
        ("claude-mythos-5", ("xhigh", "max"), True),
        ("claude-haiku-9", ("low", "absurd"), True),
        ("some-other-model", ("low", "absurd"), False),
    ],
)
def test_effort(model: str, words: tuple[str, ...], *, thinks: bool) -> None:
    """Effort stands in `output_config`; models that think as they like are asked to."""
    for word in words:
        body = _body(model=model, reasoning=ReasoningOptions(effort=word))

        assert body["output_config"] == {"effort": word}
        assert body.get("thinking") == ({"type": "adaptive"} if thinks else None)
        assert "effort" not in body


@pytest.mark.parametrize(
    ("model", "word", "advice"),
    [
        ("claude-opus-4-6", "xhigh", "low, medium, high, max"),
        ("claude-sonnet-4-6", "minimal", "low, medium, high, max"),
        ("claude-opus-4-5", "max", "low, medium, high"),
        ("claude-opus-4-5", "xhigh", "low, medium, high"),
        ("claude-sonnet-4-5", "low", "budget_tokens"),
        ("claude-3-5-haiku-latest", "low", "another model"),
    ],
)
def test_an_effort_that_is_known_to_fail_is_refused(model: str, word: str, advice: str) -> None:
    """The message names the model and says what to change."""
    message = _refusal(model=model, reasoning=ReasoningOptions(effort=word))

    assert model in message
    assert advice in message
    assert "ProviderOptions(extra_body=…)" in message


def test_no_reasoning_fields_without_reasoning() -> None:
    """The server has defaults of its own."""
    for reasoning in (None, ReasoningOptions()):
        assert _body(reasoning=reasoning).keys().isdisjoint({"thinking", "output_config"})


@pytest.mark.parametrize(
    ("model", "options", "field"),
    [
        ("claude-sonnet-4-5", {"budget_tokens": 2000}, {"type": "enabled", "budget_tokens": 2000}),
        (
            "claude-3-7-sonnet-latest",
            {"enabled": True},
            {"type": "enabled", "budget_tokens": 4096},
        ),
        ("claude-opus-4-6", {"enabled": True}, {"type": "adaptive"}),
        ("claude-opus-4-6", {"enabled": False}, {"type": "disabled"}),
        ("other", {"budget_tokens": 9}, {"type": "enabled", "budget_tokens": 9}),
        (
            "claude-opus-4-7",
            {"effort": "low", "summary": "detailed"},
            {"type": "adaptive", "display": "summarized"},
        ),
        (
            "claude-opus-4-7",
            {"enabled": True, "summary": "omitted"},
            {"type": "adaptive", "display": "omitted"},
        ),
    ],
)
def test_thinking(model: str, options: dict[str, Any], field: dict[str, Any]) -> None:
    """Older models are given a number of tokens, newer ones decide by themselves."""
    assert _body(model=model, reasoning=ReasoningOptions(**options))["thinking"] == field


def test_thoughts_may_be_hidden() -> None:
    """The switch that other providers know, too."""
    reasoning = ReasoningOptions(enabled=True)
    body = _body(reasoning=reasoning, options=ProviderOptions(thoughts=False))
    assert body["thinking"] == {"type": "adaptive", "display": "omitted"}


@pytest.mark.parametrize(
    ("model", "options", "words"),
    [
        ("claude-sonnet-4-5", {"budget_tokens": 1023}, "at least 1024"),
        ("claude-sonnet-4-5", {"budget_tokens": 8192}, "max_output_tokens"),
        ("claude-opus-4-7", {"budget_tokens": 2000}, "reasoning.effort"),
        ("claude-3-haiku-20240307", {"enabled": True}, "does not reason"),
        ("claude-3-haiku-20240307", {"budget_tokens": 2000}, "a model that reasons"),
        ("claude-opus-5", {"enabled": False, "effort": "max"}, "while reasoning is disabled"),
    ],
)
def test_thinking_that_is_known_to_fail_is_refused(
    model: str, options: dict[str, Any], words: str
) -> None:
    """Each is a 400 of the server, of which the message is less plain."""
    assert words in _refusal(model=model, reasoning=ReasoningOptions(**options))


def test_a_model_that_cannot_think_need_not_be_told_so() -> None:
    """Off is what it is anyway."""
    body = _body(model="claude-3-5-haiku-latest", reasoning=ReasoningOptions(enabled=False))
    assert "thinking" not in body


@pytest.mark.parametrize(
    ("model", "fields", "words"),
    [
        ("claude-opus-4-7", {"temperature": 0.2}, "temperature"),
        ("claude-sonnet-5", {"options": ProviderOptions(top_k=5)}, "top_k"),
        ("claude-fable-5", {"options": ProviderOptions(top_p=0.5)}, "top_p"),
        ("claude-opus-4-6", {"temperature": 1.5}, "0 to 1"),
        (
            "claude-sonnet-4-5",
            {"temperature": 0.5, "options": ProviderOptions(top_p=0.5)},
            "not both",
        ),
        (
            "claude-opus-4-6",
            {"temperature": 0.5, "reasoning": ReasoningOptions(enabled=True)},
            "while it reasons",
        ),
        (
            "claude-opus-4-6",
            {
                "options": ProviderOptions(top_k=5),
                "reasoning": ReasoningOptions(effort="low"),
            },
            "while it reasons",
        ),
    ],
)
def test_sampling_that_is_known_to_fail_is_refused(
    model: str, fields: dict[str, Any], words: str
) -> None:
    """To send less than was asked would change the answer without a word."""
    message = _refusal(model=model, **fields)
    assert words in message
    assert model in message


def test_a_temperature_of_one_means_nothing_to_models_that_have_only_that() -> None:
    """It is what they do anyway, so it is left out and not refused."""
    assert "temperature" not in _body(model="claude-opus-5", temperature=1.0)
    assert _body(model="claude-opus-4-6", temperature=1.0)["temperature"] == 1.0


@pytest.mark.parametrize("model", ["other", "claude-haiku-9", "claude-opus-4-6-turbo"])
def test_unknown_models_take_whatever_they_are_given(model: str) -> None:
    """A closed table would break with every new model."""
    body = _body(
        model=model,
        temperature=1.7,
        options=ProviderOptions(top_p=0.1, top_k=1),
        reasoning=ReasoningOptions(budget_tokens=10, effort="absurd"),
        tools=(_TOOL,),
        tool_choice="any",
    )

    assert (body["temperature"], body["top_p"], body["top_k"]) == (1.7, 0.1, 1)
    assert body["tool_choice"] == {"type": "any"}


@pytest.mark.parametrize(
    ("model", "reasoning"),
    [
        ("claude-fable-5", None),
        ("claude-mythos-preview", None),
        ("claude-sonnet-4-5", ReasoningOptions(budget_tokens=2000)),
    ],
)
def test_calls_that_cannot_be_forced_are_refused(
    model: str, reasoning: ReasoningOptions | None
) -> None:
    """Some models never take that, older ones not while they reason by a budget."""
    for choice in ("any", NamedTool("search")):
        message = _refusal(model=model, reasoning=reasoning, tools=(_TOOL,), tool_choice=choice)
        assert "'auto'" in message


def test_adaptive_thinking_allows_forced_calls() -> None:
    """Only a budget stands in their way."""
    body = _body(reasoning=ReasoningOptions(effort="low"), tools=(_TOOL,), tool_choice="any")
    assert body["tool_choice"] == {"type": "any"}


def test_the_shape_of_an_answer() -> None:
    """Beside the effort, in the schema that the server can promise to keep."""
    schema = '{"type":"object","title":"Dog","properties":{"age":{"type":"integer"}}}'
    output = OutputSchema(name="dog", schema=schema)

    body = _body(output=output, reasoning=ReasoningOptions(effort="low"))

    assert body["output_config"] == {
        "effort": "low",
        "format": {
            "type": "json_schema",
            "schema": {
                "type": "object",
                "title": "Dog",
                "properties": {"age": {"type": "integer"}},
                "additionalProperties": False,
            },
        },
    }


def test_a_seed_is_refused() -> None:
    """The API has none, and a run that is said to be repeatable would not be."""
    assert "no field for seed" in _refusal(options=ProviderOptions(seed=7))


# Messages.


def test_images_follow_the_text() -> None:
    """Bytes in base64, or an address."""
    picture = ImageBlock(media_type="image/png", data=b"png")
    address = ImageBlock(url="https://example.org/i.png")

    assert _user(picture, address) == [
        {"type": "text", "text": "see"},
        {
            "type": "image",
            "source": {
                "type": "base64",
                "media_type": "image/png",
                "data": base64.b64encode(b"png").decode(),
            },
        },
        {"type": "image", "source": {"type": "url", "url": "https://example.org/i.png"}},
    ]


@pytest.mark.parametrize(
    ("file", "block"),
    [
        (
            FileBlock(media_type="application/pdf", data=b"%PDF-1", name="a.pdf"),
            {
                "type": "document",
                "source": {
                    "type": "base64",
                    "media_type": "application/pdf",
                    "data": base64.b64encode(b"%PDF-1").decode(),
                },
                "title": "a.pdf",
            },
        ),
        (
            FileBlock(media_type="text/markdown; charset=utf-8", data="é".encode()),
            {
                "type": "document",
                "source": {"type": "text", "media_type": "text/plain", "data": "é"},
            },
        ),
        (
            FileBlock(url="https://example.org/a.pdf"),
            {"type": "document", "source": {"type": "url", "url": "https://example.org/a.pdf"}},
        ),
        (
            FileBlock(file_id="file_1", provider="anthropic"),
            {"type": "document", "source": {"type": "file", "file_id": "file_1"}},
        ),
        (
            FileBlock(file_id="file_1", media_type="image/png"),
            {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
        ),
    ],
)
def test_files(file: FileBlock, block: dict[str, Any]) -> None:
    """PDFs and texts are documents; what the server keeps goes by its id."""
    assert _user(file, text="") == [block]


@pytest.mark.parametrize(
    ("attachment", "words"),
    [
        (ImageBlock(media_type="image/tiff", data=b"x"), "an image (image/tiff)"),
        (ImageBlock(data=b"x"), "an image"),
        (ImageBlock(blob=BlobRef(digest="b3:1", size_bytes=9)), "not read from the store"),
        (ImageBlock(), "is empty"),
        (ImageBlock(url="file:///etc/passwd"), "none of the web"),
        (FileBlock(media_type="application/zip", data=b"x", name="a.zip"), "a.zip"),
        (FileBlock(media_type="text/plain", data=b"\xff", name="a.txt"), "UTF-8"),
        (FileBlock(media_type="text/plain", url="https://a.test/a.txt"), "only PDFs"),
        (FileBlock(media_type="application/msword", data=b"x"), "only PDFs and text"),
        (FileBlock(file_id="f", provider="openai"), "kept by openai"),
        (FileBlock(blob=BlobRef(digest="b3:2", size_bytes=9)), "not read from the store"),
    ],
)
def test_a_text_stands_for_what_cannot_be_sent(attachment: Attachment, words: str) -> None:
    """It is part of the history for good: a refusal would make the agent unusable."""
    [block] = _user(attachment, text="")

    assert block["type"] == "text"
    assert block["text"].startswith("[attached: ")
    assert words in block["text"]


def test_a_data_url_is_bytes() -> None:
    """The server fetches addresses of the web and no others."""
    url = "data:image/png;base64," + base64.b64encode(b"png").decode()

    [block] = _user(ImageBlock(url=url), text="")

    assert block["source"] == {"type": "base64", "media_type": "image/png", "data": "cG5n"}


def test_a_file_that_the_server_keeps_asks_for_that_feature() -> None:
    """The header that switches it on; nothing else needs one."""
    keeps = UserMessage(text="", attachments=(FileBlock(file_id="f"),))
    for messages, headers in (
        ((keeps,), {"anthropic-beta": "files-api-2025-04-14"}),
        ((UserMessage(text="", attachments=(FileBlock(data=b"x"),)),), {}),
        (_HELLO, {}),
    ):
        request = ModelRequest(model=_MODEL, messages=messages)
        assert ANTHROPIC_MESSAGES.headers(request, ANTHROPIC) == headers


def test_results_of_tools() -> None:
    """All of one answer in one message of the user; an error says so, and says something."""
    assert _result(content="ok") == {
        "type": "tool_result",
        "tool_use_id": "c1",
        "content": "ok",
    }
    assert _result(content="no", is_error=True)["is_error"] is True
    assert _result(is_error=True)["content"] == "the tool failed and said nothing"
    assert "content" not in _result()


def test_a_result_with_an_image() -> None:
    """Its text first, as blocks."""
    image = ImageBlock(url="https://example.org/i.png")

    content = _result(content="here", attachments=(image,))["content"]

    assert [block["type"] for block in content] == ["text", "image"]


def test_ids_of_other_providers_are_spelled_in_letters_that_are_taken() -> None:
    """The same way in the call and in its result, or they would not meet."""
    call = ToolCallBlock(call_id="call|fc:1", name="search")
    [asked] = _answer(call)

    assert asked["id"] == _result(call_id="call|fc:1")["tool_use_id"]
    assert re.fullmatch("call_fc_1_[0-9a-f]{8}", asked["id"])


@pytest.mark.parametrize(
    ("arguments", "sent"),
    [('{"a":1}', {"a": 1}), ("", {}), ("{", {}), ("[1]", {}), ("null", {})],
)
def test_the_input_of_a_call_is_an_object(arguments: str, sent: dict[str, Any]) -> None:
    """Whatever the model wrote; it learns from the result what was wrong."""
    call = ToolCallBlock(call_id="c", name="search", arguments=arguments)
    assert _answer(call) == [{"type": "tool_use", "id": "c", "name": "search", "input": sent}]


def test_signed_reasoning_goes_back_as_it_came() -> None:
    """Before the call that it led to; without words, too, if only the signature came."""
    blocks = _answer(
        ThinkingBlock(parts=("hm",), signature="s", provenance=_OWN),
        ThinkingBlock(signature="t", provenance=_OWN),
        ThinkingBlock(is_redacted=True, encrypted="e", provenance=_OWN),
        ToolCallBlock(call_id="c", name="search"),
    )

    assert blocks[:3] == [
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "thinking", "thinking": "", "signature": "t"},
        {"type": "redacted_thinking", "data": "e"},
    ]


@pytest.mark.parametrize(
    ("block", "text"),
    [
        (ThinkingBlock(parts=("hm", "ah"), signature="s", provenance=_OTHER), "hm\n\nah"),
        (ThinkingBlock(parts=("hm",), signature="", provenance=_OWN), "hm"),
        (ThinkingBlock(parts=("hm",), signature="s"), "hm"),
        (
            ThinkingBlock(is_redacted=True, encrypted="e", provenance=_OTHER),
            "[redacted reasoning]",
        ),
        (ThinkingBlock(signature="s", provenance=_OTHER), "[reasoning unavailable]"),
    ],
)
def test_reasoning_of_others_goes_back_as_text(block: ThinkingBlock, text: str) -> None:
    """A signature that the server cannot read would end the conversation with 400 for good."""
    assert _answer(block) == [{"type": "text", "text": text}]


def test_reasoning_at_the_end_is_left_out() -> None:
    """An answer may not end with it; one that was nothing else is left out as a whole."""
    thinking = ThinkingBlock(parts=("hm",), signature="s", provenance=_OWN)
    assert _answer(TextBlock(text="a"), thinking) == [{"type": "text", "text": "a"}]
    assert _answer(thinking) == []


def test_what_only_its_producer_can_read_goes_back_only_to_it() -> None:
    """The server's tools and their results verbatim, and the raw form of citations."""
    call = '{"type":"server_tool_use","id":"s1","name":"web_search","input":{"query":"q"}}'
    result = '{"type":"web_search_tool_result","tool_use_id":"s1","content":[{"x":"enc"}]}'
    blocks = (
        HostedToolBlock(tool="web_search", raw=call, provenance=_OWN),
        OpaqueBlock(item_type="web_search_tool_result", raw=result, provenance=_OWN),
        TextBlock(
            text="cited",
            citations=(Citation(kind="web", raw='{"type":"web"}'),),
            provenance=_OWN,
        ),
    )

    assert _answer(*blocks) == [
        msgspec.json.decode(call),
        msgspec.json.decode(result),
        {"type": "text", "text": "cited", "citations": [{"type": "web"}]},
    ]
    assert _answer(*blocks, model="claude-opus-4-5") == [{"type": "text", "text": "cited"}]


def test_a_hosted_call_that_was_cut_off_stays_at_home() -> None:
    """It has no result and never will have one; the server would refuse it."""
    block = HostedToolBlock(tool="web_search", raw="{}", provenance=_OWN, status="cut_off")
    assert _answer(block) == []


def test_refusals_and_images_of_others_are_told_in_words() -> None:
    """The model should know what was said before, in the form that it can be given."""
    blocks = _answer(RefusalBlock(text="no"), ImageBlock(media_type="image/png", data=b"x"))
    assert [block["text"] for block in blocks] == ["no", "[image]"]


@pytest.mark.parametrize("text", ["", " ", "\n"])
def test_texts_without_words_are_left_out(text: str) -> None:
    """The server refuses them; a message that has nothing else is left out as a whole."""
    call = ToolCallBlock(call_id="c", name="search")
    assert [block["type"] for block in _answer(TextBlock(text=text), call)] == ["tool_use"]
    assert _answer(TextBlock(text=text)) == []
    assert _body(messages=(UserMessage(text=text), *_HELLO))["messages"] == _body()["messages"]
    assert "system" not in _body(system=text)


def test_a_program_of_the_server_goes_on_where_it_waits() -> None:
    """A call that a program made goes back with its caller, and the request to its container."""
    caller = '{"type":"code_execution_20260120","tool_id":"s1"}'
    answer = AssistantMessage(
        blocks=(
            ToolCallBlock(call_id="c", name="search", caller=caller, provenance=_OWN),
            OpaqueBlock(item_type="container", raw='{"id":"box"}', provenance=_OWN),
        )
    )
    results = ToolResultsMessage(
        results=(ToolResultBlock(call_id="c", name="search", content="1"),)
    )

    body = _body(messages=(*_HELLO, answer, results))
    elsewhere = _body(messages=(*_HELLO, answer, results), model="claude-opus-4-5")

    assert body["container"] == "box"
    [call] = body["messages"][1]["content"]
    assert call["caller"] == msgspec.json.decode(caller)
    assert "container" not in elsewhere
    assert "caller" not in elsewhere["messages"][1]["content"][0]


# Counting and models.


def test_counting_sends_what_the_counter_takes() -> None:
    """It knows no limit and no stream."""
    request = ModelRequest(model=_MODEL, messages=_HELLO, system="s", tools=(_TOOL,))

    body = ANTHROPIC_MESSAGES.count_body(request, ANTHROPIC)

    assert body.keys() == {"model", "messages", "system", "tools", "tool_choice"}
    assert ANTHROPIC_MESSAGES.count_path(request, ANTHROPIC) == "messages/count_tokens"
    assert ANTHROPIC_MESSAGES.count_path(request, GENERIC) == ""
    assert ANTHROPIC_MESSAGES.counted({"input_tokens": 12}) == 12
    assert ANTHROPIC_MESSAGES.counted({"input_tokens": None}) is None


def test_a_page_of_models() -> None:
    """Dates become Unix seconds, bad ones none; the cursor counts only while it leads on."""
    entry = {
        "id": "claude-opus-4-6",
        "display_name": "Claude Opus 4.6",
        "created_at": "2026-02-04T00:00:00Z",
        "max_input_tokens": 1000000,
        "max_tokens": 128000,
    }
    data = [entry, {"id": "b", "created_at": "soon"}, {"id": None}, "nothing"]

    page = ANTHROPIC_MESSAGES.models_page(
        {"data": data, "has_more": True, "last_id": "b"}, ANTHROPIC
    )
    last = ANTHROPIC_MESSAGES.models_page({"has_more": False, "last_id": "b"}, ANTHROPIC)

    first, second = page.models
    assert (first.model_id, first.display_name) == ("claude-opus-4-6", "Claude Opus 4.6")
    assert first.created_at == 1770163200.0
    assert (first.context_window, first.max_output_tokens) == (1000000, 128000)
    assert (second.created_at, second.context_window) == (None, None)
    assert page.next_page == {"after_id": "b"}
    assert (last.models, last.next_page) == ((), {})
    assert ANTHROPIC_MESSAGES.models_path(ANTHROPIC) == "models?limit=1000"
