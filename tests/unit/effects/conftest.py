"""An effects loop on its thread, and the event loop of the tests that need none."""

import pytest

from mentra_actors.effects.loop import EffectLoop


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def loop():
    loop = EffectLoop()
    loop.start()
    yield loop
    loop.stop()
