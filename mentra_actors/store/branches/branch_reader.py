"""The shared past of a branch and its own log, read as one."""

from collections.abc import Collection, Sequence

import msgspec

from mentra_actors.ids import StreamId
from mentra_actors.store.branches.branch_file import BranchRecord
from mentra_actors.store.branches.shared_past import SharedPast
from mentra_actors.store.ports import (
    JournalReader,
    SnapshotReader,
    StateSnapshot,
    StoredEvent,
    payloads_of,
)
from mentra_actors.store.sealing.part_seal import PartSeal

__all__ = ["BranchReader"]

_replace = msgspec.structs.replace


class BranchReader:
    """See `JournalReader`. It closes its own log, and the origin behind the past."""

    def __init__(self, past: SharedPast, own: JournalReader, record: BranchRecord) -> None:
        """`own` counts positions and versions from 1."""
        self.record = record
        self.past = past
        self._own = own
        self._cut = past.cut

    @property
    def part_seal(self) -> PartSeal | None:
        """What views of the branch are to be sealed with; None if they may be plain."""
        for one in (self._own, self.past.origin):
            found: PartSeal | None = getattr(one, "part_seal", None)
            if found is not None:
                return found
        return None

    @property
    def own_events(self) -> int:
        """How many events the branch has recorded itself."""
        return self._own.last_position()

    def read_stream(
        self, stream_id: StreamId, *, after: int = 0, through: int | None = None
    ) -> Sequence[StoredEvent]:
        """See `JournalReader.read_stream`."""
        base = self.past.version(stream_id)
        shared = self.past.read_stream(stream_id, after=after, through=through)
        if through is not None and through <= base:
            return shared
        end = None if through is None else through - base
        own = self._own.read_stream(stream_id, after=max(after - base, 0), through=end)
        return [*shared, *self._placed(own)]

    def read_payloads(
        self, stream_id: StreamId, *, after: int = 0, through: int | None = None
    ) -> tuple[list[tuple[str, bytes]], bool]:
        """See `PayloadReader.read_payloads`."""
        base = self.past.version(stream_id)
        if after < base:
            found, is_end = self.past.read_payloads(stream_id, after=after, through=through)
            return found, is_end and through is not None and through <= base
        end = None if through is None else through - base
        return payloads_of(self._own, stream_id, after=after - base, through=end)

    def read_journal(
        self,
        *,
        after: int = 0,
        limit: int = 1000,
        through: int | None = None,
        categories: Collection[str] = (),
        event_types: Collection[str] = (),
    ) -> Sequence[StoredEvent]:
        """See `JournalReader.read_journal`."""
        limit = max(limit, 1)
        found = self.past.read_journal(
            after=after,
            limit=limit,
            through=through,
            categories=categories,
            event_types=event_types,
        )
        if len(found) < limit:
            own = self._own.read_journal(
                after=max(after - self._cut, 0),
                limit=limit - len(found),
                through=None if through is None else through - self._cut,
                categories=categories,
                event_types=event_types,
            )
            found.extend(self._placed(own))
        return found

    def stream_version(self, stream_id: StreamId) -> int:
        """See `JournalReader.stream_version`."""
        return self.past.version(stream_id) + self._own.stream_version(stream_id)

    def stream_ids(self, category: str) -> Sequence[StreamId]:
        """See `JournalReader.stream_ids`."""
        return sorted({*self.past.stream_ids(category), *self._own.stream_ids(category)})

    def last_position(self) -> int:
        """See `JournalReader.last_position`."""
        return self._cut + self._own.last_position()

    def wait_for_position(self, position: int, *, timeout_s: float) -> int:
        """See `JournalReader.wait_for_position`."""
        return self._cut + self._own.wait_for_position(position - self._cut, timeout_s=timeout_s)

    def snapshot_through(self, stream_id: StreamId, version: int) -> StateSnapshot | None:
        """The youngest saved state of a stream that is not above a version, or None.

        Raises:
            StreamArchived: the stream must not be folded without its archive.
        """
        base = self.past.version(stream_id)
        if isinstance(self._own, SnapshotReader) and version > base:
            found = self._own.snapshot_through(stream_id, version - base)
            if found is not None:
                return _replace(found, stream_version=found.stream_version + base)
        return self.past.snapshot_through(stream_id, version)

    def read_blob(self, digest: str) -> bytes | None:
        """See `JournalReader.read_blob`."""
        found = self._own.read_blob(digest)
        return self.past.read_blob(digest) if found is None else found

    def close(self) -> None:
        """See `JournalReader.close`."""
        self._own.close()
        self.past.close()

    def _placed(self, own: Sequence[StoredEvent]) -> list[StoredEvent]:
        """Events of the branch, with the positions and versions that they have in it."""
        cut, version = self._cut, self.past.version
        return [
            _replace(
                one,
                global_position=one.global_position + cut,
                stream_version=one.stream_version + version(one.stream_id),
            )
            for one in own
        ]
