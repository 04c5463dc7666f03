"""The origin of a branch, as far as the branch has it: up to the cut, whatever came since."""

from collections.abc import Collection, Sequence

from mentra_actors.errors import StreamArchived
from mentra_actors.ids import StreamId
from mentra_actors.store.archived_parts import ARCHIVED_EVENT_TYPE
from mentra_actors.store.ports import (
    JournalReader,
    SnapshotReader,
    StateSnapshot,
    StoredEvent,
    payloads_of,
)

__all__ = ["SharedPast"]


class SharedPast:
    """Reads an origin up to a position that is the end of an append. Safe from any thread.

    Nothing of what it reads ever changes, except that it may be forgotten or archived.
    """

    def __init__(self, origin: JournalReader, cut: int) -> None:
        """`origin` stays whose it is until `close`."""
        self.origin = origin
        self.cut = cut
        self._versions: dict[StreamId, int] = {}
        self._names: dict[str, list[StreamId]] = {}

    def version(self, stream_id: StreamId) -> int:
        """The version that a stream had at the cut; 0 if it did not exist."""
        found = self._versions.get(stream_id)
        if found is None:
            found = self._versions[stream_id] = self._version_at_cut(stream_id)
        return found

    def _version_at_cut(self, stream_id: StreamId) -> int:
        low, high = 0, self.origin.stream_version(stream_id) if self.cut else 0
        if high and self._position_of(stream_id, high) <= self.cut:
            return high
        while low < high - 1:  # the event at `low` is before the cut, the one at `high` after it
            middle = (low + high) // 2
            if self._position_of(stream_id, middle) <= self.cut:
                low = middle
            else:
                high = middle
        return low

    def _position_of(self, stream_id: StreamId, version: int) -> int:
        (event,) = self.origin.read_stream(stream_id, after=version - 1, through=version)
        return event.global_position

    def read_stream(
        self, stream_id: StreamId, *, after: int = 0, through: int | None = None
    ) -> Sequence[StoredEvent]:
        """Events of a stream that the branch shares, in order."""
        last = self.version(stream_id)
        end = last if through is None else min(through, last)
        if end <= max(after, 0):
            return ()
        return self.origin.read_stream(stream_id, after=after, through=end)

    def read_payloads(
        self, stream_id: StreamId, *, after: int = 0, through: int | None = None
    ) -> tuple[list[tuple[str, bytes]], bool]:
        """Some of them without their places; True if they are all that are shared."""
        last, after = self.version(stream_id), max(after, 0)
        end = last if through is None else min(through, last)
        if after >= end:
            return [], True
        return payloads_of(self.origin, stream_id, after=after, through=end)

    def read_journal(
        self,
        *,
        after: int,
        limit: int,
        through: int | None = None,
        categories: Collection[str] = (),
        event_types: Collection[str] = (),
    ) -> list[StoredEvent]:
        """About `limit` events after a position; fewer only if no more are shared."""
        end = self.cut if through is None else min(through, self.cut)
        if after >= end:
            return []
        page = self.origin.read_journal(
            after=after,
            limit=limit,
            through=end,
            categories=categories,
            event_types=event_types,
        )
        return list(page)

    def stream_ids(self, category: str) -> Sequence[StreamId]:
        """Streams of a category that existed at the cut, sorted."""
        if not self.cut:
            return ()
        found = self._names.get(category)
        if found is None:
            names = self.origin.stream_ids(category)
            found = [one for one in names if self._position_of(one, 1) <= self.cut]
            self._names[category] = found
        return found

    def snapshot_through(self, stream_id: StreamId, version: int) -> StateSnapshot | None:
        """The youngest saved state that is not above a version, as far as the origin has one.

        Raises:
            StreamArchived: the stream must not be folded without its archive.
        """
        version = min(version, self.version(stream_id))
        if not version:
            return None
        if isinstance(self.origin, SnapshotReader):
            snapshot = self.origin.snapshot_through(stream_id, version)
            if snapshot is not None:
                return snapshot
        self._require_whole(stream_id)
        return None

    def _require_whole(self, stream_id: StreamId) -> None:
        (first,) = self.origin.read_stream(stream_id, after=0, through=1)
        if first.event_type == ARCHIVED_EVENT_TYPE:
            raise StreamArchived(stream_id, archive="the archive of the store it branched off")

    def read_blob(self, digest: str) -> bytes | None:
        """The bytes that the origin has under a digest, or None."""
        return self.origin.read_blob(digest)

    def close(self) -> None:
        """Close the origin, too. Calling it twice is allowed."""
        self.origin.close()
