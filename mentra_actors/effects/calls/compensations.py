"""Undoes finished tool calls, with what the tool gives for that."""

import json
import logging

import anyio
import anyio.to_thread

from mentra_actors.domain.agent.commands import RecordCompensation
from mentra_actors.domain.agent.effects import CompensateCall
from mentra_actors.domain.conversation_tree import told_result
from mentra_actors.domain.storable import encodable
from mentra_actors.effects.calls.user_calls import called
from mentra_actors.effects.loop import is_cancellation
from mentra_actors.effects.ports import Clock
from mentra_actors.effects.runner import Order
from mentra_actors.ids import AgentId, name_of
from mentra_actors.tools.contract import FinishedToolCall
from mentra_actors.tools.registry import ToolSource
from mentra_actors.tools.results.rendering import named_words_of, outcome_text

__all__ = ["Compensations"]

_log = logging.getLogger(__name__)

UNDO_TIMEOUT_S = 300.0
"""How long a call may be undone whose tool has no `timeout_s`: meanwhile no run can begin."""


class Compensations:
    """The performer of `CompensateCall`. Needs the transcript, for what the model was told."""

    def __init__(self, tools: ToolSource, clock: Clock) -> None:
        self._tools = tools
        self._clock = clock

    async def __call__(self, order: Order) -> RecordCompensation:
        """See `Performer`."""
        effect: CompensateCall = order.effect
        text, is_error = await self._undone(order, effect)
        return RecordCompensation(
            key=effect.key,
            attempt=effect.attempt,
            content=encodable(text),
            is_error=is_error,
            now=self._clock.now(),
        )

    async def _undone(self, order: Order, effect: CompensateCall) -> tuple[str, bool]:
        tools = self._tools.of(AgentId(name_of(order.stream_id)))
        tool = tools.get(effect.tool)
        if tool is None or tool.compensate is None:
            return f"Tool '{effect.tool}' cannot undo its calls in this process", True
        call = FinishedToolCall(
            tool=effect.tool,
            arguments=json.loads(effect.arguments),
            content=told_result(order.view, effect.key),
            idempotency_key=effect.idempotency_key,
            is_known=effect.is_known,
        )
        try:
            with anyio.fail_after(tool.timeout_s or UNDO_TIMEOUT_S):
                answer = await called(tool.compensate, call)
            return ("undone" if answer is None else outcome_text(answer)), False
        except BaseException as error:
            if is_cancellation(error):
                raise
            said = named_words_of(error)
            _log.warning("%s of %s was not undone: %s", effect.tool, order.stream_id, said)
            return said, True
