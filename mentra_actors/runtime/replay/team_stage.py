"""The runtime on which a whole log is played again: nothing happens before its turn.

Nobody finds a letter before the log says that it is taken, no effect ends before the log says what
came of it, and the time stands still between two appends.
"""

from collections.abc import Sequence
from typing import TypeAlias

import anyio

from mentra_actors.effects.runner import Order, Performer
from mentra_actors.ids import EffectId, StreamId, category_of
from mentra_actors.store.memory_store import MemoryEventStore
from mentra_actors.store.ports import JournalReader, StoredEvent

__all__ = ["AnsweredEffects", "GatedStore", "StandingClock"]

_Place: TypeAlias = tuple[StreamId, EffectId]


class StandingClock:
    """See `Clock`. It says what it was told, in Unix seconds; nothing is ever due by itself."""

    def __init__(self) -> None:
        self.moment = 0.0

    def now(self) -> float:
        """The moment of the append that is played."""
        return self.moment

    async def sleep_until(self, at: float) -> None:
        """Wait for ever: what became of a moment is on the log."""
        del at
        await anyio.sleep_forever()


class GatedStore(MemoryEventStore):
    """An empty store in memory whose letters are seen when they are shown."""

    def __init__(self, origin: JournalReader) -> None:
        """Blobs that it does not have are those of the origin."""
        super().__init__()
        self._origin = origin
        self._shown: dict[StreamId, int] = {}
        self._is_left = False

    def open_streams(self) -> Sequence[StreamId]:
        """See `EventStore.open_streams`; none when it is left."""
        return () if self._is_left else super().open_streams()

    def leave(self) -> None:
        """Nothing of it needs an end: no job and no call was ever begun."""
        self._is_left = True

    def read_stream(
        self, stream_id: StreamId, *, after: int = 0, through: int | None = None
    ) -> Sequence[StoredEvent]:
        """See `JournalReader.read_stream`."""
        if category_of(stream_id) == "inbox":
            shown = self._shown.get(stream_id, 0)
            through = shown if through is None else min(through, shown)
        return super().read_stream(stream_id, after=after, through=through)

    def read_blob(self, digest: str) -> bytes | None:
        """See `BlobStore.read_blob`."""
        found = super().read_blob(digest)
        return self._origin.read_blob(digest) if found is None else found

    def show(self, inbox: StreamId, through: int) -> None:
        """Let the letters of an inbox be found, up to a version."""
        self._shown[inbox] = through


class AnsweredEffects:
    """Each effect waits until its outcome is told. On the effects loop."""

    def __init__(self) -> None:
        self._begun: dict[_Place, anyio.Event] = {}
        self._told: dict[_Place, anyio.Event] = {}
        self._outcomes: dict[_Place, object] = {}

    def wrap(self, _performer: Performer) -> Performer:
        """What takes the place of a performer; see `RuntimeSettings.wrap_effects`."""

        async def perform(order: Order) -> object:
            place = (order.stream_id, order.effect_id)
            self._event(self._begun, place).set()
            try:
                await self._event(self._told, place).wait()
                return self._outcomes.pop(place)
            finally:
                self._begun.pop(place, None)
                self._told.pop(place, None)

        return perform

    async def tell(self, place: _Place, outcome: object) -> None:
        """End an effect, which is in flight, with the command that is its outcome."""
        await self._event(self._begun, place).wait()
        self._outcomes[place] = outcome
        self._event(self._told, place).set()

    @staticmethod
    def _event(events: dict[_Place, anyio.Event], place: _Place) -> anyio.Event:
        return events.setdefault(place, anyio.Event())
