"""A time limit holds for every tool, also for one that does not let itself be cancelled."""

import asyncio

import anyio
import pytest

from mentra_actors.effects.calls.tool_attempts import TimedOut, attempted

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend():
    return "asyncio"


async def test_a_tool_that_ends_in_time_gives_its_value_or_its_error():
    async def works():
        return "done"

    async def fails():
        raise KeyError("x")

    async def breaks():
        raise asyncio.CancelledError

    async with anyio.create_task_group() as group:
        assert await attempted(works, 5.0, group.start_soon) == "done"
        with pytest.raises(KeyError):
            await attempted(fails, None, group.start_soon)
        with pytest.raises(asyncio.CancelledError):
            await attempted(breaks, 5.0, group.start_soon)


async def test_a_tool_that_is_cancelled_by_its_limit_may_clean_up():
    """Its end is waited for, so nothing of it runs beside the next call."""
    steps = []

    async def cleans_up():
        try:
            await anyio.sleep_forever()
        finally:
            steps.append("cleaned up")

    async with anyio.create_task_group() as group:
        with pytest.raises(TimedOut):
            await attempted(cleans_up, 0.01, group.start_soon)
        steps.append("timed out")

    assert steps == ["cleaned up", "timed out"]


async def test_a_stubborn_tool_is_left_to_end_by_itself():
    """Before, its call was open until the process ended, and its run with it."""
    go_on, ended = anyio.Event(), anyio.Event()

    async def shields_itself():
        with anyio.CancelScope(shield=True):
            await go_on.wait()
        ended.set()

    async with anyio.create_task_group() as group:
        with pytest.raises(TimedOut):
            await attempted(shields_itself, 0.01, group.start_soon, stubborn_s=0.01)
        assert not ended.is_set()
        go_on.set()

    assert ended.is_set()


async def test_a_caller_that_is_cancelled_takes_the_tool_with_it():
    began, steps = anyio.Event(), []

    async def works():
        began.set()
        try:
            await anyio.sleep_forever()
        finally:
            steps.append("ended")

    async with anyio.create_task_group() as tasks, anyio.create_task_group() as group:

        async def call():
            await attempted(works, None, tasks.start_soon)

        group.start_soon(call)
        await began.wait()
        group.cancel_scope.cancel()

    assert steps == ["ended"]
