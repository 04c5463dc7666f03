"""What every event store must do with appends, and the words in which the contracts say it."""
# ruff: noqa: ARG001, ARG005, PLR2004 - the methods are tests

import abc
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from mentra_actors.errors import Fenced, StoreError, VersionConflict
from mentra_actors.ids import StreamId
from mentra_actors.store.ports import (
    Appended,
    AppendRequest,
    EncodedEvent,
    EventStore,
    Fence,
    StoredEvent,
    StreamAppend,
)
from mentra_actors.testing.patience import PatientContract

__all__ = [
    "INBOX",
    "PATIENCE_S",
    "A",
    "AnswerLog",
    "AppendContract",
    "B",
    "event_data",
    "payloads_of",
    "positions_of",
    "request_for",
    "stream_append",
]

A = StreamId("agent-a")
B = StreamId("agent-b")
INBOX = StreamId("inbox-a")
PATIENCE_S = 20.0


def event_data(payload: bytes = b"x") -> EncodedEvent:
    """An event whose tag does not matter."""
    return EncodedEvent("contract.something_happened.v1", payload)


def stream_append(
    stream_id: StreamId, *payloads: bytes, expected: int | None = None
) -> StreamAppend:
    """One event per payload for a stream."""
    events = tuple(event_data(payload) for payload in payloads)
    return StreamAppend(stream_id=stream_id, events=events, expected_version=expected)


def request_for(*streams: StreamAppend) -> AppendRequest:
    """A request with streams and nothing else."""
    return AppendRequest(streams=streams)


class AnswerLog:
    """Keeps what `on_appended` was called with, in order, and lets a test wait for it."""

    def __init__(self) -> None:
        self._arrived = threading.Condition()
        self._answers: list[Appended | StoreError] = []

    def add(self, answer: Appended | StoreError) -> None:
        """Pass this as `on_appended`."""
        with self._arrived:
            self._answers.append(answer)
            self._arrived.notify_all()

    def first(self, count: int) -> Sequence[Appended | StoreError]:
        """All answers, once there are `count` of them.

        Raises:
            TimeoutError: there are fewer.
        """
        with self._arrived:
            if not self._arrived.wait_for(lambda: len(self._answers) >= count, PATIENCE_S):
                raise TimeoutError(f"{len(self._answers)} of {count} answers")
            return list(self._answers)


def payloads_of(events: Sequence[StoredEvent]) -> list[bytes]:
    """The payloads, in order."""
    return [event.payload for event in events]


def positions_of(events: Sequence[StoredEvent]) -> list[int]:
    """The global positions, in order."""
    return [event.global_position for event in events]


class AppendContract(PatientContract, abc.ABC):
    """The part of `EventStoreContract` that is about writing."""

    @abc.abstractmethod
    def make_store(self, directory: Path) -> EventStore:
        """A new empty store; the suite closes it. `directory` is empty and its own."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[EventStore]:
        """A new store per test."""
        store = self.make_store(tmp_path)
        yield store
        store.close()

    def test_positions_have_no_gaps(self, store: EventStore) -> None:
        """A reader that counts positions must be able to trust that it has seen all."""
        first = store.append(request_for(stream_append(A, b"1", b"2"), stream_append(INBOX, b"3")))
        second = store.append(request_for(stream_append(INBOX, b"4"), stream_append(A, b"5")))

        journal = store.read_journal()
        assert (first.first_position, first.last_position, first.versions) == (1, 3, (2, 1))
        assert (second.first_position, second.last_position, second.versions) == (4, 5, (2, 3))
        assert positions_of(journal) == [1, 2, 3, 4, 5]
        assert payloads_of(journal) == [b"1", b"2", b"3", b"4", b"5"]
        assert [event.stream_version for event in journal] == [1, 2, 1, 2, 3]
        assert store.last_position() == 5

    def test_an_event_comes_back_as_it_was_written(self, store: EventStore) -> None:
        """Who wrote an event, when and why is evidence; it must not be lost or mixed up."""
        store.append(
            AppendRequest(
                streams=(stream_append(A, b"payload"),),
                fence=Fence("lease-a", 7),
                recorded_at_ns=1_700_000_000_123_456_789,
                causation="command-1",
                correlation="run-ü",
            )
        )

        assert store.read_stream(A) == store.read_journal()
        assert list(store.read_stream(A)) == [
            StoredEvent(
                global_position=1,
                stream_id=A,
                stream_version=1,
                event_type="contract.something_happened.v1",
                payload=b"payload",
                recorded_at_ns=1_700_000_000_123_456_789,
                epoch=7,
                causation="command-1",
                correlation="run-ü",
            )
        ]

    def test_an_expected_version_must_be_met(self, store: EventStore) -> None:
        """Two writers that decided on the same state must not both be right."""
        store.append(request_for(stream_append(A, b"1", expected=0)))
        store.append(request_for(stream_append(A, b"2", expected=1)))
        store.append(request_for(stream_append(A, b"3")))

        for expected in (0, 1, 2, 4):
            with pytest.raises(VersionConflict) as conflict:
                store.append(request_for(stream_append(A, b"no", expected=expected)))
            assert (conflict.value.expected, conflict.value.actual) == (expected, 3)
        assert payloads_of(store.read_stream(A)) == [b"1", b"2", b"3"]

    def test_a_conflict_in_one_stream_writes_none(self, store: EventStore) -> None:
        """Mail must not arrive when the sender could not record that it sent it."""
        store.append(request_for(stream_append(A, b"1")))
        request = AppendRequest(
            streams=(stream_append(INBOX, b"mail"), stream_append(A, b"sent", expected=0)),
            open_streams=(INBOX,),
            fence=Fence("lease-a", 3),
            raise_fence=True,
        )

        with pytest.raises(VersionConflict):
            store.append(request)
        assert store.stream_version(INBOX) == 0
        assert store.last_position() == 1
        assert list(store.open_streams()) == []
        assert store.fence_epoch("lease-a") == 0

    def test_a_stream_may_come_twice_in_a_request(self, store: EventStore) -> None:
        """A batch of commands for one agent becomes one append; each was decided on the last."""
        appended = store.append(
            request_for(
                stream_append(A, b"1", expected=0),
                stream_append(B, b"2"),
                stream_append(A, b"3", b"4", expected=1),
            )
        )

        assert appended.versions == (1, 1, 3)
        assert payloads_of(store.read_stream(A)) == [b"1", b"3", b"4"]
        assert payloads_of(store.read_stream(A, after=1)) == [b"3", b"4"]
        with pytest.raises(VersionConflict):
            store.append(
                request_for(stream_append(B, b"5", expected=1), stream_append(B, b"6", expected=1))
            )
        assert store.stream_version(B) == 1

    def test_a_refused_append_leaves_its_neighbours_alone(self, store: EventStore) -> None:
        """Appends are written in groups; one stale writer must not fail the others."""
        answers = AnswerLog()
        for number in range(50):
            expected = 99 if number % 5 == 0 else None
            store.submit(
                request_for(stream_append(A, b"%d" % number, expected=expected)), answers.add
            )

        refused = [isinstance(answer, VersionConflict) for answer in answers.first(50)]
        assert refused == [number % 5 == 0 for number in range(50)]
        assert positions_of(store.read_journal()) == list(range(1, 41))

    def test_answers_come_once_in_order_and_after_the_write(self, store: EventStore) -> None:
        """An answer starts effects in the world; it must not come before the event is safe."""
        answers, late = AnswerLog(), []

        def on_appended(answer: Appended | StoreError) -> None:
            if not isinstance(answer, Appended) or store.last_position() < answer.last_position:
                late.append(answer)
            answers.add(answer)

        for number in range(200):
            store.submit(request_for(stream_append(A, b"%d" % number)), on_appended)
        store.append(AppendRequest())

        assert late == []
        assert answers.first(200) == [Appended(n, n, (n,)) for n in range(1, 201)]
        assert payloads_of(store.read_stream(A)) == [b"%d" % number for number in range(200)]

    def test_a_callback_that_raises_harms_nobody(self, store: EventStore) -> None:
        """A bug in one actor must not stop the log of all others."""

        def on_appended(answer: Appended | StoreError) -> None:
            raise LookupError("a bug of the caller")

        store.submit(request_for(stream_append(A, b"1")), on_appended)

        assert store.append(request_for(stream_append(A, b"2"))).versions == (2,)

    def test_a_callback_may_submit_and_must_not_wait(self, store: EventStore) -> None:
        """Waiting for the writer on its own thread would hang for ever; it has to be an error."""
        answers, refusals = AnswerLog(), []

        def on_appended(answer: Appended | StoreError) -> None:
            for wait in (lambda: store.append(AppendRequest()), store.close):
                try:
                    wait()
                except RuntimeError as error:
                    refusals.append(error)
            store.submit(request_for(stream_append(B, b"2")), answers.add)

        store.submit(request_for(stream_append(A, b"1")), on_appended)

        assert answers.first(1) == [Appended(2, 2, (1,))]
        assert len(refusals) == 2

    def test_many_threads_append_without_gaps(self, store: EventStore) -> None:
        """All agents of a team write at once; the log is still one line of events."""

        def write(stream_id: StreamId) -> None:
            for version in range(40):
                store.append(
                    request_for(
                        stream_append(stream_id, b"%d" % version, expected=version),
                        stream_append(INBOX, stream_id.encode()),
                    )
                )

        streams = [StreamId(f"agent-{number}") for number in range(8)]
        threads = [threading.Thread(target=write, args=(stream_id,)) for stream_id in streams]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert positions_of(store.read_journal(limit=10_000)) == list(range(1, 641))
        assert store.stream_version(INBOX) == 320
        for stream_id in streams:
            assert payloads_of(store.read_stream(stream_id)) == [b"%d" % n for n in range(40)]

    def test_an_old_epoch_cannot_append(self, store: EventStore) -> None:
        """A process that slept through the loss of its lease must not write when it wakes up."""
        old, new = Fence("lease-a", 1), Fence("lease-a", 2)
        store.append(AppendRequest(streams=(stream_append(A, b"1"),), fence=old, raise_fence=True))
        store.append(AppendRequest(streams=(stream_append(A, b"2"),), fence=old))
        store.append(AppendRequest(fence=new, raise_fence=True))

        with pytest.raises(Fenced) as fenced:
            store.append(AppendRequest(streams=(stream_append(A, b"no"),), fence=old))
        assert (fenced.value.epoch, fenced.value.current) == (1, 2)
        store.append(AppendRequest(streams=(stream_append(A, b"3"),), fence=new))
        store.append(
            AppendRequest(streams=(stream_append(A, b"4"),), fence=Fence("lease-other", 1))
        )
        assert [event.epoch for event in store.read_stream(A)] == [1, 1, 2, 1]
        assert (store.fence_epoch("lease-a"), store.fence_epoch("lease-other")) == (2, 0)

    def test_an_epoch_is_raised_by_one_only(self, store: EventStore) -> None:
        """Two processes that reach for a lease with the same number: only one may get it."""
        answers = AnswerLog()
        for epoch in (4, 4, 3, 5):
            request = AppendRequest(fence=Fence("lease-a", epoch), raise_fence=True)
            store.submit(request, answers.add)

        outcomes = [isinstance(answer, Fenced) for answer in answers.first(4)]
        assert outcomes == [False, True, True, False]
        assert store.fence_epoch("lease-a") == 5

    def test_a_request_that_cannot_be_kept_is_a_bug(self, store: EventStore) -> None:
        """A malformed request is refused where it was made, not on the thread of the writer."""
        for request in (
            request_for(stream_append(StreamId(""), b"1")),
            request_for(stream_append(StreamId("x" * 256), b"1")),
            request_for(stream_append(A, b"1", expected=-1)),
            AppendRequest(raise_fence=True),
            AppendRequest(fence=Fence("", 1)),
            AppendRequest(fence=Fence("lease-a", -1)),
            AppendRequest(open_streams=(StreamId("x" * 256),)),
        ):
            with pytest.raises(ValueError, match=r"must|needs"):
                store.submit(request, lambda answer: None)
        assert store.append(AppendRequest()).last_position == 0

    def test_a_repeated_request_is_answered_as_the_first_time(self, store: EventStore) -> None:
        """Who asks again because an answer was lost must not double what was written."""
        request = AppendRequest(streams=(stream_append(A, b"1", expected=0),), request_id="r-1")
        log = AnswerLog()
        for _ in range(3):
            store.submit(request, log.add)

        first = Appended(1, 1, (1,))
        assert log.first(3) == [first] * 3
        assert store.append(request) == first
        assert payloads_of(store.read_stream(A)) == [b"1"]

    def test_a_refused_request_may_be_repeated(self, store: EventStore) -> None:
        """Only what was written is remembered: a conflict must not poison its request id."""
        early = AppendRequest(streams=(stream_append(A, b"2", expected=1),), request_id="r-2")
        with pytest.raises(VersionConflict):
            store.append(early)
        store.append(request_for(stream_append(A, b"1")))

        assert store.append(early) == Appended(2, 2, (2,))
        assert store.append(early) == Appended(2, 2, (2,))

    def test_other_ids_are_other_requests(self, store: EventStore) -> None:
        """Two commands that say the same are two commands."""
        for request_id in ("r-1", "r-2", "", ""):
            stream = stream_append(A, b"same")
            store.append(AppendRequest(streams=(stream,), request_id=request_id))

        assert store.stream_version(A) == 4
