"""The loop that waits for everything: nothing that runs on it may end it."""

import asyncio
import contextvars
import threading
from concurrent.futures import Future

import anyio
import pytest

from mentra_actors.effects.loop import EffectLoop

WAIT_S = 10.0


async def _answer(value):
    return value


def test_posts_run_in_order_on_the_loops_own_thread(loop):
    """Start and cancel of one effect must not change places."""
    seen = []
    done = threading.Event()
    for number in range(1000):
        loop.post(lambda number=number: seen.append((number, loop.is_current())))
    loop.post(done.set)

    assert done.wait(WAIT_S)
    assert seen == [(number, True) for number in range(1000)]
    assert not loop.is_current()


def test_many_posts_are_one_wake_up(loop):
    """A wake-up per completion costs more than the completion."""
    wake = loop._wake
    wakes = []
    loop._wake = lambda drain: (wakes.append(1), wake(drain))
    blocked, go_on, done = threading.Event(), threading.Event(), threading.Event()

    def block():
        blocked.set()
        go_on.wait(WAIT_S)

    loop.post(block)
    assert blocked.wait(WAIT_S)
    wakes.clear()
    for _ in range(100):
        loop.post(lambda: None)
    loop.post(done.set)
    go_on.set()

    assert done.wait(WAIT_S)
    assert len(wakes) == 1


def test_a_post_that_raises_does_not_lose_the_others(loop):
    """They belong to other agents."""
    done = threading.Event()
    loop.post(lambda: 1 / 0)
    loop.post(done.set)

    assert done.wait(WAIT_S)


def test_a_post_before_the_start_runs_after_it():
    """Else it would be lost, and with it every later one: nobody would wake the loop again."""
    loop = EffectLoop()
    done = threading.Event()
    loop.post(done.set)
    loop.start()

    assert done.wait(WAIT_S)
    loop.stop()


@pytest.mark.parametrize(
    "error", [ValueError, SystemExit, KeyboardInterrupt, asyncio.CancelledError, GeneratorExit]
)
def test_a_task_that_raises_ends_alone(loop, error):
    """In a task group one child's SystemExit, or its stray cancellation, cancels all others."""
    result = Future()
    go_on = anyio.Event()

    async def raises():
        raise error

    async def other():
        await go_on.wait()
        result.set_result("alive")

    loop.post(lambda: loop.start_soon(other))
    loop.post(lambda: loop.start_soon(raises))
    loop.run(anyio.lowlevel.checkpoint)
    loop.post(go_on.set)

    assert result.result(WAIT_S) == "alive"
    assert loop.run(_answer, "still") == "still"


def test_what_is_posted_does_not_run_in_the_context_of_the_poster(loop):
    """A caller on trio would make the loop believe that it is trio too."""
    private = contextvars.ContextVar("private", default="nothing")
    private.set("of the caller")
    seen = Future()

    async def look():
        seen.set_result(private.get())

    loop.post(lambda: loop.start_soon(look))

    assert seen.result(WAIT_S) == "nothing"


def test_a_late_call_that_raises_ends_alone(loop):
    """A timer belongs to one stream; the loop to all of them."""
    done = threading.Event()
    loop.call_later(0.0, lambda: 1 / 0)
    loop.call_later(0.0, done.set)

    assert done.wait(WAIT_S)
    assert loop.run(_answer, "still") == "still"


def test_after_the_stop_a_post_is_harmless():
    """Writer and dispatchers may still have something to say."""
    loop = EffectLoop()
    loop.start()
    loop.stop()
    loop.post(lambda: pytest.fail("ran after the stop"))
    loop.call_later(0.0, lambda: pytest.fail("ran after the stop"))
    loop.stop()

    with pytest.raises(RuntimeError, match="not running"):
        loop.run(_answer, 1)


def test_the_stop_cancels_what_waits(loop):
    """A close must not last as long as the slowest model."""
    ended = threading.Event()

    async def waits():
        try:
            await anyio.sleep_forever()
        finally:
            ended.set()

    loop.post(lambda: loop.start_soon(waits))
    loop.call_later(3600.0, lambda: None)
    loop.run(anyio.lowlevel.checkpoint)
    loop.stop()

    assert ended.is_set()


def test_who_waits_for_a_blocked_loop_need_not_wait_for_ever(loop):
    """A tool that blocks the loop for an hour must not keep a close that long."""
    blocked, go_on = threading.Event(), threading.Event()

    def block():
        blocked.set()
        go_on.wait(WAIT_S)

    loop.post(block)
    assert blocked.wait(WAIT_S)
    with pytest.raises(TimeoutError):
        loop.run(_answer, 1, timeout_s=0.01)
    go_on.set()

    assert loop.run(_answer, 2, timeout_s=WAIT_S) == 2


def test_a_loop_that_does_not_run_takes_no_tasks():
    """A silent drop would leave an effect pending for ever."""
    with pytest.raises(RuntimeError, match="not running"):
        EffectLoop().start_soon(_answer, 1)
