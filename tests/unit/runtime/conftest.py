"""The event loop that the asynchronous face is tested on."""

import pytest

from mentra_actors.store.memory_store import MemoryEventStore
from mentra_actors.testing.failing_store import FailingStore


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=["memory", "lmdb"])
def reopenable(request, tmp_path):
    """Path and options of a store that a second runtime finds as the first one left it."""
    if request.param == "lmdb":
        return str(tmp_path / "team"), {"durability": "volatile"}
    kept = MemoryEventStore()
    return ":memory:", {"wrap_store": lambda _store: FailingStore(kept, survives_close=True)}
