"""The event loop that provider tests run on."""

import pytest


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
