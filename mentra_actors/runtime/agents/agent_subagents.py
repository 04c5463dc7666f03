"""The subagents that a program gives an agent: each made for one task, run, and ended."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from hashlib import blake2b
from typing import Any, TypedDict, Unpack

import anyio

from mentra_actors.domain.agent.commands import RecordSubagentEnd, SpawnSubagent, StopAgent
from mentra_actors.domain.agent.profile import AgentProfile
from mentra_actors.domain.agent.run_options import RunOptions
from mentra_actors.effects.team.subagents import subagent_profile
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import AgentId, CommandId, EffectId, agent_stream
from mentra_actors.runtime.agents.run_options import RunArguments, run_options
from mentra_actors.runtime.agents.subagent_status import with_status
from mentra_actors.runtime.awaiting import asked
from mentra_actors.runtime.blocking import result_of
from mentra_actors.runtime.core import RuntimeCore
from mentra_actors.runtime.futures import mapped
from mentra_actors.runtime.plain_arguments import require_known, require_text
from mentra_actors.runtime.views.snapshots import SubagentView, subagents_of
from mentra_actors.tools.builtin.subagent import HIDDEN_FROM_SUBAGENTS
from mentra_actors.tools.contract import AgentAnswer, SubagentRequest, subagent_request

__all__ = ["AgentSubagents", "SubagentOptions", "SyncAgentSubagents"]

HOST_KEY = EffectId("")


class SubagentOptions(RunArguments, total=False):
    """What may be chosen for a subagent, and for its run; see `AgentSubagents.run`."""

    name: str
    system: str
    model: str
    tools: Sequence[str] | None
    hidden_tools: Sequence[str]
    max_rounds: int


class _Chosen(TypedDict):
    request: SubagentRequest
    options: RunOptions


class AgentSubagents:
    """Agents that work for one agent and end with it, as a program makes and sees them."""

    def __init__(self, agent_id: AgentId, core: RuntimeCore) -> None:
        """Made by `Agent`."""
        self._agent_id = agent_id
        self._core = core

    async def run(self, prompt: str, **options: Unpack[SubagentOptions]) -> AgentAnswer:
        """Hand a task to an agent that is made for it, and wait for its answer.

        It begins with an empty conversation and the options of this agent, less its tool choice
        and its tools for teams and tasks; `system` is added to the system prompt, `model`,
        `tools` and `max_rounds` (30) are its own. Its run has the limits that are named here and
        none else (`token_budget=…`, `deadline_s=…`; see `RunArguments`). It lives beside the
        runs of this agent, and ends when this agent is stopped. Several may work at once.

            answer = await agent.subagents.run("Summarise the log.", tools=["read"])

        With a `name` it is found again: the same task, also in a later process, is answered once.
        If the caller is cancelled, the subagent works on.

        Raises:
            CommandRejected: it could not be made, its name is taken, or its agent is stopped.
            RunFailed: its run was broken off.
            TypeError, ValueError: an option is not known, or no agent could work with it.
        """
        return await asked(_begun, self._core, self._agent_id, prompt, options)

    async def spawn(self, prompt: str, **options: Unpack[SubagentOptions]) -> AgentId:
        """Hand a task to a subagent like `run`, and do not wait for it: its id, once it is there.

        Its end is told among the events of this agent, and its answer stands in its own
        conversation: `runtime.agent(id)` has it. With a `name` the same again, also in a later
        process, makes no second one, and sees the first to its end.

        Raises:
            CommandRejected, TypeError, ValueError: see `run`.
        """
        return await asked(_spawned, self._core, self._agent_id, prompt, options)

    async def list(self) -> tuple[SubagentView, ...]:
        """Those that have not ended: of the program, and of running calls; each with its status.

        What a process that has died was waiting for is `interrupted`, as soon as its own run has
        ended: ask it again by its name, and it answers.
        """
        return await asked(_listed, self._core, self._agent_id)


class SyncAgentSubagents:
    """See `AgentSubagents`. Every call blocks."""

    def __init__(self, agent_id: AgentId, core: RuntimeCore) -> None:
        """Made by `SyncAgent`."""
        self._agent_id = agent_id
        self._core = core

    def run(self, prompt: str, **options: Unpack[SubagentOptions]) -> AgentAnswer:
        """See `AgentSubagents.run`."""
        return result_of(self._core, lambda: _begun(self._core, self._agent_id, prompt, options))

    def spawn(self, prompt: str, **options: Unpack[SubagentOptions]) -> AgentId:
        """See `AgentSubagents.spawn`."""
        return result_of(self._core, lambda: _spawned(self._core, self._agent_id, prompt, options))

    def list(self) -> tuple[SubagentView, ...]:
        """See `AgentSubagents.list`."""
        return result_of(self._core, lambda: _listed(self._core, self._agent_id))


def _listed(core: RuntimeCore, agent_id: AgentId) -> "Future[tuple[SubagentView, ...]]":
    return mapped(
        core.look(agent_stream(agent_id)),
        lambda accepted: with_status(core, subagents_of(accepted.state)),
        on=core.readers,
    )


def _begun(
    core: RuntimeCore, agent_id: AgentId, prompt: str, given: Mapping[str, object]
) -> "Future[AgentAnswer]":
    return core.perform(_hosted(core, agent_id, prompt, given))


def _spawned(
    core: RuntimeCore, agent_id: AgentId, prompt: str, given: Mapping[str, object]
) -> "Future[AgentId]":
    hosted = _hosted(core, agent_id, prompt, given)
    core.perform(hosted).add_done_callback(hosted.over)
    return hosted.spawned


def _hosted(
    core: RuntimeCore, agent_id: AgentId, prompt: str, given: Mapping[str, object]
) -> "_HostedRun":
    chosen = _chosen(core, prompt, given)
    if chosen["request"].model:
        core.providers.resolve(chosen["request"].model)
    return _HostedRun(core, agent_id, chosen)


def _chosen(core: RuntimeCore, prompt: str, given: Mapping[str, object]) -> _Chosen:
    known = SubagentOptions.__annotations__ | RunArguments.__annotations__
    require_known(given, known, "a subagent has no option")
    require_text(prompt, "a prompt")
    named = RunArguments.__annotations__
    limits: Any = {name: value for name, value in given.items() if name in named}
    own = {name: value for name, value in given.items() if name not in named}
    own.setdefault("hidden_tools", HIDDEN_FROM_SUBAGENTS)
    return _Chosen(
        request=subagent_request(prompt, **own),
        options=run_options(limits, core.strategies) or RunOptions(),
    )


@contextmanager
def _awaited(core: RuntimeCore, agent_id: AgentId) -> Iterator[None]:
    """Meanwhile somebody here waits for the subagent; several may."""
    awaited = core.runs.awaited_subagents
    awaited.append(agent_id)
    try:
        yield
    finally:
        awaited.remove(agent_id)


class _HostedRun:
    """One subagent from its birth to its end. Called on the effects loop."""

    def __init__(self, core: RuntimeCore, agent_id: AgentId, chosen: _Chosen) -> None:
        self._core = core
        self._commands = core.commands
        self._parent = agent_id
        self._request = chosen["request"]
        self._options = chosen["options"]
        self.spawned: Future[AgentId] = Future()
        """Its id, as soon as it is on the log."""

    def over(self, answer: "Future[AgentAnswer]") -> None:
        """It has ended; one that never was there is waited for no more."""
        error = answer.exception()
        if error is not None and not self.spawned.done():
            self.spawned.set_exception(error)

    async def __call__(self) -> AgentAnswer:
        """Its answer."""
        child = await self._profile()
        with _awaited(self._core, child.agent_id):
            return await self._answer_of(child)

    async def _answer_of(self, child: AgentProfile) -> AgentAnswer:
        if not await self._is_there(child.agent_id):
            spawn = SpawnSubagent(
                key=HOST_KEY, profile=child, now=self._commands.now(), options=self._options
            )
            await self._commands.ask(agent_stream(self._parent), spawn)
        self.spawned.set_result(child.agent_id)
        prompt = self._request.prompt
        digest = blake2b(prompt.encode(), digest_size=8).hexdigest()
        prompt_id = CommandId(f"{child.agent_id}/{digest}")
        is_failed = True
        try:
            answer = await self._commands.prompt(child.agent_id, prompt_id, prompt)
            is_failed = not answer.text
        finally:
            if self._core.ended is None:
                await self._end(child.agent_id, is_failed=is_failed)
        return answer

    async def _profile(self) -> AgentProfile:
        state = await self._commands.look(agent_stream(self._parent))
        if state.profile is None:
            raise CommandRejected("there is no such agent; spawn it first")
        suffix = self._request.name or uuid.uuid4().hex[:12]
        return subagent_profile(state.profile, self._request, suffix)

    async def _is_there(self, agent_id: AgentId) -> bool:
        """True if an earlier call of this name has made it.

        Raises:
            CommandRejected: another agent has this id.
        """
        stream_id = agent_stream(agent_id)
        if not await anyio.to_thread.run_sync(self._core.store.stream_version, stream_id):
            return False
        state = await self._commands.look(stream_id)
        if state.profile is None or state.profile.parent != self._parent:
            raise CommandRejected(f"the name {agent_id!r} is taken by another agent")
        return True

    async def _end(self, agent_id: AgentId, *, is_failed: bool) -> None:
        """It takes nothing any more, and the agent that it worked for forgets it."""
        commands = self._commands
        await commands.ask(agent_stream(agent_id), StopAgent(now=commands.now()))
        end = RecordSubagentEnd(
            agent_id=agent_id, how="failed" if is_failed else "finished", now=commands.now()
        )
        await commands.ask(agent_stream(self._parent), end)
