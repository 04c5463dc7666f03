"""Another model takes over: what the host, the log and the next process see of it."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from paced_model import history_of

from mentra_actors import Fallback, RunOptions, ScriptedModel
from mentra_actors.domain.agent import events as e
from mentra_actors.errors import MissingCredential, ProviderError
from projections.feeds import agent_event as told

pytestmark = pytest.mark.anyio


def refused(status=401):
    return ProviderError("no entry", kind="http", transient=False, status=status)


async def test_a_list_of_names_is_enough(played):
    """Who has two keys wants an answer, not a failed run."""
    spare = ScriptedModel(["from the spare"], name="spare")
    options = {"fail_first": [refused()]}
    async with played(["from the first"], model_options=options, providers=[spare]) as team:
        agent = await team.spawn()
        reply = await agent.send("Hi", fallbacks=["spare:small"])
        events = await history_of(agent)

    assert reply.text == "from the spare"
    assert [one.model for one in events if isinstance(one, told.FallbackUsed)] == ["spare:small"]
    (failure,) = team.events(e.ModelCallFailed)
    assert (failure.status, failure.asked_model) == (401, "scripted:lead")
    (answer,) = team.events(e.ModelReplied)
    assert answer.asked_model == "spare:small"


async def test_a_missing_key_is_a_reason_too(played):
    """A provider that is not configured must not end what another could do."""

    def no_key(request):
        raise MissingCredential("set SOME_KEY")

    spare = ScriptedModel(["from the spare"], name="spare")
    dead = ScriptedModel(no_key, name="dead")
    async with played(["unused"], providers=[spare, dead]) as team:
        agent = await team.runtime.spawn("other", model="dead:x")
        fallback = Fallback(model="spare:small", on=("configuration",))
        reply = await agent.send("Hi", fallbacks=[fallback])

    assert reply.text == "from the spare"


async def test_an_agent_keeps_its_list_over_a_restart(played, tmp_path):
    """What to do when a provider is down is part of who an agent is."""
    path = tmp_path / "team.mentra"
    spare = ScriptedModel(["one", "two"], name="spare")
    options = {"fail_first": [refused(), refused()]}
    async with played(["never"], path=path, providers=[spare]) as team:
        await team.spawn(run=RunOptions(fallbacks=(Fallback(model="spare:small"),)))
    async with played(["never"], path=path, model_options=options, providers=[spare]) as team:
        reply = await (await team.runtime.agent("lead")).send("Hi")

    assert reply.text == "one"


@pytest.mark.parametrize(
    "wrong", ["spare:small", [1], ["nameless"], [Fallback(model="a:b", on=("x",))]]
)
async def test_a_wrong_list_is_refused_before_anything_is_recorded(played, wrong):
    """A typing error must not wait for the night on which it is needed."""
    async with played(["unused"]) as team:
        agent = await team.spawn()
        with pytest.raises((TypeError, ValueError)):
            await agent.send("Hi", fallbacks=wrong)

    assert team.events(e.PromptAccepted) == []
