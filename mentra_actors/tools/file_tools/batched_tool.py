"""`files`: any number of operations on files in one call, all of them or none."""

from collections.abc import Mapping
from typing import Any, get_args

from mentra_actors.json_types import Json
from mentra_actors.tools.contract import Preview, Tool, ToolContext
from mentra_actors.tools.file_tools.batch import run_batch
from mentra_actors.tools.file_tools.offered import (
    TIMEOUT_S,
    WORK_S,
    Places,
    read_as_json,
    renamed,
    with_arguments,
)
from mentra_actors.tools.file_tools.operations import FileOperation, Looking
from mentra_actors.tools.file_tools.previews import operation_previews
from mentra_actors.tools.file_tools.text_lines import WorkBudget
from mentra_actors.tools.functions.decorator import tool
from mentra_actors.tools.workplace import Workplace

__all__ = ["batched_tool", "looking_tool"]

_NAMES = {"working_directory": ("workingDirectory",)}
_OPERATION_NAMES = {
    "replace_all": ("replaceAll",),
    "expected_replacements": ("expectedReplacements",),
}
_LOOKING = frozenset(one.__struct_config__.tag for one in get_args(Looking))


def batched_tool(places: Places) -> Tool:
    """The tool `files` for a place."""

    @tool(
        retry="never",
        timeout_s=TIMEOUT_S,
        parallel=_only_looks,
        capabilities=("filesystem_read", "filesystem_write"),
        side_effects="local_state",
        approval="filesystem",
        preview=_preview(places),
    )
    def files(
        context: ToolContext, operations: list[FileOperation], working_directory: str = ""
    ) -> str:
        """Read, list, search, create, change, move and delete files.

        Operations run in the given order, and later ones see what earlier ones did. If one of
        them changes files, either all of them are done or nothing is. Walks over directories
        leave out hidden, generated and ignored entries unless their path is given, and follow no
        links.

        Args:
            context: not shown to models.
            operations: what to do; each is {"op": "read" | "list" | "search" | …, …}.
            working_directory: the directory to which paths are relative; your own when left out.
        """
        place = places.of_call(context).within(working_directory)
        return run_batch(place, operations, WorkBudget(WORK_S), context.progress)

    return with_arguments(files, _plain, places)


def looking_tool(places: Places) -> Tool:
    """The tool `files` without the operations that change something."""

    @tool(
        retry="safe",
        timeout_s=TIMEOUT_S,
        parallel=True,
        capabilities=("read_only", "filesystem_read"),
        side_effects="none",
        approval="read_only",
        preview=_preview(places),
    )
    def files(context: ToolContext, operations: list[Looking], working_directory: str = "") -> str:
        """Read, list and search files. All operations run, in the given order.

        Walks over directories leave out hidden, generated and ignored entries unless their path
        is given, and follow no links.

        Args:
            context: not shown to models.
            operations: what to look at; each is {"op": "read" | "list" | "search", …}.
            working_directory: the directory to which paths are relative; your own when left out.
        """
        place = places.of_call(context).within(working_directory)
        return run_batch(place, operations, WorkBudget(WORK_S), context.progress)

    return with_arguments(files, _plain, places)


def _plain(arguments: object) -> Any:
    plain = renamed(arguments, _NAMES)
    operations = read_as_json(plain.get("operations")) if isinstance(plain, dict) else None
    if isinstance(operations, list):
        plain["operations"] = [renamed(one, _OPERATION_NAMES) for one in operations]
    return plain


def _only_looks(arguments: Json) -> bool:
    """Whether a call changes nothing; what cannot be read as a call may change anything."""
    operations = _plain(arguments).get("operations")
    return (
        isinstance(operations, list)
        and bool(operations)
        and all(isinstance(one, Mapping) and one.get("op") in _LOOKING for one in operations)
    )


def _preview(places: Places) -> Preview:
    def preview(arguments: Json, workplace: Workplace) -> Json:
        plain = _plain(arguments)
        directory = plain.get("working_directory")
        place = places.of(workplace).within(directory if isinstance(directory, str) else "")
        operations = plain.get("operations")
        return operation_previews(place, operations if isinstance(operations, list) else [])

    return preview
