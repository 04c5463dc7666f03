"""A team whose provider has limits: calls wait for their turn, and the log says how long."""

import anyio
import anyio.to_thread
import pytest

from mentra_actors import ProviderError, ProviderLimits
from mentra_actors.domain.agent import events as e
from mentra_actors.testing.manual_clock import ManualClock

pytestmark = pytest.mark.anyio


async def test_a_wait_for_the_provider_stands_on_the_log(played) -> None:
    """Otherwise a slow team looks like a slow model."""
    clock = ManualClock()
    limits = {"scripted": ProviderLimits(requests_per_minute=1)}
    async with played(["one", "two"], clock=clock, limits=limits) as team:
        agent = await team.spawn()
        await agent.send("first")
        async with anyio.create_task_group() as group:
            group.start_soon(agent.send, "second")
            await anyio.to_thread.run_sync(clock.wait_for_sleeper, clock.now() + 60)
            clock.advance(60)

        assert [one.queued_s for one in team.events(e.ModelReplied)] == [0, 60]


async def test_a_failure_also_says_how_long_it_had_waited(played) -> None:
    """Its attempt counts, and so does its wait."""
    clock = ManualClock()
    limits = {"scripted": ProviderLimits(requests_per_minute=1)}
    refused = ProviderError("no", kind="http", transient=False, status=400)
    async with played(["one", refused], clock=clock, limits=limits) as team:
        agent = await team.spawn()
        await agent.send("first")
        async with anyio.create_task_group() as group:

            async def fail():
                with pytest.raises(Exception, match="no"):
                    await agent.send("second")

            group.start_soon(fail)
            await anyio.to_thread.run_sync(clock.wait_for_sleeper, clock.now() + 60)
            clock.advance(60)

        assert [one.queued_s for one in team.events(e.ModelCallFailed)] == [60]


async def test_a_run_is_cancelled_while_it_waits_for_its_turn(played) -> None:
    """A queue must not hold a run that its user has ended; nothing was asked, nothing costs."""
    clock = ManualClock()
    limits = {"scripted": ProviderLimits(requests_per_minute=1)}
    async with played(["one", "two"], clock=clock, limits=limits) as team:
        agent = await team.spawn()
        await agent.send("first")
        async with anyio.create_task_group() as group:

            async def broken_off():
                with pytest.raises(Exception, match="cancelled"):
                    await agent.send("second")

            group.start_soon(broken_off)
            await anyio.to_thread.run_sync(clock.wait_for_sleeper, clock.now() + 60)
            await agent.cancel()

        assert len(team.requests) == 1
        assert len(team.events(e.ModelReplied)) == 1


async def test_limits_that_are_none_are_refused_at_once(played) -> None:
    """A dictionary in their place would be found out by the first call only."""
    with pytest.raises(TypeError, match="ProviderLimits"):
        async with played([], limits={"scripted": {"max_concurrent": 1}}):
            pass
