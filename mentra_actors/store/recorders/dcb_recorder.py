"""Tagged events in one order, found by their tags and types, appended under a condition."""

import contextlib
from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import Self

import msgspec
from eventsourcing.dcb.api import (
    DCBAppendCondition,
    DCBEvent,
    DCBQuery,
    DCBReadResponse,
    DCBRecorder,
    DCBSequencedEvent,
    DCBSubscription,
)
from eventsourcing.persistence import ProgrammingError

from mentra_actors.store.embedded.extension import CommitExtension
from mentra_actors.store.ports import StoredEvent as LoggedEvent
from mentra_actors.store.ports import StreamAppend
from mentra_actors.store.recorders.datastore import LMDBDatastore
from mentra_actors.store.recorders.dcb_postings import open_matches
from mentra_actors.store.recorders.dcb_rows import (
    NewPostings,
    NothingMatches,
    dcb_event_from_log,
    encoded_dcb_event,
)
from mentra_actors.store.recorders.event_form import sequence_stream
from mentra_actors.store.recorders.library_errors import as_library_errors
from mentra_actors.store.recorders.live_tail import TAIL_PAGE, LiveTail
from mentra_actors.store.recorders.own_appends import last_own_position
from mentra_actors.store.recorders.side_rows import PAGE_BYTES, PAGE_ROWS, Together
from mentra_actors.store.recorders.subscription import LMDBDCBSubscription

__all__ = ["LMDBDCBRecorder"]


class LMDBDCBRecorder(DCBRecorder):
    """Appends tagged events to the log; their positions are global positions.

    In a store of its own these are 1, 2, 3 and so on, without a gap. Where others write the same
    store as well, theirs lie in between.
    """

    def __init__(self, datastore: LMDBDatastore) -> None:
        """Recorders of datastores with the same path and name see the same events."""
        self.datastore = datastore
        self.sequence = datastore.sequence("dcb")
        self._stream_id = sequence_stream(self.sequence, "all")

    def read(
        self,
        query: DCBQuery | None = None,
        *,
        after: int | None = None,
        limit: int | None = None,
    ) -> DCBReadResponse:
        """Events after a position that match at least one item of `query`; all if it has none.

        Without a `limit` they are read while the answer is iterated over. Its `head` is the
        position of the last event that is on the log now, also of those that do not match: an
        append with `after=head` fails if something else was appended since. With a `limit`,
        it is that of the last event in the answer.
        """
        query = deepcopy(query)
        after = max(after or 0, 0)
        if limit is None:
            head = self._last_position()
            return _Response(self._events(query, after, through=head or 0), head)
        events: list[DCBSequencedEvent] = []
        page = _Page((), after, is_end=False)
        while not page.is_end and len(events) < limit:
            page = self._page(query, page.through, limit=limit - len(events))
            events.extend(page.events)
        return _Response(iter(events), events[-1].position if events else None)

    def append(
        self, events: Sequence[DCBEvent], condition: DCBAppendCondition | None = None
    ) -> int:
        """Append all or none of them, next to each other; the position of the last one.

        Raises:
            IntegrityError: an event matches the condition; nothing was written.
            ProgrammingError: there are no events.
            DataError: a type, a tag or the data cannot be kept.
            OperationalError, InterfaceError: see `as_library_errors`.
        """
        if not events:
            raise ProgrammingError("an append takes at least one event")
        with as_library_errors():
            encoded = tuple(encoded_dcb_event(event) for event in events)
            extensions: list[CommitExtension] = [NewPostings(self.sequence, events)]
            if condition is not None:
                extensions.append(NothingMatches(self.sequence, deepcopy(condition)))
            stream = StreamAppend(stream_id=self._stream_id, events=encoded)
            return self.datastore.append([stream], Together(*extensions)).last_position

    def subscribe(
        self, query: DCBQuery | None = None, *, after: int | None = None
    ) -> DCBSubscription[Self]:
        """Events as of `read`, also those still to come.

        Nothing runs in the background: `next` waits on the thread that calls it.
        """
        query = deepcopy(query)

        def pull(after: int) -> tuple[Sequence[DCBSequencedEvent], int]:
            page = self._page(query, after, limit=TAIL_PAGE)
            return page.events, page.through

        tail = LiveTail(self.datastore, pull, after=max(after or 0, 0))
        return LMDBDCBSubscription(self, tail, query=query, after=after)

    def _last_position(self) -> int | None:
        with (
            as_library_errors(),
            self.datastore.reading() as (txn, side),
            txn.cursor(side) as cursor,
        ):
            return last_own_position(cursor, self.sequence)

    def _events(
        self, query: DCBQuery | None, after: int, *, through: int
    ) -> Iterator[DCBSequencedEvent]:
        while after < through:
            page = self._page(query, after, limit=PAGE_ROWS)
            yield from (event for event in page.events if event.position <= through)
            after = page.through

    def _page(self, query: DCBQuery | None, after: int, *, limit: int) -> "_Page":
        """What one transaction takes."""
        found: list[DCBSequencedEvent] = []
        append: Sequence[LoggedEvent] = ()
        size = 0
        with as_library_errors(), contextlib.ExitStack() as stack:
            store = self.datastore.store
            txn, side = stack.enter_context(self.datastore.reading())
            matches = open_matches(stack, txn, side, self.sequence, query)
            while len(found) < min(limit, PAGE_ROWS) and size <= PAGE_BYTES:
                place = matches.at_or_after(after + 1)
                if place is None:
                    cursor = stack.enter_context(txn.cursor(side))
                    last = last_own_position(cursor, self.sequence) or 0
                    return _Page(found, max(after, last), is_end=True)
                after, offset = place
                if not append or append[0].global_position != after - offset:
                    append = store.events_of_append(txn, after - offset)
                found.append(dcb_event_from_log(append[offset]))
                size += len(append[offset].payload)
        return _Page(found, after, is_end=False)


class _Page(msgspec.Struct, frozen=True):
    """Some matching events, and the position through which there are no others."""

    events: Sequence[DCBSequencedEvent]
    through: int
    is_end: bool


class _Response(DCBReadResponse):
    """Events, and the position of the last one that was there."""

    def __init__(self, events: Iterator[DCBSequencedEvent], head: int | None) -> None:
        self._events = events
        self._head = head

    @property
    def head(self) -> int | None:
        return self._head

    def __next__(self) -> DCBSequencedEvent:
        return next(self._events)
