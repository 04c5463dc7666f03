"""The vendor's own SDK and our provider read the same answers; its types take our requests."""

import base64
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from loopback import serving
from recordings import file_of, recordings, reply_at
from vendor_sdks import vendor

from mentra_actors.domain.content import (
    AssistantBlock,
    AssistantMessage,
    Citation,
    FileBlock,
    HostedToolBlock,
    ImageBlock,
    Message,
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
    ModelReply,
    ModelRequest,
    NamedTool,
    OutputSchema,
    ProviderOptions,
    ReasoningOptions,
    ResponsesOptions,
    ToolSpec,
)
from mentra_actors.errors import ProviderError
from mentra_actors.providers.presets import OPENAI
from mentra_actors.providers.wires.contract import whole_body
from mentra_actors.providers.wires.responses_wire import RESPONSES

pytestmark = pytest.mark.anyio

_STREAMS = recordings(
    "openai_responses", "openai_compat", "openrouter", wire="responses", suffix="response.sse"
)
_MODEL = "gpt-5.6"
_OWN = OPENAI.provenance(_MODEL)
_PIXEL = base64.b64decode("R0lGODlhAQABAAAAACw=")
_SCHEMA = '{"type":"object","properties":{"q":{"type":"string"}}}'
_PLAIN = ToolSpec(name="search", description="Find it.", input_schema=_SCHEMA)
_STRICT = ToolSpec(name="strict", description="", input_schema=_SCHEMA, strict=True)
_LATER = ToolSpec(name="later", description="Rare.", input_schema=_SCHEMA, is_deferred=True)


async def _ours(base_url: str) -> ModelReply | str:
    try:
        return await reply_at(OPENAI, base_url)
    except ProviderError as error:
        return error.kind


async def _theirs(base_url: str) -> Any:
    """The response of the terminal event; its items where that has none."""
    url = f"{base_url}/v1"
    items: list[Any] = []
    async with vendor("openai").AsyncOpenAI(api_key="key", base_url=url, max_retries=0) as client:
        stream = await client.responses.create(model="asked", input="hi", stream=True)
        async for event in stream:
            if event.type == "response.output_item.done":
                items.append(event.item)
            if event.type in ("response.completed", "response.incomplete"):
                return event.response, event.response.output or items
    return None


def _summary_of_ours(reply: ModelReply) -> dict[str, Any]:
    calls = [b for b in reply.blocks if isinstance(b, ToolCallBlock) and b.kind == "function"]
    thoughts = [b for b in reply.blocks if isinstance(b, ThinkingBlock)]
    return {
        "text": "".join(b.text for b in reply.blocks if isinstance(b, TextBlock)),
        "calls": [(c.call_id, c.name, json.loads(c.arguments)) for c in calls],
        "thoughts": len(thoughts),
        "annotations": sum(len(b.citations) for b in reply.blocks if isinstance(b, TextBlock)),
        "input": reply.usage.input_tokens,
        "output": reply.usage.output_tokens,
        "id": reply.response_id,
        "model": reply.model,
    }


def _summary_of_theirs(response: Any, items: list[Any]) -> dict[str, Any]:
    calls = [item for item in items if item.type == "function_call"]
    parts = [part for item in items if item.type == "message" for part in item.content]
    texts = [part for part in parts if part.type == "output_text"]
    return {
        "text": "".join(part.text for part in texts),
        "calls": [(c.call_id, c.name, json.loads(c.arguments or "{}")) for c in calls],
        "thoughts": sum(item.type == "reasoning" for item in items),
        "annotations": sum(len(part.annotations or ()) for part in texts),
        "input": response.usage.input_tokens if response.usage else 0,
        "output": response.usage.output_tokens if response.usage else 0,
        "id": response.id,
        "model": response.model,
    }


@pytest.mark.parametrize("base", _STREAMS)
async def test_the_sdk_and_we_read_the_same_answer_from_the_same_server(base: Path) -> None:
    """Two readers that share no code, over real sockets."""
    body = file_of(base, "response.sse").read_bytes()
    async with serving(body) as url:
        ours = await _ours(url)
        try:
            theirs = await _theirs(url)
        except vendor("openai").APIError:
            theirs = None

    if theirs is None:
        assert isinstance(ours, str)
        return
    assert isinstance(ours, ModelReply)
    assert _summary_of_ours(ours) == _summary_of_theirs(*theirs)


@cache
def _adapter() -> Any:
    return vendor("pydantic").TypeAdapter(_body_type())


def _body_type() -> Any:
    types = vendor("openai.types.responses.response_create_params")
    return types.ResponseCreateParamsStreaming


def _own_answer() -> AssistantMessage:
    blocks: tuple[AssistantBlock, ...] = (
        ThinkingBlock(parts=("hm",), item_id="rs_1", encrypted="enc", provenance=_OWN),
        HostedToolBlock(
            tool="web_search",
            raw='{"type":"web_search_call","id":"ws_1","status":"completed",'
            '"action":{"type":"open_page","url":"https://a.b"}}',
            provenance=_OWN,
        ),
        HostedToolBlock(
            tool="image_generation",
            raw='{"type":"image_generation_call","id":"ig_1","status":"completed"}',
            provenance=_OWN,
            images=(ImageBlock(media_type="image/png", data=_PIXEL),),
        ),
        TextBlock(
            text="see a.b",
            item_id="msg_1",
            phase="commentary",
            citations=(
                Citation(
                    kind="url_citation",
                    raw='{"type":"url_citation","url":"https://a.b","title":"A",'
                    '"start_index":0,"end_index":3}',
                ),
            ),
            provenance=_OWN,
        ),
        RefusalBlock(text="no", item_id="msg_2"),
        ToolCallBlock(call_id="c1", name="search", item_id="fc_1", namespace="search"),
        ToolCallBlock(call_id="c2", name="sql", kind="custom", arguments='{"input":"SELECT 1"}'),
        ToolCallBlock(call_id="c3", name="tool_search", kind="tool_search", item_id="tsc_1"),
    )
    return AssistantMessage(blocks=blocks, provenance=_OWN, response_id="resp_1")


def _conversation() -> tuple[Message, ...]:
    found = json.dumps([{"type": "function", "name": "later", "parameters": {}, "strict": False}])
    return (
        UserMessage(
            text="look",
            attachments=(
                ImageBlock(media_type="image/gif", data=_PIXEL, detail="low"),
                ImageBlock(url="https://a.b/c.png"),
                FileBlock(media_type="application/pdf", name="a.pdf", data=b"%PDF"),
                FileBlock(url="https://a.b/c.pdf"),
                FileBlock(file_id="file-1"),
            ),
        ),
        _own_answer(),
        ToolResultsMessage(
            results=(
                ToolResultBlock(
                    call_id="c1",
                    name="search",
                    content="a picture",
                    attachments=(ImageBlock(media_type="image/gif", data=_PIXEL),),
                ),
                ToolResultBlock(call_id="c2", name="sql", content="1", kind="custom"),
                ToolResultBlock(
                    call_id="c3", name="tool_search", content=found, kind="tool_search"
                ),
            )
        ),
        AssistantMessage(
            blocks=(
                ThinkingBlock(parts=("elsewhere",)),
                OpaqueBlock(item_type="x", raw="{}", provenance=OPENAI.provenance("other")),
                TextBlock(text="done"),
            )
        ),
        UserMessage(text="go on"),
    )


_HOSTED = ProviderOptions(
    tool_search="hosted",
    hosted_tools=(
        HostedTool(kind="web_search", options={"search_context_size": "low"}),
        HostedTool(kind="image_generation"),
        HostedTool(kind="code_interpreter", options={"container": {"type": "auto"}}),
    ),
)

_REQUESTS: dict[str, ModelRequest] = {
    "plain": ModelRequest(model=_MODEL, messages=(UserMessage(text="hi"),), system="Be brief."),
    "everything said": ModelRequest(model=_MODEL, messages=_conversation()),
    "another model": ModelRequest(model="gpt-4o", messages=_conversation()),
    "tools": ModelRequest(
        model=_MODEL, messages=(), tools=(_PLAIN, _STRICT, _LATER), options=_HOSTED
    ),
    "a forced tool": ModelRequest(
        model=_MODEL, messages=(), tools=(_PLAIN,), tool_choice=NamedTool("search")
    ),
    "a forced tool of the server": ModelRequest(
        model=_MODEL, messages=(), options=_HOSTED, tool_choice=NamedTool("image_generation")
    ),
    "no tool": ModelRequest(model=_MODEL, messages=(), tools=(_PLAIN,), tool_choice="none"),
    "thinking": ModelRequest(
        model=_MODEL,
        messages=(),
        reasoning=ReasoningOptions(effort="high", summary="detailed"),
        output=OutputSchema(name="out", schema=_SCHEMA),
    ),
    "sampling": ModelRequest(
        model="gpt-4.1",
        messages=(),
        temperature=0.2,
        options=ProviderOptions(top_p=0.9, cache=CacheOptions(ttl="1h")),
    ),
    "labels": ModelRequest(
        model=_MODEL,
        messages=(),
        metadata={"ticket": "7"},
        options=ProviderOptions(
            user_id="u1",
            service_tier="flex",
            parallel_tool_calls=True,
            cache=CacheOptions(mode="off"),
            responses=ResponsesOptions(
                include=("web_search_call.action.sources",),
                prompt_cache_key="k",
                text_verbosity="low",
            ),
        ),
    ),
    "state": ModelRequest(
        model=_MODEL,
        messages=_conversation(),
        options=ProviderOptions(responses=ResponsesOptions(state_mode="stateful")),
    ),
}


def _typed(item: dict[str, Any]) -> dict[str, Any]:
    """Texts of the assistant without an id: the server takes them as parts, the types do not."""
    if item.get("role") != "assistant" or "id" in item:
        return item
    return {**item, "content": "".join(part["text"] for part in item["content"])}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", _REQUESTS)
def test_the_types_of_the_sdk_take_our_requests(name: str) -> None:
    """A field of a wrong name or shape is a 400 that no recording would show."""
    body = whole_body(RESPONSES, _REQUESTS[name], OPENAI)

    _adapter().validate_python({**body, "input": [_typed(item) for item in body["input"]]})

    assert set(body) <= set(_body_type().__annotations__)


def test_the_types_of_the_sdk_refuse_what_is_wrong() -> None:
    """A check that takes everything would prove nothing."""
    body = whole_body(RESPONSES, _REQUESTS["everything said"], OPENAI)
    body["input"][1].pop("id")

    with pytest.raises(vendor("pydantic").ValidationError):
        _adapter().validate_python(body)
