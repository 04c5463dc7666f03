"""What all file tools share: where they work, their time, and other names of their arguments."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import msgspec

from mentra_actors.json_types import Json
from mentra_actors.tools.contract import Tool, ToolContext
from mentra_actors.tools.file_tools.place import FilePlace
from mentra_actors.tools.file_tools.previews import allowed_paths
from mentra_actors.tools.functions.decorator import FunctionTool
from mentra_actors.tools.workplace import Workplace

__all__ = ["TIMEOUT_S", "WORK_S", "Places", "read_as_json", "renamed", "with_arguments"]

TIMEOUT_S = 30.0
WORK_S = 20.0
"""Seconds after which a call answers with what it has found so far."""

Rewrite: TypeAlias = Callable[[Json], Json]


@dataclass(frozen=True, slots=True)
class Places:
    """Where a call works: at one place, or at that of the agent."""

    fixed: FilePlace | None = None

    def of(self, workplace: Workplace) -> FilePlace:
        """The place under the policy of a workplace."""
        if self.fixed is None:
            return FilePlace.of_workplace(workplace)
        return self.fixed.without_files_of(workplace)

    def of_call(self, context: ToolContext) -> FilePlace:
        """The place of a call: it opens what its preview has named, and nothing else."""
        allowed = allowed_paths(context.workplace.previewed)
        return replace(self.of(context.workplace), allowed=allowed)

    def described(self, description: str) -> str:
        """A description of a tool that writes; it says if only a part may be written."""
        place = self.fixed
        if place is None or place.writable == (place.base_dir,):
            return description
        part = place.told(place.writable[0])
        return f"{description} Only files below '{part}/' may be written."


def with_arguments(tool: FunctionTool[..., Any], rewrite: Rewrite, places: Places) -> Tool:
    """A tool that takes its arguments under other names too."""
    plain = tool

    async def run(arguments: Mapping[str, object], context: ToolContext) -> Any:
        return await plain.run(rewrite(arguments), context)

    def check(arguments: Mapping[str, object]) -> str:
        return plain.faults(rewrite(arguments))

    return replace(
        tool,
        run=run,
        check=check,
        is_parallel=lambda arguments: plain.is_parallel(rewrite(arguments)),
        description=places.described(tool.description)
        if "filesystem_write" in tool.traits.capabilities
        else tool.description,
    )


def renamed(arguments: object, names: Mapping[str, Sequence[str]]) -> Any:
    """Arguments under the names that we know; what is no mapping is left as it is."""
    if not isinstance(arguments, Mapping):
        return arguments
    plain = dict(arguments)
    for name, others in names.items():
        for other in others:
            if other in plain and name not in plain:
                plain[name] = plain.pop(other)
    return plain


def read_as_json(value: object) -> object:
    """What a text says as JSON: models write lists so. What says nothing is left as it is."""
    if not isinstance(value, str):
        return value
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return value
