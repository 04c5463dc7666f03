"""Reads the log in pages for some projections, and only what one of them wants to see.

What nobody sees is neither decoded nor folded, so a view of rare events is made of a long log in
about the time that it takes to read it.
"""

from collections.abc import Iterable, Sequence

import msgspec

from mentra_actors.codec.event_codec import EventCodec, tag_of
from mentra_actors.envelope import RecordedEvent
from mentra_actors.store.journal import Journal
from mentra_actors.store.ports import JournalReader
from projections.contract import AnyProjection
from projections.declared import checked_projection

__all__ = ["Page", "PageReading", "lag_since"]


class Page(msgspec.Struct, frozen=True):
    """The events that were wanted among those up to position `through`, which were all read."""

    events: Sequence[RecordedEvent[object]]
    through: int

    def before(self, position: int) -> "Page":
        """The page without the event at a position and all that follow."""
        sound = [one for one in self.events if one.global_position < position]
        return Page(sound, min(self.through, position - 1))


class PageReading:
    """Reads pages of one log; safe from any thread."""

    def __init__(self, reader: JournalReader, codec: EventCodec, page_events: int) -> None:
        self._journal = Journal(reader, codec)
        self._codec = codec
        self._page_events = page_events

    def page(self, group: Iterable[AnyProjection], *, after: int, through: int) -> Page:
        """The next page for a group, after a position and up to one that the log has reached.

        Raises:
            StoreError: the log cannot be read.
        """
        wanted = list(group)
        found = self._journal.read_journal(
            after=after,
            limit=self._page_events,
            categories=_categories_of(wanted),
            event_types=self._tags_of(wanted),
        )
        if not found or found[-1].global_position > through:
            return Page([one for one in found if one.global_position <= through], through)
        return Page(found, found[-1].global_position)

    def check(self, projection: AnyProjection) -> None:
        """See that the log can hold the events that a projection wants to see.

        Raises:
            TypeError: it cannot, so that nothing would ever be folded, or it is no projection.
        """
        checked_projection(projection)
        known = set(self._codec.event_types.values())
        foreign = sorted(
            one.__qualname__ for one in (projection.handles or ()) if one not in known
        )
        if foreign:
            raise TypeError(
                f"projection {projection.name!r} handles {', '.join(foreign)}, which is no event "
                "of this log; `mentra_actors.events` has them all"
            )

    def _tags_of(self, wanted: Sequence[AnyProjection]) -> frozenset[str]:
        """Tags as they are stored, those of earlier releases among them; none for all."""
        classes: set[type[object]] = set()
        for one in wanted:
            if one.handles is None:
                return frozenset()
            classes |= one.handles
        return frozenset(map(tag_of, classes)) | self._codec.older_tags


def _categories_of(wanted: Sequence[AnyProjection]) -> frozenset[str]:
    categories: frozenset[str] = frozenset()
    for one in wanted:
        own: frozenset[str] = getattr(one, "categories", frozenset())
        if not own:
            return frozenset()
        categories |= own
    return categories


def lag_since(reader: JournalReader, checkpoint: int) -> float | None:
    """When the first event after a checkpoint was recorded (Unix seconds); None if none was."""
    unseen = reader.read_journal(after=checkpoint, limit=1)
    return unseen[0].recorded_at_ns / 1e9 if unseen else None
