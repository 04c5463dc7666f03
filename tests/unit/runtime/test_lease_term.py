"""Effects wait while it is not sure that this process may still act."""

import threading

import anyio
import anyio.to_thread
import pytest

from mentra_actors import ScriptedModel, call, open_runtime, tool
from mentra_actors.domain.lease import LeaseAcquired, LeaseRenewed
from mentra_actors.effects.runner import Order
from mentra_actors.envelope import RecordedEvent
from mentra_actors.ids import EffectId, StreamId, lease_stream
from mentra_actors.providers.scripted import position
from mentra_actors.runtime.writing.lease_term import LeaseTerm
from mentra_actors.testing.manual_clock import ManualClock

pytestmark = pytest.mark.anyio

ORDER = Order(StreamId("agent-a"), EffectId("one"), None, None)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def recorded(event):
    one = RecordedEvent(
        global_position=1,
        stream_id=lease_stream("writer"),
        stream_version=1,
        event_type="",
        event=event,
        recorded_at_ns=0,
    )
    return (one,)


async def test_an_effect_begins_only_in_the_term():
    """A process that was asleep must not act before it knows that nobody took its place."""
    clock, begun = ManualClock(now=100.0), []
    term = LeaseTerm(clock, lambda call: call(), until=110.0)

    async def perform(order):
        begun.append(clock.now())

    guarded = term.guarded(perform)
    await guarded(ORDER)
    clock.advance(10.0)
    async with anyio.create_task_group() as group:
        group.start_soon(guarded, ORDER)
        group.start_soon(guarded, ORDER)
        await anyio.wait_all_tasks_blocked()
        assert begun == [100.0]
        term.note(
            recorded(LeaseAcquired(holder="h", epoch=1, term_s=1, acquired_at=0, expires_at=105.0))
        )
        await anyio.wait_all_tasks_blocked()
        assert begun == [100.0]
        term.note(recorded(LeaseRenewed(epoch=1, expires_at=120.0)))
    assert begun == [100.0, 110.0, 110.0]


async def test_an_effect_that_waits_can_be_cancelled():
    """When the lease is lost all that waits ends, and nothing of it was done."""
    term, begun = LeaseTerm(ManualClock(now=9.0), lambda call: call(), until=1.0), []

    async def perform(order):
        begun.append(order)

    async with anyio.create_task_group() as group:
        group.start_soon(term.guarded(perform), ORDER)
        await anyio.wait_all_tasks_blocked()
        group.cancel_scope.cancel()
    assert begun == []


async def test_a_runtime_goes_on_when_its_clock_jumps():
    """A machine that slept for a day renews its lease, and then does what it was about to do."""
    clock = ManualClock(now=1000.0)
    rounds = []

    @tool
    async def look() -> str:
        """Look."""
        rounds.append(clock.now())
        return "seen"

    model = ScriptedModel(turns=[[call("look")], [call("look")], "done"], repeat=True)
    async with open_runtime(":memory:", tools=[look], providers=[model], clock=clock) as runtime:
        lead = await runtime.spawn("lead", model="scripted:x")
        for number in range(3):
            assert (await lead.send(f"{number}")).text == "done"
            clock.advance(86_400.0)
    assert len(rounds) == 6


async def test_a_lease_is_renewed_while_everything_is_busy():
    """A team that works hard on one thread must not look as if its process had stopped."""
    clock, renewed, blocked = ManualClock(), threading.Event(), threading.Event()

    @tool
    def block() -> str:
        """Compute for long."""
        blocked.set()
        return "renewed" if renewed.wait(timeout=30.0) else "not renewed"

    @tool
    async def look() -> str:
        """Look."""
        return "seen"

    def script(request):
        if request.model.endswith("blocked"):
            return "done" if position(request) else call("block")
        return "done" if renewed.is_set() else [call("look"), call("look")]

    def watch(recorded):
        if any(isinstance(one.event, LeaseRenewed) for one in recorded):
            renewed.set()

    model = ScriptedModel(script)
    async with open_runtime(
        ":memory:", tools=[block, look], providers=[model], clock=clock, threads=1
    ) as runtime:
        runtime.on_recorded(watch)
        one = await runtime.spawn("blocked", model="scripted:blocked", prompt="go")
        for number in range(10):
            await runtime.spawn(f"busy{number}", model="scripted:busy", prompt="go")
        await anyio.to_thread.run_sync(blocked.wait)
        clock.advance(21.0)
        await runtime.until_idle()
        results = [item for item in await one.transcript() if "renewed" in str(item)]
    assert results
    assert "not renewed" not in str(results)
    assert renewed.is_set()
