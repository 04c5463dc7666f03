"""A conversation goes on with a model that takes less than its summary would be made of."""

import sys
from itertools import pairwise
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from summing_model import SUMMARY

from mentra_actors import (
    CompactionOptions,
    MemoryOptions,
    ProviderError,
    RunFailed,
    ScriptedModel,
    open_runtime,
)
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.compaction import SUMMARY_SYSTEM
from mentra_actors.domain.content import UserMessage

pytestmark = pytest.mark.anyio

BARE = {"tools": (), "system": "", "memory": MemoryOptions(auto_recall_enabled=False)}


class WindowedModels(ScriptedModel):
    """Models of one provider, each of which refuses what has more characters than its window."""

    def __init__(self, **windows):
        self.windows, self.summed = windows, []
        super().__init__(self._answer)

    def _answer(self, request):
        chars = sum(len(getattr(one, "text", "x" * 600)) for one in request.messages)
        if request.system == SUMMARY_SYSTEM:
            self.summed.append(chars)
        if chars > self.windows[request.model]:
            raise ProviderError("prompt is too long", kind="http", transient=False, status=400)
        return SUMMARY if request.system == SUMMARY_SYSTEM else "answer " * 80


async def talked(runtime, turns, **options):
    """An agent that has talked for so many turns with the large model."""
    agent = await runtime.spawn("lead", model="scripted:large", **BARE, **options)
    for number in range(turns):
        await agent.send(f"{number} " + "word " * 100)
    return agent


async def test_a_long_conversation_goes_on_with_a_smaller_model():
    """Its summary is made of as much as that model takes, and as much stays word for word."""
    models = WindowedModels(large=10**6, small=8_000)
    async with open_runtime(":memory:", providers=[models]) as runtime:
        agent = await talked(runtime, 60)
        await agent.configure(model="scripted:small")
        assert (await agent.send("And now?")).text.startswith("answer")
        told = await agent.conversation.history()
        for _ in range(20):
            await agent.send("And then?")
        assert len(await agent.conversation.entries()) == 162

    assert len(models.summed) > 2
    first = models.summed[: next(n for n, one in enumerate(models.summed, 1) if one <= 8_000)]
    assert all(less <= 0.6 * more for more, less in pairwise(first))
    assert "[Compaction summary]" in "".join(
        one.text for one in told if isinstance(one, UserMessage)
    )


async def test_a_model_that_takes_nothing_is_not_asked_for_ever():
    """It has another reason, whatever it says; the run fails as it would without a summary."""
    models = WindowedModels(large=10**6, small=0)
    async with open_runtime(":memory:", providers=[models]) as runtime:
        agent = await talked(runtime, 20)
        events = []
        runtime.on_recorded(lambda recorded: events.extend(one.event for one in recorded))
        await agent.configure(model="scripted:small")
        with pytest.raises(RunFailed, match="does not fit"):
            await agent.send("And now?")

    assert len(models.summed) < 10
    assert [one.is_error for one in events if isinstance(one, e.CompactionSkipped)] == [True]


async def test_what_stays_word_for_word_is_halved_until_it_fits():
    """Nobody knows the window of such a model; no conversation may be lost to it for good."""
    models = WindowedModels(large=10**6, small=5_000)
    options = CompactionOptions(summary_max_input_chars=3_000)
    async with open_runtime(":memory:", providers=[models]) as runtime:
        agent = await talked(runtime, 60, compaction=options)
        await agent.configure(model="scripted:small")
        outcomes = [await _is_answered(agent) for _ in range(6)]
        told = await agent.conversation.history()

    assert outcomes == sorted(outcomes), "once it fits it goes on"
    assert outcomes[-1]
    assert max(models.summed) <= 3_100
    assert [one.text for one in told if isinstance(one, UserMessage)].count("And now?") > 1


async def _is_answered(agent):
    try:
        await agent.send("And now?")
    except RunFailed:
        return False
    return True
