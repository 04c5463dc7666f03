"""Builtin file tools: `files` looks around and reads, `write_file` writes."""

import dataclasses
import os
from pathlib import Path
from typing import Annotated, TypeAlias

import msgspec

from mentra_actors.tools.contract import Tool, ToolContext, ToolError
from mentra_actors.tools.decorator import tool
from mentra_actors.tools.file_root import FileRoot, shown
from mentra_actors.tools.file_search import list_directory, search_files
from mentra_actors.tools.file_text import NotText, WorkBudget, cut, text_lines
from mentra_actors.tools.file_write import replace_file

__all__ = ["FileOperation", "ListFiles", "ReadFile", "SearchFiles", "file_tools"]

_TIMEOUT_S = 30
_WORK_S = 20.0
"""Seconds after which a call answers with what it has found so far."""

_Path: TypeAlias = Annotated[str, msgspec.Meta(description="Relative to the root directory.")]
_Count: TypeAlias = Annotated[int, msgspec.Meta(ge=1)]
_Limit: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=100_000)]


class ReadFile(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    tag_field="op",
    tag="read",
    forbid_unknown_fields=True,
):
    """Numbered lines of a text file, from line `offset`."""

    path: _Path
    offset: _Count = 1
    limit: _Limit = 2_000


class ListFiles(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    tag_field="op",
    tag="list",
    forbid_unknown_fields=True,
):
    """Entries of a directory, `depth` levels deep."""

    path: _Path = "."
    depth: _Count = 1
    limit: _Limit = 200


class SearchFiles(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    tag_field="op",
    tag="search",
    forbid_unknown_fields=True,
):
    """Lines that match a Python regular expression, in a file or in all files of a directory."""

    pattern: str
    path: _Path = "."
    limit: _Limit = 200


FileOperation: TypeAlias = ReadFile | ListFiles | SearchFiles


def file_tools(
    root: str | os.PathLike[str], *, write_root: str | os.PathLike[str] | None = None
) -> list[Tool]:
    """`files` and `write_file` for everything below `root`.

    Paths are relative to `root`; absolute ones inside of it are taken too. `write_root`, a
    directory inside of `root`, narrows what may be written.

    Raises:
        ConfigurationError: `root` is not a directory, or `write_root` is not inside of it.
    """
    place = FileRoot(root, write_path=None if write_root is None else Path(write_root))
    return [_files_tool(place), _write_file_tool(place)]


def _files_tool(root: FileRoot) -> Tool:
    @tool(retry="safe", timeout_s=_TIMEOUT_S, parallel=True)
    def files(operations: list[FileOperation]) -> str:
        """Read, list and search files. All operations run, in the given order.

        A walk over directories leaves out hidden and generated ones (.git, node_modules, …)
        unless their path is given, and follows no links.

        Args:
            operations: what to look at; each is {"op": "read" | "list" | "search", …}.
        """
        if not operations:
            raise ToolError("At least one file operation is required")
        budget = WorkBudget(_WORK_S)
        sections = [_section(root, operation, budget) for operation in operations]
        if all(failed for _, failed in sections):
            raise ToolError("\n\n".join(text for text, _ in sections))
        return "\n\n".join(text for text, _ in sections)

    return files


def _write_file_tool(root: FileRoot) -> Tool:
    @tool(retry="safe", timeout_s=_TIMEOUT_S)
    def write_file(path: str, content: str, context: ToolContext) -> str:
        """Create or overwrite a text file. Missing directories are made.

        Args:
            path: relative to the root directory.
            content: the whole text of the file.
            context: not shown to models.
        """
        told = replace_file(root, path, content, key=context.idempotency_key)
        context.progress(f"file_op: write {shown(path)}")
        return told

    if root.writable == ".":
        return write_file
    place = f"'{shown(root.writable)}/'"
    return dataclasses.replace(
        write_file,
        description=f"{write_file.description} Only files below {place} may be written.",
    )


def _section(root: FileRoot, operation: FileOperation, budget: WorkBudget) -> tuple[str, bool]:
    """The text of one operation, and whether it failed."""
    header = _header(operation)
    try:
        return "\n".join([header, *_lines(root, operation, budget)]), False
    except ToolError as error:
        return f"{header}\nError: {error}", True


def _header(operation: FileOperation) -> str:
    match operation:
        case ReadFile(path=path):
            return f"read {shown(path)}"
        case ListFiles(path=path):
            return f"list {shown(path)}"
        case SearchFiles(path=path, pattern=pattern):
            return f"search {shown(path)}: {shown(pattern)}"


def _lines(root: FileRoot, operation: FileOperation, budget: WorkBudget) -> list[str]:
    match operation:
        case ReadFile():
            return _read(root, operation, budget)
        case ListFiles(path=path, depth=depth, limit=limit):
            return list_directory(root, path, depth=depth, limit=limit, budget=budget)
        case SearchFiles(path=path, pattern=pattern, limit=limit):
            return search_files(root, path, pattern=pattern, limit=limit, budget=budget)


def _read(root: FileRoot, operation: ReadFile, budget: WorkBudget) -> list[str]:
    inside = root.locate(operation.path)
    last = operation.offset + operation.limit - 1
    shown_lines: list[str] = []
    number = 0
    with root.open_file(inside) as file:
        try:
            for line in text_lines(file, budget, first=operation.offset, last=last):
                number = line.number
                if number > last:
                    return [*shown_lines, _limit_reached(operation.limit, last)]
                if number >= operation.offset:
                    shown_lines.append(f"L{number}: {cut(line.text)}")
        except NotText as error:
            raise ToolError(f"'{shown(inside)}' cannot be read as text: {error}.") from error
    if shown_lines or not number:
        return shown_lines or ["(no lines)"]
    return ["(no lines)", f"[the file has {number} lines]"]


def _limit_reached(limit: int, last: int) -> str:
    return f"[limit of {limit} lines reached: there are more; continue with offset={last + 1}]"
