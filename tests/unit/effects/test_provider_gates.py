"""Model calls wait for their turn: in order, cancellably, and all of them when one is told to."""

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

from mentra_actors.effects.models.provider_gates import ProviderGates
from mentra_actors.errors import ProviderError
from mentra_actors.providers.limits import ProviderLimits
from mentra_actors.testing.manual_clock import ManualClock

pytestmark = pytest.mark.anyio


def gates_of(clock, **limits):
    return ProviderGates({"p": ProviderLimits(**limits)}, clock)


class Calls:
    """Calls that begin in some order and end when they are told to."""

    def __init__(self, gates, clock):
        self.begun = []
        self._gates = gates
        self._clock = clock
        self._ends = {}

    async def make(self, name, *, tokens=1, task_status=anyio.TASK_STATUS_IGNORED):
        self._ends[name] = anyio.Event()
        task_status.started()
        async with self._gates.admitted("p", lambda: tokens) as admission:
            self.begun.append((name, admission.queued_s))
            await self._ends[name].wait()

    def end(self, name):
        self._ends[name].set()


async def settled():
    await anyio.wait_all_tasks_blocked()


async def test_without_limits_nobody_waits() -> None:
    """Most providers have none, and no call may pay for those that do."""
    gates = ProviderGates({}, ManualClock())
    async with gates.admitted("p", lambda: 1 // 0) as first, gates.admitted("p", lambda: 1) as two:
        first.failed(overloaded(50))
        assert (first.queued_s, two.queued_s) == (0, 0)


async def test_calls_are_let_in_by_their_order() -> None:
    """Otherwise an agent of a busy team could wait for ever."""
    clock = ManualClock()
    calls = Calls(gates_of(clock, max_concurrent=1), clock)
    async with anyio.create_task_group() as group:
        for name in "abcd":
            await group.start(calls.make, name)
            await settled()
        clock.advance(3)
        for name in "abcd":
            calls.end(name)
            await settled()

    assert calls.begun == [("a", 0), ("b", 3), ("c", 3), ("d", 3)]


async def test_a_cancelled_call_leaves_the_queue() -> None:
    """The one that waits for a slot, the one that waits for its turn, and the one that runs."""
    clock = ManualClock()
    calls = Calls(gates_of(clock, max_concurrent=1), clock)
    scopes = {}

    async def make(name, *, task_status):
        with anyio.CancelScope() as scopes[name]:
            await calls.make(name, task_status=task_status)

    async with anyio.create_task_group() as group:
        for name in "abcd":
            await group.start(make, name)
            await settled()
        scopes["b"].cancel()
        scopes["c"].cancel()
        await settled()
        assert [name for name, _ in calls.begun] == ["a"]
        scopes["a"].cancel()
        await settled()
        assert [name for name, _ in calls.begun] == ["a", "d"]
        calls.end("d")


async def test_a_call_waits_until_its_rate_allows_it() -> None:
    """And the wait is known, so that it can stand on the log."""
    clock = ManualClock()
    gates = gates_of(clock, requests_per_minute=1)
    async with gates.admitted("p", lambda: 1):
        pass
    queued = []

    async def call():
        async with gates.admitted("p", lambda: 1) as admission:
            queued.append(admission.queued_s)

    async with anyio.create_task_group() as group:
        group.start_soon(call)
        await anyio.to_thread.run_sync(clock.wait_for_sleeper, clock.now() + 60)
        clock.advance(60)

    assert queued == [60]


def overloaded(retry_after_s, **more):
    return ProviderError(
        "slow down",
        kind="http",
        **{"transient": True, "status": 429, **more},
        retry_after_s=retry_after_s,
    )


@pytest.mark.parametrize(
    ("error", "is_paused"),
    [
        (overloaded(20), True),
        (overloaded(None), False),
        (overloaded(20, status=503), False),
        (overloaded(20, transient=False), False),
    ],
)
async def test_one_call_that_is_told_to_wait_holds_back_all(error, *, is_paused) -> None:
    """A team that goes on calling keeps it overloaded. A used up quota is no overload."""
    clock = ManualClock()
    gates = gates_of(clock)
    async with gates.admitted("p", lambda: 1) as admission:
        admission.failed(error)
    queued = []

    async def call():
        async with gates.admitted("p", lambda: 1) as admission:
            queued.append(admission.queued_s)

    async with anyio.create_task_group() as group:
        group.start_soon(call)
        if is_paused:
            await anyio.to_thread.run_sync(clock.wait_for_sleeper, clock.now() + 20)
            assert queued == []
            clock.advance(20)

    assert queued == [20 if is_paused else 0]


async def test_used_tokens_count_for_the_next() -> None:
    """The estimate is only for the beginning."""
    clock = ManualClock()
    gates = gates_of(clock, tokens_per_minute=60)
    async with gates.admitted("p", lambda: 10) as admission:
        admission.used_tokens = 60
    async with anyio.create_task_group() as group:
        group.start_soon(Calls(gates, clock).make, "b")
        await anyio.to_thread.run_sync(clock.wait_for_sleeper, clock.now() + 1)
        group.cancel_scope.cancel()
