"""The way from a running tool to the actors."""

from collections.abc import Sequence
from typing import Any

import anyio
import anyio.to_thread

from mentra_actors.actors.directory import Directory
from mentra_actors.actors.messages import (
    Accepted,
    Answer,
    Envelope,
    Look,
    error_in,
)
from mentra_actors.domain.agent.commands import HandOverMail
from mentra_actors.domain.inbox import Mail
from mentra_actors.effects.causation import present_causation
from mentra_actors.effects.loop import EffectLoop
from mentra_actors.effects.ports import Clock
from mentra_actors.ids import AgentId, CommandId, StreamId, agent_stream
from mentra_actors.runtime.agents.run_operations import RunOperations
from mentra_actors.runtime.awaiting import wait_for
from mentra_actors.runtime.teams.member_reading import MemberReading
from mentra_actors.tools.contract import AgentAnswer, MemberStatus

__all__ = ["ToolCommands"]


class ToolCommands:
    """See `Commands`. Awaited on the effects loop, where waiting blocks nobody."""

    def __init__(
        self,
        directory: Directory,
        loop: EffectLoop,
        clock: Clock,
        runs: RunOperations,
        reading: MemberReading,
    ) -> None:
        self._directory = directory
        self._reading = reading
        self._loop = loop
        self._clock = clock
        self._runs = runs

    async def ask(self, stream_id: StreamId, command: object) -> Any:
        """See `Commands.ask`."""
        answered = anyio.Event()
        answers: list[Answer] = []

        def on_answer(answer: Answer) -> None:
            answers.append(answer)
            self._loop.post(answered.set)

        envelope = Envelope(command, on_answer, causation=present_causation())
        self._directory.send(stream_id, envelope)
        await answered.wait()
        answer = answers[0]
        if isinstance(answer, Accepted):
            return answer.state
        raise error_in(answer) or RuntimeError(f"an answer without a meaning: {answer!r}")

    async def look(self, stream_id: StreamId) -> Any:
        """See `Commands.look`."""
        return await self.ask(stream_id, Look())

    async def prompt(self, agent_id: AgentId, prompt_id: CommandId, text: str) -> AgentAnswer:
        """See `Commands.prompt`."""
        reply = await wait_for(self._runs.send(agent_id, text, prompt_id, {}))
        return AgentAnswer(
            agent_id=agent_id,
            text=reply.text,
            ending=reply.ending,
            early_end=reply.early_end,
        )

    async def hand_over_mail(self, agent_id: AgentId, command_id: CommandId) -> Sequence[Mail]:
        """See `Commands.hand_over_mail`."""
        handing = HandOverMail(command_id=command_id, now=self.now())
        await self.ask(agent_stream(agent_id), handing)
        return await anyio.to_thread.run_sync(self._reading.handed_over, agent_id, command_id)

    async def member_status(self, agent_id: AgentId) -> MemberStatus:
        """See `Commands.member_status`."""
        return await anyio.to_thread.run_sync(self._reading.status, agent_id)

    def now(self) -> float:
        """See `Commands.now`."""
        return self._clock.now()
