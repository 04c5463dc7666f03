"""How file names and what the system refuses are told to a model."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from mentra_actors.tools.tool_errors import ToolError

__all__ = ["explained", "explaining", "shown"]


def shown(name: str) -> str:
    """A file name as it may be told: what cannot be printed is escaped, newlines included."""
    if name.isprintable():
        return name
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in name
    )


@contextmanager
def explaining(path: str) -> Iterator[None]:
    """Turns what the system refuses into a `ToolError` that names `path`."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise explained(error, path) from error


def explained(error: OSError | ValueError, path: str) -> ToolError:
    """What the system refused, in words for a model."""
    name = shown(path)
    if not isinstance(error, OSError):
        return ToolError(f"'{name}' is not a valid path.")
    match error.errno:
        case errno.ENOENT:
            return ToolError(f"'{name}' does not exist.")
        case errno.EACCES | errno.EPERM:
            return ToolError(f"'{name}' may not be accessed: permission denied.")
        case errno.ENOTDIR:
            return ToolError(f"'{name}' is not a directory, or a part of it is a file.")
        case errno.EISDIR:
            return ToolError(f"'{name}' is a directory.")
        case errno.EEXIST:
            return ToolError(f"'{name}' is there already.")
        case errno.ELOOP:
            return ToolError(
                f"'{name}' is a link in a circle, or was replaced by a link just now."
            )
        case _:
            return ToolError(f"'{name}': {error.strerror or error}.")
