"""Runs commands on a real machine, and sees what they leave behind."""

import os
import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from mentra_actors.tools.executors.local import LocalExecutor
from mentra_actors.tools.executors.port import CommandOutput, CommandRequest

Run = Callable[..., Awaitable[CommandOutput]]


@pytest.fixture
def anyio_backend() -> str:
    """The loop on which the runtime performs effects."""
    return "asyncio"


@pytest.fixture
def request_of(tmp_path: Path, nap: str) -> Callable[..., CommandRequest]:
    """A request for a command in an empty directory; anything may be chosen."""

    def make(command: str, **changes: Any) -> CommandRequest:
        values: dict[str, Any] = {
            "cwd": str(tmp_path),
            "env": {"PATH": os.environ["PATH"]},
            "timeout_s": 30.0,
            "max_output_bytes": 64 * 1024,
        }
        return CommandRequest(command=command.replace("NAP", nap), **{**values, **changes})

    return make


@pytest.fixture
def local(request_of: Callable[..., CommandRequest]) -> Run:
    """Runs a command with a local executor that does not wait long for what will not end."""

    async def run(command: str, **changes: Any) -> CommandOutput:
        on_output = changes.pop("on_output", lambda _name, _piece: None)
        executor = LocalExecutor(grace_s=changes.pop("grace_s", 0.2))
        return await executor.run(request_of(command, **changes), on_output)

    return run


@pytest.fixture
def nap(request: pytest.FixtureRequest) -> str:
    """A command that sleeps, and that no other test on this machine runs. Commands say NAP."""
    return f"sleep {7000 + zlib.crc32(request.node.nodeid.encode()) % 1000}.{os.getpid()}"


@pytest.fixture
def napping(nap: str) -> Callable[[], list[int]]:
    """The ids of processes that run NAP, or have it among their arguments."""
    told = nap.partition(" ")[2]

    def find() -> list[int]:
        return [
            int(place.name)
            for place in Path("/proc").iterdir()
            if place.name.isdecimal() and told in _arguments(place)
        ]

    return find


def _arguments(process: Path) -> str:
    try:
        return (process / "cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ""
