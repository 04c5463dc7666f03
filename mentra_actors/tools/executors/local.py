"""Runs commands as processes of this machine."""

from mentra_actors.tools.executors.kept_command import KeptCommand, started_command
from mentra_actors.tools.executors.port import CommandOutput, CommandRequest, OnOutput
from mentra_actors.tools.tool_errors import ToolError

__all__ = ["SHELL", "LocalExecutor", "require_no_target"]

SHELL = ("/bin/sh", "-c")


class LocalExecutor:
    """Runs commands with `/bin/sh -c`, in a session of their own and without input.

    They see the environment of the request and nothing else of ours, but all the files and the
    network that this process can reach: it holds nobody who wants out (see `SandboxExecutor`).
    When a command ends, or its time is over, or its wait is cancelled, or this process dies, what
    it has started ends too: SIGTERM to all, and SIGKILL after `grace_s` seconds.
    """

    name = "local"
    records = True

    def __init__(self, *, grace_s: float = 2.0) -> None:
        self._grace_s = grace_s

    async def run(self, request: CommandRequest, on_output: OnOutput) -> CommandOutput:
        """See `CommandExecutor`."""
        return await (await self.start(request, on_output)).wait()

    async def start(self, request: CommandRequest, on_output: OnOutput) -> KeptCommand:
        """See `CommandExecutor`."""
        require_no_target(self.name, request)
        return await started_command(
            [*SHELL, request.command], request, on_output, grace_s=self._grace_s
        )


def require_no_target(name: str, request: CommandRequest) -> None:
    """Nothing, if the request is for this machine.

    Raises:
        ToolError: it is for another one.
    """
    if request.target:
        raise ToolError(
            f"no executor serves target `{request.target}`; "
            f"the {name} executor only runs untargeted commands"
        )
