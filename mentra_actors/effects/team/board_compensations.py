"""Takes back what a run has changed on the task board of its team."""

import logging

from mentra_actors.domain.agent.commands import RecordBoardCompensation
from mentra_actors.domain.agent.effects import CompensateBoard
from mentra_actors.domain.board.commands import CompensateRun
from mentra_actors.domain.board.state import BoardState, compensation_of
from mentra_actors.effects.ports import Clock
from mentra_actors.effects.runner import Order
from mentra_actors.errors import StoreError
from mentra_actors.ids import CommandId, board_stream
from mentra_actors.tools.contract import Commands

__all__ = ["BoardCompensations"]

_log = logging.getLogger(__name__)

RETRY_S = 1.0


class BoardCompensations:
    """The performer of `CompensateBoard`. The board counts it once, however often it is asked."""

    def __init__(self, commands: Commands, clock: Clock) -> None:
        self._commands = commands
        self._clock = clock

    async def __call__(self, order: Order) -> RecordBoardCompensation:
        """See `Performer`. While the store takes nothing it is asked again each second."""
        while True:
            try:
                return await self._compensated(order)
            except StoreError as error:
                _log.warning("%s of %s: %s", order.effect_id, order.stream_id, error)
                await self._clock.sleep_until(self._clock.now() + RETRY_S)

    async def _compensated(self, order: Order) -> RecordBoardCompensation:
        effect: CompensateBoard = order.effect
        command = CompensateRun(
            command_id=CommandId(f"{order.stream_id}/{order.effect_id}"),
            run=effect.run_id,
            now=self._clock.now(),
        )
        board: BoardState = await self._commands.ask(board_stream(effect.team_id), command)
        told = compensation_of(board, effect.run_id)
        return RecordBoardCompensation(
            run_id=effect.run_id,
            now=self._clock.now(),
            reverted=len(told.reverted) if told else 0,
            conflicts=len(told.conflicts) if told else 0,
        )
