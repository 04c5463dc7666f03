"""The blocking face, for scripts: the same as `runtime`, without `await`."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Unpack

from mentra_actors.domain.background.job import Job
from mentra_actors.domain.content import Attachment
from mentra_actors.domain.permission_rules import RuleScope, ScopedRule
from mentra_actors.domain.team import TeamState
from mentra_actors.effects.models.live import LiveNotice, Subscription
from mentra_actors.envelope import RecordedEvent
from mentra_actors.ids import StreamId, agent_stream
from mentra_actors.providers.catalogue import NEWEST, ListedModel
from mentra_actors.runtime.agents.agent_memory import SyncAgentMemory
from mentra_actors.runtime.agents.profiles import SpawnOptions, profile_of
from mentra_actors.runtime.agents.rule_operations import RuleArguments, rule_arguments
from mentra_actors.runtime.agents.sync_agent import SyncAgent
from mentra_actors.runtime.blocking import result_of, watched_result_of
from mentra_actors.runtime.core import RuntimeCore
from mentra_actors.runtime.history.history import History
from mentra_actors.runtime.history.open_branches import SyncOpenBranches
from mentra_actors.runtime.operations import Operations
from mentra_actors.runtime.plain_arguments import id_of
from mentra_actors.runtime.registrations import Registrations
from mentra_actors.runtime.sessions.sessions import SyncSessions
from mentra_actors.runtime.settings import RuntimeOptions, settings_of
from mentra_actors.runtime.skills import SkillsRegistration
from mentra_actors.runtime.teams.members import SyncMembers
from mentra_actors.runtime.teams.schedules import SyncSchedules
from mentra_actors.runtime.teams.sync_supervision import SyncSupervision
from mentra_actors.runtime.teams.task_board import SyncTaskBoard
from mentra_actors.runtime.views.looking_on import SyncLookingOn
from mentra_actors.runtime.views.observer import Observer, OnHookEvent
from mentra_actors.runtime.views.observers import Observation, ObserverStatus
from mentra_actors.tools.builtin.skill_files import Skill, SkillFault
from mentra_actors.tools.contract import Tool
from mentra_actors.tools.registry import ToolRegistration
from projections.views.approvals import Approval
from projections.views.awaited import LONG_S
from projections.views.background_jobs import JobView
from projections.views.health import Health
from projections.views.roster import MemberView

__all__ = ["SyncRuntime", "open_runtime_sync"]


@contextmanager
def open_runtime_sync(
    path: str | Path, **options: Unpack[RuntimeOptions]
) -> Iterator["SyncRuntime"]:
    """`open_runtime` for programs without an event loop; the same arguments and errors."""
    core = RuntimeCore(settings_of(path, options))
    try:
        yield SyncRuntime(Operations(core))
    finally:
        core.close()


class SyncRuntime(Registrations, SyncLookingOn, SyncOpenBranches):
    """A running team; see `Runtime`. Made by `open_runtime_sync`; safe from any thread."""

    def __init__(self, operations: Operations) -> None:
        """Made by `open_runtime_sync`."""
        self._operations = operations
        self.board = SyncTaskBoard(operations.board)
        """See `Runtime.board`."""
        self.members = SyncMembers(operations)
        """See `Runtime.members`."""
        self.sessions = SyncSessions(operations)
        """See `Runtime.sessions`."""
        self.history: History = operations.history
        """The past of the whole store."""
        self.schedules = SyncSchedules(operations.core)
        """See `Runtime.schedules`."""
        self.memory = SyncAgentMemory(operations.core)
        """See `Runtime.memory`."""

    @property
    def resumed(self) -> Sequence[StreamId]:
        """See `Runtime.resumed`."""
        return self._operations.core.resumed

    @property
    def tools(self) -> Mapping[str, Tool]:
        """See `Runtime.tools`."""
        return self._operations.core.tools.for_all

    def register_tool(self, tool: Tool, *, agent: SyncAgent | None = None) -> ToolRegistration:
        """See `Runtime.register_tool`."""
        return self._operations.core.tools.register(tool, audience=id_of(agent))

    def register_skills_dir(self, path: str | os.PathLike[str]) -> SkillsRegistration:
        """See `Runtime.register_skills_dir`."""
        return self._operations.core.skills.add(path)

    def reload_skills(self) -> None:
        """See `Runtime.reload_skills`."""
        self._operations.core.skills.reload()

    def skills(self) -> Sequence[Skill]:
        """See `Runtime.skills`."""
        return self._operations.core.skills.all()

    def skill_faults(self) -> Sequence[SkillFault]:
        """See `Runtime.skill_faults`."""
        return self._operations.core.skills.faults()

    def skill_body(self, name: str) -> str:
        """See `Runtime.skill_body`."""
        return self._operations.core.skills.body(name)

    def spawn(
        self,
        name: str,
        *,
        model: str,
        prompt: str = "",
        reuse: bool = False,
        **options: Unpack[SpawnOptions],
    ) -> SyncAgent:
        """See `Runtime.spawn`."""
        profile = profile_of(self._operations.core.settings.team, name, model, options)
        operations = self._operations
        agent_id = result_of(
            operations.core, lambda: operations.spawn(profile, prompt=prompt, reuse=reuse)
        )
        return SyncAgent(name, agent_id, operations)

    def agent(self, name: str) -> SyncAgent:
        """See `Runtime.agent`."""
        team = self.team()
        return SyncAgent(name, self._operations.agent_id(team, name), self._operations)

    def agents(self) -> Sequence[MemberView]:
        """See `Runtime.agents`."""
        return self.history.at().roster(self._operations.core.settings.team)

    def resume_agent(self, name: str) -> SyncAgent:
        """See `Runtime.resume_agent`."""
        agent = self.agent(name)
        self._operations.core.directory.wake(agent_stream(agent.agent_id))
        return agent

    def resume_all(self) -> Sequence[StreamId]:
        """See `Runtime.resume_all`."""
        return self._operations.core.resumption.rest()

    def team(self) -> TeamState:
        """See `Runtime.team`."""
        return result_of(self._operations.core, self._operations.team)

    def background_jobs(self, agent: SyncAgent | None = None) -> tuple[JobView, ...]:
        """See `Runtime.background_jobs`."""
        return self._operations.jobs.jobs(id_of(agent))

    def cancel_background(self, job_id: str, reason: str = "") -> Job:
        """See `Runtime.cancel_background`."""
        operations = self._operations
        return result_of(operations.core, lambda: operations.jobs.cancel(job_id, reason))

    def content_of(self, attachment: Attachment) -> bytes | None:
        """See `Runtime.content_of`."""
        return self._operations.content_of(attachment)

    def models(self, provider: str) -> tuple[ListedModel, ...]:
        """See `Runtime.models`."""
        operations = self._operations
        return result_of(operations.core, lambda: operations.models.models(provider))

    def resolve_model(self, provider: str, selector: str = NEWEST) -> ListedModel:
        """See `Runtime.resolve_model`."""
        operations = self._operations
        return result_of(operations.core, lambda: operations.models.resolved(provider, selector))

    def approvals(self, *, at_position: int | None = None) -> tuple[Approval, ...]:
        """See `Runtime.approvals`."""
        return self._operations.approvals(at_position)

    def rules(self) -> Sequence[ScopedRule]:
        """See `Runtime.rules`."""
        return result_of(self._operations.core, self._operations.rules.listed)

    def remember_rule(self, tool: str, *, allow: bool, **more: Unpack[RuleArguments]) -> str:
        """See `Runtime.remember_rule`."""
        operations, arguments = self._operations, rule_arguments(more)
        return result_of(
            operations.core, lambda: operations.rules.remember(tool, arguments, allow=allow)
        )

    def revoke_rule(self, rule_id: str, *, by: str = "") -> None:
        """See `Runtime.revoke_rule`."""
        operations = self._operations
        result_of(operations.core, lambda: operations.rules.revoke(rule_id, by))

    def clear_rules(
        self, scope: RuleScope, *, agent: SyncAgent | None = None, by: str = ""
    ) -> None:
        """See `Runtime.clear_rules`."""
        operations = self._operations
        result_of(operations.core, lambda: operations.rules.clear(scope, agent, by))

    def until_idle(self, *, with_jobs: bool = False, timeout_s: float | None = None) -> None:
        """See `Runtime.until_idle`."""
        operations = self._operations
        watch = partial(operations.idle, with_jobs=with_jobs)
        watched_result_of(operations.core, watch, timeout_s)

    def on_recorded(
        self, call: Callable[[tuple[RecordedEvent[object], ...]], None]
    ) -> Subscription:
        """See `Runtime.on_recorded`."""
        return self._operations.core.recorded.subscribe(call)

    def observe(self, observer: OnHookEvent | Observer) -> Observation:
        """See `Runtime.observe`."""
        return self._operations.observers.add(observer)

    def observers(self) -> Sequence[ObserverStatus]:
        """See `Runtime.observers`."""
        return self._operations.observers.status()

    def on_live(self, call: Callable[[LiveNotice], None]) -> Subscription:
        """See `Runtime.on_live`."""
        return self._operations.core.live.subscribe(call)

    @property
    def supervision(self) -> SyncSupervision:
        """See `Runtime.supervision`."""
        return SyncSupervision(self._operations.core, self._operations.supervision)

    def health(self, *, long_s: float | None = LONG_S) -> Health:
        """See `Runtime.health`."""
        return self._operations.health.report(long_s)
