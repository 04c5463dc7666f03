"""The vendor's own SDK and our provider, at one server: they read the same, and say the same."""

import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from local_server import Answer, LocalServer, running
from recordings import file_of, recorded, recordings, reply_of
from vendor_sdks import vendor

from mentra_actors.domain.content import (
    AssistantMessage,
    FileBlock,
    HostedToolBlock,
    ImageBlock,
    OpaqueBlock,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
    ToolResultBlock,
    ToolResultsMessage,
    UserMessage,
)
from mentra_actors.domain.model_call import (
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
from mentra_actors.providers.http_provider import HttpProvider
from mentra_actors.providers.port import ModelEvent
from mentra_actors.providers.presets import GEMINI
from mentra_actors.providers.wires.contract import whole_body
from mentra_actors.providers.wires.gemini_wire import GEMINI_GENERATE_CONTENT

pytestmark = [pytest.mark.anyio, pytest.mark.filterwarnings("ignore")]

_MODEL = "gemini-3-flash-preview"
_OWN = GEMINI.provenance(_MODEL)
_SNAKE = re.compile(r'(?<=[a-z])_([a-z])(?=\w*": )')  # both spellings of a field are accepted
_STREAMS = recordings("gemini", wire="gemini_generate_content", suffix="response.sse")
# The SDK gives out the fragments of a call one by one, and says nothing of a stream cut short.
_UNEQUAL = {
    "rf_partial_args_vertex",
    "rf_partial_args_parallel_vertex",
    "syn_truncated",
    "syn_empty_stream",
    "syn_error_midstream",
}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def server() -> Iterator[LocalServer]:
    with running() as local:
        yield local


@pytest.fixture
async def provider(server: LocalServer) -> AsyncIterator[HttpProvider]:
    own = HttpProvider(GEMINI, api_key="secret", base_url=server.url, environ={})
    yield own
    await own.aclose()


@pytest.fixture(scope="module")
def genai() -> Any:
    for part in ("errors", "types"):
        vendor(f"google.genai.{part}")
    return vendor("google.genai")


def _streamed(body: bytes) -> Answer:
    return 200, "text/event-stream", body


def _client(genai: Any, server: LocalServer) -> Any:
    options = genai.types.HttpOptions(base_url=server.url, api_version="v1beta")
    return genai.Client(api_key="secret", http_options=options)


def _chunks_of_sdk(genai: Any, server: LocalServer, contents: Any = "hi", **config: Any) -> Any:
    asked = genai.types.GenerateContentConfig(
        automatic_function_calling={"disable": True}, **config
    )
    client = _client(genai, server)
    try:
        return list(
            client.models.generate_content_stream(model=_MODEL, contents=contents, config=asked)
        )
    finally:
        client.close()


async def _events(provider: HttpProvider, request: ModelRequest) -> list[ModelEvent]:
    events: list[ModelEvent] = []
    async with aclosing(provider.stream(request)) as stream:
        async for event in stream:
            events.append(event)
    return events


def _request(**fields: Any) -> ModelRequest:
    return ModelRequest(**{"model": _MODEL, "messages": [UserMessage(text="hi")], **fields})


def _read_by_sdk(chunks: list[Any]) -> dict[str, Any]:
    parts = [
        part
        for chunk in chunks
        for candidate in chunk.candidates or []
        for part in (candidate.content and candidate.content.parts) or []
    ]
    reasons = [
        candidate.finish_reason.value
        for chunk in chunks
        for candidate in chunk.candidates or []
        if candidate.finish_reason
    ]
    blocked = [
        chunk.prompt_feedback.block_reason.value
        for chunk in chunks
        if chunk.prompt_feedback and chunk.prompt_feedback.block_reason
    ]
    return {
        "text": "".join(part.text or "" for part in parts if not part.thought),
        "thoughts": "".join(part.text or "" for part in parts if part.thought),
        "calls": [
            (part.function_call.name, part.function_call.args or {})
            for part in parts
            if part.function_call
        ],
        "images": [part.inline_data.data for part in parts if part.inline_data],
        "signatures": sum(part.thought_signature is not None for part in parts),
        "stop": [*blocked, *reasons][-1],
        "response_id": next((c.response_id for c in chunks if c.response_id), ""),
    }


def _read_by_us(reply: ModelReply) -> dict[str, Any]:
    raws = [
        json.loads(b.raw) for b in reply.blocks if isinstance(b, OpaqueBlock | HostedToolBlock)
    ]
    signed = [getattr(block, "signature", "") for block in reply.blocks]
    return {
        "text": "".join(b.text for b in reply.blocks if isinstance(b, TextBlock)),
        "thoughts": "".join(
            part for b in reply.blocks if isinstance(b, ThinkingBlock) for part in b.parts
        ),
        "calls": [
            (b.name, json.loads(b.arguments)) for b in reply.blocks if isinstance(b, ToolCallBlock)
        ],
        "images": [
            image.data
            for b in reply.blocks
            for image in (b.images if isinstance(b, HostedToolBlock) else (b,))
            if isinstance(image, ImageBlock)
        ],
        "signatures": sum(map(bool, signed)) + sum("thoughtSignature" in raw for raw in raws),
        "stop": reply.raw_stop_reason,
        "response_id": reply.response_id,
    }


def _frames(*chunks: dict[str, Any]) -> bytes:
    return b"".join(b"data: " + json.dumps(chunk).encode() + b"\r\n\r\n" for chunk in chunks)


def _chunk(*parts: dict[str, Any], **fields: Any) -> dict[str, Any]:
    content = {"role": "model", "parts": list(parts)}
    return {"candidates": [{"content": content, "index": 0, **fields}], "responseId": "r1"}


_IMAGE = {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}
_ANSWERS = {
    "text": [_chunk({"text": "Grüße"}), _chunk({"text": "\u2028!"}, finishReason="STOP")],
    "thoughts": [
        _chunk({"text": "hm", "thought": True}),
        _chunk({"text": "so", "thoughtSignature": "c2ln"}, {"text": "!"}, finishReason="STOP"),
    ],
    "calls": [
        _chunk({"functionCall": {"name": "a", "args": {"x": [1.5, None]}, "id": "1"}}),
        _chunk({"functionCall": {"name": "a"}, "thoughtSignature": "c2ln"}),
        _chunk({"text": ""}, finishReason="STOP"),
    ],
    "images": [
        _chunk(_IMAGE, {**_IMAGE, "thoughtSignature": "c2ln"}, finishReason="STOP"),
    ],
    "code": [
        _chunk({"executableCode": {"language": "PYTHON", "code": "1"}}, finishReason="STOP"),
        _chunk({"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}}),
        _chunk({"text": "One."}, finishReason="STOP"),
    ],
    "no content": [_chunk(finishReason="SAFETY")],
    "blocked": [{"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}],
}


@pytest.mark.parametrize("name", _ANSWERS)
async def test_both_read_the_same_answer(
    genai: Any, server: LocalServer, provider: HttpProvider, name: str
) -> None:
    """What the SDK makes of an answer is what its makers mean by it."""
    server.answer = _streamed(_frames(*_ANSWERS[name]))

    theirs = _read_by_sdk(_chunks_of_sdk(genai, server))
    ours = _read_by_us(reply_of(await _events(provider, _request())))

    assert ours == {**theirs, "response_id": theirs["response_id"] or ""}


@pytest.mark.parametrize("base", _STREAMS)
async def test_both_read_the_same_recording(
    genai: Any, server: LocalServer, provider: HttpProvider, base: Path
) -> None:
    """The installed SDK is newer than the recordings, and may have learned something."""
    if base.name in _UNEQUAL:
        return
    server.answer = _streamed(file_of(base, "response.sse").read_bytes())

    theirs = _read_by_sdk(_chunks_of_sdk(genai, server))
    ours = _read_by_us(reply_of(await _events(provider, _request())))

    assert ours == {**theirs, "response_id": theirs["response_id"] or ""}
    assert theirs["text"] == recorded(base, "expected.json")["text"]


async def test_both_go_to_the_same_place(
    genai: Any, server: LocalServer, provider: HttpProvider
) -> None:
    """The path, its query and the header of the key."""
    server.answer = _streamed(_frames(*_ANSWERS["text"]))

    _chunks_of_sdk(genai, server)
    await _events(provider, _request())

    theirs, ours = [one.path for one in server.asked]
    assert ours == theirs == f"/v1beta/models/{_MODEL}:streamGenerateContent?alt=sse"
    assert [one.headers["x-goog-api-key"] for one in server.asked] == ["secret", "secret"]


@pytest.mark.parametrize("status", [400, 429, 503])
async def test_both_see_the_same_error(
    genai: Any, server: LocalServer, provider: HttpProvider, status: int
) -> None:
    """Whoever waits must know what for."""
    error = {"code": status, "message": "Not now.", "status": "WORD"}
    server.answer = (status, "application/json", json.dumps({"error": error}).encode())

    with pytest.raises(genai.errors.APIError) as theirs:
        _chunks_of_sdk(genai, server)
    with pytest.raises(ProviderError) as ours:
        await _events(provider, _request())

    assert ours.value.status == theirs.value.code == status
    assert ours.value.transient is (status != 400)
    assert str(theirs.value.message) in str(ours.value)


_TOOL = ToolSpec(
    name="search",
    description="Find it.",
    input_schema='{"type":"object","properties":{"q":{"type":"string"}},"required":["q"]}',
)
_PNG = ImageBlock(media_type="image/png", data=b"\x89PNG")
_CONVERSATION = [
    UserMessage(
        text="hi",
        attachments=(
            _PNG,
            FileBlock(url="gs://bucket/a.pdf", media_type="application/pdf"),
        ),
    ),
    AssistantMessage(
        blocks=(
            ThinkingBlock(parts=("hm",), signature="c2ln", provenance=_OWN),
            TextBlock(text="Looking.", signature="c2ln", provenance=_OWN),
            OpaqueBlock(
                item_type="executableCode",
                raw='{"executableCode":{"code":"1","language":"PYTHON"},"thoughtSignature":"c2ln"}',
                provenance=_OWN,
            ),
            ToolCallBlock(
                call_id="c1",
                name="search",
                arguments='{"q":"x"}',
                signature="c2ln",
                provenance=_OWN,
            ),
            ToolCallBlock(call_id="c2", name="search", arguments='{"q":"y"}'),
        )
    ),
    ToolResultsMessage(
        results=(
            ToolResultBlock(call_id="c1", name="search", content="a", attachments=(_PNG,)),
            ToolResultBlock(call_id="c2", name="search", content="no", is_error=True),
        )
    ),
]
_REQUESTS = {
    "conversation": _request(messages=_CONVERSATION, system="Be kind.", tools=(_TOOL,)),
    "another model's call": _request(
        messages=[AssistantMessage(blocks=(ToolCallBlock(call_id="c", name="search"),))]
    ),
    "forced tool": _request(tools=(_TOOL,), tool_choice=NamedTool("search")),
    "no tool": _request(tools=(_TOOL,), tool_choice="none"),
    "settings": _request(
        temperature=0.5,
        max_output_tokens=10,
        reasoning=ReasoningOptions(effort="low", summary="auto"),
        output=OutputSchema(name="x", schema='{"type":"object"}'),
        options=ProviderOptions(
            top_p=0.9, top_k=40, seed=7, stop_sequences=("END",), service_tier="flex"
        ),
    ),
    "budget": _request(model="gemini-2.5-flash", reasoning=ReasoningOptions(budget_tokens=64)),
    "hosted tools": _request(
        options=ProviderOptions(
            hosted_tools=(
                HostedTool(kind="web_search"),
                HostedTool(kind="code_execution"),
                HostedTool(kind="url_context"),
                HostedTool(kind="file_search", options={"fileSearchStoreNames": ["s/1"]}),
            )
        )
    ),
}


@pytest.mark.parametrize("name", _REQUESTS)
def test_the_sdk_sends_what_we_send(genai: Any, server: LocalServer, name: str) -> None:
    """Its types refuse a field that the server does not know, and it spells the others for us."""
    ours = whole_body(GEMINI_GENERATE_CONTENT, _REQUESTS[name], GEMINI)
    types = genai.types
    server.answer = _streamed(_frames(*_ANSWERS["text"]))

    _chunks_of_sdk(
        genai,
        server,
        [types.Content.model_validate(content) for content in ours["contents"]],
        **_settings(types, ours),
    )

    assert _plain(json.loads(server.asked[0].body)) == _plain(ours)


def _settings(types: Any, body: dict[str, Any]) -> dict[str, Any]:
    """The configuration of the SDK that means the fields of a body."""
    generation = types.GenerateContentConfig.model_validate(body.get("generationConfig", {}))
    settings = generation.model_dump(exclude_none=True)
    known = {"contents", "generationConfig"}
    if system := body.get("systemInstruction"):
        settings["system_instruction"] = types.Content.model_validate(system)
    if tools := body.get("tools"):
        settings["tools"] = [types.Tool.model_validate(tool) for tool in tools]
    if config := body.get("toolConfig"):
        settings["tool_config"] = types.ToolConfig.model_validate(config)
    if tier := body.get("serviceTier"):
        settings["service_tier"] = tier
    assert set(body) - known <= {"systemInstruction", "tools", "toolConfig", "serviceTier"}
    return settings


def _plain(body: dict[str, Any]) -> Any:
    """A body but for what two clients may spell in two ways."""
    plain = json.loads(_SNAKE.sub(lambda found: found[1].upper(), json.dumps(body)))
    plain.get("systemInstruction", {}).pop("role", None)
    thinking = plain.get("generationConfig", {}).get("thinkingConfig", {})
    if "thinkingLevel" in thinking:
        thinking["thinkingLevel"] = thinking["thinkingLevel"].upper()
    return plain


async def test_the_sdk_can_read_what_a_whole_answer_is(
    genai: Any, server: LocalServer, provider: HttpProvider
) -> None:
    """An answer that does not stream is one JSON body, to both of us."""
    answer = json.loads(json.dumps(_ANSWERS["calls"][0] | {"usageMetadata": {}}))
    answer["candidates"][0]["finishReason"] = "STOP"
    server.answer = (200, "application/json", json.dumps(answer).encode())

    client = _client(genai, server)
    whole = client.models.generate_content(model=_MODEL, contents="hi")
    client.close()
    ours = _read_by_us(reply_of(await _events(provider, _request())))

    assert ours == _read_by_sdk([whole])
