"""The asynchronous face: `open_runtime`, `Runtime`."""

import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Unpack

import anyio

from mentra_actors.domain.background.job import Job
from mentra_actors.domain.content import Attachment
from mentra_actors.domain.permission_rules import RuleScope, ScopedRule
from mentra_actors.domain.team import TeamState
from mentra_actors.effects.models.live import LiveNotice, Subscription
from mentra_actors.envelope import RecordedEvent
from mentra_actors.ids import StreamId, agent_stream
from mentra_actors.providers.catalogue import NEWEST, ListedModel
from mentra_actors.runtime.agents.agent import Agent
from mentra_actors.runtime.agents.agent_memory import AgentMemory
from mentra_actors.runtime.agents.profiles import SpawnOptions, profile_of
from mentra_actors.runtime.agents.rule_operations import RuleArguments, rule_arguments
from mentra_actors.runtime.awaiting import asked, wait_for, watched
from mentra_actors.runtime.core import RuntimeCore
from mentra_actors.runtime.history.history import History
from mentra_actors.runtime.history.open_branches import OpenBranches
from mentra_actors.runtime.operations import Operations
from mentra_actors.runtime.plain_arguments import id_of
from mentra_actors.runtime.registrations import Registrations
from mentra_actors.runtime.sessions.sessions import Sessions
from mentra_actors.runtime.settings import RuntimeOptions, settings_of
from mentra_actors.runtime.skills import SkillsRegistration
from mentra_actors.runtime.teams.members import Members
from mentra_actors.runtime.teams.schedules import Schedules
from mentra_actors.runtime.teams.supervision import Supervision
from mentra_actors.runtime.teams.task_board import TaskBoard
from mentra_actors.runtime.views.looking_on import LookingOn
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

__all__ = ["Runtime", "open_runtime"]


@asynccontextmanager
async def open_runtime(
    path: str | Path, **options: Unpack[RuntimeOptions]
) -> AsyncIterator["Runtime"]:
    """Open a team's store, go on with whatever was open, and close it at the end of the block.

    `path` is a directory (made if it is not there), `":memory:"`, `"sqlite:FILE"` or
    `"postgresql://…"`. The options are those of `mentra_actors.runtime.settings.RuntimeSettings`.
    What is still running at the end of the block stays open on the log and goes on at the next
    opening; to let it finish first, `await runtime.until_idle()`.

    Raises:
        StoreError: the store cannot be opened; nothing was changed.
        ConfigurationError: two tools or two providers have one name.
        TypeError, ValueError: an option is not known, or nothing would ever happen with it.
    """
    settings = settings_of(path, options)
    core = await anyio.to_thread.run_sync(lambda: RuntimeCore(settings))
    try:
        yield Runtime(Operations(core))
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(core.close)


class Runtime(Registrations, LookingOn, OpenBranches):
    """A running team. Made by `open_runtime`; use it on any event loop."""

    def __init__(self, operations: Operations) -> None:
        """Made by `open_runtime`."""
        self._operations = operations
        self.board = TaskBoard(operations.board)
        """The task board of the team, with the rights of a lead; `await board()` is all of it."""
        self.members = Members(operations)
        """Who is in the team; new names, ends, seats of persons."""
        self.sessions = Sessions(operations)
        """Conversations with leads."""
        self.schedules = Schedules(operations.core)
        """When agents are woken."""
        self.memory = AgentMemory(operations.core)
        """What all agents of the team, and all of the store, remember."""
        self.history: History = operations.history
        """The past of the whole store; reading it blocks, so let another thread do it."""

    @property
    def resumed(self) -> Sequence[StreamId]:
        """Streams that had open work when the store was opened."""
        return self._operations.core.resumed

    @property
    def tools(self) -> Mapping[str, Tool]:
        """The tools of all agents by name, in the order in which they were registered."""
        return self._operations.core.tools.for_all

    def register_tool(self, tool: Tool, *, agent: Agent | None = None) -> ToolRegistration:
        """Add a tool, for all agents or for one; models are told of it from their next call on.

        An agent's own tool comes before one of the same name for all. It is not on the log: after
        a restart register it again. The result takes it away (`remove`, or the end of a `with`).

        Raises:
            InvalidTool: there is a tool of this name for the same audience, or it is no tool.
            TypeError: `agent` is no agent.
        """
        return self._operations.core.tools.register(tool, audience=id_of(agent))

    async def register_skills_dir(self, path: str | os.PathLike[str]) -> SkillsRegistration:
        """Read the skills below a directory; models are told of them from their next call on.

        Each is a `SKILL.md` with a name and a description at its top. A skill of this name from a
        directory before this one wins. The result takes the directory away (`remove`, or the end
        of a `with`). It is not on the log: after a restart register it again.

        Raises:
            ConfigurationError: it is no directory, or is registered already.
        """
        return await anyio.to_thread.run_sync(self._operations.core.skills.add, path)

    async def reload_skills(self) -> None:
        """Read the directories of skills again: what was added, described or taken away."""
        await anyio.to_thread.run_sync(self._operations.core.skills.reload)

    def skills(self) -> Sequence[Skill]:
        """All skills, also those that models are not told of, by name."""
        return self._operations.core.skills.all()

    def skill_faults(self) -> Sequence[SkillFault]:
        """Files and directories that give no skill, and why; the others are there all the same."""
        return self._operations.core.skills.faults()

    async def skill_body(self, name: str) -> str:
        """The text of a skill, as its file is now.

        Raises:
            UnknownSkill: there is none of this name, or its file cannot be read.
        """
        return await anyio.to_thread.run_sync(self._operations.core.skills.body, name)

    async def spawn(
        self,
        name: str,
        *,
        model: str,
        prompt: str = "",
        reuse: bool = False,
        **options: Unpack[SpawnOptions],
    ) -> Agent:
        """Make an agent and add it to the team.

        `model` is `provider:name`. A `prompt` is put into its inbox in the same append. With
        `reuse` an agent of this name that is there already is returned as it is. See
        `AgentProfile` for the options.

        Raises:
            CommandRejected: the name is taken, or not a name.
            UnknownModel: no provider serves the model; nothing was recorded.
        """
        profile = profile_of(self._operations.core.settings.team, name, model, options)
        agent_id = await asked(lambda: self._operations.spawn(profile, prompt=prompt, reuse=reuse))
        return Agent(name, agent_id, self._operations)

    async def agent(self, name: str) -> Agent:
        """The member with this name, or the subagent with this id.

        Raises:
            CommandRejected: there is none; the message lists the members.
        """
        team = await self.team()
        agent_id = await anyio.to_thread.run_sync(self._operations.agent_id, team, name)
        return Agent(name, agent_id, self._operations)

    async def agents(self) -> Sequence[MemberView]:
        """The agents of the team as they are now, in the order in which they joined.

        Reads the log, of which the next look reads what has come since, and wakes nobody;
        `list_agents` does so without a runtime. Those of other teams in the store, and subagents,
        are not among them.
        """
        team = self._operations.core.settings.team
        return await anyio.to_thread.run_sync(lambda: self.history.at().roster(team))

    async def resume_agent(self, name: str) -> Agent:
        """The agent of this name, which goes on with what it has open, if it does not already.

        Raises:
            CommandRejected: there is none; the message lists the members.
        """
        agent = await self.agent(name)
        self._operations.core.directory.wake(agent_stream(agent.agent_id))
        return agent

    async def resume_all(self) -> Sequence[StreamId]:
        """Go on with all that `resume` had left asleep at the opening; the streams with work."""
        return await anyio.to_thread.run_sync(self._operations.core.resumption.rest)

    async def team(self) -> TeamState:
        """The members of the team by name."""
        return await asked(self._operations.team)

    async def background_jobs(self, agent: Agent | None = None) -> tuple[JobView, ...]:
        """The background jobs of one agent or of all, the oldest first; those that ended too."""
        operations, agent_id = self._operations, id_of(agent)
        return await anyio.to_thread.run_sync(operations.jobs.jobs, agent_id)

    async def cancel_background(self, job_id: str, reason: str = "") -> Job:
        """Ask a background job to end; returns when that is on the log, not when it has ended.

        One that has ended stays as it is.

        Raises:
            CommandRejected: there is no such job.
        """
        begin = partial(self._operations.jobs.cancel, job_id, reason)
        return await wait_for(await anyio.to_thread.run_sync(begin))

    async def content_of(self, attachment: Attachment) -> bytes | None:
        """The bytes of an image or a document of a conversation; None if they are not kept here.

        Not kept are those behind a URL, and those of an agent that was forgotten.
        """
        return await anyio.to_thread.run_sync(self._operations.content_of, attachment)

    async def models(self, provider: str) -> tuple[ListedModel, ...]:
        """The models that a provider has now, the newest first; it is asked each time.

        Raises:
            UnknownModel: there is no such provider.
            MissingCredential: its key is not set.
            ConfigurationError: it has no list.
            ProviderError: it could not be asked.
        """
        return await asked(self._operations.models.models, provider)

    async def resolve_model(self, provider: str, selector: str = NEWEST) -> ListedModel:
        """The model that a selector means: the newest that the provider has, or one by its id.

        The newest is the one that was made last; among those of which nobody says when, and
        of the same moment, the first by its id. An id is taken as it is, and nobody is asked.

            newest = await runtime.resolve_model("openai", "newest")
            agent = await runtime.spawn("lead", model=newest.name)

        Raises:
            UnknownModel: there is no such provider, or it has no models.
            MissingCredential, ConfigurationError, ProviderError: see `models`.
        """
        return await asked(self._operations.models.resolved, provider, selector)

    # --- permissions ----------------------------------------------------------------------

    async def approvals(self, *, at_position: int | None = None) -> tuple[Approval, ...]:
        """Calls of the team that wait for a person, oldest first; see `Agent.allow`.

        At a global position: those that waited then.
        """
        return await anyio.to_thread.run_sync(self._operations.approvals, at_position)

    async def rules(self) -> Sequence[ScopedRule]:
        """What people have decided about calls to come, in the whole store."""
        return await asked(self._operations.rules.listed)

    async def remember_rule(self, tool: str, *, allow: bool, **more: Unpack[RuleArguments]) -> str:
        """Decide about calls of a tool before they are made; the id of the rule.

            await runtime.remember_rule("shell", allow=True, match=CommandPrefix(("git", "diff")))

        A rule answers where the authorizer wants a person. It holds for the team (`project`), for
        one `agent` (`session`) or for the whole store (`global`), and without a `match` for every
        call of the tool. The `reason` of a refusal is told to the model.

        Raises:
            CommandRejected: nothing could be meant by the match.
            TypeError, ValueError: an argument is not known, or is no scope, match or text.
        """
        arguments = rule_arguments(more)
        return await asked(lambda: self._operations.rules.remember(tool, arguments, allow=allow))

    async def revoke_rule(self, rule_id: str, *, by: str = "") -> None:
        """Forget a rule; the beginning of its id is enough where no other one begins so.

        Raises:
            CommandRejected: there is none, or there are several.
        """
        await asked(self._operations.rules.revoke, rule_id, by)

    async def clear_rules(
        self, scope: RuleScope, *, agent: Agent | None = None, by: str = ""
    ) -> None:
        """Forget all rules of the team, of one agent (`session`), or those of the store.

        Raises:
            ValueError: there is no such scope, or it is a session and no agent is named.
        """
        await asked(self._operations.rules.clear, scope, agent, by)

    # --- looking on -----------------------------------------------------------------------

    async def until_idle(self, *, with_jobs: bool = False) -> None:
        """Wait until no agent has anything to do; `with_jobs`: and no background job runs.

        A job that has ended may give its agent something to do, which is waited for, too.

        Raises:
            ActorQuarantined: an agent with work is set aside, so that would be never.
        """
        await watched(partial(self._operations.idle, with_jobs=with_jobs))

    def on_recorded(
        self, call: Callable[[tuple[RecordedEvent[object], ...]], None]
    ) -> Subscription:
        """Call a function for every append from now on; call the result to end it.

        The function runs on the thread that writes the log, and must not block or raise.
        """
        return self._operations.core.recorded.subscribe(call)

    def observe(self, observer: OnHookEvent | Observer) -> Observation:
        """Tell a function what is done and refused from now on, off the log; see `Observer`.

        Each has a thread of its own, so it may block; nothing is dropped. The end of the runtime
        waits some seconds for it. The result takes it away (`remove`, or the end of a `with`).

        Raises:
            ConfigurationError: there is an observer of this name, or it cannot be kept.
            TypeError, ValueError: it is no observer, or begins where the log is not yet.
        """
        return self._operations.observers.add(observer)

    def observers(self) -> Sequence[ObserverStatus]:
        """How each observer is: how far behind, and how often it has raised."""
        return self._operations.observers.status()

    def on_live(self, call: Callable[[LiveNotice], None]) -> Subscription:
        """Call a function for every piece of an answer and every line of progress.

        The function runs on the effects loop and must not block or raise.
        """
        return self._operations.core.live.subscribe(call)

    @property
    def supervision(self) -> Supervision:
        """Streams that are set aside, and commands that nobody could handle."""
        return Supervision(self._operations.supervision)

    async def health(self, *, long_s: float | None = LONG_S) -> Health:
        """What works, waits and is set aside, and what of it needs a person. Reads the log.

        An effect without an outcome for `long_s` seconds is a problem (None: none is).

        Raises:
            TypeError, ValueError: `long_s` is no number of seconds.
        """
        return await anyio.to_thread.run_sync(self._operations.health.report, long_s)
