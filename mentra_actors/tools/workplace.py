"""Where a call works on this machine, and what it may do there."""

import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import anyio.to_thread

from mentra_actors.tools.executors.port import (
    CommandExecutor,
    CommandOutput,
    CommandRequest,
    OnOutput,
)
from mentra_actors.tools.policy import RuntimePolicy
from mentra_actors.tools.tool_errors import PolicyDenied, ToolError

__all__ = ["Workplace"]


async def _no_route() -> str:
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """One agent's directory under the policy of its runtime, and what runs commands for it.

    `executors` are by target; the one for the empty target runs commands on this machine.
    `routed` says in which directory an agent works now that names none: that of its tasks. A tool
    that is declared without side effects has one that `only_looks`: it runs no command.
    """

    policy: RuntimePolicy
    base_dir: Path
    executors: Mapping[str, CommandExecutor] = field(default_factory=dict)
    routed: Callable[[], Awaitable[str]] = _no_route
    only_looks: bool = False

    def executor(self, target: str) -> CommandExecutor:
        """What runs commands for a target.

        Raises:
            ToolError: nothing does.
        """
        found = self.executors.get(target)
        if found is not None:
            return found
        known = ", ".join(sorted(repr(name) for name in self.executors if name)) or "none"
        raise ToolError(f"no executor serves target `{target}`; there are: {known}")

    async def working_directory(self, asked: str = "") -> Path:
        """The real path of the directory in which a command starts.

        Raises:
            PolicyDenied: no command may start there.
            ToolError: there is no such directory.
        """
        named = asked or await self.routed()
        place, is_there = await anyio.to_thread.run_sync(self._place, named)
        if not any(place.is_relative_to(root) for root in self.policy.working(self.base_dir)):
            told = f"Working directory '{place}' is outside the runtime policy roots"
            raise PolicyDenied(told, action="shell_command")
        if not is_there:
            raise ToolError(f"Working directory '{place}' does not exist")
        return place

    def _place(self, named: str) -> tuple[Path, bool]:
        place = Path(os.path.realpath(self.base_dir / Path(named).expanduser()))
        return place, place.is_dir()

    async def request(
        self,
        command: str,
        *,
        working_directory: str = "",
        timeout_s: float | None = None,
        target: str = "",
        background: bool = False,
    ) -> CommandRequest:
        """What the policy makes of a wish to run a command. A target loosens no check.

        Raises:
            PolicyDenied: the policy forbids it.
            ToolError: it cannot be run, or the tool is declared without side effects.
        """
        if self.only_looks:
            raise ToolError(
                "This tool is declared without side effects, so it runs no commands; "
                "declare side_effects='process' or 'external'"
            )
        policy = self.policy
        policy.require_commands(background=background)
        limit = policy.max_background_timeout_s if background else policy.timeout_s(timeout_s)
        return CommandRequest(
            command=command,
            cwd=str(await self.working_directory(working_directory)),
            env=policy.environment(os.environ),
            timeout_s=limit,
            max_output_bytes=policy.max_output_bytes,
            target=target,
            readable=tuple(str(place) for place in policy.readable(self.base_dir)),
            writable=tuple(str(place) for place in policy.writable(self.base_dir)),
            network=policy.network,
        )

    async def run_command(
        self,
        command: str,
        *,
        working_directory: str = "",
        timeout_s: float | None = None,
        target: str = "",
        on_output: OnOutput = lambda _stream, _bytes: None,
    ) -> CommandOutput:
        """Run a command under the policy, and wait for its end.

        Raises:
            PolicyDenied: the policy forbids it.
            ToolError: it cannot be run, or nothing serves the target.
        """
        request = await self.request(
            command, working_directory=working_directory, timeout_s=timeout_s, target=target
        )
        return await self.executor(target).run(request, on_output)
