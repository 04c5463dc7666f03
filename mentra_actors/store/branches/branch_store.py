"""A store over a store: it reads what it shares, and writes into a log of its own."""

from collections.abc import Sequence

import msgspec

from mentra_actors.errors import StoreError, VersionConflict
from mentra_actors.ids import StreamId
from mentra_actors.store.append_plan import check_request, check_snapshot
from mentra_actors.store.branches.branch_file import BranchRecord
from mentra_actors.store.branches.branch_reader import BranchReader
from mentra_actors.store.branches.shared_past import SharedPast
from mentra_actors.store.ports import (
    Appended,
    AppendRequest,
    EventStore,
    OnAppended,
    StateSnapshot,
    StreamAppend,
    Tick,
)

__all__ = ["BranchStore"]

_NO_VERSION = 1 << 62
"""Is expected where no version of the own log can be right; the answer says what was meant."""
_replace = msgspec.structs.replace


class BranchStore(BranchReader):
    """See `EventStore`. The origin is only ever read."""

    def __init__(self, past: SharedPast, own: EventStore, record: BranchRecord) -> None:
        """`own` is the log of the branch, and closed with it."""
        super().__init__(past, own, record)
        self._store = own

    def submit(self, request: AppendRequest, on_appended: OnAppended) -> None:
        """See `EventStore.submit`."""
        check_request(request)

        def on_answer(answer: Appended | StoreError) -> None:
            on_appended(self._answer(request, answer))

        self._store.submit(self._own_request(request), on_answer)

    def append(self, request: AppendRequest) -> Appended:
        """See `EventStore.append`."""
        check_request(request)
        try:
            answer = self._answer(request, self._store.append(self._own_request(request)))
        except VersionConflict as conflict:
            raise self._answer(request, conflict) from conflict  # type: ignore[misc]
        assert isinstance(answer, Appended)
        return answer

    def _own_request(self, request: AppendRequest) -> AppendRequest:
        """The request in the numbers of the own log."""
        version = self.past.version
        settled = (
            (stream_id, through - version(stream_id)) for stream_id, through in request.settled
        )
        return _replace(
            request,
            streams=tuple(self._own_append(one) for one in request.streams),
            settled=tuple((stream_id, through) for stream_id, through in settled if through >= 0),
        )

    def _own_append(self, stream: StreamAppend) -> StreamAppend:
        if stream.expected_version is None:
            return stream
        expected = stream.expected_version - self.past.version(stream.stream_id)
        return _replace(stream, expected_version=expected if expected >= 0 else _NO_VERSION)

    def _answer(
        self, request: AppendRequest, answer: Appended | StoreError
    ) -> Appended | StoreError:
        """What the own log has said, in the numbers of the branch."""
        version = self.past.version
        if isinstance(answer, Appended):
            # A repeated request is answered as the first one, which had its own streams.
            pairs = zip(answer.versions, request.streams, strict=False)
            return Appended(
                answer.first_position + self._cut,
                answer.last_position + self._cut,
                tuple(number + version(stream.stream_id) for number, stream in pairs),
            )
        if not isinstance(answer, VersionConflict):
            return answer
        stream_id = StreamId(answer.stream_id)
        base = version(stream_id)
        expected = answer.expected + base
        if answer.expected == _NO_VERSION:
            asked = (one.expected_version for one in request.streams if one.stream_id == stream_id)
            expected = next(one for one in asked if one is not None and one < base)
        return VersionConflict(stream_id, expected=expected, actual=answer.actual + base)

    def save_snapshot(self, snapshot: StateSnapshot) -> None:
        """See `EventStore.save_snapshot`; one of the shared past is the origin's to keep."""
        check_snapshot(snapshot)
        version = snapshot.stream_version - self.past.version(snapshot.stream_id)
        if version > 0:
            self._store.save_snapshot(_replace(snapshot, stream_version=version))

    def load_snapshot(self, stream_id: StreamId) -> StateSnapshot | None:
        """See `EventStore.load_snapshot`."""
        own, base = self._store.load_snapshot(stream_id), self.past.version(stream_id)
        if own is not None:
            return _replace(own, stream_version=own.stream_version + base)
        return self.past.snapshot_through(stream_id, base)

    def save_tick(self, tick: Tick, *, drop_below: int = 0) -> None:
        """See `EventStore.save_tick`."""
        self._store.save_tick(tick, drop_below=drop_below)

    def load_ticks(self) -> Sequence[Tick]:
        """See `EventStore.load_ticks`; those of the origin belong to its present."""
        return self._store.load_ticks()

    def put_blob(self, content: bytes) -> str:
        """See `BlobStore.put_blob`."""
        return self._store.put_blob(content)

    def open_streams(self) -> Sequence[StreamId]:
        """See `EventStore.open_streams`; what was open at the cut the first writer marks."""
        return self._store.open_streams()

    def fence_epoch(self, resource: str) -> int:
        """See `EventStore.fence_epoch`; those of the origin have nothing to say here."""
        return self._store.fence_epoch(resource)
