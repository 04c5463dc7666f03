"""Waiting for what other processes and threads do: they tell us nothing, so it is looked at."""

import threading
import time

import anyio

__all__ = ["until", "until_so", "until_there"]

_PATIENCE_S = 60.0
_PAUSE_S = 0.005


def until(condition):
    """Wait until the condition is true, and give its value."""
    give_up_at = time.monotonic() + _PATIENCE_S
    pause = threading.Event()
    while not (found := condition()):
        assert time.monotonic() < give_up_at, "it did not come to pass"
        pause.wait(_PAUSE_S)
    return found


async def until_so(condition):
    """The same, while other tasks go on."""
    with anyio.fail_after(_PATIENCE_S):
        while not condition():  # noqa: ASYNC110
            await anyio.sleep(_PAUSE_S)


async def until_there(path):
    """Wait for a file that another process makes."""
    await until_so(path.exists)
