"""Waiting for what other processes do: they tell us nothing, so it has to be looked at."""

import anyio

__all__ = ["until_there"]


async def until_there(path):
    """Wait for a file that another process makes."""
    with anyio.fail_after(30):
        while not path.exists():  # noqa: ASYNC110
            await anyio.sleep(0.01)
