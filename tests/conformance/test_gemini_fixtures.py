"""Recorded Gemini traffic gives what the vendor's own SDK makes of it, however it is cut."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mentra_actors.domain.content import (
    AssistantBlock,
    AssistantMessage,
    HostedToolBlock,
    ImageBlock,
    OpaqueBlock,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
    ToolResultBlock,
    ToolResultsMessage,
    UserMessage,
    text_of,
)
from mentra_actors.domain.model_call import (
    HostedTool,
    ModelReply,
    ModelRequest,
    OutputSchema,
    ProviderOptions,
    ReasoningOptions,
    StopReason,
    ToolSpec,
)
from mentra_actors.providers.port import (
    CitationFound,
    ReplyFinished,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    UsageReported,
)
from mentra_actors.providers.presets import GEMINI
from mentra_actors.providers.wires.contract import whole_body
from mentra_actors.providers.wires.gemini_wire import GEMINI_GENERATE_CONTENT
from tests.conformance.recordings import (
    CHUNK_SIZES,
    file_of,
    named,
    play,
    played,
    recorded,
    recordings,
    reply_of,
    require_malformed_when_cut,
)

pytestmark = pytest.mark.anyio

_WIRE = "gemini_generate_content"
_STREAMS = recordings("gemini", wire=_WIRE, suffix="response.sse")
_BODIES = recordings("gemini", wire=_WIRE, suffix="response.json")

# Where we differ from expected.json on purpose: fixture -> (field, our value, why).
_DEVIATIONS: dict[str, tuple[str, Any, str]] = {}

# Streams that must fail: fixture -> (kind, code, status, transient). The SDK says less.
_FAILURES: dict[str, tuple[str, str | None, int | None, bool]] = {
    "syn_truncated": ("malformed_stream", None, None, True),
    "syn_empty_stream": ("malformed_stream", None, None, True),
    "syn_error_midstream": ("in_band", "UNAVAILABLE", 503, True),
}

_OPAQUE_KINDS = {
    "executableCode": "executable_code",
    "codeExecutionResult": "code_execution_result",
    "toolCall": "tool_call",
    "toolResponse": "tool_response",
}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def _summary(reply: ModelReply) -> dict[str, Any]:
    """The reply in the fields of expected.json."""
    kinds = [kind for kind in map(_kind, reply.blocks) if kind]
    thoughts = [block for block in reply.blocks if isinstance(block, ThinkingBlock)]
    return {
        "text": "".join(b.text for b in reply.blocks if isinstance(b, TextBlock)),
        "thought_text_chars": sum(len(part) for block in thoughts for part in block.parts),
        "block_order": [k for i, k in enumerate(kinds) if not _continues(kinds[:i], k)],
        "tool_calls": [_call(b) for b in reply.blocks if isinstance(b, ToolCallBlock)],
        "stop_reason": reply.raw_stop_reason,
        "signatures": sum(map(_is_signed, reply.blocks)),
        "images": sum(len(_images(block)) for block in reply.blocks),
        "model": reply.model,
        "response_id": reply.response_id,
    }


def _kind(block: AssistantBlock) -> str:
    match block:
        case ToolCallBlock():
            return "function_call"
        case TextBlock(text=text):
            return "text" if text else ""
        case ThinkingBlock(parts=parts):
            return "thought" if parts else ""
        case OpaqueBlock(item_type=item_type):
            return _OPAQUE_KINDS.get(item_type, item_type)
        case ImageBlock():
            return "inline_data"
        case HostedToolBlock(images=images):
            return "inline_data" if images else ""
        case _:
            return type(block).__name__


def _continues(before: list[str], kind: str) -> bool:
    """Texts are one where nothing stands between them."""
    return kind in {"text", "thought"} and before[-1:] == [kind]


def _call(block: ToolCallBlock) -> dict[str, Any]:
    return {"name": block.name, "args": json.loads(block.arguments)}


def _is_signed(block: AssistantBlock) -> bool:
    if isinstance(block, OpaqueBlock | HostedToolBlock):
        return "thoughtSignature" in json.loads(block.raw)
    return bool(getattr(block, "signature", ""))


def _images(block: AssistantBlock) -> list[ImageBlock]:
    return (
        list(block.images)
        if isinstance(block, HostedToolBlock)
        else [image for image in (block,) if isinstance(image, ImageBlock)]
    )


def _wanted(base: Path) -> dict[str, Any]:
    expected = recorded(base, "expected.json")
    calls = expected["tool_calls"]
    wanted = {
        "text": expected["text"],
        "thought_text_chars": expected["thought_text_chars"],
        "block_order": _whole_calls(expected["block_order"], len(calls)),
        "tool_calls": [{key: call[key] for key in ("name", "args")} for call in calls],
        "stop_reason": expected["stop_reason"],
        "signatures": expected["thinking"]["with_signature"],
        "images": expected["inline_data_parts"],
        "model": expected["model"] or "asked",
        "response_id": expected["response_id"] or "",
    }
    if base.name in _DEVIATIONS:
        field, value, _ = _DEVIATIONS[base.name]
        assert wanted[field] != value, "the deviation is gone: delete its row"
        wanted[field] = value
    return wanted


def _whole_calls(order: list[str], calls: int) -> list[str]:
    """The order of blocks, in which the SDK counts each fragment of a call as one."""
    extra = order.count("function_call") - calls
    kept: list[str] = []
    for kind in order:
        if kind == "function_call" and extra and kept[-1:] == ["function_call"]:
            extra -= 1
        else:
            kept.append(kind)
    return kept


def _counts(expected: dict[str, Any]) -> dict[str, int]:
    """What the answer used: the last count of the prompt, the highest of everything else.

    Counts of a step vanish when the server's own tools run, but the prompt is counted anew.
    """
    most, last = expected["usage_field_max"], expected["usage"]
    thoughts = most.get("thoughts_token_count", 0)
    return {
        "input_tokens": last.get("input_tokens", 0) + most.get("tool_use_prompt_token_count", 0),
        "output_tokens": most.get("candidates_token_count", 0) + thoughts,
        "reasoning_tokens": thoughts,
    }


@pytest.mark.parametrize("size", CHUNK_SIZES)
@pytest.mark.parametrize("base", _STREAMS)
async def test_a_stream_gives_what_the_sdk_makes_of_it(base: Path, size: int) -> None:
    """The vendor's SDK is the best witness of what an answer means."""
    body, meta = file_of(base, "response.sse").read_bytes(), recorded(base, "meta.json")

    events, error = await play(GEMINI, body, size, meta)

    if base.name in _FAILURES:
        assert error is not None
        assert (error.kind, error.code, error.status, error.transient) == _FAILURES[base.name]
        assert not any(isinstance(event, ReplyFinished) for event in events)
        return
    assert error is None
    reply = reply_of(events)
    assert _summary(reply) == _wanted(base)
    counts = _counts(recorded(base, "expected.json"))
    assert {name: getattr(reply.usage, name) for name in counts} == counts


@pytest.mark.parametrize("base", _STREAMS)
async def test_what_is_streamed_is_what_is_answered(base: Path) -> None:
    """A viewer sees the same text, reasoning, calls and sources live as stand in the answer."""
    if base.name in _FAILURES:
        return
    body, meta = file_of(base, "response.sse").read_bytes(), recorded(base, "meta.json")

    events, _ = await play(GEMINI, body, 997, meta)

    reply = reply_of(events)
    texts = [block for block in reply.blocks if isinstance(block, TextBlock)]
    shown = "".join(event.text for event in events if isinstance(event, TextDelta))
    assert shown == "".join(block.text for block in texts)
    thoughts = "".join(event.text for event in events if isinstance(event, ThinkingDelta))
    assert len(thoughts) == recorded(base, "expected.json")["thought_text_chars"]
    arguments: dict[str, str] = {}
    for event in events:
        if isinstance(event, ToolCallDelta):
            arguments[event.call_id] = arguments.get(event.call_id, "") + event.arguments
    calls = [block for block in reply.blocks if isinstance(block, ToolCallBlock)]
    assert arguments == {block.call_id: block.arguments for block in calls}
    cited = [event.citation for event in events if isinstance(event, CitationFound)]
    assert sorted(map(repr, cited)) == sorted(
        repr(citation) for block in texts for citation in block.citations
    )
    used = [event.usage for event in events if isinstance(event, UsageReported)]
    assert not used or used[-1] == reply.usage


@pytest.mark.parametrize("base", _STREAMS)
async def test_calls_have_ids_of_their_own(base: Path) -> None:
    """Results are matched to calls by id, and older models give none."""
    if base.name in _FAILURES:
        return
    body, meta = file_of(base, "response.sse").read_bytes(), recorded(base, "meta.json")

    events, _ = await play(GEMINI, body, 997, meta)

    blocks = reply_of(events).blocks
    ids = [block.call_id for block in blocks if isinstance(block, ToolCallBlock)]
    given = [call.get("id") for call in recorded(base, "expected.json")["tool_calls"]]
    assert all(ids)
    assert len(set(ids)) == len(ids)
    assert [own for own, other in zip(ids, given, strict=True) if other] == list(
        filter(None, given)
    )


def _has_ended(part: bytes) -> bool:
    """Whether a chunk with a reason for the end is in it, and whole."""
    for line in part.splitlines():
        try:
            chunk = json.loads(line.removeprefix(b"data:"))
        except ValueError:
            continue
        if any(one.get("finishReason") for one in chunk.get("candidates", [])):
            return True
        if chunk.get("promptFeedback"):
            return True
    return False


@pytest.mark.parametrize("base", _STREAMS)
async def test_a_stream_that_is_cut_is_malformed(base: Path) -> None:
    """Half an answer must never count as an answer, and none of its calls may run."""
    if base.name not in _FAILURES:
        require_malformed_when_cut(GEMINI, base, _has_ended)


@pytest.mark.parametrize("base", _BODIES)
async def test_an_error_body_says_what_the_server_said(base: Path) -> None:
    """Errors come as one JSON body, with a number and a word for it."""
    expected, meta = recorded(base, "expected.json"), recorded(base, "meta.json")
    body = file_of(base, "response.json").read_bytes()

    events, error = await play(GEMINI, body, 997, meta)

    assert error is not None
    assert error.kind == "http"
    assert error.status == expected["error"]["code"]
    assert json.loads(body)["error"]["message"] in str(error)
    assert not events


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("function_call", StopReason.TOOL_USE),
        ("text_gemini_15", StopReason.END_TURN),
        ("rf_max_tokens", StopReason.MAX_TOKENS),
        ("rf_safety_no_content", StopReason.CONTENT_FILTER),
        ("syn_malformed_function_call", StopReason.MALFORMED_CALL),
    ],
)
async def test_stop_reasons_are_neutral(name: str, reason: StopReason) -> None:
    """The wire says `STOP` of an answer whether or not it asks for tools."""
    assert (await played(GEMINI, f"gemini/{name}")).stop_reason is reason


async def test_text_that_a_signature_cuts_is_one_text() -> None:
    """The first piece of an answer may be signed alone; people must not see a gap after it."""
    reply = await played(GEMINI, "gemini/thoughts_with_signature")

    assert sum(isinstance(block, TextBlock) for block in reply.blocks) == 2
    assert text_of(reply.blocks) == _expected("gemini/thoughts_with_signature")["text"]


@pytest.mark.parametrize(
    "name", ["google_search_grounding", "vertex_grounding_citations", "url_context"]
)
async def test_citations_point_at_their_words(name: str) -> None:
    """The wire counts bytes, we count characters: text beyond ASCII shifts every place."""
    reply = await played(GEMINI, f"gemini/{name}")

    texts = [block for block in reply.blocks if isinstance(block, TextBlock)]
    hosted = [block for block in reply.blocks if isinstance(block, HostedToolBlock)]
    cited = {b.text[c.start : c.end] for b in texts for c in b.citations}
    supports = json.loads(hosted[0].raw)["groundingMetadata"]["groundingSupports"]
    assert cited == {one["segment"]["text"] for one in supports}
    assert all(citation.url for block in texts for citation in block.citations)
    assert hosted[0].tool in {"web_search", "url_context"}


def _expected(name: str) -> dict[str, Any]:
    return dict(recorded(named(name), "expected.json"))


async def test_a_followup_is_the_one_that_was_accepted() -> None:
    """Gemini 3 refuses a call that comes back without its signature."""
    model = "gemini-3-pro-preview"
    prompt = UserMessage(text="What is the capital of the user country? Call the tool")
    reply = await played(GEMINI, "gemini/function_call_thought_signature", model)

    body = _followup(model, [prompt, _said(reply), _results(reply, "Mexico")])

    assert _comparable(body["contents"]) == _comparable(
        recorded(named("gemini/function_call_signature_replay"), "request.json")["contents"]
    )


async def test_a_followup_of_two_steps_holds_both_calls() -> None:
    """Models that sign nothing get nothing but what they said and what came of it."""
    model = "gemini-2.0-flash"
    prompt = UserMessage(text="What is the temperature of the capital of France?")
    first = await played(GEMINI, "gemini/function_call", model)
    call = ToolCallBlock(call_id="2", name="get_temperature", arguments='{"city":"Paris"}')
    second = AssistantMessage(blocks=(call,), provenance=first.provenance)
    result = ToolResultBlock(call_id="2", name="get_temperature", content="30°C")

    body = _followup(
        model,
        [
            prompt,
            _said(first),
            _results(first, "Paris"),
            second,
            ToolResultsMessage(results=(result,)),
        ],
        system="You are a helpful chatbot.",
    )

    wanted = recorded(named("gemini/function_response_followup"), "request.json")
    assert _comparable(body["contents"]) == _comparable(wanted["contents"])
    assert body["systemInstruction"]["parts"] == wanted["systemInstruction"]["parts"]
    assert _has_matching_ids(body["contents"])


async def test_a_followup_of_a_shaped_answer_keeps_the_id_of_the_server() -> None:
    """An id that the server gave is the one that it looks for."""
    model = "gemini-3-flash-preview"
    prompt = UserMessage(text="What is the largest city in the user country?")
    reply = await played(GEMINI, "gemini/function_tools_native_output", model)

    body = _followup(model, [prompt, _said(reply), _results(reply, "Mexico")])

    wanted = recorded(named("gemini/native_output_final"), "request.json")["contents"]
    assert _comparable(body["contents"]) == _comparable(wanted)
    assert body["contents"][1]["parts"][0]["functionCall"]["id"] == "96c1su3s"


async def test_parts_of_the_servers_own_tools_go_back_as_they_came() -> None:
    """Their signatures vouch for them: a byte that is missing makes them worthless."""
    model = "gemini-3-flash-preview"
    name = "gemini/server_tool_call_and_response"
    reply = await played(GEMINI, name, model)
    streamed = [
        part
        for chunk in _chunks(file_of(named(name), "response.sse").read_bytes())
        for part in chunk["candidates"][0]["content"]["parts"]
        if part != {"text": ""}
    ]

    [content] = GEMINI_GENERATE_CONTENT.items(_said(reply), model, GEMINI)

    assert [p for p in content["parts"] if p.get("text", "") == ""] == [
        p for p in streamed if p.get("text", "") == ""
    ]


def _chunks(body: bytes) -> Iterator[Any]:
    for line in body.splitlines():
        if line.startswith(b"data:"):
            yield json.loads(line.removeprefix(b"data:"))


def _said(reply: ModelReply) -> AssistantMessage:
    return AssistantMessage(blocks=reply.blocks, provenance=reply.provenance)


def _results(reply: ModelReply, content: str) -> ToolResultsMessage:
    calls = [block for block in reply.blocks if isinstance(block, ToolCallBlock)]
    return ToolResultsMessage(
        results=tuple(
            ToolResultBlock(call_id=call.call_id, name=call.name, content=content)
            for call in calls
        )
    )


def _followup(model: str, messages: list[Any], **fields: Any) -> dict[str, Any]:
    request = ModelRequest(model=model, messages=messages, **fields)
    return whole_body(GEMINI_GENERATE_CONTENT, request, GEMINI)


def _comparable(contents: list[Any]) -> Any:
    """Contents but for what their author chose: ids, and the name of a result in its object.

    The alphabet of base64 is not the server's either.
    """
    text = json.dumps(contents)
    for spelled, other in (("-", "+"), ("_", "/"), ("return/value", "output")):
        text = text.replace(spelled, other)
    ids: dict[str, str] = {}
    for part in (part for content in contents for part in content["parts"]):
        found = part.get("functionCall") or part.get("functionResponse") or {}
        spelled = found.get("id", "").replace("-", "+").replace("_", "/")
        if spelled:
            text = text.replace(
                json.dumps(spelled), json.dumps(ids.setdefault(spelled, str(len(ids))))
            )
    return json.loads(text)


def _has_matching_ids(contents: list[Any]) -> bool:
    parts = [part for content in contents for part in content["parts"]]
    asked = [part["functionCall"]["id"] for part in parts if "functionCall" in part]
    answered = [part["functionResponse"]["id"] for part in parts if "functionResponse" in part]
    return asked == answered


@pytest.mark.parametrize("base", _STREAMS)
def test_our_fields_are_those_of_the_recorded_request(base: Path) -> None:
    """What the server accepted from others is what we send it for the same wishes."""
    wanted = recorded(base, "request.json")
    if not wanted:
        return

    body = whole_body(GEMINI_GENERATE_CONTENT, _wishes(base, wanted), GEMINI)

    assert _told(body) == _told(wanted)
    assert body.get("toolConfig") == wanted.get("toolConfig") or body.get("toolConfig") == {
        "includeServerSideToolInvocations": True  # not every author asked for it
    }
    config = dict(wanted.get("generationConfig", {}))
    config.pop("responseModalities", None)  # what the model does anyway
    assert _camel(body.get("generationConfig", {})) == _camel(config)


_NEUTRAL_WORDS = {
    "googleSearch": "web_search",
    "codeExecution": "code_execution",
    "urlContext": "url_context",
    "fileSearch": "file_search",
}


def _wishes(base: Path, wanted: dict[str, Any]) -> ModelRequest:
    """The neutral request that another client's body was made from."""
    config = wanted.get("generationConfig", {})
    thinking = config.get("thinkingConfig", {})
    schema = config.get("responseJsonSchema")
    return ModelRequest(
        model=recorded(base, "meta.json")["url"].rpartition("/")[2].partition(":")[0],
        messages=[UserMessage(text="hi")],
        tools=tuple(
            ToolSpec(name=one["name"], description=one["description"], input_schema="{}")
            for one in _declared(wanted)
        ),
        max_output_tokens=config.get("maxOutputTokens"),
        reasoning=ReasoningOptions(budget_tokens=thinking.get("thinking_budget")),
        output=OutputSchema(name="city", schema=json.dumps(schema)) if schema else None,
        options=ProviderOptions(
            thoughts=thinking.get("includeThoughts"),
            hosted_tools=tuple(
                HostedTool(kind=_NEUTRAL_WORDS.get(kind, kind), options=options)
                for kind, options in _hosted(wanted)
            ),
        ),
    )


def _declared(body: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for tool in body.get("tools", []) for one in tool.get("functionDeclarations", [])]


def _hosted(body: dict[str, Any]) -> list[tuple[str, Any]]:
    tools = [item for tool in body.get("tools", []) for item in tool.items()]
    return [(kind, options) for kind, options in tools if kind != "functionDeclarations"]


def _told(body: dict[str, Any]) -> Any:
    named = [(one["name"], one.get("description", "")) for one in _declared(body)]
    return named, _hosted(body)


def _camel(config: Any) -> Any:
    """The names of fields as the wire spells them; it takes both spellings."""
    return json.loads(json.dumps(config).replace("thinking_budget", "thinkingBudget"))
