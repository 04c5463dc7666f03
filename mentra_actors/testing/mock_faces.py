"""A team in memory that a script plays, and that can die: for tests of teams.

    with mock_runtime([[call("ship", city="Rome")], "It is on its way."], tools=[ship]) as mock:
        lead = mock.spawn("lead")
        assert lead.send("Ship it.").text == "It is on its way."
        mock.crash()                                  # and open it again
        assert mock.agent("lead").last_answer() == "It is on its way."
        mock.assert_complete()

`async with mock_runtime(…) as mock` is the same with `await`.
"""

import threading
import time
from types import TracebackType
from typing import Self, Unpack

import anyio

from mentra_actors.effects.models.live import Subscription
from mentra_actors.providers.script import Script
from mentra_actors.providers.scripted import ScriptedModel
from mentra_actors.runtime.agents.agent import Agent
from mentra_actors.runtime.agents.profiles import SpawnOptions
from mentra_actors.runtime.agents.sync_agent import SyncAgent
from mentra_actors.runtime.awaiting import thread_safe_call
from mentra_actors.runtime.runtime import Runtime
from mentra_actors.runtime.settings import RuntimeOptions
from mentra_actors.runtime.sync_runtime import SyncRuntime
from mentra_actors.store.ports import EventStore
from mentra_actors.testing.mock_team import MockTeam, Wanted, seconds_of

__all__ = ["AsyncMockRuntime", "MockOpening", "MockRuntime", "mock_runtime"]


class MockRuntime(MockTeam):
    """The blocking face. `runtime` is the `SyncRuntime` of the present life."""

    runtime: SyncRuntime

    def __enter__(self) -> Self:
        self.runtime = SyncRuntime(self._open())
        return self

    def __exit__(self, *_error: object) -> None:
        try:
            self._close()
        finally:
            self.world.store.close()

    def spawn(
        self,
        name: str = "lead",
        *,
        model: str = "",
        prompt: str = "",
        reuse: bool = False,
        **options: Unpack[SpawnOptions],
    ) -> SyncAgent:
        """See `Runtime.spawn`; without a `model` it asks the scripted one, by its own name."""
        asked = model or _model_of(self, name)
        return self.runtime.spawn(name, model=asked, prompt=prompt, reuse=reuse, **options)

    def agent(self, name: str = "lead") -> SyncAgent:
        """See `Runtime.agent`; ask again after a crash."""
        return self.runtime.agent(name)

    def until(self, *kinds: type[object], **wanted: Unpack[Wanted]) -> None:
        """Block until an event of these classes is on the log; see `Wanted`.

        Raises:
            TimeoutError: it has not come; the message shows the end of the log.
        """
        more, until = threading.Event(), time.monotonic() + seconds_of(wanted)
        end = self.runtime.on_recorded(lambda _recorded: more.set())
        try:
            while not self._has(kinds, wanted):
                if not more.wait(max(0.0, until - time.monotonic())):
                    raise self._missed(kinds, wanted)
                more.clear()
        finally:
            end()

    def crash(self) -> None:
        """Die now, as a killed process does, and open the store again."""
        self._die()
        self.runtime = SyncRuntime(self._open())

    def reopen(self) -> None:
        """Close in order, and open the store again."""
        self._close()
        self.runtime = SyncRuntime(self._open())


class AsyncMockRuntime(MockTeam):
    """The asynchronous face. `runtime` is the `Runtime` of the present life."""

    runtime: Runtime

    async def __aenter__(self) -> Self:
        self.runtime = Runtime(await anyio.to_thread.run_sync(self._open))
        return self

    async def __aexit__(self, *_error: object) -> None:
        with anyio.CancelScope(shield=True):
            try:
                await anyio.to_thread.run_sync(self._close)
            finally:
                self.world.store.close()

    async def spawn(
        self,
        name: str = "lead",
        *,
        model: str = "",
        prompt: str = "",
        reuse: bool = False,
        **options: Unpack[SpawnOptions],
    ) -> Agent:
        """See `MockRuntime.spawn`."""
        asked = model or _model_of(self, name)
        return await self.runtime.spawn(name, model=asked, prompt=prompt, reuse=reuse, **options)

    async def agent(self, name: str = "lead") -> Agent:
        """See `MockRuntime.agent`."""
        return await self.runtime.agent(name)

    async def until(self, *kinds: type[object], **wanted: Unpack[Wanted]) -> None:
        """See `MockRuntime.until`."""
        more, call = [anyio.Event()], thread_safe_call()
        end: Subscription = self.runtime.on_recorded(lambda _recorded: call(more[0].set))
        try:
            with anyio.move_on_after(seconds_of(wanted)):
                while True:
                    more[0] = anyio.Event()
                    if self._has(kinds, wanted):
                        return
                    await more[0].wait()
        finally:
            end()
        raise self._missed(kinds, wanted)

    async def crash(self) -> None:
        """See `MockRuntime.crash`."""
        await anyio.to_thread.run_sync(self._die)
        self.runtime = Runtime(await anyio.to_thread.run_sync(self._open))

    async def reopen(self) -> None:
        """See `MockRuntime.reopen`."""
        await anyio.to_thread.run_sync(self._close)
        self.runtime = Runtime(await anyio.to_thread.run_sync(self._open))


class MockOpening:
    """What `mock_runtime` gives: `with` opens a `MockRuntime`, `async with` the other face."""

    def __init__(
        self, turns: Script | ScriptedModel, store: EventStore | None, options: RuntimeOptions
    ) -> None:
        """Made by `mock_runtime`."""
        self._arguments = (turns, store, options)
        self._opened: MockRuntime
        self._opened_async: AsyncMockRuntime

    def __enter__(self) -> MockRuntime:
        self._opened = MockRuntime(*self._arguments)
        return self._opened.__enter__()

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._opened.__exit__()

    async def __aenter__(self) -> AsyncMockRuntime:
        self._opened_async = AsyncMockRuntime(*self._arguments)
        return await self._opened_async.__aenter__()

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        await self._opened_async.__aexit__()


def mock_runtime(
    turns: Script | ScriptedModel,
    *,
    store: EventStore | None = None,
    **options: Unpack[RuntimeOptions],
) -> MockOpening:
    """A runtime for one test, whose model plays `turns`; see the module.

    `turns` are those of `ScriptedModel` (a list, lists by the names of agents, a function), or
    such a model. `store` (None: one in memory) outlives crashes and is closed at the end; a
    `FailingStore` fails when it is told to. `options` are those of `open_runtime`.
    """
    return MockOpening(turns, store, options)


def _model_of(mock: MockTeam, name: str) -> str:
    return f"{mock.model.name}:{name}"
