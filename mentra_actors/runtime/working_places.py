"""Where the calls of a runtime work on this machine: its policy, its executors, its boards."""

import logging
import os
from pathlib import Path

from mentra_actors.domain.agent.profile import AgentProfile
from mentra_actors.domain.board.state import BoardState, directories_of
from mentra_actors.effects.calls.workplaces import RoutedDirectory, Workplaces
from mentra_actors.errors import ConfigurationError
from mentra_actors.ids import board_stream
from mentra_actors.runtime.settings import RuntimeSettings
from mentra_actors.runtime.teams.job_upkeep import jobs_directory
from mentra_actors.store.opening import files_of_store
from mentra_actors.tools.contract import Commands
from mentra_actors.tools.executors.local import LocalExecutor
from mentra_actors.tools.policy import RuntimePolicy
from mentra_actors.tools.tool_errors import ToolError

__all__ = ["require_workspace", "workplaces_of"]

_log = logging.getLogger(__name__)


def require_workspace(policy: RuntimePolicy) -> None:
    """Nothing, if agents can work where the policy says; a warning of what can never run.

    Raises:
        ConfigurationError: its `base_dir` is no directory.
    """
    if policy.base_dir and not policy.directory_of("").is_dir():
        raise ConfigurationError(
            f"the workspace of the policy is not a directory: {os.fspath(policy.base_dir)}"
        )
    if policy.allow_background and not policy.allow_shell:
        _log.warning("allow_background does nothing without allow_shell: no command is run")


def workplaces_of(settings: RuntimeSettings, commands: Commands) -> Workplaces:
    """The workplaces of a runtime with these settings."""
    return Workplaces(
        policy=settings.policy or RuntimePolicy(),
        executors={**settings.targets, "": settings.executor or LocalExecutor()},
        routed=_routed_by_tasks(commands),
        hidden=_files_of_ours(settings.path),
    )


def _files_of_ours(path: str | Path) -> tuple[str, ...]:
    """Where the store is, and what its background jobs have printed."""
    store = (os.path.realpath(Path(one)) for one in files_of_store(path))
    return (*store, str(jobs_directory(path)))


def _routed_by_tasks(commands: Commands) -> RoutedDirectory:
    async def routed(profile: AgentProfile) -> str:
        """The one directory of what a teammate is doing; empty if its tasks have none.

        Raises:
            ToolError: they have several.
        """
        if not profile.lead or not profile.workspace.auto_route_shell:
            return ""
        board: BoardState = await commands.look(board_stream(profile.team_id))
        places = directories_of(profile.name, board)
        if len(places) > 1:
            raise ToolError(
                "Multiple owned task directories are active. Pass workingDirectory explicitly."
            )
        return places[0] if places else ""

    return routed
