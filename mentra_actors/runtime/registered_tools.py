"""The tools of a runtime: those of the program, then its own."""

from mentra_actors.runtime.settings import RuntimeSettings
from mentra_actors.tools.compact import compact_tools
from mentra_actors.tools.contract import Tool
from mentra_actors.tools.memory import memory_tools
from mentra_actors.tools.read_tool_result import read_tool_result
from mentra_actors.tools.subagent import subagent_tools
from mentra_actors.tools.task_board import board_tools
from mentra_actors.tools.team import team_tools

__all__ = ["registered_tools"]


def registered_tools(settings: RuntimeSettings) -> list[Tool]:
    """All that agents may be offered, in the order in which models are told of them."""
    own: list[Tool] = []
    if settings.team_tools:
        own += [*team_tools(), *board_tools(), *subagent_tools(), *compact_tools()]
    if settings.memory_tools:
        own += memory_tools()
    return [*settings.tools, *own, read_tool_result]
