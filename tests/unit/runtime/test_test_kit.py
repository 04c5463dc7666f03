"""The kit that other tests stand on: a clock and a store that do what they are told."""

import anyio
import pytest

from mentra_actors.errors import StoreClosed, StoreFull, VersionConflict
from mentra_actors.ids import StreamId
from mentra_actors.store.memory_store import MemoryEventStore
from mentra_actors.store.ports import Appended, AppendRequest, EncodedEvent, StreamAppend
from mentra_actors.testing.failing_store import FailingStore
from mentra_actors.testing.manual_clock import ManualClock
from mentra_actors.testing.store_contract import EventStoreContract


class TestFailingStore(EventStoreContract):
    """As long as nothing is scripted it is a store like any other."""

    def make_store(self, directory):
        return FailingStore(MemoryEventStore())


def append(name, expected=None):
    part = StreamAppend(
        stream_id=StreamId(name), events=(EncodedEvent("t", b"x"),), expected_version=expected
    )
    return AppendRequest(streams=(part,))


def test_scripted_failures_are_used_up_in_order():
    """A test says how often the disk is full, and then it is not."""
    store = FailingStore(MemoryEventStore())
    store.fail_next(2, StoreFull("no space left"))
    for _ in range(2):
        with pytest.raises(StoreFull):
            store.append(append("s-1"))

    assert store.append(append("s-1")).versions == (1,)
    assert len(store.submitted) == 3


def test_what_is_held_is_not_durable_until_it_is_released():
    """The moment between a submit and its commit, made as long as a test needs it."""
    store = FailingStore(MemoryEventStore())
    answers = []
    store.hold()
    for _ in range(3):
        store.submit(append("s-1"), answers.append)
    store.wait_for_held(3)
    assert (store.held(), store.stream_version("s-1"), answers) == (3, 0, [])
    assert store.release() == 1
    assert (store.stream_version("s-1"), len(answers)) == (1, 1)
    store.fail_next(1, StoreFull("no space left"))
    store.let_go()

    assert isinstance(answers[1], StoreFull)
    assert store.stream_version("s-1") == 2
    assert store.release() == 0


def test_what_dies_with_its_process_is_never_answered():
    """So a crash looks to the next process."""
    store = FailingStore(MemoryEventStore())
    answers = []
    store.hold()
    store.submit(append("s-1"), answers.append)

    assert store.drop_held() == 1
    store.let_go()
    assert (store.stream_version("s-1"), answers) == (0, [])
    with pytest.raises(TimeoutError, match="0 appends wait"):
        store.wait_for_held(1, timeout_s=0.0)


@pytest.mark.anyio
async def test_the_clock_stands_until_it_is_moved():
    """Hours of waiting pass in a moment, and no test depends on the speed of a machine."""
    clock = ManualClock(now=100.0)
    woken = []

    async def sleep(until):
        await clock.sleep_until(until)
        woken.append(until)

    async with anyio.create_task_group() as group:
        for until in (105.0, 103.0, 100.0):
            group.start_soon(sleep, until)
        await anyio.to_thread.run_sync(clock.wait_for_sleeper, 105.0)
        assert (woken, clock.sleeping()) == ([100.0], (103.0, 105.0))
        clock.advance(3.5)
        while clock.sleeping() != (105.0,):
            await anyio.lowlevel.checkpoint()
        clock.advance(1.5)

    assert (woken, clock.now(), clock.sleeping()) == ([100.0, 103.0, 105.0], 105.0, ())
    with pytest.raises(ValueError, match="backwards"):
        clock.advance(-1.0)
    with pytest.raises(TimeoutError, match="nobody sleeps until 7"):
        clock.wait_for_sleeper(7.0, timeout_s=0.0)


@pytest.mark.anyio
async def test_a_cancelled_sleeper_is_forgotten():
    """An effect that is cancelled must not be woken later."""
    clock = ManualClock(now=100.0)
    async with anyio.create_task_group() as group:
        group.start_soon(clock.sleep_until, 105.0)
        await anyio.to_thread.run_sync(clock.wait_for_sleeper, 105.0)
        group.cancel_scope.cancel()

    assert clock.sleeping() == ()
    clock.advance(10.0)


def test_the_append_of_a_number_fails_conflicts_or_is_the_last():
    """A test names the moment; appends that only mark streams do not move it."""
    store = FailingStore(MemoryEventStore())
    store.fail_at(2, StoreFull("no space left"))
    store.conflict_at(3)
    store.append(append("s-1"))
    store.append(AppendRequest(open_streams=(StreamId("s-1"),)))
    with pytest.raises(StoreFull):
        store.append(append("s-1"))
    with pytest.raises(VersionConflict, match="expected version 1, found 2"):
        store.append(append("s-1", expected=1))

    assert store.append(append("s-1", expected=1)).versions == (2,)
    with pytest.raises(ValueError, match="counted from 1"):
        store.conflict_at(0)


@pytest.mark.parametrize(("when", "written"), [("before", 1), ("after", 2)])
def test_a_store_that_has_died_takes_nothing_until_it_recovers(when, written):
    """So a death looks between an append and its answer, and to all who come later."""
    store = FailingStore(MemoryEventStore())
    answers = []
    store.die_at(2, when)
    for _ in range(3):
        store.submit(append("s-1"), answers.append)
    assert [type(answer) for answer in answers] == [Appended, StoreClosed, StoreClosed]
    assert (store.stream_version("s-1"), store.is_dead) == (written, True)
    with pytest.raises(StoreClosed):
        store.append(append("s-1"))

    store.recover()
    assert store.append(append("s-1")).versions == (written + 1,)
