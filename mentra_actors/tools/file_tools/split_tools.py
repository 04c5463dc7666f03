"""`read`, `ls`, `grep`, `glob`, `write`, `edit`: one tool each, under the names models know."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias

import msgspec

from mentra_actors.json_types import Json
from mentra_actors.tools.contract import Preview, Tool, ToolContext, ToolOutput
from mentra_actors.tools.file_tools.batch import encoded_text, existing_file, text_of_staged
from mentra_actors.tools.file_tools.commit import commit
from mentra_actors.tools.file_tools.diffs import change_details
from mentra_actors.tools.file_tools.edit_arguments import FileEdit, edit_arguments
from mentra_actors.tools.file_tools.edits import Edit, Splice, applied, splices_of
from mentra_actors.tools.file_tools.looking import find_paths, list_directory, read_file
from mentra_actors.tools.file_tools.offered import (
    TIMEOUT_S,
    WORK_S,
    Places,
    renamed,
    with_arguments,
)
from mentra_actors.tools.file_tools.overlay import Overlay
from mentra_actors.tools.file_tools.previews import operation_previews
from mentra_actors.tools.file_tools.searching import SearchOptions, search_files
from mentra_actors.tools.file_tools.text_lines import WorkBudget
from mentra_actors.tools.file_tools.wording import shown
from mentra_actors.tools.functions.decorator import FunctionTool, Retry, tool
from mentra_actors.tools.tool_errors import ToolError
from mentra_actors.tools.workplace import Workplace

__all__ = ["split_tools"]

_Count: TypeAlias = Annotated[int, msgspec.Meta(ge=1)]
_Limit: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=100_000)]
_Context: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=50)]

_NAMES = {
    "path": ("file_path", "filePath"),
    "ignore_case": ("ignoreCase",),
    "include_ignored": ("includeIgnored",),
    "replace_all": ("replaceAll",),
}
_READS = ("read_only", "filesystem_read")


def split_tools(places: Places) -> list[Tool]:
    """The six tools for a place."""
    calls = _Calls(places)
    plain = functools.partial(renamed, names=_NAMES)
    looks: dict[str, Callable[..., str]] = {
        "read": calls.read,
        "ls": calls.ls,
        "grep": calls.grep,
        "glob": calls.glob,
    }
    looking = [_reading(places, name)(look) for name, look in looks.items()]
    write = _writing(places, "write", "safe")(calls.write)
    edit = _writing(places, "edit", "never")(calls.edit)
    tools = [with_arguments(one, plain, places) for one in (*looking, write)]
    return [*tools, with_arguments(edit, edit_arguments, places)]


def _reading(places: Places, op: str) -> Callable[[Callable[..., str]], FunctionTool[..., str]]:
    """What the tools that only look have in common."""
    return tool(
        name=op,
        retry="safe",
        timeout_s=TIMEOUT_S,
        parallel=True,
        capabilities=_READS,
        side_effects="none",
        approval="read_only",
        preview=_preview(places, op),
    )


def _preview(places: Places, op: str) -> Preview:
    def preview(arguments: Mapping[str, object], workplace: Workplace) -> Json:
        operation = {**renamed(arguments, _NAMES), "op": op}
        return operation_previews(places.of(workplace), [operation])

    return preview


def _writing(
    places: Places, op: str, retry: Retry
) -> Callable[[Callable[..., object]], FunctionTool[..., Any]]:
    """What the tools that change files have in common."""
    return tool(
        name=op,
        retry=retry,
        timeout_s=TIMEOUT_S,
        capabilities=("filesystem_read", "filesystem_write"),
        side_effects="local_state",
        approval="filesystem",
        preview=_preview(places, op),
    )


def _found(told: str, text: str, edits: list[Edit], *, replace_all: bool) -> list[Splice]:
    """What the edits change in the text of a file; a fault names the file.

    Raises:
        ToolError: see `splices_of`.
    """
    try:
        return splices_of(text, edits, replace_all=replace_all)
    except ToolError as error:
        raise ToolError(f"{told}: {error}") from error


def _told(lines: list[str]) -> str:
    return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class _Calls:
    """What calls of the tools do at a place."""

    places: Places

    def read(
        self, context: ToolContext, path: str, offset: _Count = 1, limit: _Limit = 2_000
    ) -> str:
        """Read numbered lines of a text file.

        Args:
            context: not shown to models.
            path: the file, relative to the working directory or absolute.
            offset: the first line, from 1.
            limit: how many lines.
        """
        place = self.places.of_call(context)
        located = place.for_reading(path, "files_read")
        budget = WorkBudget(WORK_S)
        return _told(read_file(Overlay(place), located, offset=offset, limit=limit, budget=budget))

    def ls(
        self, context: ToolContext, path: str = ".", depth: _Count = 1, limit: _Limit = 200
    ) -> str:
        """List the entries of a directory, sorted.

        Args:
            context: not shown to models.
            path: the directory, relative to the working directory or absolute.
            depth: levels of directories.
            limit: how many entries.
        """
        place = self.places.of_call(context)
        located = place.for_reading(path, "files_list")
        budget = WorkBudget(WORK_S)
        return _told(
            list_directory(Overlay(place), located, depth=depth, limit=limit, budget=budget)
        )

    def grep(  # noqa: PLR0913, PLR0917 - models name every argument
        self,
        call: ToolContext,
        pattern: str,
        path: str = ".",
        glob: str = "",
        ignore_case: bool = False,
        literal: bool = False,
        context: _Context = 0,
        multiline: bool = False,
        include_ignored: bool = False,
        limit: _Limit = 200,
    ) -> str:
        """Find lines that match a Python regular expression, in a file or below a directory.

        Hidden, generated and ignored entries are left out unless their path is given.

        Args:
            call: not shown to models.
            pattern: the regular expression.
            path: a file or a directory, relative to the working directory or absolute.
            glob: search only files like this, for example *.py or src/**/*.ts.
            ignore_case: upper and lower case are the same.
            literal: the pattern is plain text.
            context: also tell so many lines before and after each.
            multiline: the pattern may match over several lines.
            include_ignored: search hidden, generated and ignored files too.
            limit: how many lines that match.
        """
        place = self.places.of_call(call)
        options = SearchOptions(
            pattern=pattern,
            limit=limit,
            glob=glob,
            ignore_case=ignore_case,
            literal=literal,
            context=context,
            multiline=multiline,
            include_ignored=include_ignored,
        )
        located = place.for_reading(path, "files_search")
        return _told(search_files(Overlay(place), located, options, WorkBudget(WORK_S)))

    def glob(
        self,
        context: ToolContext,
        pattern: str,
        path: str = ".",
        include_ignored: bool = False,
        limit: _Limit = 200,
    ) -> str:
        """Find files by their names, sorted.

        `*` stays in one name, `**` crosses directories; a pattern without a slash is held against
        names. Hidden, generated and ignored entries are left out unless their path is given.

        Args:
            context: not shown to models.
            pattern: for example *.py or src/**/test_*.py.
            path: the directory to look below, relative to the working directory or absolute.
            include_ignored: find hidden, generated and ignored files too.
            limit: how many files.
        """
        place = self.places.of_call(context)
        return _told(
            find_paths(
                Overlay(place),
                place.for_reading(path, "files_glob"),
                pattern=pattern,
                limit=limit,
                include_ignored=include_ignored,
                budget=WorkBudget(WORK_S),
            )
        )

    def write(self, context: ToolContext, path: str, content: str) -> str:
        """Create or overwrite a text file. Missing directories are made.

        Args:
            context: not shown to models.
            path: the file, relative to the working directory or absolute.
            content: the whole text of the file.
        """
        place = self.places.of_call(context)
        encoded = encoded_text(content)
        overlay = Overlay(place)
        staged = overlay.staged_file(place.for_writing(path))
        overlay.write(staged, encoded)
        commit(overlay)
        told = shown(staged.located.told)
        context.progress(f"file_op: write {told}")
        return f"Wrote {len(encoded)} byte(s) to {told}"

    def edit(
        self,
        context: ToolContext,
        path: str,
        edits: list[FileEdit],
        replace_all: bool = False,
    ) -> ToolOutput:
        """Replace parts of a text file. All edits are done, or none.

        Each old text must be in the file once, as it is there, and no two may overlap; all of
        them are found in the file as it was before.

        Args:
            context: not shown to models.
            path: the file, relative to the working directory or absolute.
            edits: what to replace.
            replace_all: replace each old text wherever it is.
        """
        place = self.places.of_call(context)
        overlay = Overlay(place)
        staged = existing_file(overlay, path)
        before = text_of_staged(overlay, staged)
        wanted = [Edit(one.old_string, one.new_string) for one in edits]
        told = shown(staged.located.told)
        splices = _found(told, before.text, wanted, replace_all=replace_all)
        after = applied(before.text, splices)
        overlay.write(staged, encoded_text(after, before))
        commit(overlay)
        context.progress(f"file_op: edit {told}")
        return ToolOutput(
            content=f"Replaced {len(splices)} block(s) in {told}",
            details=change_details(told, before.text, after),
        )
