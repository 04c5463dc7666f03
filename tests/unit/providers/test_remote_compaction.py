"""Conversations that a server compacts itself, in a form that only it reads."""

import json

import httpx
import pytest

from mentra_actors import ProviderError, ScriptedModel
from mentra_actors.domain.content import (
    AssistantMessage,
    OpaqueBlock,
    TextBlock,
    UserMessage,
)
from mentra_actors.domain.model_call import ModelRequest, TokenUsage
from mentra_actors.providers.catalogue import CompactsConversations
from mentra_actors.providers.presets import OLLAMA, OPENAI
from mentra_actors.providers.wires.known import WIRES
from mentra_actors.testing.scripted_http import answering

pytestmark = pytest.mark.anyio

ITEM = {"type": "compaction", "id": "cmp_1", "encrypted_content": "secret"}
RESULT = {
    "object": "response.compaction",
    "output": [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]},
        {"type": "message", "role": "assistant", "content": [{"text": "In short."}]},
        ITEM,
    ],
    "usage": {"input_tokens": 9, "output_tokens": 2},
}
TALK = ModelRequest(
    model="m",
    system="Be brief.",
    messages=(
        UserMessage(text="hi"),
        AssistantMessage(
            blocks=(TextBlock(text="ho"),),
            provenance=OPENAI.provenance("m"),
            response_id="resp_1",
        ),
        UserMessage(text="and?"),
    ),
)


def serving(reply):
    asked = []

    def answer(request):
        asked.append(request)
        return reply

    return answer, asked


async def test_the_server_is_sent_all_of_the_conversation_and_its_item_is_kept():
    """Also where it remembers answers: what it has forgotten would be missing for ever."""
    answer, asked = serving(httpx.Response(200, json=RESULT))
    made = await answering(answer).compact(TALK)

    assert asked[0].url.path == "/v1/responses/compact"
    body = json.loads(asked[0].content)
    assert (sorted(body), len(body["input"])) == (["input", "instructions", "model"], 3)
    (block,) = made.blocks
    assert (block.item_type, json.loads(block.raw)) == ("compaction", ITEM)
    assert block.provenance == OPENAI.provenance("m")
    assert (made.text, made.usage) == ("In short.", TokenUsage(input_tokens=9, output_tokens=2))


@pytest.mark.parametrize("status", [404, 405, 501])
async def test_a_server_without_the_endpoint_says_that_it_cannot(status):
    answer, _ = serving(httpx.Response(status, json={}))
    with pytest.raises(ProviderError) as failure:
        await answering(answer).compact(TALK)
    assert failure.value.kind == "unsupported"


async def test_a_local_server_is_not_asked():
    answer, asked = serving(httpx.Response(200, json=RESULT))
    with pytest.raises(ProviderError) as failure:
        await answering(answer, OLLAMA).compact(TALK)
    assert (failure.value.kind, asked) == ("unsupported", [])


async def test_other_refusals_are_errors():
    answer, _ = serving(httpx.Response(400, json={"error": {"message": "bad input"}}))
    with pytest.raises(ProviderError, match="bad input"):
        await answering(answer).compact(TALK)


async def test_a_result_with_nothing_in_it_is_empty():
    answer, _ = serving(httpx.Response(200, json={"output": []}))
    made = await answering(answer).compact(TALK)
    assert (made.blocks, made.text) == ((), "")


def test_who_compacts():
    """The runtime asks by this protocol."""
    assert isinstance(answering(httpx.Response(200)), CompactsConversations)
    assert not isinstance(ScriptedModel([]), CompactsConversations)


@pytest.mark.parametrize("wire", sorted(WIRES))
def test_the_item_goes_back_to_its_producer_and_to_nobody_else(wire):
    """Another provider is told the rest in words, and must not meet an empty turn."""
    profile = OPENAI if wire == "openai_responses" else OLLAMA
    sealed = OpaqueBlock(
        item_type="compaction", raw=json.dumps(ITEM), provenance=OPENAI.provenance("m")
    )
    message = AssistantMessage(blocks=(sealed,), provenance=OPENAI.provenance("m"))

    assert WIRES[wire].items(message, "m", profile) == ([ITEM] if profile is OPENAI else [])
