"""One moment of a store: everything as it was after a global position."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TypeVar

from mentra_actors.errors import CommandRejected
from mentra_actors.store.journal import Journal
from projections.contract import ONE_PART, Projection, fold_view

__all__ = ["Moment", "position_at"]

V = TypeVar("V")

_NS = 1_000_000_000


class Moment:
    """What the log says up to `position`. Safe from any thread; reading does file I/O.

    It never changes: what is recorded later belongs to later moments.
    """

    def __init__(self, journal: Journal, position: int) -> None:
        """Made by `History.at`."""
        self.position = position
        self._journal = journal

    def view(self, projection: Projection[V], key: str = ONE_PART) -> V | None:
        """One part of a view as it was, or None if no event had touched it."""
        return self.parts(projection).get(key)

    def parts(self, projection: Projection[V]) -> Mapping[str, V]:
        """All parts of a view as they were, by key."""
        return fold_view(projection, self._journal.through(self.position))


def position_at(journal: Journal, time: datetime) -> int:
    """Global position of the last event recorded at or before `time`; 0 before the first.

    Raises:
        CommandRejected: `time` has no time zone.
    """
    if time.tzinfo is None:
        raise CommandRejected(f"{time.isoformat()} has no time zone: say which is meant")
    limit = int(time.astimezone(UTC).timestamp() * _NS)
    low, high = 0, journal.last_position()
    while low < high:
        middle = (low + high + 1) // 2
        found = journal.read_journal(after=middle - 1, limit=1)
        if found and found[0].recorded_at_ns <= limit:
            low = middle
        else:
            high = middle - 1
    return low
