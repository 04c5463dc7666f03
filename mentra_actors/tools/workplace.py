"""Where a call works on this machine, and what it may do there."""

import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import anyio.to_thread

from mentra_actors.late_module import LateModule
from mentra_actors.tools.executors.port import (
    CommandExecutor,
    CommandOutput,
    CommandRequest,
    OnOutput,
)
from mentra_actors.tools.pinned_roots import PinnedRoots, Roots
from mentra_actors.tools.policy import RuntimePolicy
from mentra_actors.tools.shell_review.verdict import ShellReview
from mentra_actors.tools.tool_errors import PolicyDenied, ToolError

if TYPE_CHECKING:
    from mentra_actors.tools.shell_review import review as shell_review
else:
    shell_review = LateModule("mentra_actors.tools.shell_review.review")

__all__ = ["PermittedCommand", "Workplace"]


class PermittedCommand(NamedTuple):
    """A command that may run, and what its review says where the policy wants one."""

    request: CommandRequest
    review: ShellReview | None


async def _no_route() -> str:
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """One agent's directory under the policy of its runtime, and what runs commands for it.

    `executors` are by target; the one for the empty target runs commands on this machine.
    `routed` says in which directory an agent works now that names none: that of its tasks.
    `hidden` are files of the runtime that a sandbox shows to no command. A tool that is declared
    without side effects has one that `only_looks`: it runs no command. `pins` know the roots again
    that the agents of a runtime have. `previewed` is what the preview of this call said when it
    was allowed; None where nothing was.
    """

    policy: RuntimePolicy
    base_dir: Path
    executors: Mapping[str, CommandExecutor] = field(default_factory=dict)
    routed: Callable[[], Awaitable[str]] = _no_route
    hidden: tuple[str, ...] = ()
    only_looks: bool = False
    pins: PinnedRoots = field(default_factory=PinnedRoots)
    previewed: Mapping[str, object] | None = None

    def roots(self) -> Roots:
        """Real paths of what the policy opens here. Looks at them: on a worker thread.

        Raises:
            PolicyDenied: one of them is not what it was at first.
        """
        return self.pins.roots(self.policy, self.base_dir)

    def executor(self, target: str) -> CommandExecutor:
        """What runs commands for a target.

        Raises:
            ToolError: nothing does.
        """
        found = self.executors.get(target)
        if found is not None:
            return found
        known = ", ".join(sorted(repr(name) for name in self.executors if name)) or "none"
        raise ToolError(f"no executor serves target `{target}`; there are: {known}")

    async def working_directory(self, asked: str = "", *, target: str = "") -> Path:
        """The real path of the directory in which a command starts.

        Whether it exists on another machine only its executor can say.

        Raises:
            PolicyDenied: no command may start there.
            ToolError: there is no such directory.
        """
        named = asked or await self.routed()
        try:
            place, is_there = await anyio.to_thread.run_sync(self._place, named)
            working = (await anyio.to_thread.run_sync(self.roots)).working
        except (OSError, ValueError, RuntimeError) as error:
            raise ToolError(f"Working directory {named!r} is no directory: {error}") from error
        if not any(place.is_relative_to(root) for root in working):
            told = f"Working directory '{place}' is outside the runtime policy roots"
            raise PolicyDenied(told, action="shell_command")
        if not is_there and not target:
            raise ToolError(f"Working directory '{place}' does not exist")
        return place

    def _place(self, named: str) -> tuple[Path, bool]:
        place = Path(os.path.realpath(self.base_dir / Path(named).expanduser()))
        return place, place.is_dir()

    def reviewed(self, command: str, directory: Path) -> ShellReview:
        """What a command would do, by its text. Pure; takes milliseconds for a long one."""
        return shell_review.review_command(
            command,
            writable=bool(self.policy.writable(self.base_dir)),
            workspace=str(self.base_dir),
            base_dir=str(directory),
        )

    async def permitted(
        self,
        command: str,
        *,
        working_directory: str = "",
        timeout_s: float | None = None,
        target: str = "",
        background: bool = False,
    ) -> PermittedCommand:
        """What the policy makes of a wish to run a command. A target loosens no check.

        Raises:
            PolicyDenied: the policy forbids it.
            ToolError: it cannot be run.
        """
        if self.only_looks:
            raise ToolError(
                "This tool is declared without side effects, so it runs no commands; "
                "declare side_effects='process' or 'external'"
            )
        policy = self.policy
        policy.require_commands(background=background)
        directory = await self.working_directory(working_directory, target=target)
        review = await self._allowed(command, directory, background=background)
        roots, held = await anyio.to_thread.run_sync(lambda: (self.roots(), self.pins.held()))
        limit = policy.max_background_timeout_s if background else policy.timeout_s(timeout_s)
        request = CommandRequest(
            command=command,
            cwd=str(directory),
            env=policy.environment(os.environ),
            timeout_s=limit,
            max_output_bytes=policy.max_output_bytes,
            target=target,
            readable=_there(roots.readable, roots),
            writable=_there(roots.writable, roots),
            protected=_named(roots.denied),
            held=_named(held),
            hidden=self.hidden,
            network=policy.network,
        )
        return PermittedCommand(request, review)

    async def _allowed(
        self, command: str, directory: Path, *, background: bool
    ) -> ShellReview | None:
        """What the review says, where the policy wants one.

        Raises:
            PolicyDenied: the policy enforces it, and it says no.
        """
        mode = self.policy.shell_validation
        if mode == "off":
            return None
        review = await anyio.to_thread.run_sync(self.reviewed, command, directory)
        if mode == "enforce" and review.verdict == "block":
            told = f"Command blocked by the runtime policy: {review.reason}"
            action = "background_shell_validation" if background else "shell_validation"
            raise PolicyDenied(told, action=action)
        return review

    async def run_command(
        self,
        command: str,
        *,
        working_directory: str = "",
        timeout_s: float | None = None,
        target: str = "",
        on_output: OnOutput = lambda _stream, _bytes: None,
    ) -> CommandOutput:
        """Run a command under the policy, and wait for its end.

        Raises:
            PolicyDenied: the policy forbids it.
            ToolError: it cannot be run, or nothing serves the target.
        """
        permitted = await self.permitted(
            command, working_directory=working_directory, timeout_s=timeout_s, target=target
        )
        return await self.executor(target).run(permitted.request, on_output)


def _there(places: tuple[Path, ...], roots: Roots) -> tuple[str, ...]:
    """Without those that are missing: a link could come to be there until they are opened."""
    return _named(tuple(place for place in places if place not in roots.missing))


def _named(places: tuple[Path, ...]) -> tuple[str, ...]:
    return tuple(str(place) for place in places)
