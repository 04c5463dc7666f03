"""A team asks its providers which models they have, and how much a request would count."""

import pytest

from mentra_actors import ProviderError, ScriptedModel, call, open_runtime_sync, tool
from mentra_actors.errors import ConfigurationError, RuntimeClosed, UnknownModel
from mentra_actors.providers.catalogue import ListedModel, TokenCount

pytestmark = pytest.mark.anyio


class ListingModel(ScriptedModel):
    """A scripted model whose provider has a list, and counts messages instead of tokens."""

    def __init__(self, turns, models=(), fault=None):
        super().__init__(turns, name="listing")
        self._models = models
        self._fault = fault
        self.counted = []

    async def models(self):
        if self._fault:
            raise self._fault
        return self._models

    async def count_tokens(self, request):
        self.counted.append(request)
        return TokenCount(tokens=len(request.messages), is_estimate=False)


def listed(model_id, created_at=None):
    return ListedModel(provider="listing", model_id=model_id, created_at=created_at)


@tool
async def look() -> str:
    """Look."""
    return "seen"


async def test_the_newest_model_is_found_by_one_rule(played) -> None:
    """Two processes that ask for the newest must get the same one."""
    models = (listed("undated"), listed("b", 9.0), listed("old", 1.0), listed("a", 9.0))
    async with played([], providers=[ListingModel([], models)]) as team:
        runtime = team.runtime

        found = await runtime.models("listing")
        assert [one.model_id for one in found] == ["a", "b", "old", "undated"]
        assert (await runtime.resolve_model("listing")).name == "listing:a"
        assert await runtime.resolve_model("listing", "newest") == listed("a", 9.0)


async def test_an_id_is_taken_as_it_is(played) -> None:
    """It needs no list, and no network: a model that is not listed can be used all the same."""
    broken = ListingModel([], fault=ProviderError("away", kind="transport", transient=True))
    async with played([], providers=[broken]) as team:
        assert await team.runtime.resolve_model("listing", "x:1") == listed("x:1")
        assert (await team.runtime.resolve_model("scripted", "m")).name == "scripted:m"
        with pytest.raises(ProviderError, match="away"):
            await team.runtime.resolve_model("listing", "newest")


@pytest.mark.parametrize("name", ["openrouter", "ollama", "lmstudio"])
async def test_other_servers_may_take_the_place_of_the_builtin_ones(played, name) -> None:
    """A program that knows a better address, or a client of its own, keeps the usual names."""
    own = ScriptedModel(["Yes."], name=name)
    async with played([], providers=[own]) as team:
        agent = await team.runtime.spawn("lead", model=f"{name}:a/b:1")
        found = await team.runtime.resolve_model(name, "a/b:1")
        reply = await agent.send("Are you there?")

    async with played([]) as team:
        builtin = await team.runtime.resolve_model(name, "a/b:1")

    assert (reply.text, found.name, builtin.name) == ("Yes.", f"{name}:a/b:1", f"{name}:a/b:1")


async def test_what_cannot_be_resolved_says_why(played) -> None:
    """Each of these wants another thing to be changed."""
    async with played([], providers=[ListingModel([])]) as team:
        runtime = team.runtime
        with pytest.raises(UnknownModel, match="no models"):
            await runtime.resolve_model("listing", "newest")
        with pytest.raises(UnknownModel, match="known providers: "):
            await runtime.resolve_model("nobody", "m")
        with pytest.raises(UnknownModel, match="nobody"):
            await runtime.models("nobody")
        with pytest.raises(ConfigurationError, match="no list of models"):
            await runtime.models("scripted")
        with pytest.raises(ConfigurationError, match="newest"):
            await runtime.resolve_model("listing", "")


async def test_an_agent_counts_its_next_request(played) -> None:
    """The conversation as it stands, with the prompt and the tools of the agent."""
    provider = ListingModel([[call("look")], "Seen."])
    async with played([], look, providers=[provider]) as team:
        agent = await team.runtime.spawn("lead", model="listing:m", system="Be short.")
        assert (await agent.count_tokens()).tokens == 0
        await agent.send("Look.")

        assert await agent.count_tokens() == TokenCount(tokens=4, is_estimate=False)
        request = provider.counted[-1]
        assert request.model == "m"
        assert request.system.startswith("Be short.")
        assert "look" in {spec.name for spec in request.tools}


async def test_without_a_count_there_is_an_estimate(played) -> None:
    """Every provider has an answer, and it says how good it is."""
    async with played(["one", "two"], team_tools=False, memory_tools=False) as team:
        agent = await team.spawn()
        await agent.send("x" * 400)

        count = await agent.count_tokens()
        assert count.is_estimate
        assert 100 <= count.tokens <= 400
        assert await (await team.runtime.agent("lead")).count_tokens() == count


def test_the_blocking_face_asks_the_same() -> None:
    """Scripts have no event loop."""
    provider = ListingModel(["Hello."], (listed("a", 1.0),))
    with open_runtime_sync(":memory:", providers=[provider]) as runtime:
        assert runtime.models("listing") == (listed("a", 1.0),)
        newest = runtime.resolve_model("listing")
        agent = runtime.spawn("lead", model=newest.name)
        agent.send("Hi.", timeout_s=10)
        assert agent.count_tokens().tokens == 2
        with pytest.raises(UnknownModel):
            runtime.models("nobody")
    with pytest.raises(RuntimeClosed):
        runtime.models("listing")
