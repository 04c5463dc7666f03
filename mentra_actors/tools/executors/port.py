"""What runs a command, and what comes of it. The policy has been asked before."""

from collections.abc import Callable, Mapping
from typing import Literal, Protocol, TypeAlias, runtime_checkable

import msgspec

__all__ = [
    "TIMED_OUT",
    "Captured",
    "CommandExecutor",
    "CommandOutput",
    "CommandRequest",
    "OnOutput",
    "ProcessName",
    "RecordingExecutor",
    "RunningCommand",
]

TIMED_OUT = 124
"""The exit code of a command that was killed because its time was over, as `timeout(1)` has it."""

OnOutput: TypeAlias = Callable[[Literal["stdout", "stderr"], bytes], None]
"""Called on the loop with each piece of output as it comes; must not block."""


class CommandRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One command for a shell. `env` is all of its environment, `cwd` an absolute real path.

    `timeout_s` None means no limit. Of each stream the first and the last bytes are kept,
    `max_output_bytes` in all. `target` names the machine, empty for this one. `readable` and
    `writable` are absolute paths: all that a sandbox shows of the file system beside the programs,
    and where it lets the command write, but for what is `protected`; what is `hidden` it shows to
    nobody, and what is `held` nobody can move. `network` opens the network in a sandbox. A command
    that was started and `outlives` us goes on when this process dies; it must write to files,
    because nobody reads its streams then. With `record`, an absolute path of a directory of its
    own, that is done for it: both of its streams and its exit code are kept there
    (`mentra_actors.tools.executors.recording`).
    """

    command: str
    cwd: str
    env: Mapping[str, str]
    timeout_s: float | None
    max_output_bytes: int
    target: str = ""
    readable: tuple[str, ...] = ()
    writable: tuple[str, ...] = ()
    protected: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    network: bool = False
    outlives: bool = False
    record: str = ""


class Captured(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of one stream: its first bytes, and its last ones if there were more."""

    head: bytes = b""
    tail: bytes = b""
    total_bytes: int = 0

    @property
    def is_truncated(self) -> bool:
        """Whether the middle of it was let go."""
        return self.total_bytes > len(self.head) + len(self.tail)

    @property
    def text(self) -> str:
        """As text; a line in its middle says how many bytes are left out."""
        head = self.head.decode(errors="replace")
        if not self.is_truncated:
            return head + self.tail.decode(errors="replace")
        left_out = self.total_bytes - len(self.head) - len(self.tail)
        tail = self.tail.decode(errors="replace")
        return f"{head}\n[… {left_out:,} bytes left out …]\n{tail}"


class CommandOutput(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a command.

    `exit_code` is 124 if it was `timed_out`, and 128 + the number of the signal that killed it.
    """

    stdout: Captured
    stderr: Captured
    exit_code: int
    timed_out: bool = False

    @property
    def is_success(self) -> bool:
        """Whether it ended by itself with exit code 0."""
        return self.exit_code == 0 and not self.timed_out


class ProcessName(msgspec.Struct, frozen=True, kw_only=True):
    """A process beyond doubt: its id may be used again, but not with the same start."""

    pid: int
    started: str
    """When it began, in the words of the system (`/proc/PID/stat`, field 22, and the boot id)."""


class RunningCommand(Protocol):
    """A command that was started and goes on without anybody waiting for it."""

    @property
    def process(self) -> ProcessName | None:
        """Its process on this machine; None where there is none, as on another machine."""
        ...

    async def wait(self) -> CommandOutput:
        """Until it ends, or its time is over. May be called once."""
        ...

    async def stop(self, *, grace_s: float) -> None:
        """Ask all its processes to end, and kill after `grace_s` seconds what has not."""
        ...


class CommandExecutor(Protocol):
    """Runs commands. Awaited on the effects loop; cancelling a wait ends the command."""

    @property
    def name(self) -> str:
        """One word for people and previews, such as `local`, `sandbox` or `ssh`."""
        ...

    async def run(self, request: CommandRequest, on_output: OnOutput) -> CommandOutput:
        """Run it to its end. When this returns nothing of it runs any more.

        Raises:
            ToolError: it cannot be run here at all; the text is for the model.
        """
        ...

    async def start(self, request: CommandRequest, on_output: OnOutput) -> RunningCommand:
        """Start it, and leave it running.

        Raises:
            ToolError: it cannot be run here at all; the text is for the model.
        """
        ...


@runtime_checkable
class RecordingExecutor(CommandExecutor, Protocol):
    """One whose commands are processes of this machine, so that they may outlive us."""

    @property
    def records(self) -> bool:
        """Whether it does what a request with `record` asks for."""
        ...
