"""Runs commands in a sandbox of Linux namespaces, made by bubblewrap."""

import os
import shutil
import subprocess
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

from mentra_actors.errors import ConfigurationError
from mentra_actors.tools.executors.kept_command import KeptCommand, started_command
from mentra_actors.tools.executors.local import SHELL, require_no_target
from mentra_actors.tools.executors.port import CommandOutput, CommandRequest, OnOutput
from mentra_actors.tools.executors.sandbox_view import (
    SECRET_PLACES,
    is_shown,
    make_protected,
    sandbox_view,
)
from mentra_actors.tools.executors.system_calls import system_call_filter
from mentra_actors.tools.tool_errors import ToolError

__all__ = ["SandboxExecutor", "sandbox_fault"]

_LOOK_S = 10.0
_WALLS = (
    "--unshare-user", "--disable-userns", "--unshare-ipc", "--unshare-pid", "--unshare-uts",
    "--unshare-cgroup-try", "--hostname", "sandbox", "--die-with-parent", "--new-session",
    "--cap-drop", "ALL",
)  # fmt: skip


class SandboxExecutor:
    """Runs commands where they see the programs of this machine and what the policy opens.

    The roots of the policy are there, to read or to write, with a /tmp, /proc and /dev of its own;
    nothing else is: no other files, no other processes, no network unless `RuntimePolicy.network`,
    no privileges, no new namespaces. What may not be written or seen is found under no other name
    later: neither it nor what it lies in can be moved; a protected directory that is missing is
    made. The store of the runtime, `hidden` paths and the usual places of secrets in the home
    directory are never shown. /tmp takes `tmp_bytes` of memory at most.
    Linux only; needs bubblewrap (`bwrap`) and user namespaces. Commands end as in `LocalExecutor`.

    Raises:
        ConfigurationError: no sandbox can be made here; the message says why, and what helps.
    """

    name = "sandbox"
    records = True

    def __init__(
        self,
        *,
        hidden: Iterable[str | os.PathLike[str]] = (),
        bwrap: str = "bwrap",
        tmp_bytes: int = 1024**3,
        grace_s: float = 2.0,
    ) -> None:
        fault = sandbox_fault(bwrap)
        if fault:
            raise ConfigurationError(f"commands cannot be sandboxed here: {fault}")
        home = Path(os.path.expanduser("~"))
        self._bwrap = shutil.which(bwrap) or bwrap
        self._hidden = (*hidden, *(home / name for name in SECRET_PLACES))
        self._tmp_bytes = tmp_bytes
        self._grace_s = grace_s

    async def run(self, request: CommandRequest, on_output: OnOutput) -> CommandOutput:
        """See `CommandExecutor`."""
        return await (await self.start(request, on_output)).wait()

    async def start(self, request: CommandRequest, on_output: OnOutput) -> KeptCommand:
        """See `CommandExecutor`."""
        require_no_target(self.name, request)
        shown = [Path(one) for one in (*request.readable, *request.writable)]
        if not is_shown(Path(request.cwd), shown):
            raise ToolError(
                f"The sandbox does not show '{request.cwd}': no root of the policy has it"
            )
        make_protected(request)
        view = sandbox_view(request, self._hidden, tmp_bytes=self._tmp_bytes)
        network = [] if request.network else ["--unshare-net"]
        with ExitStack() as files:
            rules = system_call_filter()
            calls = ["--seccomp", str(_file(rules, files))] if rules else []
            walls = [*_WALLS, *network, *calls, *view, "--chdir", request.cwd]
            told = _file("\0".join(walls).encode(errors="surrogateescape"), files)
            return await started_command(
                [self._bwrap, "--args", str(told), "--", *SHELL, request.command],
                request,
                on_output,
                grace_s=self._grace_s,
                pass_fds=[told, *(int(one) for one in calls[1:])],
            )


def _file(content: bytes, files: ExitStack) -> int:
    """Content that a child reads, and that the command cannot: its number, until `files` close."""
    number = os.memfd_create("sandbox")
    files.callback(os.close, number)
    os.write(number, content)
    os.lseek(number, 0, os.SEEK_SET)
    return number


def sandbox_fault(bwrap: str = "bwrap") -> str:
    """Why no sandbox can be made here; empty if it can. Makes one: blocks for milliseconds."""
    found = shutil.which(bwrap)
    if found is None:
        return f"`{bwrap}` is not installed (Debian: apt-get install bubblewrap)"
    try:
        tried = subprocess.run(
            [found, *_WALLS, "--unshare-net", "--ro-bind", "/", "/", "--proc", "/proc", "true"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_LOOK_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if tried.returncode == 0:
        return ""
    said = tried.stderr.decode(errors="replace").strip() or f"exit code {tried.returncode}"
    return f"{said} (it needs bubblewrap 0.8 or later, and user namespaces for this user)"
