"""The library's subscriptions, on a tail of the log."""

from collections.abc import Sequence

from eventsourcing.dcb.api import (
    DCBQuery,
    DCBSequencedEvent,
    DCBSubscription,
    TDCBRecorder_co,
)
from eventsourcing.persistence import ApplicationRecorder, Notification, Subscription

from mentra_actors.store.recorders.live_tail import LiveTail

__all__ = ["LMDBDCBSubscription", "LMDBSubscription"]


class LMDBSubscription(Subscription[ApplicationRecorder]):
    """Notifications of an application, also those still to come."""

    def __init__(
        self,
        recorder: ApplicationRecorder,
        tail: LiveTail[Notification],
        *,
        gt: int | None,
        topics: Sequence[str],
    ) -> None:
        super().__init__(recorder, gt, topics)
        self._tail = tail

    def stop(self) -> None:
        """End the iteration, on whatever thread it is."""
        super().stop()
        self._tail.stop()

    def __next__(self) -> Notification:
        return self._tail.next()


class LMDBDCBSubscription(DCBSubscription[TDCBRecorder_co]):
    """Events that match a query, also those still to come."""

    def __init__(
        self,
        recorder: TDCBRecorder_co,
        tail: LiveTail[DCBSequencedEvent],
        *,
        query: DCBQuery | None,
        after: int | None,
    ) -> None:
        super().__init__(recorder, query, after)
        self._tail = tail

    def stop(self) -> None:
        """End the iteration, on whatever thread it is."""
        super().stop()
        self._tail.stop()

    def __next__(self) -> DCBSequencedEvent:
        return self._tail.next()
