"""Where the calls of an agent work on this machine."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace

from mentra_actors.domain.agent.profile import AgentProfile
from mentra_actors.tools.executors.port import CommandExecutor
from mentra_actors.tools.pinned_roots import PinnedRoots
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

    `hidden` are the files of the runtime itself. Roots and base directories are resolved
    once: those of the policy when this is made, those of an agent when it is first asked for.
    """

    policy: RuntimePolicy = field(default_factory=RuntimePolicy)
    executors: Mapping[str, CommandExecutor] = field(default_factory=dict)
    routed: RoutedDirectory = _own_directory
    hidden: tuple[str, ...] = ()
    pins: PinnedRoots = field(default_factory=PinnedRoots)
    looking: RuntimePolicy = field(init=False)
    """The policy of calls that may change nothing."""

    def __post_init__(self) -> None:
        """Work out what does not depend on an agent, before any tool runs."""
        object.__setattr__(self, "looking", self.policy.without_writes())
        self.pins.base_dir_of(self.policy, "")

    def of(self, profile: AgentProfile, *, changes_nothing: bool = False) -> Workplace:
        """The place of one agent; one in which nothing may be changed, if that is asked."""
        place = replace(self.at(profile.workspace.base_dir), routed=lambda: self.routed(profile))
        if not changes_nothing:
            return place
        return replace(place, policy=self.looking, executors={}, only_looks=True)

    def at(self, base_dir: str) -> Workplace:
        """The place of an agent with this base directory; it names its working directories."""
        return Workplace(
            policy=self.policy,
            base_dir=self.pins.base_dir_of(self.policy, base_dir),
            executors=self.executors,
            hidden=self.hidden,
            pins=self.pins,
        )
