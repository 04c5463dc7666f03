"""Watching the views of a store that another process writes, or none."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mentra_actors.runtime.views.feeds import Cursor, FeedItem, FeedStart
from mentra_actors.runtime.views.view_reading import ViewReading
from mentra_actors.store.opening import open_journal_reader
from mentra_actors.store.ports import JournalReader
from mentra_actors.store.sealing.options import Sealing
from projections.contract import AnyProjection
from projections.running.view_changes import ViewEvent, ViewFailed
from projections.views.built_in import TEAM_VIEWS

__all__ = ["open_watch", "watched"]

_LOOK_S = 1.0


@contextmanager
def open_watch(
    store: str | Path,
    *projections: AnyProjection,
    after: FeedStart = None,
    follows: bool = True,
    sealing: Sealing | None = None,
) -> Iterator[Iterator[FeedItem[ViewEvent]]]:
    """The feed of `Runtime.watch_team` from any process, but for what is live.

        with open_watch("team.mentra", ROSTER, TASK_BOARD) as feed:
            for item in feed: ...

    Iterating blocks until there is more; without `follows` it ends where the log does.

    Raises:
        StoreError: there is no store at the path, or it cannot be read; nothing was changed.
        ValueError: the log has not come as far as `after`, or it is no place.
    """
    reader = open_journal_reader(store, sealing=sealing)
    try:
        yield watched(reader, store, *projections, after=after, follows=follows)
    finally:
        reader.close()


def watched(
    reader: JournalReader,
    store: str | Path,
    *projections: AnyProjection,
    after: FeedStart = None,
    follows: bool = True,
) -> Iterator[FeedItem[ViewEvent]]:
    """The same of a log that is open; see `open_watch`."""
    place = Cursor.parse(after) if isinstance(after, str) else after
    start = place.position if isinstance(place, Cursor) else place
    last = reader.last_position()
    if start is not None and not 0 <= start <= last:
        raise ValueError(f"the log has positions 1 to {last}, found {start}")
    reading = ViewReading(reader, store, projections or TEAM_VIEWS)
    return _told(reader, reading, start, follows=follows)


def _told(
    reader: JournalReader, reading: ViewReading, start: int | None, *, follows: bool
) -> Iterator[FeedItem[ViewEvent]]:
    yield from map(_placed, reading.begin(start))
    while True:
        while reading.is_behind():
            yield from map(_placed, reading.carry_on())
        if not follows:
            return
        reader.wait_for_position(reading.position + 1, timeout_s=_LOOK_S)


def _placed(event: Any) -> FeedItem[ViewEvent]:
    return FeedItem(event, None if isinstance(event, ViewFailed) else Cursor(event.position))
