"""Tracking, views and what is recorded together with them."""

import threading
from uuid import UUID

import pytest
from eventsourcing.persistence import (
    DataError,
    IntegrityError,
    InterfaceError,
    StoredEvent,
    Tracking,
    WaitInterruptedError,
)
from other_processes import until

from mentra_actors.store.lmdb import (
    LMDBApplicationRecorder,
    LMDBDatastore,
    LMDBProcessRecorder,
    LMDBTrackingRecorder,
)
from mentra_actors.store.recorders import tracking_recorder

A = UUID(int=1)


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
def view(open_datastore):
    return LMDBTrackingRecorder(open_datastore(name="view"))


def event(version):
    return StoredEvent(A, version, "topic", b"state")


def tracking(position, application="upstream"):
    return Tracking(application, position)


def test_a_refused_position_changes_nothing(view):
    """An event that is delivered twice must count once."""
    view.insert_tracking(tracking(5))
    for position in (5, 4, 0, -1):
        with pytest.raises(IntegrityError):
            view.insert_tracking(tracking(position))

    assert view.max_tracking_id("upstream") == 5


def test_positions_survive_a_restart(open_datastore):
    """A projection goes on where it was."""
    first = open_datastore(name="view")
    LMDBTrackingRecorder(first).insert_tracking(tracking(5))
    first.close()

    again = LMDBTrackingRecorder(open_datastore(name="view"))
    assert again.max_tracking_id("upstream") == 5
    with pytest.raises(IntegrityError):
        again.insert_tracking(tracking(5))


def test_positions_of_two_views_in_one_store_do_not_mix(open_datastore):
    """Two projections of one application come along at their own pace."""
    one = LMDBTrackingRecorder(open_datastore(name="one"))
    other = LMDBTrackingRecorder(open_datastore(name="other"))
    one.insert_tracking(tracking(7))
    other.insert_tracking_with(tracking(3), lambda rows: rows.put(b"key", b"other"))

    assert other.max_tracking_id("upstream") == 3
    assert one.row(b"key") is None
    assert one.rows() == []


def test_positions_take_no_place_on_the_log(view):
    """Tracking of others must not make gaps in the notification ids."""
    for position in range(1, 5):
        view.insert_tracking(tracking(position))

    assert view.datastore.store.last_position() == 0


@pytest.mark.parametrize("bad", [Tracking("x" * 600, 1), Tracking("\ud800", 1), tracking(2**63)])
def test_tracking_that_cannot_be_kept_is_a_data_error(view, bad):
    """The library's users catch the library's errors."""
    with pytest.raises(DataError):
        view.insert_tracking(bad)


@pytest.fixture
def limits(view, monkeypatch):
    """For how long, at most, whoever waits has slept."""
    store, limits = view.datastore.store, []
    ordinary = store.wait_for_announcement

    def noted(seen, *, timeout_s=None):
        limits.append(timeout_s)
        ordinary(seen, timeout_s=timeout_s)

    monkeypatch.setattr(store, "wait_for_announcement", noted)
    return limits


def test_a_wait_ends_with_the_commit_it_waits_for(view, limits):
    """Reading one's own write must not cost a polling interval."""
    for position in range(1, 10):
        thread = threading.Thread(target=view.wait, args=("upstream", position, 1000))
        thread.start()
        until(lambda position=position: len(limits) >= position)
        view.insert_tracking(tracking(position))
        thread.join()

    assert min(limits) > 900


def test_a_wait_with_an_interrupt_ends_with_the_commit_as_well(view, limits, monkeypatch):
    """The runner of a projection waits with an interrupt; it must not poll either."""
    monkeypatch.setattr(tracking_recorder, "_INTERRUPT_POLL_S", 900)
    interrupt = threading.Event()
    thread = threading.Thread(target=view.wait, args=("upstream", 1, 1000, interrupt))
    thread.start()
    until(lambda: limits)
    view.insert_tracking(tracking(1))
    thread.join()

    assert {*limits} == {900}


def test_an_interrupt_ends_a_wait_at_once(view):
    """A projection that failed must not let its callers wait for the time-out."""
    interrupt = threading.Event()
    timer = threading.Timer(0.05, interrupt.set)
    timer.start()
    with pytest.raises(WaitInterruptedError):
        view.wait("upstream", 1, timeout=1000, interrupt=interrupt)
    timer.join()


def test_what_is_recorded_counts_before_an_interrupt_and_a_time_out(view):
    """A position that is there needs no waiting."""
    view.insert_tracking(tracking(1))
    interrupt = threading.Event()
    interrupt.set()

    view.wait("upstream", 1, timeout=0, interrupt=interrupt)
    with pytest.raises(WaitInterruptedError):
        view.wait("upstream", 2, timeout=0, interrupt=interrupt)
    with pytest.raises(TimeoutError):
        view.wait("upstream", 2, timeout=0)


def test_a_wait_times_out_also_while_others_commit(open_datastore):
    """A busy store wakes whoever waits again and again; the time is up all the same."""
    view = LMDBTrackingRecorder(open_datastore(name="view"))
    busy = LMDBTrackingRecorder(open_datastore(name="busy"))
    is_over = threading.Event()

    def commit():
        position = 0
        while not is_over.is_set():
            position += 1
            busy.insert_tracking(tracking(position))

    thread = threading.Thread(target=commit)
    thread.start()
    try:
        with pytest.raises(TimeoutError):
            view.wait("upstream", 1, timeout=0.2)
    finally:
        is_over.set()
        thread.join()


def test_a_wait_for_a_closed_view_ends(view):
    """Nothing can come any more."""
    raised = []

    def wait():
        try:
            view.wait("upstream", 1, timeout=20)
        except InterfaceError as error:
            raised.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    view.datastore.close()
    thread.join()

    assert len(raised) == 1


def test_rows_change_with_the_position_or_not_at_all(view):
    """A counter that is written without its position counts an event again after a crash."""

    def fail(rows):
        rows.put(b"key", b"wrong")
        raise RuntimeError("a bug of the view")

    view.insert_tracking_with(tracking(1), lambda rows: rows.put(b"key", b"right"))
    with pytest.raises(RuntimeError, match="a bug of the view"):
        view.insert_tracking_with(tracking(2), fail)
    with pytest.raises(IntegrityError):
        view.insert_tracking_with(tracking(1), lambda rows: rows.put(b"key", b"twice"))

    assert view.row(b"key") == b"right"
    assert view.max_tracking_id("upstream") == 1
    view.insert_tracking(tracking(2))


def test_a_failed_change_disturbs_no_neighbour_in_its_group(view):
    """Other threads commit with it; their work must stand."""
    done = []

    def change(number):
        def write(rows):
            rows.put(b"%d" % number, b"x")
            if number % 3 == 0:
                raise KeyError(number)

        try:
            view.insert_tracking_with(tracking(1, f"app{number}"), write)
            done.append(number)
        except KeyError:
            pass

    threads = [threading.Thread(target=change, args=(number,)) for number in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    expected = [number for number in range(30) if number % 3]
    assert sorted(done) == expected
    assert {int(key) for key, _ in view.rows()} == set(expected)


def test_a_repeated_event_does_not_reach_the_change(view):
    """The change may count on being asked for new events only."""
    calls = []
    view.insert_tracking(tracking(1))
    with pytest.raises(IntegrityError):
        view.insert_tracking_with(tracking(1), calls.append)

    assert calls == []


def test_a_change_sees_the_rows_as_they_will_be(view):
    """Code of a view reads what it has just written."""
    seen = {}

    def change(rows):
        rows.put(b"a/1", b"one")
        rows.put(b"a/2", b"two")
        rows.delete(b"a/3")
        rows.delete(b"b/0")
        rows.put(b"b/0", b"again")
        rows.delete(b"none")
        seen["get"] = [rows.get(key) for key in (b"a/1", b"a/3", b"b/0", b"none")]
        seen["items"] = rows.items(b"a/")
        return len(rows.items())

    def first(rows):
        for key in (b"a/0", b"a/3", b"b/0", b"c"):
            rows.put(key, b"old")

    view.insert_tracking_with(tracking(1), first)
    assert view.insert_tracking_with(tracking(2), change) == 5
    assert seen["get"] == [b"one", None, b"again", None]
    assert seen["items"] == [(b"a/0", b"old"), (b"a/1", b"one"), (b"a/2", b"two")]
    assert view.rows(b"a/") == seen["items"]
    assert view.rows() == [*seen["items"], (b"b/0", b"again"), (b"c", b"old")]


def test_rows_with_keys_too_long_are_refused(view):
    """The limit of a key is told as an error of the library."""
    with pytest.raises(DataError):
        view.insert_tracking_with(tracking(1), lambda rows: rows.put(b"x" * 600, b""))
    with pytest.raises(DataError):
        view.row(b"x" * 600)

    assert view.max_tracking_id("upstream") is None


def test_a_change_that_runs_again_counts_once(open_datastore):
    """When the file has to grow, the transaction is repeated; its change must not add up."""
    view = LMDBTrackingRecorder(open_datastore(map_size=1 << 16))
    runs = []

    def change(rows):
        runs.append(1)
        count = int(rows.get(b"count") or b"0") + 1
        rows.put(b"count", b"%d" % count)
        rows.put(b"large %d" % count, bytes(200_000))
        return count

    returned = [view.insert_tracking_with(tracking(n), change) for n in range(1, 21)]
    assert returned == list(range(1, 21))
    assert view.row(b"count") == b"20"
    assert len(runs) > 20


def test_changes_of_many_threads_add_up(view):
    """Each change sees the rows of those before it, also of the same group."""

    def count(number):
        for position in range(1, 26):
            view.insert_tracking_with(
                tracking(position, f"app{number}"),
                lambda rows: rows.put(b"n", b"%d" % (int(rows.get(b"n") or b"0") + 1)),
            )

    threads = [threading.Thread(target=count, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert view.row(b"n") == b"200"


def test_a_process_records_both_or_neither(open_datastore):
    """Events without their position are written twice; a position without them loses an event."""
    recorder = LMDBProcessRecorder(open_datastore())
    assert recorder.insert_events([event(1)], tracking=tracking(1)) == [1]

    with pytest.raises(IntegrityError):
        recorder.insert_events([event(1)], tracking=tracking(2))
    with pytest.raises(IntegrityError):
        recorder.insert_events([event(2)], tracking=tracking(1))
    assert recorder.max_tracking_id("upstream") == 1
    assert recorder.max_notification_id() == 1

    assert recorder.insert_events([], tracking=tracking(2)) == []
    assert recorder.insert_events([], tracking=None) == []
    assert recorder.insert_events([event(2)]) == [2]
    assert recorder.max_tracking_id("upstream") == 2


def test_a_process_keeps_rows_of_its_own_as_a_view_does(open_datastore):
    """A process recorder is a tracking recorder in every respect."""
    recorder = LMDBProcessRecorder(open_datastore())
    recorder.insert_tracking_with(tracking(1), lambda rows: rows.put(b"key", b"value"))

    assert recorder.row(b"key") == b"value"


def test_an_application_without_tracking_ignores_it(open_datastore):
    """The library passes `tracking=None` to every recorder, and other arguments of `save`."""
    recorder = LMDBApplicationRecorder(open_datastore())

    assert recorder.insert_events([event(1)], tracking=None, anything="else") == [1]
