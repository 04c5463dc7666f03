"""Tells the team that one of its members has stopped, and a person of letters that came too late.

Both count once, however often they are said.
"""

import logging

from mentra_actors.codec.command_codec import encode_command
from mentra_actors.domain.agent.commands import RecordStopReported, TakeLateLetter
from mentra_actors.domain.agent.effects import ReportStop
from mentra_actors.domain.agent.events import LateLetter
from mentra_actors.domain.inbox import has_stopped_words
from mentra_actors.domain.supervision.commands import Letter, ReportDeath
from mentra_actors.domain.supervision.decide import SUPERVISION_STREAM
from mentra_actors.domain.team.commands import MarkStopped
from mentra_actors.effects.ports import Clock
from mentra_actors.effects.runner import Order
from mentra_actors.errors import CommandRejected, StoreError
from mentra_actors.ids import CommandId, StreamId, team_stream
from mentra_actors.tools.contract import Commands

__all__ = ["StopReports", "kept_letter", "stop_mark"]

_log = logging.getLogger(__name__)

RETRY_S = 1.0


class StopReports:
    """The performer of `ReportStop`."""

    def __init__(self, commands: Commands, clock: Clock) -> None:
        self._commands = commands
        self._clock = clock

    async def __call__(self, order: Order) -> RecordStopReported:
        """See `Performer`. While the store takes nothing it is said again each second."""
        while True:
            try:
                return await self._reported(order)
            except StoreError as error:
                _log.warning("%s of %s: %s", order.effect_id, order.stream_id, error)
                await self._clock.sleep_until(self._clock.now() + RETRY_S)

    async def _reported(self, order: Order) -> RecordStopReported:
        effect: ReportStop = order.effect
        problem = ""
        try:
            if effect.is_news:
                mark = stop_mark(effect, order.stream_id, self._clock.now())
                await self._commands.ask(team_stream(effect.profile.team_id), mark)
            for letter in effect.late:
                kept = kept_letter(effect, letter, order.stream_id, self._clock.now())
                await self._commands.ask(SUPERVISION_STREAM, kept)
        except CommandRejected as rejected:
            problem = rejected.reason
        return RecordStopReported(
            effect_id=effect.effect_id, now=self._clock.now(), problem=problem
        )


def stop_mark(effect: ReportStop, stream_id: StreamId, now: float) -> MarkStopped:
    """What the team is told."""
    return MarkStopped(
        command_id=CommandId(f"{stream_id}/stopped"),
        agent_id=effect.profile.agent_id,
        reason=effect.reason,
        now=now,
    )


def kept_letter(
    effect: ReportStop, letter: LateLetter, stream_id: StreamId, now: float
) -> ReportDeath:
    """The dead letter: who wrote which; its words stay in the inbox, under the agent's key."""
    name, content = encode_command(
        TakeLateLetter(mail_id=letter.mail_id, sender=letter.sender, now=now)
    )
    kept = Letter(
        stream_id=stream_id,
        command=name,
        content=content,
        deliveries=0,
        causation=f"a letter from {letter.sender}",
    )
    return ReportDeath(
        command_id=CommandId(f"{stream_id}/late/{letter.mail_id}"),
        cause=has_stopped_words(effect.profile.name),
        letters=(kept,),
        now=now,
    )
