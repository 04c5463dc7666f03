"""The fixtures of the plugin, also where the package is not installed with its entry points."""

import pytest

from mentra_actors.testing.plugin import (
    manual_clock,
    mentra_runtime,
    mentra_store,
    nothing_left_open,
)

__all__ = ["manual_clock", "mentra_runtime", "mentra_store", "nothing_left_open"]


@pytest.fixture
def anyio_backend():
    return "asyncio"
