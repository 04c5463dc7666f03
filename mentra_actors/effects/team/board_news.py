"""Tells the task board who has left the team and who has another name.

The jobs of one who was removed end with it.
"""

import logging

from mentra_actors.domain.background.jobs import CloseJobs
from mentra_actors.domain.board.commands import OwnerGone, RenameOwner
from mentra_actors.domain.team.commands import RecordBoardTold
from mentra_actors.domain.team.state import BoardWork, ReleaseTasks
from mentra_actors.effects.ports import Clock
from mentra_actors.effects.runner import Order
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import CommandId, background_stream, board_stream, name_of
from mentra_actors.json_types import JsonObject
from mentra_actors.tools.contract import Commands

__all__ = ["BoardNews"]

_TEAM = "team"
_log = logging.getLogger(__name__)


class BoardNews:
    """The performer of `ReleaseTasks` and `RenameOnBoard`; to tell it twice changes nothing."""

    def __init__(self, commands: Commands, clock: Clock) -> None:
        self._commands = commands
        self._clock = clock

    async def __call__(self, order: Order) -> RecordBoardTold:
        """See `Performer`. What the board refuses is not asked for again."""
        work: BoardWork = order.effect
        try:
            await self._commands.ask(board_stream(name_of(order.stream_id)), self._said(work))
        except CommandRejected as rejected:
            _log.warning("the board refuses %s: %s", work, rejected.reason)
        if isinstance(work, ReleaseTasks) and work.ends_jobs and work.agent_id:
            now = self._clock.now()
            closing = CloseJobs(now=now, by=_TEAM, reason="removed from the team")
            await self._commands.ask(background_stream(work.agent_id), closing)
        return RecordBoardTold(command_id=work.command_id, now=self._clock.now())

    def _said(self, work: BoardWork) -> OwnerGone | RenameOwner:
        told: JsonObject = {
            "command_id": CommandId(f"{work.command_id}/board"),
            "agent_id": work.agent_id,
            "now": self._clock.now(),
        }
        if isinstance(work, ReleaseTasks):
            return OwnerGone(owner=work.owner, **told)
        return RenameOwner(old=work.old, new=work.new, **told)
