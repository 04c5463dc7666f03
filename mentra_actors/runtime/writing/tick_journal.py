"""The tick journal of a store, as live answers use it."""

from collections.abc import Iterable, Sequence

from mentra_actors.ids import EffectId, StreamId
from mentra_actors.store.ports import EventStore, Tick, TickPiece

__all__ = ["TickJournal"]


class TickJournal:
    """See `TickStore`."""

    def __init__(self, store: EventStore) -> None:
        self._store = store

    def save(
        self, number: int, pieces: Sequence[tuple[StreamId, EffectId, bytes]], drop_below: int
    ) -> None:
        """See `TickStore.save`."""
        row = Tick(number=number, pieces=tuple(TickPiece(*piece) for piece in pieces))
        self._store.save_tick(row, drop_below=drop_below)

    def load(self) -> Iterable[tuple[int, Sequence[tuple[StreamId, EffectId, bytes]]]]:
        """See `TickStore.load`."""
        for tick in self._store.load_ticks():
            yield (
                tick.number,
                [(one.stream_id, one.effect_id, one.payload) for one in tick.pieces],
            )
