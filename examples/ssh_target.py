"""Commands on another machine: an executor that runs them through `ssh`, on a page.

    async with open_runtime(
        "team.mentra",
        policy=RuntimePolicy(allow_shell=True),
        targets={"build-host": SshExecutor("ci@build.example.org")},
    ) as runtime:
        ...

Agents then have `shell(command, target="build-host")`. The policy is asked as for a command on
this machine: the directory must be below its working roots, and it must be there on the other
side. When the call is cancelled the connection ends at once, and what runs on the other side when
its time is over. That side has its own PATH; the other variables of the policy go along.
"""

import os
import shlex

import msgspec

from mentra_actors import LocalExecutor
from mentra_actors.tools.executors.port import (
    CommandOutput,
    CommandRequest,
    OnOutput,
    RunningCommand,
)

__all__ = ["SshExecutor"]

_OURS = ("PATH", "HOME", "USER", "SSH_AUTH_SOCK")
"""What `ssh` itself may see of our environment: it finds its keys by them."""


class SshExecutor:
    """Runs commands on `host`, as `ssh` calls it. With keys only: nobody is asked a password."""

    name = "ssh"

    def __init__(self, host: str, *, options: tuple[str, ...] = ()) -> None:
        self._ssh = ("ssh", "-T", "-o", "BatchMode=yes", *options, host, "--")
        self._local = LocalExecutor()

    async def run(self, request: CommandRequest, on_output: OnOutput) -> CommandOutput:
        """See `CommandExecutor`."""
        return await self._local.run(self._through_ssh(request), on_output)

    async def start(self, request: CommandRequest, on_output: OnOutput) -> RunningCommand:
        """See `CommandExecutor`."""
        return await self._local.start(self._through_ssh(request), on_output)

    def _through_ssh(self, request: CommandRequest) -> CommandRequest:
        there = self._command_there(request)
        return msgspec.structs.replace(
            request,
            command="exec " + shlex.join([*self._ssh, there]),
            cwd="/",
            env={name: os.environ[name] for name in _OURS if name in os.environ},
            target="",
        )

    def _command_there(self, request: CommandRequest) -> str:
        names = [f"{name}={value}" for name, value in request.env.items() if name != "PATH"]
        limit = [] if request.timeout_s is None else ["timeout", f"{request.timeout_s + 1:g}"]
        words = ["env", *names, *limit, "sh", "-c", request.command]
        return f"cd {shlex.quote(request.cwd)} && exec {shlex.join(words)}"
