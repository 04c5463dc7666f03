"""The tools of a runtime: those of the program, and those that come with it."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from mentra_actors.errors import InvalidTool
from mentra_actors.late_module import LateModule
from mentra_actors.runtime.settings import RuntimeSettings
from mentra_actors.runtime.working_places import require_workspace
from mentra_actors.tools.builtin.compact import compact_tools
from mentra_actors.tools.builtin.memory import memory_tools
from mentra_actors.tools.builtin.read_tool_result import read_tool_result
from mentra_actors.tools.builtin.schedules import schedule_tools
from mentra_actors.tools.builtin.subagent import subagent_tools
from mentra_actors.tools.builtin.task_board import board_tools
from mentra_actors.tools.builtin.team import team_tools
from mentra_actors.tools.contract import Tool
from mentra_actors.tools.policy import RuntimePolicy
from mentra_actors.tools.registry import require_tool

if TYPE_CHECKING:  # what touches this machine is imported when a policy opens it
    from mentra_actors.tools.builtin import background, files, shell
else:
    background = LateModule("mentra_actors.tools.builtin.background")
    files = LateModule("mentra_actors.tools.builtin.files")
    shell = LateModule("mentra_actors.tools.builtin.shell")

__all__ = ["all_tools"]


def all_tools(settings: RuntimeSettings) -> list[Tool]:
    """Every tool that agents may be offered.

    Raises:
        ConfigurationError: the policy asks for what is not installed, or has no workspace.
        InvalidTool: one of the program has the name of one that is there already.
    """
    groups = (
        (_team_tools(settings), "team_tools=False leaves out the other"),
        (_file_tools(settings), "the policy adds the other, file_profile='none' leaves it out"),
        (_machine_tools(settings), "the policy adds the other"),
        (_memory_tools(settings), "memory_tools=False leaves out the other"),
    )
    for own, words in groups:
        _require_other_names(settings.tools, {tool.name for tool in own}, words)
    return [*settings.tools, *(tool for own, _ in groups for tool in own), read_tool_result]


def _require_other_names(given: Sequence[Tool], names: Collection[str], words: str) -> None:
    for tool in given:
        if require_tool(tool).name in names:
            raise InvalidTool(
                f"two tools are named {tool.name!r}: {words}; or give yours another name="
            )


def _team_tools(settings: RuntimeSettings) -> list[Tool]:
    if not settings.team_tools:
        return []
    team = [*team_tools(), *board_tools(), *schedule_tools()]
    return [*team, *subagent_tools(), *compact_tools()]


def _memory_tools(settings: RuntimeSettings) -> list[Tool]:
    return memory_tools() if settings.memory_tools else []


def _file_tools(settings: RuntimeSettings) -> list[Tool]:
    if settings.policy is None or settings.file_profile == "none":
        return []
    return files.workspace_file_tools(settings.file_profile)


def _machine_tools(settings: RuntimeSettings) -> list[Tool]:
    """What runs commands on this machine; nothing does without a policy."""
    if settings.policy is None:
        return []
    require_workspace(settings.policy)
    shell.require_shell_grammar(settings.policy)
    return [
        shell.shell_tool(targets=settings.targets),
        *_background_tools(settings, settings.policy),
    ]


def _background_tools(settings: RuntimeSettings, policy: RuntimePolicy) -> list[Tool]:
    """Where nothing may run in the background only the tool that says so."""
    run, *others = background.background_tools(targets=settings.targets)
    return [run, *others] if policy.allow_shell and policy.allow_background else [run]
