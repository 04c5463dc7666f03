"""Random histories against an event store and its model in memory, with reopens in between."""

import abc
import tempfile
from collections.abc import Sequence
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from mentra_actors.errors import StoreError
from mentra_actors.ids import EffectId, StreamId
from mentra_actors.store.memory_store import MemoryEventStore
from mentra_actors.store.ports import (
    Appended,
    AppendRequest,
    EncodedEvent,
    EventStore,
    Fence,
    SnapshotReader,
    StateSnapshot,
    StreamAppend,
    Tick,
    TickPiece,
)
from mentra_actors.testing.append_contract import AnswerLog

__all__ = ["EventStoreMachine"]

_RAM = Path("/dev/shm")  # hundreds of reopens, each with a few flushes
_ALL = 1_000_000
_CATEGORIES = ("agent", "inbox", "")

_stream_ids = st.sampled_from(["agent-a", "agent-b", "agent", "inbox-a", "-n"]).map(StreamId)
_small = st.integers(min_value=0, max_value=12)
_payloads = st.binary(max_size=20) | st.integers(0, 9000).map(lambda size: b"x" * size)
_events = st.lists(
    st.builds(EncodedEvent, st.sampled_from(["a.b.v1", "a.c.v2"]), _payloads), max_size=4
).map(tuple)
_stream_appends = st.builds(
    StreamAppend,
    stream_id=_stream_ids,
    events=_events,
    expected_version=st.none() | st.none() | _small,
)
_pieces = st.lists(
    st.builds(
        TickPiece, _stream_ids, st.sampled_from(["call-1", "call-2"]).map(EffectId), _payloads
    ),
    max_size=3,
).map(tuple)
_fences = st.builds(Fence, st.sampled_from(["lease-a", "lease-b"]), _small)
_requests = st.builds(
    AppendRequest,
    streams=st.lists(_stream_appends, max_size=3).map(tuple),
    recorded_at_ns=_small,
    causation=st.text(max_size=3),
    open_streams=st.lists(_stream_ids, max_size=2).map(tuple),
    settled=st.lists(st.tuples(_stream_ids, _small), max_size=2).map(tuple),
)
_fenced_requests = st.builds(
    AppendRequest,
    streams=st.lists(_stream_appends, max_size=2).map(tuple),
    fence=_fences,
    raise_fence=st.booleans(),
)


class EventStoreMachine(RuleBasedStateMachine):
    """Subclass it and bind its `TestCase` to a name that pytest collects."""

    def __init__(self) -> None:
        super().__init__()
        self._directory = tempfile.TemporaryDirectory(dir=_RAM if _RAM.is_dir() else None)
        self._model = MemoryEventStore()
        self._ticks = 0
        self._store = self.open_store(Path(self._directory.name))

    @abc.abstractmethod
    def open_store(self, directory: Path) -> EventStore:
        """The store of `directory`; it is new at first and opened again later."""

    def teardown(self) -> None:
        """Compare everything once more, and leave nothing behind."""
        try:
            self.compare_everything()
        finally:
            self._store.close()
            self._model.close()
            self._directory.cleanup()

    @rule(requests=st.lists(_requests | _fenced_requests, min_size=1, max_size=6))
    def submit(self, requests: Sequence[AppendRequest]) -> None:
        """The same requests, in one go, have the same outcomes."""
        expected, actual = AnswerLog(), AnswerLog()
        for request in requests:
            self._model.submit(request, expected.add)
        for request in requests:
            self._store.submit(request, actual.add)

        assert _comparable(actual.first(len(requests))) == _comparable(
            expected.first(len(requests))
        )

    @rule(
        stream_id=_stream_ids,
        version=_small,
        fold_version=_small,
        payload=_payloads,
        kept=st.booleans(),
        through=_small,
    )
    def save_snapshot(
        self,
        stream_id: StreamId,
        version: int,
        fold_version: int,
        payload: bytes,
        kept: bool,  # noqa: FBT001 - drawn by hypothesis
        through: int,
    ) -> None:
        """Both keep the last snapshot of a stream, and all its milestones."""
        for store in (self._model, self._store):
            store.save_snapshot(
                StateSnapshot(
                    stream_id=stream_id,
                    stream_version=version,
                    fold_version=fold_version,
                    payload=payload,
                    is_milestone=kept,
                )
            )
            store.append(AppendRequest())

        assert self._store.load_snapshot(stream_id) == self._model.load_snapshot(stream_id)
        assert isinstance(self._store, SnapshotReader)
        found = self._store.snapshot_through(stream_id, through)
        assert found == self._model.snapshot_through(stream_id, through)

    @rule(
        ticks=st.lists(st.tuples(_pieces, st.none() | st.integers(-1, 8)), min_size=1, max_size=5)
    )
    def save_ticks(self, ticks: Sequence[tuple[tuple[TickPiece, ...], int | None]]) -> None:
        """Both keep the same ticks, when some are dropped with later ones."""
        for pieces, kept in ticks:
            self._ticks += 1
            drop_below = 0 if kept is None else max(self._ticks - kept, 0)
            for store in (self._model, self._store):
                store.save_tick(Tick(number=self._ticks, pieces=pieces), drop_below=drop_below)
        self._store.append(AppendRequest())

        assert list(self._store.load_ticks()) == self._model.load_ticks()

    @rule(content=_payloads)
    def put_blob(self, content: bytes) -> None:
        """Both name a blob alike and keep it."""
        digest = self._model.put_blob(content)

        assert self._store.put_blob(content) == digest
        self._store.append(AppendRequest())
        assert self._store.read_blob(digest) == content

    @rule(stream_id=_stream_ids, after=_small, through=st.none() | _small)
    def read_stream(self, stream_id: StreamId, after: int, through: int | None) -> None:
        """Both give the same part of a stream."""
        expected = self._model.read_stream(stream_id, after=after, through=through)

        assert list(self._store.read_stream(stream_id, after=after, through=through)) == expected

    @rule(after=st.integers(0, 40), limit=_small, through=st.none() | st.integers(0, 60))
    def read_journal(self, after: int, limit: int, through: int | None) -> None:
        """Both cut the journal into the same pages."""
        expected = self._model.read_journal(after=after, limit=limit, through=through)
        found = self._store.read_journal(after=after, limit=limit, through=through)

        assert list(found) == expected

    @rule()
    def reopen(self) -> None:
        """A closed and opened store is the same store."""
        self._store.close()
        self._store = self.open_store(Path(self._directory.name))
        self.compare_everything()

    @invariant()
    def marks_and_fences_agree(self) -> None:
        """What recovery asks first is the same at any time."""
        assert list(self._store.open_streams()) == self._model.open_streams()
        assert self._store.last_position() == self._model.last_position()
        for resource in ("lease-a", "lease-b"):
            assert self._store.fence_epoch(resource) == self._model.fence_epoch(resource)

    def compare_everything(self) -> None:
        """Both hold the same journal, streams, snapshots and ticks."""
        assert list(self._store.load_ticks()) == self._model.load_ticks()
        assert list(self._store.read_journal(limit=_ALL)) == self._model.read_journal(limit=_ALL)
        for category in _CATEGORIES:
            names = self._model.stream_ids(category)
            assert list(self._store.stream_ids(category)) == names
            for stream_id in names:
                assert self._store.stream_version(stream_id) == self._model.stream_version(
                    stream_id
                )
                assert self._store.load_snapshot(stream_id) == self._model.load_snapshot(stream_id)
                assert list(self._store.read_stream(stream_id)) == self._model.read_stream(
                    stream_id
                )


def _comparable(answers: Sequence[Appended | StoreError]) -> list[Appended | tuple[str, str]]:
    return [
        answer if isinstance(answer, Appended) else (type(answer).__name__, str(answer))
        for answer in answers
    ]
