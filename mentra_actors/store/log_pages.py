"""Goes through a log from one position to another, page by page, as it is stored."""

from collections.abc import Collection, Iterator, Sequence

from mentra_actors.store.ports import JournalReader, StoredEvent

__all__ = ["pages_between", "stored_between"]

_PAGE_EVENTS = 1000


def pages_between(
    reader: JournalReader, after: int, through: int, *, event_types: Collection[str] = ()
) -> Iterator[Sequence[StoredEvent]]:
    """Pages of events with `after < global_position <= through`, in order; none is empty.

    Where `event_types` (tags) are given, only events of these.
    """
    while after < through:
        page = reader.read_journal(
            after=after, limit=_PAGE_EVENTS, through=through, event_types=event_types
        )
        if not page:
            return
        after = page[-1].global_position
        yield page


def stored_between(reader: JournalReader, after: int, through: int) -> Iterator[StoredEvent]:
    """Events with `after < global_position <= through`, in order."""
    for page in pages_between(reader, after, through):
        yield from page
