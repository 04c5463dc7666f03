"""The way from a running tool to the actors."""

from typing import Any

import anyio

from mentra_actors.actors.directory import Directory
from mentra_actors.actors.messages import (
    Accepted,
    Answer,
    Envelope,
    Look,
    error_in,
)
from mentra_actors.effects.loop import EffectLoop
from mentra_actors.effects.ports import Clock
from mentra_actors.ids import StreamId

__all__ = ["ToolCommands"]


class ToolCommands:
    """See `Commands`. Awaited on the effects loop, where waiting blocks nobody."""

    def __init__(self, directory: Directory, loop: EffectLoop, clock: Clock) -> None:
        self._directory = directory
        self._loop = loop
        self._clock = clock

    async def ask(self, stream_id: StreamId, command: Any) -> Any:
        """See `Commands.ask`."""
        answered = anyio.Event()
        answers: list[Answer] = []

        def on_answer(answer: Answer) -> None:
            answers.append(answer)
            self._loop.post(answered.set)

        self._directory.send(stream_id, Envelope(command, on_answer))
        await answered.wait()
        answer = answers[0]
        if isinstance(answer, Accepted):
            return answer.state
        raise error_in(answer) or RuntimeError(f"an answer without a meaning: {answer!r}")

    async def look(self, stream_id: StreamId) -> Any:
        """See `Commands.look`."""
        return await self.ask(stream_id, Look())

    def now(self) -> float:
        """See `Commands.now`."""
        return self._clock.now()
