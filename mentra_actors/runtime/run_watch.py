"""From a stream of recorded events to the answer of one prompt. Pure."""

from typing import Any

import msgspec

from mentra_actors.domain.agent import events as e
from mentra_actors.domain.model_call import TokenUsage
from mentra_actors.envelope import RecordedEvent
from mentra_actors.errors import RunFailed
from mentra_actors.ids import CommandId, RunId

__all__ = ["Reply", "RunWatch"]


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a prompt. `usage` is of all model calls of the run.

    `text` is empty when the model ended without words. `stream_version` is the version of the
    agent's stream at which the run finished.
    """

    text: str
    run_id: RunId
    usage: TokenUsage = TokenUsage()
    stream_version: int = 0


class RunWatch:
    """Waits for the run that answers one prompt. Feed it the agent's events, in order, once."""

    def __init__(self, prompt_id: CommandId) -> None:
        self._prompt_id = prompt_id
        self._run_id: RunId | None = None
        self._usage = TokenUsage()
        self._seen = (0, 0)

    def take(self, recorded: RecordedEvent[Any]) -> Reply | RunFailed | None:
        """The end of the run if this event is it. What was seen before is passed over."""
        place = (recorded.stream_version, recorded.part)
        if place <= self._seen:
            return None
        self._seen = place
        event = recorded.event
        if isinstance(event, e.InputPlaced) and self._prompt_id in event.prompt_ids:
            self._run_id = event.run_id
        elif isinstance(event, e.ModelReplied) and self._run_id is not None:
            self._usage += event.usage
        elif isinstance(event, e.RunFinished | e.RunFailed | e.RunCancelled):
            return self._end(event, recorded.stream_version)
        elif isinstance(event, e.AgentStopped) and self._run_id is None:
            return RunFailed("the agent was stopped", run_id="", kind="stopped")
        return None

    def _end(
        self, event: e.RunFinished | e.RunFailed | e.RunCancelled, version: int
    ) -> Reply | RunFailed | None:
        if event.run_id != self._run_id:
            return None
        match event:
            case e.RunFinished(text=text, run_id=run_id):
                return Reply(text=text, run_id=run_id, usage=self._usage, stream_version=version)
            case e.RunFailed():
                return RunFailed(event.message, run_id=event.run_id, kind=event.kind)
            case e.RunCancelled():
                return RunFailed(event.reason, run_id=event.run_id, kind="cancelled")
