"""Where the calls of an agent work on this machine."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from mentra_actors.domain.agent.profile import AgentProfile
from mentra_actors.tools.executors.port import CommandExecutor
from mentra_actors.tools.policy import RuntimePolicy
from mentra_actors.tools.workplace import Workplace

__all__ = ["RoutedDirectory", "Workplaces"]

RoutedDirectory = Callable[[AgentProfile], Awaitable[str]]
"""In which directory an agent works that names none; empty for its base directory."""


async def _own_directory(_profile: AgentProfile) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Workplaces:
    """The policy of a runtime, and what runs commands for it, for each of its agents.

    `hidden` are the files of the runtime itself.
    """

    policy: RuntimePolicy = field(default_factory=RuntimePolicy)
    executors: Mapping[str, CommandExecutor] = field(default_factory=dict)
    routed: RoutedDirectory = _own_directory
    hidden: tuple[str, ...] = ()

    def of(self, profile: AgentProfile, *, changes_nothing: bool = False) -> Workplace:
        """The place of one agent; one in which nothing may be changed, if that is asked."""
        return Workplace(
            policy=self.policy.without_writes() if changes_nothing else self.policy,
            base_dir=self.policy.directory_of(profile.workspace.base_dir),
            executors={} if changes_nothing else self.executors,
            only_looks=changes_nothing,
            routed=lambda: self.routed(profile),
            hidden=self.hidden,
        )

    def at(self, base_dir: str) -> Workplace:
        """The place of an agent with this base directory; it names its working directories."""
        return Workplace(
            policy=self.policy,
            base_dir=self.policy.directory_of(base_dir),
            executors=self.executors,
            hidden=self.hidden,
        )
