"""Builtin file tools: one with batches of operations, or six small ones."""

import os
from typing import get_args

from mentra_actors.errors import ConfigurationError
from mentra_actors.tools.contract import Tool
from mentra_actors.tools.file_tools.batched_tool import batched_tool, looking_tool
from mentra_actors.tools.file_tools.offered import Places
from mentra_actors.tools.file_tools.place import FilePlace
from mentra_actors.tools.file_tools.profile import FileProfile
from mentra_actors.tools.file_tools.split_tools import split_tools

__all__ = ["file_tools", "looking_file_tool", "workspace_file_tools"]


def file_tools(
    root: str | os.PathLike[str],
    *,
    write_root: str | os.PathLike[str] | None = None,
    profile: FileProfile = "batched",
) -> list[Tool]:
    """Tools for everything below `root`, whatever the policy of the runtime says of its roots.

    A policy that is read-only refuses those that write all the same.
    Paths are relative to `root`; absolute ones inside of it are taken too. `write_root`, a
    directory inside of `root`, narrows what may be written. `profile` is `"batched"` for `files`,
    `"split"` for `read`, `ls`, `grep`, `glob`, `write` and `edit`, or `"both"`.

    Raises:
        ConfigurationError: `root` is not a directory, `write_root` is not inside of it, or there
            is no such profile.
    """
    return _tools(Places(FilePlace.of_root(root, write_root=write_root)), profile)


def looking_file_tool(root: str | os.PathLike[str]) -> Tool:
    """`files` below `root` without the operations that change something.

    Raises:
        ConfigurationError: `root` is not a directory.
    """
    return looking_tool(Places(FilePlace.of_root(root)))


def workspace_file_tools(profile: FileProfile = "batched") -> list[Tool]:
    """The same tools, where each call works in the directory of its agent, under the policy.

    Raises:
        ConfigurationError: there is no such profile.
    """
    return _tools(Places(), profile)


def _tools(places: Places, profile: FileProfile) -> list[Tool]:
    if profile not in get_args(FileProfile):
        raise ConfigurationError(f"a profile of file tools is batched, split or both: {profile!r}")
    batched = [] if profile == "split" else [batched_tool(places)]
    return batched if profile == "batched" else [*batched, *split_tools(places)]
