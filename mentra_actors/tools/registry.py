"""The tools of a runtime by name."""

import re
from collections.abc import Container, Iterable, Iterator, Mapping
from typing import get_args

from mentra_actors.domain.model_call import ToolSpec
from mentra_actors.domain.tool_call import RetryMode
from mentra_actors.errors import InvalidTool
from mentra_actors.tools.contract import Tool, ToolError
from mentra_actors.tools.schema_check import decoded_schema, schema_check
from mentra_actors.tools.traits import require_sound_traits

__all__ = ["ToolRegistry", "require_valid_name"]

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}", re.ASCII)


def require_valid_name(name: str) -> str:
    """`name`, when every provider accepts it as the name of a tool.

    Raises:
        InvalidTool: it is not 1 to 64 ASCII letters, digits, `_` and `-`.
    """
    if _NAME.fullmatch(name) is None:
        raise InvalidTool(
            f"tool name {name!r} is not 1 to 64 ASCII letters, digits, '_' or '-'; pass name="
        )
    return name


def _checked(tool: Tool) -> Tool:
    if tool.retry not in get_args(RetryMode):
        modes = ", ".join(get_args(RetryMode))
        raise InvalidTool(f"tool {tool.name!r}: retry is one of {modes}, not {tool.retry!r}")
    if tool.retry == "probe" and tool.probe is None:
        raise InvalidTool(f"tool {tool.name!r}: retry='probe' needs a probe")
    require_sound_traits(tool.name, tool.traits)
    if tool.terminal and _is_always_parallel(tool):
        raise InvalidTool(f"tool {tool.name!r} ends the run, so it cannot run beside other calls")
    if tool.timeout_s is not None and not tool.timeout_s > 0:
        raise InvalidTool(f"tool {tool.name!r}: timeout_s is positive or None")
    try:
        _require_schema(tool)
    except ValueError as error:
        raise InvalidTool(f"tool {tool.name!r}: input_schema {error}") from error
    return tool


def _is_always_parallel(tool: Tool) -> bool:
    """Whether a call without arguments may run beside others."""
    try:
        return bool(tool.is_parallel({}))
    except Exception:  # noqa: BLE001 - one that needs arguments to say decides by call
        return False


def _require_schema(tool: Tool) -> None:
    """The schema is one that can be applied; where the tool checks by itself, any JSON object.

    Raises:
        ValueError: it is not; the words go on after "input_schema".
    """
    if tool.check is None:
        schema_check(tool.input_schema)
    else:
        decoded_schema(tool.input_schema)


class ToolRegistry(Mapping[str, Tool]):
    """An immutable mapping of names to tools, in the order in which they were given.

    Raises:
        InvalidTool: two tools have one name, or a name is not valid.
    """

    __slots__ = ("_tools",)

    def __init__(self, tools: Iterable[Tool] = ()) -> None:
        by_name: dict[str, Tool] = {}
        for tool in tools:
            if not isinstance(tool, Tool):
                raise InvalidTool(f"{tool!r} is not a tool; decorate the function with @tool")
            if require_valid_name(tool.name) in by_name:
                raise InvalidTool(f"two tools are named {tool.name!r}; give one another name=")
            by_name[tool.name] = _checked(tool)
        self._tools: Mapping[str, Tool] = by_name

    def __getitem__(self, name: str) -> Tool:
        return self._tools[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tools)

    def __len__(self) -> int:
        return len(self._tools)

    def __repr__(self) -> str:
        return f"ToolRegistry({list(self._tools)!r})"

    def find(self, name: str) -> Tool:
        """The tool that a model asked for.

        Raises:
            ToolError: there is none; the text is for the model.
        """
        try:
            return self._tools[name]
        except KeyError:
            raise ToolError("Tool not found") from None

    def specs(self, allowed: Container[str] | None = None) -> tuple[ToolSpec, ...]:
        """What a model is told: all tools, or those whose names are in `allowed`."""
        return tuple(
            tool.spec for name, tool in self._tools.items() if allowed is None or name in allowed
        )

    def including(self, *tools: Tool) -> "ToolRegistry":
        """A registry with `tools` after the present ones."""
        return ToolRegistry([*self._tools.values(), *tools])
