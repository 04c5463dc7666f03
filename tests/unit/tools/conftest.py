"""A context for tools that run without a runtime."""

from collections.abc import Callable
from typing import Any

import pytest

from mentra_actors.ids import AgentId, StreamId, TeamId
from mentra_actors.tools.contract import ToolContext

MakeContext = Callable[..., ToolContext]


@pytest.fixture
def anyio_backend() -> str:
    """The loop on which the runtime performs effects."""
    return "asyncio"


class NoCommands:
    """The tools here send no commands."""

    async def ask(self, stream_id: StreamId, command: Any) -> Any:
        raise AssertionError(f"{stream_id} was sent {command!r}")


@pytest.fixture
def make_context() -> MakeContext:
    """Builds a context; `progress` and `idempotency_key` may be chosen."""

    def make(**changes: Any) -> ToolContext:
        values: dict[str, Any] = {
            "agent_id": AgentId("lead"),
            "agent_name": "lead",
            "team_id": TeamId("team"),
            "run_id": "run-1",
            "call_id": "call-1",
            "tool_name": "tool",
            "idempotency_key": "lead/call-1",
            "attempt": 1,
            "commands": NoCommands(),
        }
        return ToolContext(**{**values, **changes})

    return make


@pytest.fixture
def context(make_context: MakeContext) -> ToolContext:
    """A context that nothing depends on."""
    return make_context()
