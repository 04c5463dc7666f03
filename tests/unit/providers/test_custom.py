"""Providers of users: what they say of a server is what it gets, and nothing of others."""

import json
from types import MappingProxyType
from typing import Any

import httpx
import msgspec
import pytest

import mentra_actors as mentra
from mentra_actors.domain.model_call import ToolSpec
from mentra_actors.errors import ConfigurationError, MissingCredential
from mentra_actors.providers.custom import provider, provider_of_environment
from mentra_actors.providers.http.transport import HttpTransport
from mentra_actors.providers.http_provider import HttpProvider
from mentra_actors.providers.port import ReplyFinished
from mentra_actors.providers.presets import ANTHROPIC, GEMINI, OPENAI, OPENROUTER, PRESETS
from mentra_actors.providers.profile import HeaderKey, Profile, QueryKey
from mentra_actors.providers.registry import ProviderRegistry
from mentra_actors.testing.scripted_http import events_from, frame

pytestmark = pytest.mark.anyio

_CHUNK = {"index": 0, "delta": {"content": "hello"}, "finish_reason": "stop"}
_ANSWER = frame(id="x", choices=[_CHUNK])


class _Calls:
    """A server of Chat Completions; `requests` are the calls it got."""

    def __init__(self, *answers: bytes) -> None:
        self.requests: list[httpx.Request] = []
        self._answers = list(answers)
        client = httpx.AsyncClient(transport=httpx.MockTransport(self._answer))
        self.transport = HttpTransport(client)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        content = self._answers.pop(0) if self._answers else _ANSWER
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, content=content)


def _provider(calls: _Calls, **options: Any) -> HttpProvider:
    fields = {"base_url": "http://h/v1", "wire": "chat_completions", **options}
    return provider("mine", transport=calls.transport, **fields)


async def test_a_server_is_described_in_one_line() -> None:
    """The common case: an address, a wire and a key."""
    calls = _Calls()

    events = await events_from(_provider(calls, api_key="k1"))

    [request] = calls.requests
    assert str(request.url) == "http://h/v1/chat/completions"
    assert request.headers["authorization"] == "Bearer k1"
    assert isinstance(events[-1], ReplyFinished)


async def test_headers_and_the_key_go_together() -> None:
    """Configured headers stand beside the one of the key."""
    calls = _Calls()

    headers = MappingProxyType({"x-team": "a"})
    await events_from(_provider(calls, api_key="k1", headers=headers))

    assert calls.requests[0].headers["x-team"] == "a"
    assert calls.requests[0].headers["authorization"] == "Bearer k1"


async def test_a_key_in_the_query_comes_last() -> None:
    """Configured parameters come first, and all are encoded."""
    calls = _Calls()

    await events_from(
        _provider(
            calls, auth=QueryKey("api-key"), api_key="se/cret", query={"api-version": "2026"}
        )
    )

    [request] = calls.requests
    assert request.url.query == b"api-version=2026&api-key=se%2Fcret"
    assert "authorization" not in request.headers


async def test_a_key_may_have_its_own_header() -> None:
    """And then no other header carries it."""
    calls = _Calls()

    await events_from(_provider(calls, auth=HeaderKey("x-key"), api_key="k1"))

    assert calls.requests[0].headers["x-key"] == "k1"
    assert "authorization" not in calls.requests[0].headers


async def test_no_key_is_sent_where_none_is_wanted() -> None:
    """A key that is given by mistake stays at home."""
    calls = _Calls()

    await events_from(_provider(calls, auth="none", api_key="k1"))

    assert b"k1" not in b" ".join(value for _, value in calls.requests[0].headers.raw)


async def test_a_key_may_be_asked_for_at_each_call() -> None:
    """Short-lived keys are fetched when they are needed, also asynchronously."""
    calls = _Calls()
    keys = iter(["first", "second"])

    async def api_key() -> str:
        return next(keys)

    mine = _provider(calls, api_key=api_key)
    await events_from(mine)
    await events_from(mine)

    sent = [request.headers["authorization"] for request in calls.requests]
    assert sent == ["Bearer first", "Bearer second"]


async def test_a_named_key_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call without it would be refused by the server in words that help less."""
    monkeypatch.delenv("MY_KEY", raising=False)
    calls = _Calls()

    with pytest.raises(MissingCredential, match="MY_KEY"):
        await events_from(_provider(calls, key_variable="MY_KEY"))
    with pytest.raises(MissingCredential, match="api_key"):
        await events_from(_provider(calls, api_key=lambda: ""))

    assert not calls.requests


async def test_keys_of_others_are_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that resembles OpenAI must not get OpenAI's key unasked."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-openai")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://elsewhere")
    calls = _Calls()

    await events_from(_provider(calls, like=OPENAI))

    [request] = calls.requests
    assert request.url.host == "h"
    assert "authorization" not in request.headers
    assert json.loads(request.content)["max_completion_tokens"] == 8192


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "a:b"}, "no colon"),
        ({"name": ""}, "not empty"),
        ({"base_url": ""}, "no http address"),
        ({"base_url": "ftp://h"}, "no http address"),
        ({"base_url": None}, "no http address"),
        ({"path": 5}, r"Expected `str`, got `int` - at `\$\.path`"),
        ({"version_path": None}, "version_path"),
        ({"headers": 5}, "mappings"),
        ({"query": {"a": 5}}, "mappings"),
        ({"like": None}, "no Profile"),
        ({"capabilities": None}, "capabilities"),
        ({"max_tokens_field": "zzz"}, "zzz.*max_tokens_field"),
        ({"wire": "soap"}, "no wire 'soap'; known: openai_responses"),
        ({"auth": "digest"}, "'digest'"),
        ({"headers": {"x": "a\nb"}}, "cannot be sent"),
        ({"headers": {"a b": "c"}}, "cannot be sent"),
    ],
)
def test_a_mistake_is_told_at_once(changes: dict[str, Any], words: str) -> None:
    """Not when the first agent has begun to work."""
    arguments = {"name": "mine", "base_url": "http://h", **changes}

    with pytest.raises(ConfigurationError, match=words):
        provider(**arguments)


@pytest.mark.parametrize("base_url", ["ftp://user:pa55word@h", "user:pa55word://h"])
def test_a_wrong_address_shows_no_password(base_url: str) -> None:
    """Messages of this kind end in logs and in questions to others."""
    with pytest.raises(ConfigurationError) as caught:
        provider("mine", base_url=base_url)

    assert "pa55word" not in str(caught.value)


async def test_a_provider_of_ones_own_works_in_a_runtime() -> None:
    """The whole way: a name of a model, an agent, an answer."""
    calls = _Calls()

    async with mentra.open_runtime(":memory:", providers=[_provider(calls)]) as runtime:
        agent = await runtime.spawn("a", model="mine:llama")
        reply = await agent.send("hi")

    assert reply.text == "hello"
    assert json.loads(calls.requests[0].content)["model"] == "llama"


async def test_tools_run_over_chat_completions() -> None:
    """A call of the model, its result in the next request, the answer."""

    @mentra.tool
    def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    function = {"name": "add", "arguments": '{"a": 1, "b": 2}'}
    call = {"index": 0, "id": "c1", "type": "function", "function": function}
    asks = {"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": "tool_calls"}
    calls = _Calls(frame(id="x", choices=[asks]), _ANSWER)

    async with mentra.open_runtime(
        ":memory:", providers=[_provider(calls)], tools=[add]
    ) as runtime:
        agent = await runtime.spawn("a", model="mine:llama")
        reply = await agent.send("1 + 2?")

    assert reply.text == "hello"
    messages = json.loads(calls.requests[1].content)["messages"]
    assert messages[-2]["tool_calls"] == [{"id": "c1", "type": "function", "function": function}]
    assert messages[-1] == {"role": "tool", "tool_call_id": "c1", "content": "3"}


async def test_the_environment_describes_a_provider() -> None:
    """The command line needs no code to use a server."""
    environ = {"MENTRA_CUSTOM_BASE_URL": "http://h:1", "MENTRA_CUSTOM_WIRE": "openai_responses"}

    profile = provider_of_environment(environ).profile

    assert (profile.name, profile.base_url, profile.wire) == (
        "custom",
        "http://h:1",
        "openai_responses",
    )
    assert not profile.needs_key
    assert provider_of_environment({**environ, "MENTRA_CUSTOM_WIRE": ""}).profile.wire == (
        "chat_completions"
    )


def test_an_environment_without_an_address_says_what_to_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`--model custom:x` alone cannot work, and says so before anything is recorded."""
    monkeypatch.delenv("MENTRA_CUSTOM_BASE_URL", raising=False)

    with pytest.raises(ConfigurationError, match="MENTRA_CUSTOM_BASE_URL"):
        ProviderRegistry().resolve("custom:x")


def test_a_plain_profile_is_of_the_responses_wire_without_sockets() -> None:
    """What is not said is the least that most servers have."""
    plain = Profile(name="p", base_url="http://h")

    assert plain.wire == "openai_responses"
    assert not plain.capabilities.websockets
    assert ToolSpec(name="f", description="", input_schema="{}").strict is None


def test_presets_are_what_they_are_called() -> None:
    """Hosts and names that many read."""
    assert (OPENAI.name, OPENAI.title, OPENAI.wire) == ("openai", "OpenAI", "openai_responses")
    assert OPENAI.base_url == "https://api.openai.com"
    assert OPENAI.capabilities.websockets
    assert (OPENROUTER.name, OPENROUTER.title) == ("openrouter", "OpenRouter")
    assert OPENROUTER.base_url == "https://openrouter.ai/api"
    assert ANTHROPIC.capabilities.token_counting
    assert GEMINI.capabilities.token_counting


def test_a_changed_copy_leaves_the_preset_alone() -> None:
    """Two teams in one process share presets."""
    stateless = msgspec.structs.replace(OPENAI, takes_previous_response=False)

    assert not stateless.takes_previous_response
    assert OPENAI.takes_previous_response


def test_a_registry_tells_what_its_providers_are() -> None:
    """A user interface lists them; an own one stands in for the built-in of its name."""
    registry = ProviderRegistry()
    mine = provider("openai", base_url="http://h")
    registry.register(mine)

    assert registry.profiles["openai"] is mine.profile
    assert registry.profiles["gemini"] is GEMINI
    assert set(registry.profiles) == set(PRESETS)
