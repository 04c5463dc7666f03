"""What `mentra doctor` says of this machine: where it runs, and if commands can be sandboxed."""

import msgspec
from rich.text import Text

from mentra_actors.tools.executors.environment import ExecutionEnvironment, detect_environment
from mentra_actors.tools.executors.sandbox import sandbox_fault

__all__ = ["Machine", "look_at_machine", "machine_line"]


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """`sandbox_fault` is empty where `SandboxExecutor` works."""

    environment: ExecutionEnvironment
    sandbox_fault: str


def look_at_machine() -> Machine:
    """This machine, as it is now."""
    return Machine(environment=detect_environment(), sandbox_fault=sandbox_fault())


def machine_line(machine: Machine) -> Text:
    """The same in words."""
    fault = machine.sandbox_fault
    told = f"commands cannot be sandboxed: {fault}" if fault else "commands can be sandboxed"
    return Text(f"  this machine ({machine.environment}): {told}", style="dim")
