"""From a stream of recorded events to the answer of one run. Pure."""

import msgspec

from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.events.runs import EarlyEnd, RunEnding
from mentra_actors.domain.agent.state import call_key
from mentra_actors.domain.content import ToolCallBlock, text_of
from mentra_actors.domain.model_call import StopReason, TokenUsage
from mentra_actors.envelope import RecordedEvent
from mentra_actors.errors import RunFailed
from mentra_actors.ids import CommandId, EffectId, RunId

__all__ = ["Reply", "RunWatch", "is_whole"]


_WHOLE = frozenset({None, StopReason.END_TURN, StopReason.TOOL_USE, StopReason.STOP_SEQUENCE})


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """How a run ended in order. `usage` and `cost_usd_micros` are of all its model calls.

    Those of subagents are not among them, though they spend from the same budget: see
    `Agent.usage`.
    `text` is empty when the run ended without an answer; `ending` says what ended it, and
    `early_end` which limit did. `output` is the typed value of a run that was to end with one, as
    JSON text. `cost_usd_micros` (millionths of a US dollar) is None if a price is not known.
    `stream_version` is the version of the agent's stream at which the run finished, `position` the
    global position: with it views are waited for, and the past is looked at. `stop_reason`
    says why the last answer of the model ended, `raw_stop_reason` in the provider's own word; None
    if there was no answer.
    """

    text: str
    run_id: RunId
    usage: TokenUsage = TokenUsage()
    stream_version: int = 0
    cost_usd_micros: int | None = 0
    ending: RunEnding = "answered"
    early_end: EarlyEnd = ""
    output: str = ""
    stop_reason: StopReason | None = None
    raw_stop_reason: str = ""
    position: int = 0

    @property
    def is_whole(self) -> bool:
        """False if the model was stopped before it had said all: cut off, filtered, refused."""
        return is_whole(self.stop_reason)


def is_whole(stop_reason: StopReason | None) -> bool:
    """False if an answer that ended for this reason lacks something."""
    return stop_reason in _WHOLE


class RunWatch:
    """Waits for the run that a prompt or another command begins.

    Feed it the agent's events, in order, once. A run that was broken off and resumed is one run.
    """

    def __init__(self, begun_by: CommandId | None) -> None:
        """`begun_by` is the id of the prompt or command; None waits for whatever run is next."""
        self._begun_by = begun_by
        self._run_id: RunId | None = None
        self._usage = TokenUsage()
        self._cost: int | None = 0
        self._last: e.ModelReplied | None = None
        self._seen = (0, 0)

    def follow(self, run_id: RunId) -> None:
        """Wait for the end of this run, which is open."""
        self._run_id = run_id

    def take(self, recorded: RecordedEvent[object]) -> Reply | RunFailed | None:
        """The end of the run if this event is it. What was seen before is passed over."""
        place = (recorded.stream_version, recorded.part)
        if place <= self._seen:
            return None
        self._seen = place
        event = recorded.event
        match event:
            case e.InputPlaced() if self._begun_by in event.prompt_ids:
                self._run_id = event.run_id
            case e.RunStarted() if self.is_begun_by(event):
                self._run_id = event.run_id
            case e.ModelReplied() | e.ModelCallFailed():
                self._count(event)
            case e.RunFinished() | e.RunFailed() | e.RunCancelled():
                return self._end(event, recorded)
            case e.AgentStopped() if self._run_id is None:
                return RunFailed("the agent was stopped", run_id="", kind="stopped")
            case _:
                pass
        return None

    def is_begun_by(self, event: object) -> bool:
        """True for the start of the run, or of one that goes on with it."""
        if not isinstance(event, e.RunStarted):
            return False
        if self._run_id is not None:
            return event.resumes == self._run_id
        return self._begun_by is None or event.asked_by == self._begun_by

    def _count(self, event: e.ModelReplied | e.ModelCallFailed) -> None:
        if isinstance(event, e.ModelReplied):
            self._last = event
        if self._run_id is None:
            return
        self._usage += event.usage
        if not event.usage.total_tokens:
            return
        is_known = self._cost is not None and event.cost_usd_micros is not None
        self._cost = (self._cost or 0) + (event.cost_usd_micros or 0) if is_known else None

    def _end(
        self, event: e.RunFinished | e.RunFailed | e.RunCancelled, recorded: RecordedEvent[object]
    ) -> Reply | RunFailed | None:
        if event.run_id != self._run_id:
            return None
        match event:
            case e.RunFinished():
                return self._reply(event, recorded)
            case e.RunFailed():
                return RunFailed(event.message, run_id=event.run_id, kind=event.kind)
            case e.RunCancelled():
                return RunFailed(event.reason, run_id=event.run_id, kind="cancelled")

    def _reply(self, event: e.RunFinished, recorded: RecordedEvent[object]) -> Reply:
        last = self._last
        is_answer = last is not None and last.effect_id == event.answer
        return Reply(
            text=event.text or (text_of(last.blocks) if last and is_answer else ""),
            run_id=event.run_id,
            usage=self._usage,
            stream_version=recorded.stream_version,
            position=recorded.global_position,
            cost_usd_micros=self._cost,
            ending=event.ending,
            early_end=event.early_end,
            output=_output(event.output, last),
            stop_reason=last.stop_reason if last else None,
            raw_stop_reason=last.raw_stop_reason if last else "",
        )


def _output(output: EffectId, last: e.ModelReplied | None) -> str:
    """The typed value: the text of the last answer, or the arguments of one of its calls."""
    if last is None or not output:
        return ""
    if output == last.effect_id:
        return text_of(last.blocks)
    calls = [block for block in last.blocks if isinstance(block, ToolCallBlock)]
    keys = {call_key(last.effect_id, index): call for index, call in enumerate(calls)}
    return keys[output].arguments.strip() or "{}" if output in keys else ""
