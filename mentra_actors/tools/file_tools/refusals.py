"""What file tools say when a path is not theirs to touch."""

from mentra_actors.tools.file_tools.wording import shown
from mentra_actors.tools.tool_errors import PolicyDenied, ToolError

__all__ = ["denied", "elsewhere", "is_a_mark", "of_a_store", "of_the_system", "outside"]


def outside(path: str, where: str, action: str) -> PolicyDenied:
    """The path is below no root; `where` says of which kind."""
    return PolicyDenied(f"Path '{shown(path)}' is outside {where}", action=action)


def denied(path: str) -> PolicyDenied:
    """The path is below a root for writing, and below a denied one."""
    told = f"Path '{shown(path)}' is inside a runtime policy denied write root"
    return PolicyDenied(told, action="files_write")


def elsewhere(path: str) -> ToolError:
    """The path leads to another place than the preview of the call has named."""
    return ToolError(
        f"'{shown(path)}' leads elsewhere than when this call was allowed; "
        "nothing was done, make the call again."
    )


def of_the_system(told: str) -> ToolError:
    """The path is on a file system of the kernel."""
    return ToolError(f"'{shown(told)}' belongs to the system, not to files; no tool may touch it.")


def of_a_store(told: str) -> ToolError:
    """The path is a file of a store, of its petitions or of its jobs."""
    return ToolError(f"'{shown(told)}' belongs to a store of agents; no tool may touch it.")


def is_a_mark(path: str) -> ToolError:
    """A file of this name is how a store is known; one made by a tool would close a directory."""
    return ToolError(
        f"'{shown(path)}' has a name by which stores of agents are known; no tool may write it."
    )
