"""The vendor's own SDK and our provider read the same answers; its types take our requests."""

import base64
import operator
import warnings
from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import cache, reduce
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from loopback import serving
from recordings import file_of, recorded, recordings, reply_at
from vendor_sdks import vendor

from mentra_actors.domain.content import (
    AssistantMessage,
    Citation,
    FileBlock,
    HostedToolBlock,
    ImageBlock,
    Message,
    OpaqueBlock,
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
    ModelReply,
    ModelRequest,
    NamedTool,
    OutputSchema,
    ProviderOptions,
    ReasoningOptions,
    ToolSpec,
)
from mentra_actors.errors import ProviderError
from mentra_actors.providers.presets import ANTHROPIC
from mentra_actors.providers.wires.anthropic_wire import ANTHROPIC_MESSAGES
from mentra_actors.providers.wires.contract import whole_body

pytestmark = pytest.mark.anyio

_STREAMS = recordings("anthropic", wire="anthropic_messages", suffix="response.sse")
_MODEL = "claude-opus-4-6"
_OWN = ANTHROPIC.provenance(_MODEL)
_PIXEL = base64.b64decode("R0lGODlhAQABAAAAACw=")


async def _ours(base_url: str) -> ModelReply:
    return await reply_at(ANTHROPIC, base_url)


async def _theirs(base_url: str) -> Any:
    anthropic = vendor("anthropic")
    async with anthropic.AsyncAnthropic(api_key="key", base_url=base_url, max_retries=0) as client:
        stream = client.beta.messages.stream(
            model="asked", max_tokens=1000, messages=[{"role": "user", "content": "hi"}]
        )
        async with stream as answer:
            return await answer.get_final_message()


def _summary_of_ours(reply: ModelReply) -> dict[str, Any]:
    usage = reply.usage
    calls = [block for block in reply.blocks if isinstance(block, ToolCallBlock)]
    return {
        "text": "".join(b.text for b in reply.blocks if isinstance(b, TextBlock)),
        "thinking": "".join(
            part for b in reply.blocks if isinstance(b, ThinkingBlock) for part in b.parts
        ),
        "calls": [(c.call_id, c.name, msgspec.json.decode(c.arguments)) for c in calls],
        "stop_reason": reply.raw_stop_reason,
        "input": usage.input_tokens,
        "cached": usage.cached_input_tokens,
        "written": usage.cache_write_tokens,
        "output": usage.output_tokens,
        "id": reply.response_id,
        "model": reply.model,
    }


def _summary_of_theirs(message: Any) -> dict[str, Any]:
    usage = message.usage
    cached = usage.cache_read_input_tokens or 0
    written = usage.cache_creation_input_tokens or 0
    return {
        "text": "".join(b.text for b in message.content if b.type == "text"),
        "thinking": "".join(b.thinking for b in message.content if b.type == "thinking"),
        "calls": [(b.id, b.name, b.input) for b in message.content if b.type == "tool_use"],
        "stop_reason": message.stop_reason,
        "input": usage.input_tokens + cached + written,
        "cached": cached,
        "written": written,
        "output": usage.output_tokens,
        "id": message.id,
        "model": message.model,
    }


@pytest.mark.parametrize("base", _STREAMS)
async def test_the_sdk_reads_the_same_answer(base: Path) -> None:
    """Both read one server, so no mistake of a stored expectation can hide one of ours.

    The SDK gives out answers that have not ended, which we do not, and half a call of one that
    was cut off.
    """
    body = file_of(base, "response.sse").read_bytes()
    headers: Mapping[str, str] = recorded(base, "meta.json")["response_headers"]
    async with serving(body, 200, headers, chunk_size=31) as base_url:
        ours = await _read_by(_ours, base_url)
        theirs = await _read_by(_theirs, base_url)

    if isinstance(ours, ProviderError):
        is_cut = b'"message_stop"' not in body and not isinstance(theirs, Exception)
        assert ours.kind == ("malformed_stream" if is_cut else "in_band")
        return
    assert not isinstance(theirs, Exception)
    wanted = _summary_of_theirs(theirs)
    if theirs.stop_reason == "max_tokens":
        wanted["calls"] = wanted["calls"][: len(_summary_of_ours(ours)["calls"])]
    assert _summary_of_ours(ours) == wanted


async def _read_by(read: Callable[[str], Awaitable[Any]], base_url: str) -> Any:
    """What a reader makes of the answer, or the error that it raises."""
    try:
        return await read(base_url)
    except (ProviderError, vendor("anthropic").APIError) as error:
        return error


def _checked(body: dict[str, Any]) -> None:
    """Raise unless the SDK's types take the body and know every field of it.

    The newest SDK has no arguments for sampling any more, though the API takes them. In messages
    it also takes its own blocks of answers, which may have any field: so these are checked alone.
    """
    for sampling in ("temperature", "top_p", "top_k"):
        body.pop(sampling, None)
    types = vendor("anthropic.types.beta.message_create_params")
    _read_all(_adapter(types.MessageCreateParamsStreaming).validate_python([body]))
    blocks = [block for message in body["messages"] for block in message["content"]]
    _read_all(_adapter(_sent_blocks()).validate_python(blocks))


@cache
def _adapter(one: Any) -> Any:
    """A type of the SDK; in a list, because only there it takes a setting from outside."""
    pydantic = vendor("pydantic")
    with warnings.catch_warnings(action="ignore"):
        return pydantic.TypeAdapter(list[one], config=pydantic.ConfigDict(extra="forbid"))


def _sent_blocks() -> Any:
    """The types of blocks in requests, which name all fields that they may have."""
    every = get_args(vendor("anthropic.types.beta").BetaContentBlockParam)
    return reduce(operator.or_, [one for one in every if hasattr(one, "__total__")])


def _read_all(value: Any) -> None:
    """Go through everything: pydantic checks the parts of an iterable only as they are read."""
    match value:
        case str() | bytes() | None:
            return
        case Mapping():
            for part in value.values():
                _read_all(part)
        case _ if hasattr(value, "__iter__"):
            for part in value:
                _read_all(part)


_SCHEMA = (
    '{"type":"object","properties":{"q":{"type":"string","minLength":2},'
    '"n":{"type":"integer","minimum":1}},"required":["q"]}'
)
_TOOL = ToolSpec(name="search", description="Find it.", input_schema=_SCHEMA)
_STRICT = ToolSpec(name="strict", description="", input_schema=_SCHEMA, strict=True)
_DEFERRED = ToolSpec(name="later", description="d", input_schema=_SCHEMA, is_deferred=True)
_SEARCH_CALL = '{"type":"server_tool_use","id":"srvtoolu_1","name":"web_search","input":{}}'
_SEARCH_RESULT = '{"type":"web_search_tool_result","tool_use_id":"srvtoolu_1","content":[]}'
_CITATION = (
    '{"type":"char_location","cited_text":"c","document_index":0,"document_title":null,'
    '"start_char_index":0,"end_char_index":1}'
)
_ANSWER = AssistantMessage(
    blocks=(
        ThinkingBlock(parts=("hm",), signature="sig", provenance=_OWN),
        ThinkingBlock(is_redacted=True, encrypted="enc", provenance=_OWN),
        ThinkingBlock(parts=("others",)),
        TextBlock(
            text="words",
            citations=(Citation(kind="char_location", raw=_CITATION),),
            provenance=_OWN,
        ),
        HostedToolBlock(tool="web_search", raw=_SEARCH_CALL, provenance=_OWN),
        OpaqueBlock(item_type="web_search_tool_result", raw=_SEARCH_RESULT, provenance=_OWN),
        ToolCallBlock(call_id="call|1", name="search", arguments='{"q":"x"}'),
    )
)
_RESULTS = ToolResultsMessage(
    results=(
        ToolResultBlock(
            call_id="call|1",
            name="search",
            content="",
            is_error=True,
            attachments=(ImageBlock(media_type="image/gif", data=_PIXEL),),
        ),
    )
)
_messages: st.SearchStrategy[list[Message]] = st.lists(
    st.sampled_from(
        [
            UserMessage(text="hello"),
            UserMessage(text=""),
            UserMessage(
                text="see",
                attachments=(
                    ImageBlock(url="https://example.org/i.png"),
                    ImageBlock(media_type="image/jpg", data=_PIXEL),
                    FileBlock(media_type="application/pdf", data=b"%PDF-1", name="a.pdf"),
                    FileBlock(media_type="text/csv", data=b"a,b", name="a.csv"),
                    FileBlock(url="https://example.org/a.pdf"),
                    FileBlock(file_id="file_1"),
                ),
            ),
            _ANSWER,
            _RESULTS,
        ]
    ),
    min_size=1,
    max_size=6,
)
_options = st.builds(
    ProviderOptions,
    tool_search=st.just("hosted"),
    parallel_tool_calls=st.sampled_from([None, True, False]),
    thoughts=st.sampled_from([None, True, False]),
    stop_sequences=st.sampled_from([(), ("END",)]),
    service_tier=st.sampled_from(["", "auto", "standard_only"]),
    user_id=st.sampled_from(["", "u-1"]),
    cache=st.builds(
        CacheOptions, mode=st.sampled_from(["auto", "off"]), ttl=st.sampled_from(["5m", "1h"])
    ),
    hosted_tools=st.lists(
        st.sampled_from(
            [
                HostedTool(kind="web_search", options={"max_uses": 3}),
                HostedTool(kind="web_fetch"),
                HostedTool(kind="code_execution"),
                HostedTool(kind="text_editor_20250728"),
                HostedTool(kind="bash_20250124"),
                HostedTool(kind="memory_20250818"),
                HostedTool(kind="tool_search_tool_regex_20251119"),
                HostedTool(kind="mcp_toolset", options={"mcp_server_name": "wiki"}),
            ]
        ),
        max_size=4,
        unique_by=lambda tool: tool.kind,
    ).map(tuple),
)
_requests = st.builds(
    ModelRequest,
    model=st.just(_MODEL),
    messages=_messages,
    system=st.sampled_from(["", "Be brief."]),
    tools=st.sampled_from([(), (_TOOL,), (_TOOL, _STRICT, _DEFERRED), (_DEFERRED,)]),
    tool_choice=st.sampled_from(["auto", "any", "none"]),
    temperature=st.sampled_from([None, 1.0]),
    max_output_tokens=st.sampled_from([None, 100, 4096]),
    reasoning=st.sampled_from(
        [
            None,
            ReasoningOptions(effort="high", summary="auto"),
            ReasoningOptions(enabled=True),
            ReasoningOptions(enabled=False, effort="low"),
        ]
    ),
    output=st.sampled_from([None, OutputSchema(name="o", schema=_SCHEMA)]),
    options=_options,
)


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=60, deadline=None)
@given(request=_requests)
def test_the_types_of_the_sdk_take_our_requests(request: ModelRequest) -> None:
    """The API refuses unknown fields, and the types of its own SDK know them all."""
    _checked(whole_body(ANTHROPIC_MESSAGES, request, ANTHROPIC))


def _particular_requests() -> Iterator[ModelRequest]:
    hello = [UserMessage(text="hello")]
    yield ModelRequest(
        model="claude-sonnet-4-5",
        messages=hello,
        reasoning=ReasoningOptions(budget_tokens=2000, summary="detailed"),
    )
    yield ModelRequest(
        model=_MODEL,
        messages=hello,
        tools=(_DEFERRED,),
        tool_choice=NamedTool("later"),
        options=ProviderOptions(tool_search="hosted", parallel_tool_calls=False),
    )


@pytest.mark.parametrize("request_", list(_particular_requests()))
def test_the_types_of_the_sdk_take_rarer_requests(request_: ModelRequest) -> None:
    """What the models of the broad test do not take."""
    _checked(whole_body(ANTHROPIC_MESSAGES, request_, ANTHROPIC))


def test_the_check_of_types_finds_a_wrong_field() -> None:
    """A check that takes everything would prove nothing."""
    request = ModelRequest(model=_MODEL, messages=[_ANSWER], tools=(_TOOL,))
    for spoil in (
        lambda body: body.update(disable_parallel_tool_use=True),
        lambda body: body["tools"][0].update(hardness=1),
        lambda body: body["messages"][0]["content"][0].update(id="x"),
        lambda body: body.pop("max_tokens"),
    ):
        body = whole_body(ANTHROPIC_MESSAGES, request, ANTHROPIC)
        spoil(body)
        with pytest.raises(vendor("pydantic").ValidationError):
            _checked(body)
