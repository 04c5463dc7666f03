"""What the library's own cases leave open about tagged events."""

import threading

import pytest
from eventsourcing.dcb.api import DCBAppendCondition, DCBEvent, DCBQuery, DCBQueryItem
from eventsourcing.dcb.application import DCBApplication
from eventsourcing.dcb.domain import EnduringObject
from eventsourcing.dcb.msgpack import Decision, InitialDecision
from eventsourcing.persistence import (
    DataError,
    IntegrityError,
    InterfaceError,
    ProgrammingError,
    StoredEvent,
)

from mentra_actors.store.lmdb import (
    LMDBApplicationRecorder,
    LMDBDatastore,
    LMDBDCBRecorder,
)


@pytest.fixture
def open_datastore(tmp_path):
    opened = []

    def open_one(**options):
        options.setdefault("durability", "volatile")
        opened.append(LMDBDatastore(tmp_path / "store", **options))
        return opened[-1]

    yield open_one
    for datastore in opened:
        datastore.close()


@pytest.fixture
def recorder(open_datastore):
    return LMDBDCBRecorder(open_datastore())


def event(*tags, kind="t", data=b"data"):
    return DCBEvent(type=kind, data=data, tags=list(tags))


def query(*items):
    return DCBQuery(items=[DCBQueryItem(types=types, tags=tags) for types, tags in items])


def positions(found):
    return [one.position for one in found]


def test_tags_keep_their_order_and_repetitions(recorder):
    """An event is read as it was written."""
    written = [event("b", "a", "b"), event(), event("", "ä", "x" * 2000)]
    recorder.append(written)

    assert [one.event for one in recorder.read()] == written
    assert positions(recorder.read(query(([], ["b"])))) == [1]
    assert positions(recorder.read(query(([], ["x" * 2000])))) == [3]
    assert positions(recorder.read(query(([], [""])))) == [3]


def test_types_and_tags_of_the_same_name_are_different(recorder):
    """A tag must not match as a type, nor one that begins like another."""
    recorder.append([event("a", kind="b"), event("b", kind="a"), event("ab", kind="")])

    assert positions(recorder.read(query((["a"], [])))) == [2]
    assert positions(recorder.read(query(([], ["a"])))) == [1]
    assert positions(recorder.read(query(([""], [])))) == [3]
    assert positions(recorder.read(query(([], ["ab"])))) == [3]


def test_an_item_without_types_and_tags_matches_everything(recorder):
    """That is how the library asks for all events."""
    recorder.append([event("a"), event("b")])

    assert positions(recorder.read(query(([], [])))) == [1, 2]
    assert positions(recorder.read(query((["none"], []), ([], [])), after=1)) == [2]
    with pytest.raises(IntegrityError):
        recorder.append([event()], DCBAppendCondition(query(([], []))))


def test_matches_of_long_lists_come_whole_and_in_order(recorder):
    """A read is cut into short transactions, and lists are walked by leaps."""
    for start in range(0, 3000, 50):
        recorder.append(
            [
                event(f"two{n % 2}", f"three{n % 3}", f"seven{n % 7}", kind=f"kind{n % 5}")
                for n in range(start, start + 50)
            ]
        )

    def expected(wanted):
        return [n + 1 for n in range(3000) if wanted(n)]

    def read(*items, **options):
        return positions(recorder.read(query(*items), **options))

    assert positions(recorder.read()) == list(range(1, 3001))
    assert read(([], ["two1"])) == expected(lambda n: n % 2 == 1)
    assert read((["kind3", "kind4"], ["three2", "seven5"])) == expected(
        lambda n: n % 5 in (3, 4) and n % 3 == 2 and n % 7 == 5
    )
    assert read(([], ["seven0", "two0"]), (["kind1"], ["three1"]), (["none"], [])) == expected(
        lambda n: (n % 7 == 0 and n % 2 == 0) or (n % 5 == 1 and n % 3 == 1)
    )
    assert read(([], ["two0", "two1"])) == []
    assert read(([], ["two1"]), after=2001, limit=3) == [2002, 2004, 2006]
    assert read(([], ["two1"]), after=1, limit=1200) == expected(lambda n: n % 2 and n)[:1200]
    assert read(([], ["two1"]), after=5000) == []
    assert read(([], ["two1"]), after=-5, limit=1) == [2]


def test_the_head_is_that_of_the_moment_of_the_read(recorder):
    """An append after the head must fail for whatever the reader has not seen."""
    recorder.append([event("a"), event("b")])
    response = recorder.read(query(([], ["a"])))
    recorder.append([event("a")])

    assert response.head == 2
    assert positions(response) == [1]
    with pytest.raises(IntegrityError):
        recorder.append([event("a")], DCBAppendCondition(query(([], ["a"])), after=response.head))


def test_a_condition_looks_only_after_its_position(recorder):
    """With `after` ignored every second decision of anybody would fail."""
    recorder.append([event("a")])
    recorder.append([event("b")])
    wanted = query(([], ["a"]))
    for after in (None, 0, -1):
        with pytest.raises(IntegrityError):
            recorder.append([event("c")], DCBAppendCondition(wanted, after=after))

    assert recorder.append([event("c")], DCBAppendCondition(wanted, after=1)) == 3
    assert recorder.append([event("a")], DCBAppendCondition(wanted, after=3)) == 4
    with pytest.raises(IntegrityError):
        recorder.append([event("c")], DCBAppendCondition(wanted, after=3))
    assert recorder.append([event("c")], DCBAppendCondition(wanted, after=4)) == 5
    assert recorder.append([event("c")], DCBAppendCondition(wanted, after=99)) == 6


def test_a_refused_append_leaves_nothing(recorder):
    """A tag whose event was refused would refuse every later one."""
    recorder.append([event("a")])
    with pytest.raises(IntegrityError):
        recorder.append([event("new")], DCBAppendCondition(query(([], ["a"]))))

    assert recorder.append([event()], DCBAppendCondition(query(([], ["new"])))) == 2
    assert positions(recorder.read(query(([], ["new"])))) == []


def test_of_many_who_decide_on_the_same_facts_one_wins(recorder):
    """Two people must not get the last seat; a check outside of the commit lets them."""
    seats = 20
    won = []
    barrier = threading.Barrier(8)

    def book(number):
        for seat in range(seats):
            wanted = query((["SeatBooked"], [f"seat{seat}"]))
            barrier.wait(10)
            try:
                recorder.append(
                    [event(f"seat{seat}", kind="SeatBooked")], DCBAppendCondition(wanted)
                )
            except IntegrityError:
                continue
            won.append((seat, number))

    threads = [threading.Thread(target=book, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert sorted(seat for seat, _ in won) == list(range(seats))
    assert len(positions(recorder.read())) == seats


def test_recorders_of_other_names_and_kinds_do_not_mix(open_datastore):
    """A condition must not fail for an event of another application."""
    one, other = open_datastore(name="one"), open_datastore(name="other")
    LMDBDCBRecorder(one).append([event("a"), event("a")])
    LMDBApplicationRecorder(one).insert_events([StoredEvent("0" * 32, 1, "t", b"")])
    assert LMDBDCBRecorder(other).append([event("a")], DCBAppendCondition()) == 4
    LMDBDCBRecorder(one).append([event("b", "a")], DCBAppendCondition(after=2))

    assert positions(LMDBDCBRecorder(one).read()) == [1, 2, 5]
    assert positions(LMDBDCBRecorder(one).read(after=1)) == [2, 5]
    assert positions(LMDBDCBRecorder(one).read(after=2)) == [5]
    assert positions(LMDBDCBRecorder(one).read(after=3)) == [5]
    assert positions(LMDBDCBRecorder(other).read(query(([], ["a"])))) == [4]
    assert LMDBDCBRecorder(other).read().head == 4
    assert LMDBDCBRecorder(open_datastore(name="none")).read().head is None


def test_a_reopened_store_finds_everything_by_its_tags(open_datastore):
    """The lists are on disk with the events."""
    first = open_datastore()
    LMDBDCBRecorder(first).append([event("a"), event("b")])
    first.close()
    recorder = LMDBDCBRecorder(open_datastore())

    assert positions(recorder.read(query(([], ["b"])))) == [2]
    assert recorder.append([event("b")]) == 3


def test_large_events_are_read_one_page_after_the_other(recorder):
    """Large events make a page of one; the read must go on after it."""
    recorder.append([event("a", data=bytes(9 << 20)), event("a")])
    recorder.append([event("a", data=bytes(9 << 20)), event("b")])

    assert [len(one.event.data) for one in recorder.read()] == [9 << 20, 4, 9 << 20, 4]
    assert positions(recorder.read(query(([], ["a"])), limit=3)) == [1, 2, 3]


def test_what_cannot_be_kept_is_refused(recorder):
    """The library's users catch the library's errors."""
    with pytest.raises(ProgrammingError):
        recorder.append([])
    for bad in (event(data="text"), event(kind=7), event("a", None), event("\ud800")):
        with pytest.raises(DataError):
            recorder.append([event(), bad])

    assert recorder.read().head is None


def test_what_was_read_or_asked_for_may_be_changed(recorder):
    """Queries and events are mutable; the recorder keeps none of them."""
    written = event("a")
    wanted = query(([], ["a"]))
    recorder.append([written])
    response, subscription = recorder.read(wanted), recorder.subscribe(wanted)
    written.tags.append("b")
    wanted.items[0].tags[:] = ["none"]
    next(recorder.read()).event.tags.append("c")

    assert [one.event for one in response] == [event("a")]
    assert next(subscription).event == event("a")


def test_a_subscription_catches_up_and_goes_on(recorder):
    """A projection starts long after the first event and then keeps up."""
    recorder.append([event(f"tag{n % 2}") for n in range(1500)])
    wanted = query(([], ["tag1"]))
    found = []

    def follow():
        with recorder.subscribe(wanted, after=100) as subscription:
            for one in subscription:
                found.append(one.position)
                if one.position >= 1520:
                    return

    thread = threading.Thread(target=follow)
    thread.start()
    for n in range(1500, 1520):
        recorder.append([event(f"tag{n % 2}")])
    thread.join(20)

    assert found == list(range(102, 1521, 2))


def test_a_closed_recorder_says_so(recorder):
    """A read that goes on after the close must not look like the end of the log."""
    recorder.append([event() for _ in range(600)])
    response = recorder.read()
    next(response)
    recorder.datastore.close()

    with pytest.raises(InterfaceError):
        list(response)
    with pytest.raises(InterfaceError):
        recorder.append([event()])
    with pytest.raises(InterfaceError):
        recorder.read()
    with pytest.raises(InterfaceError):
        next(recorder.subscribe())


class Seat(EnduringObject[Decision, str]):
    class Opened(InitialDecision):
        seat_id: str

    class Taken(Decision):
        by: str


class Seats(DCBApplication):
    pass


def test_a_dcb_application_runs_on_it(tmp_path):
    """Enduring objects are saved and read again, also by the next process."""
    env = {
        "PERSISTENCE_MODULE": "mentra_actors.store.lmdb",
        "LMDB_PATH": str(tmp_path / "store"),
        "MAPPER_TOPIC": "eventsourcing.dcb.msgpack:MessagePackMapper",
    }
    with Seats(env) as app:
        seat = Seat()
        app.repository.save(seat)
        mine, yours = app.repository.get(seat.id), app.repository.get(seat.id)
        mine.trigger_event(Seat.Taken, by="me")
        yours.trigger_event(Seat.Taken, by="you")
        app.repository.save(mine)
        with pytest.raises(IntegrityError):
            app.repository.save(yours)
    with Seats(env) as app:
        decisions = [tagged.decision for tagged in app.events.read()]

    assert [one.by for one in decisions if type(one) is Seat.Taken] == ["me"]
