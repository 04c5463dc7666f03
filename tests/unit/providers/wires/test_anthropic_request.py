"""What goes out on the Messages wire, field by field."""

import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from mentra_actors.domain.model_call import (
    CacheOptions,
    HostedTool,
    ModelRequest,
    NamedTool,
    OutputSchema,
    ProviderOptions,
    ToolSpec,
)
from mentra_actors.errors import ProviderError
from mentra_actors.providers.presets import ANTHROPIC, GENERIC
from mentra_actors.providers.wires.anthropic_wire import ANTHROPIC_MESSAGES
from mentra_actors.providers.wires.contract import whole_body

sys.path.insert(0, str(Path(__file__).parent))
from anthropic_bodies import HELLO, MODEL, SCHEMA, TOOL, body_of, refusal_of

_LATER = ToolSpec(name="later", description="", input_schema=SCHEMA, is_deferred=True)
_HOSTED = ProviderOptions(tool_search="hosted")
_BM25 = {"type": "tool_search_tool_bm25_20251119", "name": "tool_search_tool_bm25"}
_MARK = {"type": "ephemeral"}


def test_the_smallest_request() -> None:
    """A limit of tokens is always sent: without it the server answers 400."""
    assert body_of(
        max_output_tokens=None, options=ProviderOptions(cache=CacheOptions(mode="off"))
    ) == {
        "model": MODEL,
        "max_tokens": 8192,
        "stream": True,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hello"}]}],
    }


def test_small_fields_have_the_names_of_the_wire() -> None:
    """Unknown fields are refused, so nothing of the metadata but the user goes along."""
    body = body_of(
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
    assert body_of(metadata={"user_id": "m", "x": "y"})["metadata"] == {"user_id": "m"}


def test_extra_fields_stand_over_ours() -> None:
    """The way out for whoever knows better than our tables."""
    options = ProviderOptions(extra_body={"max_tokens": 1, "speed": "fast"})

    body = body_of(options=options)

    assert (body["max_tokens"], body["speed"]) == (1, "fast")


def test_tools_choice_and_parallel_calls() -> None:
    """The switch against parallel calls stands inside the choice; elsewhere it is a 400."""
    body = body_of(tools=(TOOL,), options=ProviderOptions(parallel_tool_calls=False))

    assert body["tools"] == [
        {
            "name": "search",
            "description": "Find it.",
            "input_schema": msgspec.json.decode(SCHEMA),
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
    assert body_of(tools=(TOOL,), tool_choice=choice, options=options)["tool_choice"] == field


@pytest.mark.parametrize("choice", ["auto", "any", "none", NamedTool("search")])
def test_no_choice_without_tools(choice: Any) -> None:
    """The server refuses a choice among nothing."""
    assert body_of(tool_choice=choice).keys().isdisjoint({"tools", "tool_choice"})


def test_a_choice_of_an_unknown_tool_is_refused() -> None:
    """The server would answer 400."""
    assert "'other'" in refusal_of(tools=(TOOL,), tool_choice=NamedTool("other"))


def test_a_strict_tool_has_a_schema_that_can_be_kept() -> None:
    """Open objects and bounds are refused in strict schemas: the first close, the rest is said."""
    schema = (
        '{"type":"object","properties":{"n":{"type":"integer","minimum":1,"description":"d"},'
        '"o":{"type":"object","properties":{}}},"required":["n"],"additionalProperties":true}'
    )
    tool = ToolSpec(name="t", description="", input_schema=schema, strict=True)

    [sent] = body_of(tools=(tool,))["tools"]

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

    assert "output mode 'tool'" in refusal_of(output=OutputSchema(name="o", schema=schema))
    assert "do not make it strict" in refusal_of(tools=(tool,))

    [sent] = body_of(tools=(msgspec.structs.replace(tool, strict=None),))["tools"]
    assert sent["input_schema"] == {"type": "object"} | msgspec.json.decode(schema)


def test_a_strict_tool_without_parameters_has_none() -> None:
    """Many write its schema as that of any object."""
    for schema in ("{}", '{"type":"object"}', '{"type":"object","properties":{}}'):
        tool = ToolSpec(name="t", description="", input_schema=schema, strict=True)
        [sent] = body_of(tools=(tool,))["tools"]

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

    [sent] = body_of(tools=(tool,))["tools"]

    assert sent["input_schema"] == msgspec.json.decode(schema)
    assert sent.keys().isdisjoint({"strict", "description"})


@pytest.mark.parametrize("schema", ["{", "[]"])
def test_a_schema_that_is_none_is_refused_by_the_name_of_its_tool(schema: str) -> None:
    """Whoever wrote the tool has to mend it."""
    tool = ToolSpec(name="broken", description="", input_schema=schema)
    assert "'broken'" in refusal_of(tools=(tool,))


def test_deferred_tools_come_with_the_search_for_them() -> None:
    """A deferred tool that nothing can find might as well not be there; it bears no mark."""
    tools = body_of(tools=(TOOL, _LATER), options=_HOSTED)["tools"]

    assert [tool.get("defer_loading", False) for tool in tools] == [False, True, False]
    assert tools[2] == {**_BM25, "cache_control": _MARK}
    assert "cache_control" not in tools[1]


def test_deferred_tools_without_search_are_refused() -> None:
    """The caller has to say that the provider may search."""
    message = refusal_of(tools=(_LATER,))
    assert "Anthropic deferred tools require hosted tool search" in message


def test_a_deferred_tool_that_must_be_called_is_told_at_once() -> None:
    """Nothing is left to search for then."""
    body = body_of(tools=(_LATER,), options=_HOSTED, tool_choice=NamedTool("later"))

    assert [tool["name"] for tool in body["tools"]] == ["later"]
    assert "defer_loading" not in body["tools"][0]
    assert body["tool_choice"] == {"type": "tool", "name": "later"}


def test_another_search_may_be_chosen() -> None:
    """The server knows a search by words and one by patterns; one is enough."""
    options = ProviderOptions(
        tool_search="hosted",
        hosted_tools=(HostedTool(kind="tool_search_tool_regex_20251119"),),
    )

    names = [tool["name"] for tool in body_of(tools=(_LATER,), options=options)["tools"]]

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
    assert body_of(options=options)["tools"] == [sent]


def test_a_hosted_declaration_stands_for_the_own_tool_of_its_name() -> None:
    """The model knows the server's declaration by heart; our tool still runs the calls."""
    own = ToolSpec(name="bash", description="", input_schema=SCHEMA)
    options = ProviderOptions(
        hosted_tools=(HostedTool(kind="bash_20250124"),), cache=CacheOptions(mode="off")
    )

    body = body_of(tools=(own, TOOL), options=options, tool_choice=NamedTool("bash"))

    assert [tool["name"] for tool in body["tools"]] == ["search", "bash"]
    assert body["tools"][1] == {"type": "bash_20250124", "name": "bash"}


def test_a_server_without_hosted_tools_refuses_them() -> None:
    """What a provider does not offer is refused before it is sent."""
    options = ProviderOptions(hosted_tools=(HostedTool(kind="web_search"),))
    request = ModelRequest(model="m", messages=HELLO, options=options)
    with pytest.raises(ProviderError, match="runs no tools"):
        whole_body(ANTHROPIC_MESSAGES, request, GENERIC)


def test_counting_sends_what_the_counter_takes() -> None:
    """It knows no limit and no stream."""
    request = ModelRequest(model=MODEL, messages=HELLO, system="s", tools=(TOOL,))

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
