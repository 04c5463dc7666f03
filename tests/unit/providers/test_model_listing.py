"""Which models a server has, and how many tokens a request has, over scripted HTTP."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import msgspec
import pytest

from mentra_actors.domain.content import (
    AssistantMessage,
    FileBlock,
    ImageBlock,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
    ToolResultBlock,
    ToolResultsMessage,
    UserMessage,
)
from mentra_actors.domain.model_call import ModelRequest, ToolSpec
from mentra_actors.errors import MissingCredential, ProviderError
from mentra_actors.providers.catalogue import CountsTokens, ListsModels, TokenCount
from mentra_actors.providers.http.questions import listed_models
from mentra_actors.providers.http_provider import HttpProvider
from mentra_actors.providers.json_access import Json, text_of
from mentra_actors.providers.presets import OLLAMA, OPENAI
from mentra_actors.providers.profile import Capabilities
from mentra_actors.providers.scripted import ScriptedModel
from mentra_actors.providers.token_estimate import estimated_tokens
from mentra_actors.providers.wires.contract import ModelPage
from mentra_actors.providers.wires.responses_wire import RESPONSES, ResponsesWire
from mentra_actors.testing.scripted_http import KEY, REQUEST, answering

pytestmark = pytest.mark.anyio


def serving(
    *answers: httpx.Response,
) -> tuple[Callable[[httpx.Request], httpx.Response], list[Any]]:
    """A server that gives these answers in order, and what it was asked."""
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return answers[len(asked) - 1]

    return answer, asked


def listing(*models: dict[str, Any]) -> httpx.Response:
    return httpx.Response(200, json={"object": "list", "data": models})


async def test_models_are_listed_the_newest_first() -> None:
    """What nobody dates comes last, and the same moment is decided by the id."""
    answer, asked = serving(
        listing(
            {"id": "b", "created": 5},
            {"id": "undated"},
            {"id": "a", "created": 5},
            {"id": "new", "created": 9, "owned_by": "them"},
            {"created": 99},
            {"id": "odd", "created": "yesterday"},
        )
    )
    models = await answering(answer).models()

    assert [one.name for one in models] == [
        f"openai:{name}" for name in ("new", "a", "b", "odd", "undated")
    ]
    assert (asked[0].method, str(asked[0].url)) == ("GET", "https://api.openai.com/v1/models")
    assert asked[0].headers["authorization"] == f"Bearer {KEY}"
    assert asked[0].content == b""
    assert "content-type" not in asked[0].headers


class PagedWire(ResponsesWire):
    """Lists have pages, as on other wires."""

    def models_path(self, profile: Any) -> str:
        return "models?limit=2"

    def models_page(self, result: Json, profile: Any) -> ModelPage:
        page = super().models_page(result, profile)
        after = text_of(result, "last")
        return msgspec.structs.replace(page, next_page={"after": after} if after else {})


@pytest.mark.parametrize(("last", "pages"), [("", 3), ("c", 4)])
async def test_pages_are_fetched_to_the_last_and_never_for_ever(last: str, pages: int) -> None:
    """A server that names the same page again would be asked until the end of time."""
    bodies = [
        {"data": [{"id": "a"}], "last": "a"},
        {"data": [{"id": "b"}, {"id": "a"}], "last": "c"},
        {"data": [{"id": "c"}], "last": last},
        {"data": [{"id": "c"}], "last": last},
    ]
    asked: list[Any] = []

    async def fetch(path: str, parameters: Any) -> Json:
        asked.append((path, dict(parameters)))
        return bodies[min(len(asked), len(bodies)) - 1]

    models = await listed_models(PagedWire(), OPENAI, fetch)

    assert [one.model_id for one in models] == ["a", "b", "c"]
    assert asked[:2] == [("models?limit=2", {}), ("models?limit=2", {"after": "a"})]
    assert len(asked) <= pages


async def test_the_number_of_pages_is_bounded() -> None:
    """Each page may name another one that was not there before."""
    asked = []

    async def fetch(path: str, parameters: Any) -> Json:
        asked.append(parameters)
        return {"data": [{"id": f"m{len(asked)}"}], "last": str(len(asked))}

    assert len(await listed_models(PagedWire(), OPENAI, fetch)) == len(asked) == 100


async def test_a_server_without_a_list_is_not_asked() -> None:
    """It says so in words that a user can act on."""
    profile = msgspec.structs.replace(OPENAI, capabilities=Capabilities(model_listing=False))
    answer, asked = serving()
    with pytest.raises(ProviderError, match="name one yourself") as refused:
        await answering(answer, profile).models()

    assert refused.value.kind == "invalid_request"
    assert asked == []


async def test_errors_of_a_listing_are_those_of_a_call() -> None:
    """Without keys, and with what the server said."""
    answer, _ = serving(httpx.Response(401, json={"error": {"message": f"no {KEY}"}}))
    with pytest.raises(ProviderError) as refused:
        await answering(answer).models()

    assert (refused.value.status, refused.value.transient) == (401, False)
    assert KEY not in str(refused.value)
    with pytest.raises(MissingCredential):
        await HttpProvider(OPENAI, environ={}).models()


async def test_the_server_counts_where_it_can() -> None:
    """Its count is exact; it is sent the request without the fields that do not count."""
    answer, asked = serving(httpx.Response(200, json={"input_tokens": 123}))
    count = await answering(answer).count_tokens(REQUEST)

    assert count == TokenCount(tokens=123, is_estimate=False)
    assert asked[0].url.path == "/v1/responses/input_tokens"
    assert "stream" not in json.loads(asked[0].content)


@pytest.mark.parametrize(
    "reply",
    [
        httpx.Response(404, json={}),
        httpx.Response(405, json={}),
        httpx.Response(501),
        httpx.Response(200, json={"input_tokens": "many"}),
    ],
)
async def test_a_server_that_cannot_count_gives_an_estimate(reply: httpx.Response) -> None:
    """Compatible servers have not all endpoints of the one that they are like."""
    answer, _ = serving(reply)
    assert await answering(answer).count_tokens(REQUEST) == TokenCount(
        tokens=estimated_tokens(REQUEST), is_estimate=True
    )


async def test_a_local_server_is_not_asked_to_count() -> None:
    """It has no such endpoint."""
    answer, asked = serving()
    assert (await answering(answer, OLLAMA).count_tokens(REQUEST)).is_estimate
    assert asked == []


async def test_a_refused_count_is_an_error() -> None:
    """The request itself would be refused, too: an estimate would hide it."""
    answer, _ = serving(httpx.Response(400, json={"error": {"message": "bad tool"}}))
    with pytest.raises(ProviderError, match="bad tool"):
        await answering(answer).count_tokens(REQUEST)


def test_who_lists_and_counts() -> None:
    """The runtime asks by these protocols."""
    assert isinstance(answering(httpx.Response(200)), ListsModels | CountsTokens)
    assert not isinstance(ScriptedModel([]), ListsModels | CountsTokens)
    assert RESPONSES.models_path(OPENAI) == "models"


def _request(**fields: Any) -> ModelRequest:
    return ModelRequest(**{"model": "m", "messages": (), **fields})


def _png(width: int, height: int) -> bytes:
    size = width.to_bytes(4) + height.to_bytes(4)
    return b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + size


def test_an_estimate_grows_with_everything_that_is_sent() -> None:
    """What is left out of a guess is left out of every guess."""
    parts: list[dict[str, Any]] = [
        {"system": "s" * 40},
        {"tools": (ToolSpec(name="t", description="d" * 40, input_schema="{}"),)},
        {"messages": (UserMessage(text="u" * 40),)},
        {"messages": (UserMessage(text="", attachments=(ImageBlock(data=_png(750, 10)),)),)},
        {"messages": (UserMessage(text="", attachments=(FileBlock(data=b"%PDF" * 100),)),)},
        {"messages": (AssistantMessage(blocks=(TextBlock(text="a" * 40),)),)},
        {"messages": (AssistantMessage(blocks=(ThinkingBlock(encrypted="e" * 40),)),)},
        {"messages": (AssistantMessage(blocks=(ToolCallBlock(call_id="c", name="n" * 40),)),)},
        {
            "messages": (
                ToolResultsMessage(
                    results=(ToolResultBlock(call_id="c", name="n", content="r" * 40),)
                ),
            )
        },
    ]
    assert estimated_tokens(_request()) == 0
    for part in parts:
        assert 10 <= estimated_tokens(_request(**part)) <= 25, part


def test_an_image_counts_by_its_pixels_up_to_a_bound() -> None:
    """Providers shrink large images before they look."""

    def of(data: bytes) -> int:
        image = UserMessage(text="", attachments=(ImageBlock(data=data),))
        return estimated_tokens(_request(messages=(image,)))

    assert of(_png(750, 100)) == 104
    assert of(_png(9000, 9000)) == of(b"unknown") == 1604


def test_text_of_many_bytes_counts_for_more() -> None:
    """A character of Chinese is most of a token."""
    latin, chinese = (estimated_tokens(_request(system=text * 100)) for text in ("a", "\u4e2d"))
    assert (latin, chinese) == (25, 75)
