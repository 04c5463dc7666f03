"""Subagents of a running call: made, prompted, waited for.

Each step may be repeated by a later attempt of the call, in another process: the ids are made of
the call's key, so the same agent is found again, and the same prompt is answered once.
"""

import msgspec

from mentra_actors.domain.agent.commands import RecordSubagentEnd, SpawnSubagent, StopAgent
from mentra_actors.domain.agent.effects import RunTool
from mentra_actors.domain.agent.profile import AgentProfile
from mentra_actors.domain.agent.run_options import RunOptions
from mentra_actors.domain.model_call import NamedTool
from mentra_actors.errors import CommandRejected, RunFailed
from mentra_actors.ids import AgentId, CommandId, StreamId, agent_stream
from mentra_actors.tools.contract import (
    AgentAnswer,
    Commands,
    SubagentFailed,
    SubagentRequest,
    ToolError,
)

__all__ = ["SUBAGENT_ROLE", "Subagents", "subagent_profile"]

SUBAGENT_ROLE = "subagent"


class Subagents:
    """Those of one attempt of one call. On the effects loop."""

    def __init__(self, stream_id: StreamId, effect: RunTool, commands: Commands) -> None:
        self._stream_id = stream_id
        self._effect = effect
        self._commands = commands
        self._count = 0
        self._asked: dict[str, SubagentRequest] = {}

    async def __call__(self, request: SubagentRequest) -> AgentAnswer:
        """Run one to its end.

        Raises:
            SubagentFailed: its run failed, or ended without an answer.
            ToolError: it could not be made.
            ValueError: another one has its name.
        """
        commands, profile = self._commands, self._profile(request)
        spawn = SpawnSubagent(key=self._effect.key, profile=profile, now=commands.now())
        try:
            await commands.ask(self._stream_id, spawn)
            answer = await self._answer(profile.agent_id, request.prompt)
        except CommandRejected as rejected:
            raise ToolError(f"Subagent failed: {rejected.reason}") from rejected
        if not answer.text:
            why = f"it ended early ({answer.early_end})" if answer.early_end else "it ended"
            raise SubagentFailed(f"Subagent failed: {why} without an answer")
        return answer

    async def _answer(self, agent_id: AgentId, prompt: str) -> AgentAnswer:
        try:
            answer = await self._commands.prompt(agent_id, CommandId(f"{agent_id}/task"), prompt)
        except RunFailed as error:
            await self._end(agent_id, is_failed=True)
            raise SubagentFailed(f"Subagent failed: {error}") from error
        await self._end(agent_id, is_failed=not answer.text)
        return answer

    async def _end(self, agent_id: AgentId, *, is_failed: bool) -> None:
        """It takes nothing any more, and the agent that made it knows."""
        commands = self._commands
        await commands.ask(agent_stream(agent_id), StopAgent(now=commands.now()))
        end = RecordSubagentEnd(
            agent_id=agent_id, how="failed" if is_failed else "finished", now=commands.now()
        )
        await commands.ask(self._stream_id, end)

    def _profile(self, request: SubagentRequest) -> AgentProfile:
        """Of the subagent that is asked for, under the key of the call and its place in it."""
        self._count += 1
        key = self._effect.key
        place = request.name or (str(self._count) if self._count > 1 else "")
        self._take(place, request)
        return subagent_profile(self._effect.profile, request, f"{key}.{place}" if place else key)

    def _take(self, place: str, request: SubagentRequest) -> None:
        """A subagent is asked once: who asks it for something else would get the first answer."""
        asked = msgspec.structs.replace(request, name=place)
        if self._asked.setdefault(place, asked) != asked:
            raise ValueError(
                f"two subagents of this call are named {place!r}, and asked for different things"
            )


def subagent_profile(parent: AgentProfile, request: SubagentRequest, suffix: str) -> AgentProfile:
    """Like the agent that it is made for, but for what is asked and what it must not have.

    `suffix` tells it apart from all other subagents that this agent will ever have.
    """
    hidden = {*parent.hidden_tools, *request.hidden_tools}
    choice = parent.tool_choice
    return msgspec.structs.replace(
        parent,
        agent_id=AgentId(f"{parent.agent_id}.{suffix}"),
        name=f"{parent.name}.{suffix}",
        role=SUBAGENT_ROLE,
        model=request.model or parent.model,
        system=f"{parent.system}\n\n{request.system or _identity(parent)}".strip(),
        lead=parent.name,
        tools=parent.tools if request.tools is None else _narrowed(parent, request.tools),
        hidden_tools=tuple(sorted(hidden)),
        max_rounds=request.max_rounds,
        wake_on_mail=False,
        tool_choice="auto" if isinstance(choice, NamedTool) else choice,
        run=RunOptions(),
        title="",
    )


def _identity(parent: AgentProfile) -> str:
    return (
        f"You are a subagent of '{parent.name}'. Do the task that you are given and answer with "
        "its result: nobody sees anything else of your work."
    )


def _narrowed(parent: AgentProfile, tools: tuple[str, ...]) -> tuple[str, ...]:
    """Never more than its parent has."""
    return tuple(name for name in tools if parent.tools is None or name in parent.tools)
