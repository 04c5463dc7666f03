"""The pytest plugin: fixtures for teams, and a check of what tests leave behind.

It comes with the package and is loaded by every run of pytest, so it imports nothing at start.
`mentra_leak_check = true` in the configuration of pytest has the check made after every test.
"""

import inspect
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from mentra_actors.late_module import LateModule

if TYPE_CHECKING:
    from mentra_actors.store import memory_store
    from mentra_actors.testing import failing_store, leaks, mock_faces, patience
    from mentra_actors.testing import manual_clock as clocks
else:
    memory_store = LateModule("mentra_actors.store.memory_store")
    failing_store = LateModule("mentra_actors.testing.failing_store")
    leaks = LateModule("mentra_actors.testing.leaks")
    mock_faces = LateModule("mentra_actors.testing.mock_faces")
    patience = LateModule("mentra_actors.testing.patience")
    clocks = LateModule("mentra_actors.testing.manual_clock")

__all__ = ["manual_clock", "mentra_runtime", "mentra_store", "nothing_left_open"]

_SETTING = "mentra_leak_check"
_CONTRACTS = ("append", "provider", "projection", "store", "tick", "tool", "view_store")
_MODULES = [f"mentra_actors.testing.{one}_contract" for one in _CONTRACTS]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Say what may be set."""
    told = "fail each test that leaves threads, processes or open stores behind"
    parser.addini(_SETTING, told, type="bool", default=False)


def pytest_configure(config: pytest.Config) -> None:
    """Have failures of contracts explained, and check every test if that is wanted."""
    pytest.register_assert_rewrite(*(one for one in _MODULES if one not in sys.modules))
    if config.getini(_SETTING):
        config.pluginmanager.register(_EveryTest(), "mentra-leak-check")


def pytest_pycollect_makeitem(
    collector: pytest.Module | pytest.Class, name: str, obj: object
) -> None:
    """Refuse a contract that does not say what it tests: pytest passes over abstract classes."""
    if not (inspect.isclass(obj) and inspect.isabstract(obj) and collector.classnamefilter(name)):
        return
    contracts = [base.__name__ for base in obj.__mro__ if base.__module__ in _MODULES]
    if contracts and obj.__module__ not in _MODULES:
        missing = ", ".join(sorted(getattr(obj, "__abstractmethods__", ())))
        raise collector.CollectError(f"{name}({contracts[0]}) does not define {missing}")


@pytest.hookimpl(hookwrapper=True)  # as older releases of pytest know it
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """Have a test of a contract end."""
    yield from _in_time(item)


@pytest.hookimpl(hookwrapper=True)  # as older releases of pytest know it
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None]:
    """Have a store that does not close not keep the run."""
    yield from _in_time(item)


def _in_time(item: pytest.Item) -> Generator[None]:
    contract: Any = getattr(item, "cls", None)
    if not any(base.__module__ in _MODULES for base in getattr(contract, "__mro__", ())):
        yield
        return
    with patience.at_most(contract.patience_s):
        yield


class _EveryTest:
    @pytest.fixture(autouse=True)
    def _mentra_leak_check(self, nothing_left_open: None) -> None:
        """Have the check made."""


@pytest.fixture
def nothing_left_open() -> Iterator[None]:
    """Fail a test that leaves threads, child processes or open stores behind, with their names."""
    before = leaks.LeakCheck()
    yield
    if found := before.found():
        pytest.fail("the test has left behind:\n" + "\n".join(found), pytrace=False)


@pytest.fixture
def manual_clock() -> "clocks.ManualClock":
    """A clock that stands still: `mentra_runtime(turns, clock=manual_clock)`."""
    return clocks.ManualClock()


@pytest.fixture
def mentra_store() -> "failing_store.FailingStore":
    """A store in memory that fails when it is told to: `mentra_runtime(turns, store=…)`.

    Whoever uses it closes it, as a runtime does; nothing has to be released.
    """
    return failing_store.FailingStore(memory_store.MemoryEventStore())


@pytest.fixture
def mentra_runtime(nothing_left_open: None) -> "Iterator[Callable[..., mock_faces.MockRuntime]]":  # noqa: ARG001 - closes before it looks
    """Opens mock runtimes, with the arguments of `mock_runtime`; they are closed at the end."""
    with ExitStack() as opened:

        def open_one(turns: Any, **options: Any) -> "mock_faces.MockRuntime":
            return opened.enter_context(mock_faces.mock_runtime(turns, **options))

        yield open_one
