"""Branches of the store of a runtime, opened beside it."""

import dataclasses
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import anyio

from mentra_actors.errors import ConfigurationError
from mentra_actors.late_module import LateModule
from mentra_actors.providers.port import ModelProvider
from mentra_actors.runtime.builtin_tools import all_tools
from mentra_actors.runtime.core import RuntimeCore
from mentra_actors.runtime.history.branches import Branch, MemoryBranch
from mentra_actors.runtime.operations import Operations
from mentra_actors.runtime.settings import RuntimeOptions, RuntimeSettings, settings_of
from mentra_actors.store.opening import MEMORY

if TYPE_CHECKING:
    from mentra_actors.providers import http_provider
    from mentra_actors.runtime import runtime, sync_runtime
else:
    http_provider = LateModule("mentra_actors.providers.http_provider")
    runtime = LateModule("mentra_actors.runtime.runtime")
    sync_runtime = LateModule("mentra_actors.runtime.sync_runtime")

__all__ = ["OpenBranches", "SyncOpenBranches"]


class OpenBranches:
    """The part of `Runtime` that opens branches."""

    _operations: Operations

    @asynccontextmanager
    async def open_branch(
        self,
        name: str,
        *,
        directory: str | Path | None = None,
        **options: Unpack[RuntimeOptions],
    ) -> AsyncIterator["runtime.Runtime"]:
        """Run a branch of this store for the length of a block, beside this runtime.

        It has the settings, the tools and the objects for tools of this one, and its providers,
        which it does not close; `options` are what is to be different. A provider that talks to a
        server of its own making belongs to one runtime: give the branch another one
        (`providers=[...]`); those that are built in need nothing. `directory` is where the
        branch is, if it was made in another place than that of the store.

        Raises:
            CommandRejected: there is no branch of this name.
            ConfigurationError: a provider belongs to this runtime.
            StoreError: the branch cannot be opened; see `open_runtime`.
        """
        branch = await anyio.to_thread.run_sync(
            lambda: self._operations.history.branch(name, directory=directory)
        )
        settings = _settings(self._operations.core, branch, options)
        core = await anyio.to_thread.run_sync(RuntimeCore, settings)
        try:
            yield runtime.Runtime(Operations(core))
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(core.close)


class SyncOpenBranches:
    """The part of `SyncRuntime` that opens branches."""

    _operations: Operations

    @contextmanager
    def open_branch(
        self,
        name: str,
        *,
        directory: str | Path | None = None,
        **options: Unpack[RuntimeOptions],
    ) -> Iterator["sync_runtime.SyncRuntime"]:
        """See `Runtime.open_branch`."""
        branch = self._operations.history.branch(name, directory=directory)
        settings = _settings(self._operations.core, branch, options)
        core = RuntimeCore(settings)
        try:
            yield sync_runtime.SyncRuntime(Operations(core))
        finally:
            core.close()


def _settings(
    core: RuntimeCore, branch: Branch | MemoryBranch, options: RuntimeOptions
) -> RuntimeSettings:
    """The settings of the branch: those of the runtime, but for what is to be different."""
    settings_of(MEMORY, options)  # refuses what is no option
    inherited: dict[str, Any] = {
        "tools": _tools(core),
        "context": tuple(core.application.values()),
        "strategies": dict(core.strategies),
        **options,
    }
    if "providers" not in options:
        inherited["providers"] = inherited["lent_providers"] = _lent(core.settings.providers)
    if isinstance(branch, Branch):
        return dataclasses.replace(core.settings, path=branch.path, **inherited)
    wrap = inherited.get("wrap_store", core.settings.wrap_store)
    inherited["wrap_store"] = lambda _: wrap(branch.store()) if wrap else branch.store()
    return dataclasses.replace(core.settings, path=MEMORY, **inherited)


def _tools(core: RuntimeCore) -> tuple[object, ...]:
    """What was given at the opening, and what was registered for all since."""
    own = {tool.name for tool in all_tools(core.settings)}
    later = [tool for name, tool in core.tools.for_all.items() if name not in own]
    return (*core.settings.tools, *later)


def _lent(providers: Any) -> tuple[ModelProvider, ...]:
    for one in providers:
        if isinstance(one, http_provider.HttpProvider):
            raise ConfigurationError(
                f"the provider {one.name!r} has connections of this runtime: give the branch one "
                "of its own, open_branch(name, providers=[...])"
            )
    return tuple(providers)
