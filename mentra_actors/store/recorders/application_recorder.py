"""Events of an application, by aggregate and in the order of all of them."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from eventsourcing.persistence import ApplicationRecorder, Notification, StoredEvent, Subscription

from mentra_actors.store.embedded.extension import CommitExtension
from mentra_actors.store.ports import StoredEvent as LoggedEvent
from mentra_actors.store.recorders.datastore import LMDBDatastore
from mentra_actors.store.recorders.event_rows import NewEvents, from_log, stream_appends
from mentra_actors.store.recorders.library_errors import as_library_errors
from mentra_actors.store.recorders.live_tail import TAIL_PAGE, LiveTail
from mentra_actors.store.recorders.own_appends import appends_from, last_own_position
from mentra_actors.store.recorders.side_keys import event_key, unpack_place, version_bounds
from mentra_actors.store.recorders.side_rows import PAGE_BYTES, PAGE_ROWS, Together, rows_between
from mentra_actors.store.recorders.subscription import LMDBSubscription
from mentra_actors.store.recorders.version_pages import VersionRange, select_versions

__all__ = ["LMDBApplicationRecorder"]


class LMDBApplicationRecorder(ApplicationRecorder):
    """Appends events to the log; their notification ids are their global positions.

    In a store of its own these are 1, 2, 3 and so on, without a gap. Where others write the same
    store as well, theirs lie in between.
    """

    def __init__(self, datastore: LMDBDatastore) -> None:
        """Recorders of datastores with the same path and name see the same events."""
        self.datastore = datastore
        self.sequence = datastore.sequence("events")

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: object) -> list[int]:
        """Append all or none of them, next to each other; their notification ids.

        Raises:
            IntegrityError: an aggregate has one of the versions.
            DataError: an id, a version, a topic or a state cannot be kept.
            OperationalError, InterfaceError: see `as_library_errors`.
        """
        with as_library_errors():
            extensions = self.extensions(stored_events, **kwargs)
            if not extensions:
                return []
            streams = list(stream_appends(self.datastore, self.sequence, stored_events))
            appended = self.datastore.append(streams, Together(*extensions))
            return list(range(appended.first_position, appended.last_position + 1))

    def extensions(self, stored_events: Sequence[StoredEvent], **_: Any) -> list[CommitExtension]:
        """What has to agree to an insert, and the rows that it writes; none if it writes nothing.

        A recorder that records more in the same transaction adds to it.
        """
        if not stored_events:
            return []
        return [NewEvents(self.datastore, self.sequence, stored_events)]

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> list[StoredEvent]:
        """Events of one aggregate with `gt < version <= lte`, by version."""
        with as_library_errors():
            prefix = event_key(self.sequence, self.datastore.id_text(originator_id))

            def read_page(versions: VersionRange, count: int) -> tuple[list[StoredEvent], bool]:
                return self._read_page(prefix, versions, count)

            return select_versions(read_page, VersionRange(gt, lte, desc), limit)

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> list[Notification]:
        """At most `limit` events of this application from a position on, in order.

        `topics` lets only events of these pass; an empty one lets all.
        """
        after = 0 if start is None else start - 1 if inclusive_of_start else start
        found: list[Notification] = []
        is_end = False
        with as_library_errors():
            while not is_end and len(found) < limit:
                page, after, is_end = self._scan(
                    max(after, 0), stop=stop, limit=limit - len(found), topics=topics
                )
                found.extend(page)
        return found

    def max_notification_id(self) -> int | None:
        """Position of the last event of this application, or None."""
        with (
            as_library_errors(),
            self.datastore.reading() as (txn, side),
            txn.cursor(side) as cursor,
        ):
            return last_own_position(cursor, self.sequence)

    def subscribe(
        self, gt: int | None = None, topics: Sequence[str] = ()
    ) -> Subscription[ApplicationRecorder]:
        """Events of this application after a position, also those still to come.

        Nothing runs in the background: `next` waits on the thread that calls it.
        """

        def pull(after: int) -> tuple[list[Notification], int]:
            found, through, _ = self._scan(after, stop=None, limit=TAIL_PAGE, topics=topics)
            return found, through

        tail = LiveTail(self.datastore, pull, after=max(gt or 0, 0))
        return LMDBSubscription(self, tail, gt=gt, topics=topics)

    def _read_page(
        self, prefix: bytes, versions: VersionRange, count: int
    ) -> tuple[list[StoredEvent], bool]:
        bounds = version_bounds(versions.gt, versions.lte)
        if bounds is None:
            return [], True
        first, last = (prefix + bound for bound in bounds)
        found: list[StoredEvent] = []
        append: Sequence[LoggedEvent] = ()
        size = 0
        store = self.datastore.store
        with self.datastore.reading() as (txn, side), txn.cursor(side) as cursor:
            rows, is_end = rows_between(cursor, first, last, desc=versions.desc, limit=count)
            for _, value in rows:
                first_position, offset = unpack_place(value)
                if not append or append[0].global_position != first_position:
                    if size > PAGE_BYTES:
                        return found, False
                    append = store.events_of_append(txn, first_position)
                    size += sum(len(event.payload) for event in append)
                found.append(from_log(self.datastore, append[offset]))
        return found, is_end

    def _scan(
        self, after: int, *, stop: int | None, limit: int, topics: Collection[str]
    ) -> tuple[list[Notification], int, bool]:
        """What one transaction takes, the position through which it looked, and if all is seen."""
        found: list[Notification] = []
        appends = size = 0
        store = self.datastore.store
        with self.datastore.reading() as (txn, side), txn.cursor(side) as cursor:
            for first_position, _ in appends_from(cursor, self.sequence, after + 1):
                if size > PAGE_BYTES or appends == PAGE_ROWS:
                    return found, after, False
                for logged in store.events_of_append(txn, first_position):
                    if len(found) == limit:
                        return found, after, False
                    if stop is not None and logged.global_position > stop:
                        return found, after, True
                    if logged.global_position <= after:
                        continue
                    after = logged.global_position
                    size += len(logged.payload)
                    if not topics or logged.event_type in topics:
                        found.append(self._notification(logged))
                appends += 1
        return found, after, True

    def _notification(self, logged: LoggedEvent) -> Notification:
        event = from_log(self.datastore, logged)
        return Notification(**vars(event), id=logged.global_position)
