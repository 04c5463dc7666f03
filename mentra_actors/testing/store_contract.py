"""What every event store must do; authors of an adapter run it under pytest.

```python
class TestMyStore(EventStoreContract):
    def make_store(self, directory: Path) -> EventStore:
        return MyStore.open(directory / "store")
```

A store that is there again when it is opened once more passes `DurableStoreContract` as well.
"""
# ruff: noqa: ARG005, PLR2004 - the methods are tests

import threading
import time
from typing import Any

import msgspec
import pytest

from mentra_actors.errors import StoreClosed, StoreError, VersionConflict
from mentra_actors.ids import StreamId
from mentra_actors.store.ports import (
    Appended,
    AppendRequest,
    EncodedEvent,
    EventStore,
    Fence,
    PayloadReader,
    SnapshotReader,
    StateSnapshot,
    StreamAppend,
    blob_digest,
)
from mentra_actors.testing.append_contract import (
    INBOX,
    PATIENCE_S,
    A,
    AnswerLog,
    B,
    payloads_of,
    positions_of,
    request_for,
    stream_append,
)
from mentra_actors.testing.tick_contract import DurableTickContract, TickContract

__all__ = ["DurableStoreContract", "EventStoreContract"]


class EventStoreContract(TickContract):
    """Subclass it, say how a store is made, and pytest collects the tests."""

    def test_a_part_of_a_stream_can_be_read(self, store: EventStore) -> None:
        """An actor reads what came after its snapshot; time travel stops at a version."""
        for number in range(0, 300, 3):
            payloads = [b"%d" % n for n in range(number, number + 3)]
            store.append(request_for(stream_append(B, b"other"), stream_append(A, *payloads)))

        for after, through in ((0, None), (1, 2), (2, 7), (149, 151), (299, None), (5, 5), (7, 3)):
            events = store.read_stream(A, after=after, through=through)
            expected = range(after, 300 if through is None else max(through, after))
            assert payloads_of(events) == [b"%d" % n for n in expected]
        assert list(store.read_stream(A, after=300)) == []
        assert list(store.read_stream(A, after=10_000, through=20_000)) == []
        assert len(store.read_stream(A, after=-5, through=10_000)) == 300

    def test_the_journal_is_read_in_pages_of_whole_appends(self, store: EventStore) -> None:
        """A projection that stops between pages must never have seen half of an append."""
        ends = [
            store.append(request_for(stream_append(A, *[b"x"] * n))).last_position
            for n in (1, 4, 2, 1, 5, 3)
        ]

        for limit in (1, 2, 3, 7, 100):
            seen: list[int] = []
            while page := store.read_journal(after=len(seen), limit=limit):
                seen.extend(positions_of(page))
                assert len(page) >= min(limit, ends[-1] - len(seen))
                assert seen[-1] in ends
            assert seen == list(range(1, ends[-1] + 1))
        assert positions_of(store.read_journal(after=3, limit=1)) == [4, 5]
        assert len(store.read_journal(limit=0)) == 1

    def test_the_journal_is_filtered_by_category_and_tag(self, store: EventStore) -> None:
        """Who asks for the mail of a large team must get all of it, and nothing else."""
        for number in range(700):
            sent = StreamAppend(
                stream_id=INBOX, events=(EncodedEvent("a.letter.v1", b"%d" % number),)
            )
            others = [stream_append(A, b"x"), stream_append(StreamId("inbox"), b"y")]
            store.append(request_for(*others, *([sent] if number % 50 == 0 else [])))

        letters: Any = {"categories": ["inbox"], "event_types": {"a.letter.v1"}}
        found: list[bytes] = []
        after = 0
        while page := store.read_journal(after=after, limit=3, **letters):
            found.extend(payloads_of(page))
            after = page[-1].global_position
        assert found == [b"%d" % number for number in range(0, 700, 50)]
        assert len(store.read_journal(limit=5000, categories=("inbox",))) == 714
        assert len(store.read_journal(limit=5000, event_types=("a.letter.v1",))) == 14
        assert list(store.read_journal(categories=("nobody",))) == []

    def test_the_journal_is_read_up_to_a_position(self, store: EventStore) -> None:
        """Who asks for an early moment must neither get nor pay for what came later."""
        for number in range(60):
            sent = stream_append(INBOX, b"%d" % number)
            store.append(request_for(stream_append(A, b"x", b"y"), sent))

        for after, limit, through in ((0, 100, 7), (4, 100, 9), (5, 2, 8), (6, 1, 180), (9, 5, 9)):
            page = store.read_journal(after=after, limit=limit, through=through)
            whole = store.read_journal(after=after, limit=limit)
            assert list(page) == [one for one in whole if one.global_position <= through]
        for through in (2, 3, 4, 90, 179, 180, 500):
            page = store.read_journal(limit=500, through=through, categories=["inbox"])
            assert positions_of(page) == list(range(3, min(through, 180) + 1, 3))
        assert list(store.read_journal(after=5, through=-1)) == []

    def test_events_without_their_places_are_read_up_to_a_version(self, store: EventStore) -> None:
        """A state of the past is folded of them."""
        if not isinstance(store, PayloadReader):
            return
        for number in range(0, 1200, 3):
            payloads = [b"%d" % n for n in range(number, number + 3)]
            store.append(request_for(stream_append(A, *payloads)))

        for after, through in ((0, 1), (1, 2), (2, 7), (3, 1000), (1199, None), (5, 5), (7, 3)):
            found: list[bytes] = []
            is_end = False
            while not is_end:
                start = after + len(found)
                page, is_end = store.read_payloads(A, after=start, through=through)
                found += [payload for _, payload in page]
            expected = range(after, 1200 if through is None else max(through, after))
            assert found == [b"%d" % n for n in expected]

    def test_an_unknown_stream_is_empty(self, store: EventStore) -> None:
        """An agent that never spoke is a normal case, also beside one with a longer name."""
        store.append(request_for(stream_append(StreamId("agent-ab"), b"1")))
        store.append(request_for(stream_append(StreamId("agent"), b"2")))

        assert store.stream_version(A) == 0
        assert list(store.read_stream(A)) == []
        assert store.load_snapshot(A) is None
        assert payloads_of(store.read_stream(StreamId("agent"))) == [b"2"]

    def test_streams_are_listed_by_category(self, store: EventStore) -> None:
        """Recovery asks for all agents; an inbox or a look-alike must not come back as one."""
        names = [
            "agent-b",
            "agent-a",
            "agent-a-b",
            "agents-x",
            "agent!-x",
            "agent",
            "inbox-a",
            "-n",
        ]
        for name in [*names, *(f"bulk-{number:04}" for number in range(1100))]:
            store.submit(request_for(stream_append(StreamId(name), b"1")), lambda answer: None)
        store.append(AppendRequest(streams=(stream_append(StreamId("empty-a")),)))

        assert store.stream_ids("agent") == ["agent", "agent-a", "agent-a-b", "agent-b"]
        assert store.stream_ids("inbox") == ["inbox-a"]
        assert store.stream_ids("") == ["-n"]
        assert list(store.stream_ids("agent-a")) == []
        assert list(store.stream_ids("empty")) == []
        assert store.stream_ids("bulk") == [f"bulk-{number:04}" for number in range(1100)]

    def test_a_snapshot_replaces_the_one_before(self, store: EventStore) -> None:
        """Old snapshots would only take room; a stale one would cost a long replay."""
        for version in (3, 8):
            store.save_snapshot(
                StateSnapshot(
                    stream_id=A, stream_version=version, fold_version=2, payload=b"\0state"
                )
            )
        store.append(AppendRequest())

        assert store.load_snapshot(A) == StateSnapshot(
            stream_id=A, stream_version=8, fold_version=2, payload=b"\0state"
        )

    def test_a_milestone_is_kept_beside_the_newest_snapshot(self, store: EventStore) -> None:
        """A look into the past begins at the youngest state before it, not at the first event."""
        assert isinstance(store, SnapshotReader)
        longer = StateSnapshot(
            stream_id=StreamId(f"{A}a"), stream_version=8, fold_version=2, payload=b"other"
        )
        milestones = [
            StateSnapshot(
                stream_id=A,
                stream_version=version,
                fold_version=2,
                payload=b"state %d" % version,
                is_milestone=True,
            )
            for version in (5, 300, 70_000)
        ]
        newest = msgspec.structs.replace(
            milestones[0], stream_version=70_010, payload=b"now", is_milestone=False
        )
        for one in (*milestones, newest, longer, milestones[0]):
            store.save_snapshot(one)
        store.append(AppendRequest())

        assert store.load_snapshot(A) == newest
        assert store.snapshot_through(A, 4) is None
        assert _payload_through(store, A, 299) == b"state 5"
        assert _payload_through(store, A, 300) == b"state 300"
        assert _payload_through(store, A, 70_009) == b"state 70000"
        assert _payload_through(store, A, 70_010) == b"now"
        assert store.snapshot_through(StreamId(A[:-1]), 1 << 40) is None

    def test_a_blob_is_there_when_its_event_is(self, store: EventStore) -> None:
        """An event that names a blob is worthless without it."""
        contents = [b"", b"\0" * 10, b"text", b"x" * 100_000]
        digests = [store.put_blob(content) for content in [*contents, *contents]]
        found: list[bytes | None] = []
        answers = AnswerLog()

        def on_appended(answer: Appended | StoreError) -> None:
            found.extend(store.read_blob(digest) for digest in digests)
            answers.add(answer)

        store.submit(request_for(stream_append(A, digests[0].encode())), on_appended)

        assert answers.first(1) == [Appended(1, 1, (1,))]
        assert found == [*contents, *contents]
        assert digests[:4] == digests[4:] == [blob_digest(content) for content in contents]
        assert store.read_blob(blob_digest(b"never stored")) is None
        assert store.read_blob("not a digest") is None

    def test_open_streams_are_those_with_work(self, store: EventStore) -> None:
        """A restart wakes up the marked agents only; a lost mark would be lost work."""
        store.append(AppendRequest(streams=(stream_append(A, b"1"),), open_streams=(B, A)))
        assert store.open_streams() == [A, B]

        store.append(AppendRequest(streams=(stream_append(A, b"2"),), settled=((A, 1),)))
        assert store.open_streams() == [A, B]

        store.append(AppendRequest(streams=(stream_append(A, b"3"),), settled=((A, 3), (B, 0))))
        assert list(store.open_streams()) == []

        store.append(AppendRequest(open_streams=(A,), settled=((A, 3),)))
        assert store.open_streams() == [A]

        store.append(AppendRequest(settled=((A, 4), (INBOX, 0))))
        assert list(store.open_streams()) == []

    def test_an_append_without_events_takes_no_position(self, store: EventStore) -> None:
        """Marks and fences are not facts of the team; the log must not grow by them."""
        store.append(request_for(stream_append(A, b"1")))
        nothing = store.append(AppendRequest())
        no_events = store.append(request_for(stream_append(A, expected=1), stream_append(B)))

        assert nothing == Appended(2, 1, ())
        assert no_events == Appended(2, 1, (1, 0))
        with pytest.raises(VersionConflict):
            store.append(request_for(stream_append(A, expected=0)))
        assert store.append(request_for(stream_append(B, b"2"))) == Appended(2, 2, (1,))

    def test_any_bytes_of_any_size_are_kept(self, store: EventStore) -> None:
        """A model may answer with megabytes, with nothing, or with what looks like a frame."""
        payloads = [b"", b"\0", bytes(range(256)), b"\xff" * 5_000_000, b"{}"]
        store.append(request_for(stream_append(A, *payloads)))
        store.append(request_for(stream_append(A, b"after")))

        assert payloads_of(store.read_stream(A)) == [*payloads, b"after"]
        assert payloads_of(store.read_journal()) == [*payloads, b"after"]

    def test_names_may_be_as_long_as_promised(self, store: EventStore) -> None:
        """A name that is legal at the edge must not fail deep inside of the store."""
        long_ascii, long_utf8 = StreamId("a" * 255), StreamId("ü" * 127)
        for stream_id in (long_ascii, long_utf8):
            store.append(
                AppendRequest(
                    streams=(stream_append(stream_id, b"1"),),
                    open_streams=(stream_id,),
                    fence=Fence("r" * 255, 1),
                )
            )

        assert store.open_streams() == [long_ascii, long_utf8]
        assert store.stream_ids(long_utf8) == [long_utf8]
        assert store.stream_version(long_ascii) == 1

    def test_a_reader_can_wait_for_a_position(self, store: EventStore) -> None:
        """A view catches up by waiting, not by asking all the time."""
        appends = 50
        started_at = time.monotonic()
        reached = threading.Semaphore(0)

        def follow() -> None:
            for position in range(1, appends + 1):
                if store.wait_for_position(position, timeout_s=PATIENCE_S) >= position:
                    reached.release()

        waiter = threading.Thread(target=follow)
        waiter.start()
        for number in range(appends):
            store.append(request_for(stream_append(A, b"%d" % number)))
            assert reached.acquire(timeout=PATIENCE_S)
        waiter.join()

        assert time.monotonic() - started_at < PATIENCE_S
        assert store.wait_for_position(2, timeout_s=0) == appends
        assert store.wait_for_position(appends + 1, timeout_s=0.01) == appends

    def test_a_closed_store_refuses(self, store: EventStore) -> None:
        """After the end of a process nobody may believe that something was still recorded."""
        answers = AnswerLog()
        for number in range(20):
            store.submit(request_for(stream_append(A, b"%d" % number)), answers.add)
        store.close()
        store.close()
        assert all(isinstance(answer, Appended) for answer in answers.first(20))

        store.submit(request_for(stream_append(A, b"late")), answers.add)
        assert isinstance(answers.first(21)[20], StoreClosed)
        with pytest.raises(StoreClosed):
            store.append(request_for(stream_append(A, b"late")))
        with pytest.raises(StoreClosed):
            store.put_blob(b"late")
        with pytest.raises(StoreClosed):
            store.read_journal()
        store.save_snapshot(
            StateSnapshot(stream_id=A, stream_version=1, fold_version=1, payload=b"")
        )

    def test_closing_wakes_up_who_waits(self, store: EventStore) -> None:
        """A view that waits for the next event must not keep the process from ending."""
        outcomes: list[str] = []

        def wait() -> None:
            try:
                store.wait_for_position(1, timeout_s=PATIENCE_S)
            except StoreClosed:
                outcomes.append("closed")

        waiter = threading.Thread(target=wait)
        waiter.start()
        store.close()
        waiter.join()

        assert outcomes == ["closed"]


class DurableStoreContract(EventStoreContract, DurableTickContract):
    """For a store that survives its end: `make_store` opens what it made in a directory before."""


def _payload_through(store: SnapshotReader, stream_id: StreamId, version: int) -> bytes | None:
    found = store.snapshot_through(stream_id, version)
    return None if found is None else found.payload
