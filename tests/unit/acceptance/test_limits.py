"""A team whose provider has limits: calls wait for their turn, and the log says how long."""

import anyio
import anyio.to_thread
import pytest

from mentra_actors import (
    ConfigurationError,
    ModelReply,
    ProviderError,
    ProviderLimits,
    TokenUsage,
    say,
)
from mentra_actors.domain.agent import events as e
from mentra_actors.testing.manual_clock import ManualClock
from projections import TIMELINE

pytestmark = pytest.mark.anyio


async def test_a_wait_for_the_provider_stands_on_the_log(played) -> None:
    """Otherwise a slow team looks like a slow model."""
    clock = ManualClock()
    limits = {"scripted": ProviderLimits(requests_per_minute=1.25)}
    async with played(["one", "two"], clock=clock, limits=limits) as team:
        agent = await team.spawn()
        await agent.send("first")
        async with anyio.create_task_group() as group:
            group.start_soon(agent.send, "second")
            await anyio.to_thread.run_sync(clock.wait_for_sleeper, clock.now() + 36)
            clock.advance(36)

        assert [one.queued_s for one in team.events(e.ModelReplied)] == [0, 36]
        pages = (await team.runtime.view(TIMELINE)).values()
        replies = [
            line.sentence
            for page in pages
            for line in page.lines
            if line.sentence.startswith("model replied")
        ]
        assert ["36.0 s in the queue" in sentence for sentence in replies] == [False, True]


async def test_a_failure_also_says_how_long_it_had_waited(played) -> None:
    """Its attempt counts, and so does its wait."""
    clock = ManualClock()
    limits = {"scripted": ProviderLimits(requests_per_minute=1.25)}
    refused = ProviderError("no", kind="http", transient=False, status=400)
    async with played(["one", refused], clock=clock, limits=limits) as team:
        agent = await team.spawn()
        await agent.send("first")
        async with anyio.create_task_group() as group:

            async def fail():
                with pytest.raises(Exception, match="no"):
                    await agent.send("second")

            group.start_soon(fail)
            await anyio.to_thread.run_sync(clock.wait_for_sleeper, clock.now() + 36)
            clock.advance(36)

        assert [one.queued_s for one in team.events(e.ModelCallFailed)] == [36]


async def test_a_run_is_cancelled_while_it_waits_for_its_turn(played) -> None:
    """A queue must not hold a run that its user has ended; nothing was asked, nothing costs."""
    clock = ManualClock()
    limits = {"scripted": ProviderLimits(requests_per_minute=1.25)}
    async with played(["one", "two"], clock=clock, limits=limits) as team:
        agent = await team.spawn()
        await agent.send("first")
        async with anyio.create_task_group() as group:

            async def broken_off():
                with pytest.raises(Exception, match="cancelled"):
                    await agent.send("second")

            group.start_soon(broken_off)
            await anyio.to_thread.run_sync(clock.wait_for_sleeper, clock.now() + 36)
            await agent.cancel()

        assert len(team.requests) == 1
        assert len(team.events(e.ModelReplied)) == 1


async def test_limits_that_are_none_are_refused_at_once(played) -> None:
    """A dictionary in their place would be found out by the first call only."""
    with pytest.raises(TypeError, match="ProviderLimits"):
        async with played([], limits={"scripted": {"max_concurrent": 1}}):
            pass


async def test_one_agent_that_is_told_to_wait_holds_back_the_others(played) -> None:
    """A team that goes on calling keeps its provider overloaded."""
    clock = ManualClock()
    busy = ProviderError("busy", kind="http", transient=True, status=429, retry_after_s=17)
    turns = {"first": [busy], "second": ["hello"]}
    async with played(turns, clock=clock, limits={"scripted": ProviderLimits()}) as team:
        first, second = await team.spawn("first"), await team.spawn("second")
        with pytest.raises(Exception, match="busy"):
            await first.send("hi", retry_budget=0)
        async with anyio.create_task_group() as group:
            group.start_soon(second.send, "hi")
            await anyio.to_thread.run_sync(clock.wait_for_sleeper, clock.now() + 17)
            assert team.asked("second") == []
            clock.advance(17)

        assert [one.queued_s for one in team.events(e.ModelReplied)] == [17]


async def test_what_an_answer_has_used_counts_for_the_next(played) -> None:
    """The estimate of a request says nothing of the length of its answer."""
    clock = ManualClock()
    used = TokenUsage(input_tokens=3000, output_tokens=3000)
    limits = {"scripted": ProviderLimits(tokens_per_minute=6000)}
    turns = [ModelReply(blocks=(say("one"),), stop_reason="end_turn", usage=used), "two"]
    async with played(
        turns, clock=clock, limits=limits, team_tools=False, memory_tools=False
    ) as team:
        agent = await team.spawn()
        await agent.send("first")
        tokens = (await agent.count_tokens()).tokens + estimated_text("second")
        async with anyio.create_task_group() as group:
            group.start_soon(agent.send, "second")
            await anyio.to_thread.run_sync(clock.wait_for_sleeper, clock.now() + tokens / 100)
            clock.advance(36)


def estimated_text(text):
    """Tokens of one more prompt, as they are estimated."""
    return 4 + -(-len(text) // 4)


async def test_limits_for_nobody_are_refused_at_once(played) -> None:
    """A name with a typing mistake would limit nothing, and nobody would notice."""
    with pytest.raises(ConfigurationError, match="scriptd"):
        async with played([], limits={"scriptd": ProviderLimits()}):
            pass
