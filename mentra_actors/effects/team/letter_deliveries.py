"""Delivers dead letters again, when a person has said so."""

from typing import Protocol

import anyio
import anyio.to_thread

from mentra_actors.codec.command_codec import decode_command
from mentra_actors.domain.supervision.commands import RecordRedriveEnd
from mentra_actors.domain.supervision.events import LetterKept, RedriveEnd
from mentra_actors.domain.supervision.state import DeliverLetter
from mentra_actors.effects.ports import Clock
from mentra_actors.effects.runner import Order
from mentra_actors.errors import CommandRejected, Fenced, MentraError, RuntimeClosed

__all__ = ["LetterDeliveries", "Redelivery"]


class Redelivery(Protocol):
    """The way of a letter from the log back to its stream."""

    def letter_of(self, letter_id: str) -> LetterKept | None:
        """A letter with its bytes, from the log; None if it is not there. Blocks."""
        ...

    async def send(self, letter: LetterKept, command: object) -> None:
        """Send the command to its stream; returns when it is recorded.

        Raises:
            CommandRejected: the decider said no.
            ActorError, StoreError: it did not come that far.
        """
        ...


class LetterDeliveries:
    """Performs `DeliverLetter`. What it dies of again comes back as a letter of its own."""

    def __init__(self, redelivery: Redelivery, clock: Clock) -> None:
        self._redelivery = redelivery
        self._clock = clock

    async def __call__(self, order: Order) -> RecordRedriveEnd:
        """See `Performer`."""
        effect: DeliverLetter = order.effect
        letter = await anyio.to_thread.run_sync(self._redelivery.letter_of, effect.letter_id)
        if letter is None:
            return self._ended(effect, "failed", "its bytes are not on the log any more")
        try:
            command = decode_command(letter.command, letter.content)
        except ValueError as error:
            return self._ended(effect, "failed", str(error))
        try:
            await self._redelivery.send(letter, command)
        except (RuntimeClosed, Fenced):
            await anyio.sleep_forever()  # the next owner delivers it; this one is ending
        except CommandRejected as rejected:
            return self._ended(effect, "refused", rejected.reason)
        except MentraError as error:
            return self._ended(effect, "failed", str(error))
        return self._ended(effect, "accepted", "")

    def _ended(self, effect: DeliverLetter, how: RedriveEnd, words: str) -> RecordRedriveEnd:
        return RecordRedriveEnd(
            effect_id=effect.effect_id,
            letter_id=effect.letter_id,
            how=how,
            words=words,
            now=self._clock.now(),
        )
