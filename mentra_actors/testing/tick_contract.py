"""What every event store must do with ticks, which hold what live answers have streamed so far."""
# ruff: noqa: PLR2004 - the methods are tests

import itertools
import threading
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from mentra_actors.errors import StoreClosed, StoreError, VersionConflict
from mentra_actors.ids import EffectId, StreamId
from mentra_actors.store.ports import Appended, AppendRequest, EventStore, Tick, TickPiece
from mentra_actors.testing.append_contract import (
    INBOX,
    A,
    AnswerLog,
    AppendContract,
    B,
    payloads_of,
    positions_of,
    request_for,
    stream_append,
)

__all__ = ["DurableTickContract", "TickContract", "tick_of"]

_CALL = EffectId("call-1")


def tick_of(number: int, *payloads: bytes, stream_id: StreamId = A) -> Tick:
    """A tick with one piece per payload, all of one stream."""
    pieces = tuple(TickPiece(stream_id, _CALL, payload) for payload in payloads)
    return Tick(number=number, pieces=pieces)


def _numbers_of(ticks: Sequence[Tick]) -> list[int]:
    return [tick.number for tick in ticks]


class TickContract(AppendContract):
    """The part of `EventStoreContract` that is about ticks."""

    def test_a_tick_comes_back_as_it_was_saved(self, store: EventStore) -> None:
        """Whatever a model has said must be there again, under the answer that it belongs to."""
        pieces = [
            TickPiece(A, _CALL, b"text"),
            TickPiece(A, EffectId("call-\N{GREEK SMALL LETTER PHI}"), b""),
            TickPiece(A, _CALL, bytes(range(256)) * 300),
            TickPiece(StreamId("\N{GREEK SMALL LETTER PHI}" * 127), EffectId(""), b"\0" * 5),
            *(TickPiece(StreamId(f"agent-{n}"), _CALL, b"%d" % n * 40) for n in range(300)),
        ]
        saved = [
            Tick(number=1, pieces=tuple(pieces)),
            tick_of(2, b"x" * 3_000_000),
            tick_of((1 << 63) - 1, b"last"),
        ]
        for tick in saved:
            store.save_tick(tick)
        store.append(AppendRequest())

        assert list(store.load_ticks()) == saved

    def test_a_store_without_ticks_has_none(self, store: EventStore) -> None:
        """The first start of a team has nothing to go on with."""
        store.append(request_for(stream_append(A, b"1")))

        assert list(store.load_ticks()) == []

    def test_ticks_are_loaded_by_number(self, store: EventStore) -> None:
        """Text that is put together in another order is another text."""
        numbers = [1, 9, 10, 255, 256, 65_536, 1 << 32, 1 << 40]
        for number in numbers:
            store.save_tick(tick_of(number, b"%d" % number))
        store.append(AppendRequest())

        assert _numbers_of(store.load_ticks()) == numbers

    def test_ticks_are_dropped_with_a_later_one(self, store: EventStore) -> None:
        """What became an event must not be kept a second time, nor be in the way for ever."""
        for number in range(1, 6):
            store.save_tick(tick_of(number, b"x"))
        store.save_tick(tick_of(6, b"x"), drop_below=4)
        store.append(AppendRequest())
        assert _numbers_of(store.load_ticks()) == [4, 5, 6]

        store.save_tick(tick_of(7), drop_below=6)
        store.append(AppendRequest())
        assert _numbers_of(store.load_ticks()) == [6]

        store.save_tick(tick_of(8))
        store.save_tick(tick_of(9, b"gone at once"), drop_below=10)
        store.append(AppendRequest())
        assert list(store.load_ticks()) == []

    def test_ticks_queued_together_change_what_they_would_one_by_one(
        self, store: EventStore
    ) -> None:
        """How many share a commit is an accident; what is kept must not depend on it."""
        expected: dict[int, Tick] = {}
        for number in range(1, 400):
            drop_below = number - 5 if number % 7 == 0 else 0
            payloads = () if number % 11 == 0 else (b"%d" % number * 30,)
            tick = tick_of(number, *payloads)
            store.save_tick(tick, drop_below=drop_below)
            if payloads:
                expected[number] = tick
            expected = {n: kept for n, kept in expected.items() if n >= drop_below}
            if number % 50 == 0:
                store.append(AppendRequest())
                assert list(store.load_ticks()) == list(expected.values())
        store.append(AppendRequest())

        assert list(store.load_ticks()) == list(expected.values())

    def test_a_tick_replaces_one_of_its_number(self, store: EventStore) -> None:
        """A process that begins to count anew must not leave text of its predecessor between."""
        for payload in (b"a long text " * 1000, b"short"):
            store.save_tick(tick_of(1, payload))
            store.append(AppendRequest())
        store.save_tick(tick_of(2, b"short"))
        store.save_tick(tick_of(2, b"a long text " * 1000))
        store.append(AppendRequest())

        expected = [tick_of(1, b"short"), tick_of(2, b"a long text " * 1000)]
        assert list(store.load_ticks()) == expected

    def test_many_threads_save_ticks_beside_appends(self, store: EventStore) -> None:
        """Nobody promises that one thread saves them all."""
        threads_count, each = 6, 40

        def save(first: int) -> None:
            for number in range(first, threads_count * each + 1, threads_count):
                store.save_tick(tick_of(number, b"%d" % number))
                if number % 5 == 0:
                    store.append(request_for(stream_append(INBOX, b"%d" % number)))

        threads = [
            threading.Thread(target=save, args=(first,)) for first in range(1, threads_count + 1)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        store.append(AppendRequest())

        count = threads_count * each
        assert list(store.load_ticks()) == [tick_of(n, b"%d" % n) for n in range(1, count + 1)]
        assert positions_of(store.read_journal()) == list(range(1, count // 5 + 1))

    def test_a_tick_is_there_when_a_later_append_is(self, store: EventStore) -> None:
        """Who was told that an append is durable may rely on what was saved before it."""
        found: list[int] = []
        answers = AnswerLog()

        def on_appended(answer: Appended | StoreError) -> None:
            found.extend(_numbers_of(store.load_ticks()))
            answers.add(answer)

        store.save_tick(tick_of(1, b"text"))
        store.submit(request_for(stream_append(A, b"1")), on_appended)

        assert answers.first(1) == [Appended(1, 1, (1,))]
        assert found == [1]

    def test_ticks_disturb_no_append(self, store: EventStore) -> None:
        """The log is what counts: its positions, its answers, its refusals stay as they were."""
        answers = AnswerLog()
        numbers = itertools.count(1)
        for number in range(60):
            store.save_tick(tick_of(next(numbers), b"x" * 5000), drop_below=number)
            expected = 99 if number % 5 == 0 else None
            store.submit(
                request_for(stream_append(A, b"%d" % number, expected=expected)), answers.add
            )
            store.save_tick(tick_of(next(numbers)), drop_below=number)

        refused = [isinstance(answer, VersionConflict) for answer in answers.first(60)]
        appended = [answer for answer in answers.first(60) if isinstance(answer, Appended)]
        assert refused == [number % 5 == 0 for number in range(60)]
        assert appended == [Appended(n, n, (n,)) for n in range(1, 49)]
        assert payloads_of(store.read_stream(A)) == [b"%d" % n for n in range(60) if n % 5]
        assert store.last_position() == 48

    def test_a_callback_may_save_a_tick(self, store: EventStore) -> None:
        """The thread that answers is the first to know that an answer became an event."""
        answers = AnswerLog()

        def on_appended(answer: Appended | StoreError) -> None:
            store.save_tick(tick_of(2, b"other"), drop_below=2)
            answers.add(answer)

        store.save_tick(tick_of(1, b"text"))
        store.submit(request_for(stream_append(A, b"1")), on_appended)
        answers.first(1)
        store.append(request_for(stream_append(B, b"2")))

        assert list(store.load_ticks()) == [tick_of(2, b"other")]

    def test_a_tick_that_cannot_be_kept_is_a_bug(self, store: EventStore) -> None:
        """It is refused where it was made, and harms no append that happens to be beside it."""
        good = tick_of(1, b"x")
        (piece,) = good.pieces
        faults = [
            (msgspec.structs.replace(good, number=0), 0),
            (msgspec.structs.replace(good, number=1 << 63), 0),
            (good, -1),
            (tick_of(1, b"x", stream_id=StreamId("")), 0),
            (tick_of(1, b"x", stream_id=StreamId("x" * 256)), 0),
            (Tick(number=1, pieces=(msgspec.structs.replace(piece, payload="text"),)), 0),
            (Tick(number=1, pieces=(msgspec.structs.replace(piece, effect_id=7),)), 0),
        ]
        for tick, drop_below in faults:
            with pytest.raises((TypeError, ValueError)):
                store.save_tick(tick, drop_below=drop_below)

        assert store.append(request_for(stream_append(A, b"1"))) == Appended(1, 1, (1,))
        assert list(store.load_ticks()) == []

    def test_a_closed_store_saves_no_tick(self, store: EventStore) -> None:
        """The last tick of a runtime may come late; it must fail nobody."""
        store.save_tick(tick_of(1, b"in time"))
        store.close()
        store.save_tick(tick_of(2, b"late"), drop_below=2)

        with pytest.raises(StoreClosed):
            store.load_ticks()


class DurableTickContract(TickContract):
    """The part of `DurableStoreContract` that is about ticks."""

    def test_ticks_survive_a_reopen(self, store: EventStore, tmp_path: Path) -> None:
        """They are for the process that comes after this one."""
        for number in range(1, 30):
            store.save_tick(tick_of(number, b"%d" % number * 100), drop_below=max(number - 4, 0))
        store.close()
        again = self.make_store(tmp_path)
        try:
            assert _numbers_of(again.load_ticks()) == [25, 26, 27, 28, 29]
            assert again.load_ticks()[0] == tick_of(25, b"25" * 100)
            again.save_tick(tick_of(30), drop_below=30)
            again.append(AppendRequest())
            assert list(again.load_ticks()) == []
        finally:
            again.close()

    def test_a_tick_that_comes_late_appears_nowhere(
        self, store: EventStore, tmp_path: Path
    ) -> None:
        """Nor may it drop what its successor is to go on with."""
        store.save_tick(tick_of(1, b"in time"))
        store.close()
        store.save_tick(tick_of(2, b"late"), drop_below=2)
        again = self.make_store(tmp_path)
        kept = list(again.load_ticks())
        again.close()

        assert kept == [tick_of(1, b"in time")]
