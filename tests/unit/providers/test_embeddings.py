"""Vectors come back in the order of the texts, whatever the server does."""

import base64
import json
import struct
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import msgspec
import pytest

from mentra_actors.domain.model_call import TokenUsage
from mentra_actors.errors import ProviderError
from mentra_actors.providers.embeddings import EmbeddingRequest, embedded
from mentra_actors.providers.http_provider import HttpProvider
from mentra_actors.providers.presets import ANTHROPIC, GEMINI, GENERIC_CHAT, OPENAI, OPENROUTER
from mentra_actors.providers.profile import Profile
from mentra_actors.testing.scripted_http import KEY, answering

pytestmark = pytest.mark.anyio


class _Server:
    """Answers with what a function makes of each body, and keeps the calls."""

    def __init__(self, reply: Callable[[dict[str, Any]], Any], profile: Profile = OPENAI) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.urls: list[str] = []
        self._reply = reply
        self.provider: HttpProvider = answering(self._answer, profile)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.urls.append(str(request.url))
        self.bodies.append(json.loads(request.content))
        return httpx.Response(200, json=self._reply(self.bodies[-1]))


def _entries(body: dict[str, Any]) -> dict[str, Any]:
    """One vector per text, which is its length, in the wrong order."""
    texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
    data = [{"index": at, "embedding": [float(len(text)), 1]} for at, text in enumerate(texts)]
    usage = {"prompt_tokens": len(texts), "total_tokens": len(texts)}
    return {"data": data[::-1], "model": "e-1", "usage": usage}


async def test_a_single_text_is_sent_as_it_is() -> None:
    """Some servers take nothing else."""
    server = _Server(_entries)

    found = await server.provider.embed(["abc"], model="e")

    assert server.bodies == [{"model": "e", "input": "abc"}]
    assert server.urls == ["https://api.openai.com/v1/embeddings"]
    assert found.vectors == ((3.0, 1.0),)
    assert (found.model, found.usage) == ("e-1", TokenUsage(input_tokens=1))


async def test_vectors_are_sorted_by_index() -> None:
    """A vector of another text is a mistake that nobody sees later."""
    server = _Server(_entries)

    found = await server.provider.embed(["a", "bb", "ccc"], model="e", dimensions=2)

    assert server.bodies == [{"model": "e", "input": ["a", "bb", "ccc"], "dimensions": 2}]
    assert [vector[0] for vector in found.vectors] == [1.0, 2.0, 3.0]


async def test_many_texts_go_in_batches() -> None:
    """Servers bound what one call may hold."""
    server = _Server(_entries, msgspec.structs.replace(OPENAI, embeddings_per_call=2))

    found = await server.provider.embed(["a", "bb", "ccc", "dddd", "e" * 5], model="e")

    assert [body["input"] for body in server.bodies] == [["a", "bb"], ["ccc", "dddd"], "eeeee"]
    assert [vector[0] for vector in found.vectors] == [1, 2, 3, 4, 5]
    assert found.usage == TokenUsage(input_tokens=5)


async def test_long_texts_go_in_batches() -> None:
    """The tokens of one call are bounded, too."""
    server = _Server(_entries)
    long = "x" * 300_000

    await server.provider.embed([long, "a", long], model="e")

    assert [type(body["input"]) for body in server.bodies] == [list, str]


async def test_no_texts_cost_no_call() -> None:
    """An empty list is no mistake."""
    server = _Server(_entries)

    assert (await server.provider.embed([], model="e")).vectors == ()
    assert not server.bodies


async def test_vectors_may_be_base64() -> None:
    """Less than half of the bytes, and the same numbers."""
    packed = base64.b64encode(struct.pack("<2f", 0.5, -2.0)).decode()
    server = _Server(lambda _: {"data": [{"index": 0, "embedding": packed}]})

    found = await server.provider.embed(["a"], model="e", encoding="base64")

    assert server.bodies[0]["encoding_format"] == "base64"
    assert found.vectors == ((0.5, -2.0),)
    assert found.model == "e"


@pytest.mark.parametrize(
    "result",
    [
        {},
        {"data": []},
        {"data": [{"index": 0, "embedding": [1]}]},
        {"data": [{"index": 0, "embedding": [1]}, {"index": 0, "embedding": [1]}]},
        {"data": [{"index": 1, "embedding": [1]}, {"index": 2, "embedding": [1]}]},
        {"data": [{"index": 0, "embedding": [1]}, {"index": 1, "embedding": [1, 2]}]},
        {"data": [{"index": 0, "embedding": []}, {"index": 1, "embedding": []}]},
        {"data": [{"index": 0, "embedding": ["1"]}, {"index": 1, "embedding": [True]}]},
        {"data": [{"index": 0, "embedding": "?"}, {"index": 1, "embedding": "?"}]},
        {"data": [{"index": 0, "embedding": "Zm9v"}, {"index": 1, "embedding": None}]},
    ],
)
async def test_other_vectors_than_were_asked_for_are_an_error(result: Any) -> None:
    """A vector too few, or one twice, must not shift all others."""
    server = _Server(lambda _: result)

    with pytest.raises(ProviderError) as caught:
        await server.provider.embed(["a", "b"], model="e")

    assert caught.value.kind == "invalid_response"


async def test_gemini_has_its_own_form() -> None:
    """The same question, in the words of another API."""
    posted: list[tuple[str, Any]] = []

    async def post(path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        posted.append((path, body))
        return {"embeddings": [{"values": [1]}, {"values": [2]}]}

    request = EmbeddingRequest(
        model="models/gemini-embedding-001", dimensions=1, task="RETRIEVAL_QUERY"
    )
    found = await embedded(GEMINI, ["a", "b"], request, post)

    def asked(text: str) -> dict[str, Any]:
        return {
            "model": "models/gemini-embedding-001",
            "content": {"parts": [{"text": text}]},
            "taskType": "RETRIEVAL_QUERY",
            "outputDimensionality": 1,
        }

    assert posted == [
        ("models/gemini-embedding-001:batchEmbedContents", {"requests": [asked("a"), asked("b")]})
    ]
    assert found.vectors == ((1.0,), (2.0,))


@pytest.mark.parametrize(
    ("task", "sent"),
    [
        ("query", "RETRIEVAL_QUERY"),
        ("document", "RETRIEVAL_DOCUMENT"),
        ("CLUSTERING", "CLUSTERING"),
    ],
)
async def test_gemini_is_told_a_task_in_its_own_word(task: str, sent: str) -> None:
    """A program that asks several providers says `query` to all of them."""
    server = _Server(lambda _: {"embeddings": [{"values": [1]}]}, GEMINI)

    await server.provider.embed(["a"], model="e", task=task)

    assert server.bodies[0]["requests"][0]["taskType"] == sent


async def test_a_task_is_told_only_where_there_is_a_field_for_it() -> None:
    """OpenAI refuses fields that it does not know."""
    for profile, field in ((OPENAI, {}), (OPENROUTER, {"input_type": "query"})):
        server = _Server(_entries, profile)
        await server.provider.embed(["a"], model="e", task="query")
        assert server.bodies == [{"model": "e", "input": "a", **field}]


async def test_an_unknown_encoding_is_refused_by_name() -> None:
    """Before anything is sent."""
    server = _Server(_entries)

    with pytest.raises(ProviderError, match=r"no encoding 'int8'.*float or base64") as caught:
        await server.provider.embed(["a"], model="e", encoding="int8")  # type: ignore[arg-type]

    assert caught.value.kind == "invalid_request"
    assert not server.bodies


@pytest.mark.parametrize("profile", [ANTHROPIC, GENERIC_CHAT])
async def test_a_server_without_embeddings_is_not_asked(profile: Profile) -> None:
    """The user learns it before anything is sent."""
    server = _Server(_entries, profile)

    with pytest.raises(ProviderError, match="has no embeddings") as caught:
        await server.provider.embed(["a"], model="e")

    assert caught.value.kind == "invalid_request"
    assert not server.bodies


async def test_a_text_is_no_list_of_texts() -> None:
    """Else each of its letters would be paid for."""
    with pytest.raises(ProviderError, match="put the text into one"):
        await _Server(_entries).provider.embed("abc", model="e")


async def test_an_error_says_what_the_server_said_without_the_key() -> None:
    """Errors of embeddings are those of answers."""
    refused = httpx.Response(429, json={"error": {"message": f"slow down {KEY}"}})

    with pytest.raises(ProviderError, match="slow down") as caught:
        await answering(refused).embed(["a"], model="e")

    assert caught.value.transient
    assert KEY not in str(caught.value)
