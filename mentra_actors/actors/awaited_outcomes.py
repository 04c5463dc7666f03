"""Effects whose outcome is a dead letter on its way again: they count as in flight.

Else the owner of the stream, which is woken before the letter arrives, would take them for effects
that a dead process had begun, settle them as such, and ignore the outcome that comes.
"""

import threading
from collections.abc import Iterable, Sequence

from mentra_actors.domain.supervision.events import (
    LetterDiscarded,
    LetterKept,
    LetterRedriven,
    RedriveEnded,
    StreamQuarantined,
)
from mentra_actors.domain.supervision.state import KeptLetter
from mentra_actors.effects.ports import Effects
from mentra_actors.envelope import RecordedEvent
from mentra_actors.ids import EffectId, StreamId

__all__ = ["AwaitedOutcomes"]

_Place = tuple[StreamId, EffectId]


class AwaitedOutcomes:
    """See `Effects`: those of the process, and beside them what letters will answer."""

    def __init__(self, effects: Effects, letters: Iterable[KeptLetter] = ()) -> None:
        """`letters` are those that the log has when the process begins."""
        self._effects = effects
        self._places: dict[str, _Place] = {}
        self._awaited: dict[str, _Place] = {}
        self._lock = threading.Lock()
        for letter in letters:
            self._note(letter)
            if letter.effect_id:
                self._await(letter.letter_id)

    def ensure_started(
        self, stream_id: StreamId, effect_id: EffectId, effect: object, view: object
    ) -> None:
        """See `Effects.ensure_started`."""
        if effect_id not in self._awaited_of(stream_id):
            self._effects.ensure_started(stream_id, effect_id, effect, view)

    def cancel(self, stream_id: StreamId, effect_id: EffectId) -> None:
        """See `Effects.cancel`."""
        self._effects.cancel(stream_id, effect_id)

    def in_flight(self, stream_id: StreamId) -> frozenset[EffectId]:
        """See `Effects.in_flight`."""
        return self._effects.in_flight(stream_id) | self._awaited_of(stream_id)

    def follow(self, recorded: Sequence[RecordedEvent[object]]) -> list[StreamId]:
        """Note what the log says of letters; streams for which an outcome will not come.

        On the writer thread, before anybody is woken for it.
        """
        with self._lock:
            found = [self._after(one.event) for one in recorded]
        return [stream_id for stream_id in found if stream_id]

    def _after(self, event: object) -> StreamId | None:
        """Under the lock."""
        match event:
            case LetterKept():
                self._forget(event.earlier)
                self._note(event)
            case LetterRedriven(letter_id=letter_id):
                self._await(letter_id)
            case StreamQuarantined(stream_id=stream_id):
                self._awaited = {
                    name: place for name, place in self._awaited.items() if place[0] != stream_id
                }
            case RedriveEnded(letter_id=letter_id, how="failed"):
                place = self._awaited.pop(letter_id, None)
                return None if place is None else place[0]
            case RedriveEnded(letter_id=letter_id, how="refused"):
                return self._forget(letter_id)
            case RedriveEnded(letter_id=letter_id) | LetterDiscarded(letter_id=letter_id):
                self._forget(letter_id)
        return None

    def _note(self, letter: LetterKept | KeptLetter) -> None:
        stream_id, head = letter.stream_id, f"{letter.stream_id}/"
        if letter.is_outcome and letter.causation.startswith(head):
            effect_id = EffectId(letter.causation.removeprefix(head))
            self._places[letter.letter_id] = (stream_id, effect_id)

    def _await(self, letter_id: str) -> None:
        if letter_id in self._places:
            self._awaited[letter_id] = self._places[letter_id]

    def _forget(self, letter_id: str) -> StreamId | None:
        self._places.pop(letter_id, None)
        place = self._awaited.pop(letter_id, None)
        return None if place is None else place[0]

    def _awaited_of(self, stream_id: StreamId) -> frozenset[EffectId]:
        with self._lock:
            return frozenset(one for owner, one in self._awaited.values() if owner == stream_id)
