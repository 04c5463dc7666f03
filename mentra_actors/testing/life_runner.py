"""Runs a scenario in one life of a process, until it ends or dies."""

import inspect
import threading
import time
from collections.abc import Callable
from typing import Any, TypeAlias

import anyio

from mentra_actors.runtime.core import RuntimeCore
from mentra_actors.runtime.runtime import open_runtime
from mentra_actors.runtime.settings import RuntimeOptions
from mentra_actors.runtime.sync_runtime import open_runtime_sync
from mentra_actors.testing.crash_points import CrashPoint
from mentra_actors.testing.mortal_life import MortalLife, World

__all__ = ["LifeRunner", "Scenario"]

Scenario: TypeAlias = Callable[[Any], Any]
"""Takes a `SyncRuntime`, or is a coroutine function that takes a `Runtime`.

It is called again after a crash: give prompts a `prompt_id`, and spawn with `reuse=True`. What it
returns must be the same after every crash, unless it is None."""


class LifeRunner:
    """Plays one scenario as often as it is asked to. Used by one thread."""

    def __init__(self, scenario: Scenario, options: RuntimeOptions, timeout_s: float) -> None:
        self._scenario = scenario
        self._options: dict[str, object] = {"close_grace_s": 0.0, **options}
        self._timeout_s = timeout_s
        self._retry = {tool.name: tool.retry for tool in options.get("tools", ())}

    def new_life(self, world: World, point: CrashPoint | None = None) -> MortalLife:
        """A life that ends at `point`."""
        return MortalLife(world, point, retry_of=lambda name: self._retry.get(name, ""))

    def run_to_the_end(
        self, life: MortalLife, on_open: Callable[[], None] = lambda: None
    ) -> object:
        """What the scenario returns.

        Raises:
            TimeoutError: it did not end in time.
            Exception: what it raises.
        """
        error = self.run(life, on_open)
        if error is not None:
            raise error
        return life.result

    def run(
        self, life: MortalLife, on_open: Callable[[], None] = lambda: None
    ) -> BaseException | None:
        """Play it until it ends, or until the life does; what it raised."""
        errors: list[BaseException] = []
        body = self._body_async if inspect.iscoroutinefunction(self._scenario) else self._body

        def play() -> None:
            try:
                life.result = body(life, on_open)
            except BaseException as error:  # noqa: BLE001 - handed over to whoever waits
                errors.append(error)
            finally:
                life.has_ended = True
                life.changed.set()

        threading.Thread(target=play, name="scenario", daemon=True).start()
        late = self._wait(life)
        return late or (errors[0] if errors else None)

    def _wait(self, life: MortalLife) -> BaseException | None:
        deadline = time.monotonic() + self._timeout_s
        while not life.has_ended:
            if not life.changed.wait(max(0.0, deadline - time.monotonic())):
                life.died.set()  # nothing of it may reach the world any more
                life.close()
                return TimeoutError(f"it has not ended within {self._timeout_s:g} s")
            life.changed.clear()
            if life.died.is_set() and not life.has_ended:
                life.close()
        return None

    def _body(self, life: MortalLife, on_open: Callable[[], None]) -> object:
        with open_runtime_sync(":memory:", **self._wrapped(life)) as runtime:
            _begin(life, runtime._operations.core, on_open)  # noqa: SLF001 - the same package
            result = self._scenario(runtime)
            runtime.until_idle()
            return result

    def _body_async(self, life: MortalLife, on_open: Callable[[], None]) -> object:
        async def body() -> Any:
            async with open_runtime(":memory:", **self._wrapped(life)) as runtime:
                _begin(life, runtime._operations.core, on_open)  # noqa: SLF001 - the same package
                result = await self._scenario(runtime)
                await runtime.until_idle()
                return result

        return anyio.run(body)

    def _wrapped(self, life: MortalLife) -> Any:
        return {
            **self._options,
            "wrap_store": life.wrap_store,
            "wrap_effects": life.wrap_effects,
        }


def _begin(life: MortalLife, core: RuntimeCore, on_open: Callable[[], None]) -> None:
    core.recorded.subscribe(life.hear)
    life.close = core.close
    on_open()
    if life.died.is_set():  # while it was being opened
        life.changed.set()
