"""What the library's own cases leave open about events of applications and snapshots."""

import sys
import textwrap
import threading
import time
from uuid import UUID, uuid4

import pytest
from eventsourcing.persistence import DataError, IntegrityError, InterfaceError, StoredEvent
from forked_python import run_forked
from other_processes import until

from mentra_actors.ids import StreamId, category_of, name_of
from mentra_actors.store.embedded.lmdb_store import LmdbEventStore
from mentra_actors.store.lmdb import (
    LMDBAggregateRecorder,
    LMDBApplicationRecorder,
    LMDBDatastore,
)
from mentra_actors.store.ports import AppendRequest, EncodedEvent, StreamAppend
from mentra_actors.store.recorders.event_form import sequence_stream
from mentra_actors.store.recorders.live_tail import LiveTail

A, B = UUID(int=1), UUID(int=2)


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
    return LMDBApplicationRecorder(open_datastore())


@pytest.fixture(params=[LMDBApplicationRecorder, LMDBAggregateRecorder])
def either(request, open_datastore):
    return request.param(open_datastore())


def event(originator_id, version, topic="topic", state=b"state"):
    return StoredEvent(originator_id, version, topic, state)


def events(originator_id, *versions):
    return [event(originator_id, version) for version in versions]


def until_waiting(subscription):
    until(lambda: subscription._tail._is_waiting)


def versions(found):
    return [one.originator_version for one in found]


def test_a_version_twice_in_one_insert_is_refused(either):
    """An aggregate saved twice by mistake must not get two histories."""
    with pytest.raises(IntegrityError):
        either.insert_events(events(A, 1, 2, 1))

    assert either.select_events(A) == []
    either.insert_events(events(A, 1))
    with pytest.raises(IntegrityError):
        either.insert_events(events(A, 2, 1))
    assert versions(either.select_events(A)) == [1]


def test_a_refused_insert_takes_no_notification_id(recorder):
    """A gap would make followers wait for an event that never comes."""
    recorder.insert_events(events(A, 1))
    for refused in (events(A, 2, 1), events(B, 1, 1), [*events(B, 1), *events(A, 1)]):
        with pytest.raises(IntegrityError):
            recorder.insert_events(refused)

    assert recorder.insert_events(events(B, 1)) == [2]
    assert recorder.max_notification_id() == 2


@pytest.mark.parametrize("desc", [False, True])
def test_every_range_of_versions_is_the_right_one(either, desc):
    """A snapshot is the last version not above a wanted one; an off-by-one reads a wrong past."""
    there = [0, 1, 2, 5, 9, 10]
    either.insert_events(events(A, 5, 0))
    either.insert_events(events(B, *range(12)))
    either.insert_events(events(A, 10, 9, 2, 1))

    for gt in [None, -1, 0, 1, 4, 5, 10, 11]:
        for lte in [None, -1, 0, 1, 4, 5, 10, 11]:
            for limit in [None, 0, 1, 2, 7]:
                found = either.select_events(A, gt=gt, lte=lte, desc=desc, limit=limit)
                expected = [
                    version
                    for version in sorted(there, reverse=desc)
                    if (gt is None or version > gt) and (lte is None or version <= lte)
                ]
                assert versions(found) == expected[:limit], (gt, lte, limit)


def test_versions_may_be_anything_that_fits_in_64_bits(either):
    """Versions are only required to be unique; the extremes must sort like the others."""
    extremes = [-(2**63), -1, 0, 1, 2**63 - 1]
    either.insert_events(events(A, *reversed(extremes)))

    assert versions(either.select_events(A)) == extremes
    assert versions(either.select_events(A, gt=-(2**70), lte=2**70)) == extremes
    assert versions(either.select_events(A, gt=2**63 - 1)) == []
    assert versions(either.select_events(A, lte=-(2**63), desc=True)) == extremes[:1]
    for version in (2**63, -(2**63) - 1):
        with pytest.raises(DataError):
            either.insert_events(events(A, version))


@pytest.mark.parametrize("per_insert", [1, 100, 1300])
def test_long_histories_come_whole_and_in_order(either, per_insert):
    """A read is cut into short transactions; no cut may lose, repeat or reorder an event."""
    wanted = list(range(1, 1301))
    for start in range(0, len(wanted), per_insert):
        either.insert_events(events(A, *wanted[start : start + per_insert]))

    assert versions(either.select_events(A)) == wanted
    assert versions(either.select_events(A, desc=True)) == wanted[::-1]
    assert versions(either.select_events(A, gt=100, lte=1200, limit=1000)) == wanted[100:1100]
    last = either.select_events(A, lte=1200, desc=True, limit=600)
    assert versions(last) == wanted[600:1200][::-1]


def test_notifications_come_whole_and_in_order_over_many_pages(recorder):
    """A follower reads in pages; it must see each event once."""
    for start in range(0, 1800, 3):
        recorder.insert_events(events(UUID(int=start), 1, 2, 3))

    everything = recorder.select_notifications(None, 10_000)
    assert [one.id for one in everything] == list(range(1, 1801))
    assert [one.id for one in recorder.select_notifications(2, 1000)] == list(range(2, 1002))
    assert [one.id for one in recorder.select_notifications(5, 10**6, stop=1799)] == list(
        range(5, 1800)
    )
    after = recorder.select_notifications(5, 2, inclusive_of_start=False)
    assert [one.id for one in after] == [6, 7]


def test_payloads_that_exceed_a_page_come_one_after_the_other(recorder):
    """Large events make a page of one; the read must go on after it."""
    large = bytes(9 << 20)
    for version in range(3):
        recorder.insert_events([event(A, version, state=large), event(B, version, state=b"")])

    assert [one.state for one in recorder.select_events(A)] == [large] * 3
    assert [one.id for one in recorder.select_notifications(1, 10)] == [1, 2, 3, 4, 5, 6]
    assert versions(recorder.select_events(B, desc=True)) == [2, 1, 0]


def test_starts_before_the_first_event_mean_the_first_event(recorder):
    """`start=0` is what a new follower sends."""
    recorder.insert_events(events(A, 1, 2, 3))

    for start, inclusive in [(None, True), (None, False), (1, True), (0, True), (0, False)]:
        found = recorder.select_notifications(start, 10, inclusive_of_start=inclusive)
        assert [one.id for one in found] == [1, 2, 3]
    assert [one.id for one in recorder.select_notifications(-1, 10)] == [1, 2, 3]
    assert recorder.select_notifications(-7, 10, stop=-1) == []
    assert recorder.select_notifications(4, 10) == []
    assert recorder.select_notifications(1, 0) == []


def test_topics_may_be_any_collection(recorder):
    """Projections name their topics in a tuple, applications in a list."""
    recorder.insert_events([event(A, n, topic=f"topic{n % 3}") for n in range(9)])

    for topics in (["topic0", "topic2"], ("topic0", "topic2"), {"topic0", "topic2"}):
        found = recorder.select_notifications(2, 3, topics=topics)
        assert [one.id for one in found] == [3, 4, 6]
    assert len(recorder.select_notifications(1, 100, topics=())) == 9


def test_events_of_several_aggregates_keep_their_order(recorder):
    """Followers see what was saved together in the order in which it happened."""
    recorder.insert_events([event(A, 1), event(B, 1), event(A, 2), event(A, 3), event(B, 2)])

    found = recorder.select_notifications(1, 10)
    assert [(one.id, one.originator_id, one.originator_version) for one in found] == [
        (1, A, 1), (2, B, 1), (3, A, 2), (4, A, 3), (5, B, 2),
    ]  # fmt: skip


def test_a_reopened_store_has_everything(open_datastore):
    """What was saved is there after a restart, and stays unique."""
    first = open_datastore()
    LMDBApplicationRecorder(first).insert_events(events(A, 1, 2))
    LMDBAggregateRecorder(first, "snapshots").insert_events(events(A, 2))
    first.close()

    second = open_datastore()
    recorder = LMDBApplicationRecorder(second)
    assert versions(recorder.select_events(A)) == [1, 2]
    assert versions(LMDBAggregateRecorder(second, "snapshots").select_events(A)) == [2]
    with pytest.raises(IntegrityError):
        recorder.insert_events(events(A, 2))
    assert recorder.insert_events(events(A, 3)) == [3]


def test_snapshots_take_no_notification_ids_and_mix_with_nothing(open_datastore):
    """A snapshot is no event: followers must not see it, and versions may be those of events."""
    datastore = open_datastore()
    recorder = LMDBApplicationRecorder(datastore)
    snapshots = LMDBAggregateRecorder(datastore, "snapshots")
    others = LMDBAggregateRecorder(datastore, "others")
    recorder.insert_events(events(A, 1))
    snapshots.insert_events(events(A, 1))
    others.insert_events(events(A, 1, 2))

    assert recorder.insert_events(events(A, 2)) == [2]
    assert versions(snapshots.select_events(A)) == [1]
    assert datastore.store.last_position() == 2


def test_applications_in_one_store_do_not_mix(open_datastore):
    """Two applications may share a store; each sees its own events, in one space of ids."""
    one = LMDBApplicationRecorder(open_datastore(name="one"))
    other = LMDBApplicationRecorder(open_datastore(name="one_events-x"))
    assert one.insert_events(events(A, 1)) == [1]
    assert other.insert_events(events(A, 1)) == [2]
    assert one.insert_events(events(B, 1, 2)) == [3, 4]
    assert other.insert_events(events(B, 1)) == [5]

    assert [n.id for n in one.select_notifications(1, 10)] == [1, 3, 4]
    assert [n.id for n in one.select_notifications(2, 10)] == [3, 4]
    assert [n.id for n in one.select_notifications(4, 10)] == [4]
    assert one.select_notifications(5, 10) == []
    assert [n.id for n in other.select_notifications(None, 10)] == [2, 5]
    assert (one.max_notification_id(), other.max_notification_id()) == (4, 5)
    assert versions(one.select_events(B)) == [1, 2]
    assert versions(other.select_events(B)) == [1]


def test_events_of_others_on_the_log_are_not_notifications(open_datastore):
    """A store that also holds a team of agents must not feed its events to an application."""
    datastore = open_datastore()
    recorder = LMDBApplicationRecorder(datastore)

    def append_other():
        stream = StreamAppend(
            stream_id=StreamId("agent-a"), events=(EncodedEvent("a.b.v1", b"no envelope"),)
        )
        datastore.store.append(AppendRequest(streams=(stream,)))

    append_other()
    assert recorder.max_notification_id() is None
    assert recorder.select_notifications(None, 10) == []
    assert recorder.insert_events(events(A, 1)) == [2]
    append_other()
    assert recorder.max_notification_id() == 2
    assert [n.id for n in recorder.select_notifications(1, 10)] == [2]
    assert recorder.select_notifications(3, 10) == []


TEXTS = ["a", "a\0", "a\0\0", "ab", "", "-", "a-b", "%2D", "ä" * 40, "a" * 200]


def test_text_ids_may_hold_anything_and_stay_apart(open_datastore):
    """An id that begins like another must not get its events."""
    datastore = open_datastore(originator_id_type="text")
    for either in (LMDBApplicationRecorder(datastore), LMDBAggregateRecorder(datastore)):
        for number, text in enumerate(TEXTS):
            either.insert_events(events(text, number, number + 1000))
        for number, text in enumerate(TEXTS):
            found = either.select_events(text)
            assert versions(found) == [number, number + 1000]
            assert {one.originator_id for one in found} == {text}
    ids = [n.originator_id for n in LMDBApplicationRecorder(datastore).select_notifications(1, 99)]
    assert ids == [text for text in TEXTS for _ in range(2)]


@pytest.mark.parametrize(
    ("options", "bad"),
    [
        ({"originator_id_type": "text"}, event("x" * 256, 1)),
        ({"originator_id_type": "text", "name": "n" * 100}, event("x" * 150, 1)),
        ({"originator_id_type": "text"}, event("\ud800", 1)),
        ({}, event("not a UUID", 1)),
        ({}, event(A, 2**63)),
        ({}, event(A, 1, topic="\ud800")),
    ],
)
def test_what_cannot_be_kept_is_a_data_error(open_datastore, options, bad):
    """The library's users catch the library's errors; nothing of LMDB may leak out."""
    datastore = open_datastore(**options)
    for either in (LMDBApplicationRecorder(datastore), LMDBAggregateRecorder(datastore)):
        with pytest.raises(DataError):
            either.insert_events([bad])
    assert datastore.store.last_position() == 0


@pytest.mark.parametrize("bad", [event(A, 1, state="text"), event(A, 1, topic=b"bytes")])
def test_a_state_that_is_not_bytes_is_refused_when_written(either, bad):
    """It would not be what was written when it is read."""
    with pytest.raises(DataError):
        either.insert_events([bad])


def test_the_message_for_a_long_id_says_what_is_allowed(open_datastore):
    """Whoever meets the limit must learn it from the message."""
    recorder = LMDBApplicationRecorder(open_datastore(originator_id_type="text"))

    with pytest.raises(DataError, match=r"at most 255 bytes.*is 58 bytes too long"):
        recorder.insert_events([event("x" * 299, 1)])


def test_ids_of_the_other_type_name_the_same_aggregate(open_datastore):
    """A UUID may come as text, from a URL or a form."""
    uuids = LMDBApplicationRecorder(open_datastore(name="uuids"))
    texts = LMDBApplicationRecorder(open_datastore(name="texts", originator_id_type="text"))
    uuids.insert_events(events(A, 1))
    uuids.insert_events(events(str(A), 2))
    texts.insert_events(events(A, 1))
    texts.insert_events(events(A.hex, 2))

    assert versions(uuids.select_events(str(A))) == [1, 2]
    assert {one.originator_id for one in uuids.select_events(A)} == {A}
    assert {one.originator_id for one in texts.select_events(A)} == {A.hex}


def test_a_subscription_stopped_while_it_waits_ends(recorder):
    """A runner stops its subscription from another thread."""
    subscription = recorder.subscribe()
    found = []
    thread = threading.Thread(target=lambda: found.append(list(subscription)))
    thread.start()
    until_waiting(subscription)
    assert found == []
    subscription.stop()
    thread.join()

    assert found == [[]]


def test_a_subscription_sleeps_until_it_hears_of_an_event(recorder, monkeypatch):
    """Polling would cost every projection its latency."""
    store, limits = recorder.datastore.store, []
    ordinary = store.wait_for_announcement

    def noted(seen, *, timeout_s=None):
        limits.append(timeout_s)
        ordinary(seen, timeout_s=timeout_s)

    monkeypatch.setattr(store, "wait_for_announcement", noted)
    subscription = recorder.subscribe()
    came = []
    thread = threading.Thread(target=lambda: came.extend(one.id for one in subscription))
    thread.start()
    for version in range(1, 12):
        until_waiting(subscription)
        recorder.insert_events(events(A, version))
        until(lambda version=version: len(came) == version)
    subscription.stop()
    thread.join()

    assert limits
    assert {*limits} == {None}


def test_a_subscription_to_rare_topics_reads_each_event_once(recorder):
    """With a page read again at each commit, a long log would be read again and again."""
    recorder.insert_events([event(A, n, topic="often") for n in range(2000)])
    read = []
    events_of_append = recorder.datastore.store.events_of_append

    def counted(txn, first_position):
        read.append(first_position)
        return events_of_append(txn, first_position)

    recorder.datastore.store.events_of_append = counted
    with recorder.subscribe(topics=["rare"]) as subscription:
        thread = threading.Thread(target=next, args=(subscription,))
        thread.start()
        for version in range(2000, 2020):
            recorder.insert_events([event(A, version, topic="often")])
        recorder.insert_events([event(A, 2020, topic="rare")])
        thread.join()

    assert not thread.is_alive()
    assert read.count(1) == 1
    assert sorted(read) == sorted(set(read))


def test_a_subscription_sees_only_its_own_application(open_datastore):
    """Commits of others wake it, and it goes on waiting."""
    own = LMDBApplicationRecorder(open_datastore(name="own"))
    other = LMDBApplicationRecorder(open_datastore(name="other"))
    with own.subscribe(gt=None) as subscription:
        found = []
        thread = threading.Thread(target=lambda: found.append(next(subscription)))
        thread.start()
        for version in range(5):
            other.insert_events(events(A, version))
        own.insert_events(events(B, 1))
        thread.join()

    assert [(one.id, one.originator_id) for one in found] == [(6, B)]


def test_an_event_between_the_look_and_the_wait_is_not_missed(recorder):
    """It would come only with the next one, which may never be written."""
    looks = []

    def pull(after):
        looks.append(after)
        if len(looks) == 1:
            recorder.insert_events(events(A, 1))  # after this look, before the wait
            return [], after
        return ["came"], 1

    found = []
    tail = LiveTail(recorder.datastore, pull, after=0)
    thread = threading.Thread(target=lambda: found.append(tail.next()), daemon=True)
    thread.start()
    thread.join()

    assert found == ["came"]


def test_many_subscriptions_and_writers_lose_nothing(recorder):
    """Wake-ups that come between the look and the wait must not be missed."""
    followers = 4
    writers = 4
    each = 50
    seen = [[] for _ in range(followers)]

    def follow(into):
        with recorder.subscribe() as subscription:
            for notification in subscription:
                into.append(notification.id)
                if len(into) == writers * each:
                    return

    def write(number):
        for version in range(each):
            recorder.insert_events(events(UUID(int=number), version))

    threads = [threading.Thread(target=follow, args=(into,)) for into in seen]
    threads += [threading.Thread(target=write, args=(number,)) for number in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert seen == [list(range(1, writers * each + 1))] * followers


def test_a_closed_datastore_ends_the_wait_of_its_subscription(open_datastore):
    """Who follows a closed application must hear of it, not wait for ever."""
    other = open_datastore()
    for datastore in (open_datastore(), other):  # one while another use is open, and the last
        recorder = LMDBApplicationRecorder(datastore)
        subscription = recorder.subscribe()
        raised = []

        def follow(subscription=subscription, raised=raised):
            try:
                next(subscription)
            except InterfaceError as error:
                raised.append(error)

        thread = threading.Thread(target=follow)
        thread.start()
        until_waiting(subscription)
        datastore.close()
        thread.join()
        assert len(raised) == 1
        with pytest.raises(InterfaceError):
            recorder.select_events(A)
        with pytest.raises(InterfaceError):
            recorder.insert_events(events(A, 1))


FORGET_A_SUBSCRIPTION = """
    import sys, threading
    from uuid import uuid4
    from eventsourcing.persistence import StoredEvent
    from mentra_actors.store.lmdb import LMDBApplicationRecorder, LMDBDatastore

    recorder = LMDBApplicationRecorder(LMDBDatastore(sys.argv[1], durability="volatile"))
    recorder.insert_events([StoredEvent(uuid4(), 1, "topic", b"")])
    subscription = recorder.subscribe()
    print(next(subscription).id)
    threading.Thread(target=lambda: list(subscription), daemon=True).start()
"""


def test_a_forgotten_subscription_does_not_keep_the_interpreter_from_exiting(tmp_path):
    """A script that forgets `stop` must end all the same, with its store closed."""
    command = [sys.executable, "-c", textwrap.dedent(FORGET_A_SUBSCRIPTION)]
    command.append(str(tmp_path / "store"))
    done = run_forked(command, capture_output=True, text=True, timeout=30, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")
    assert not (tmp_path / "store" / "UNSYNCED").exists()  # closed, so that no check is needed
    LmdbEventStore.open(tmp_path / "store").close()


def test_names_of_sequences_give_streams_of_their_own():
    """The category of a stream ends at its first dash, so a name must not bring one."""
    names = ["a", "a-b", "a%2Db", "a%252Db"]
    streams = [sequence_stream(name, "id") for name in names]

    assert len({category_of(stream) for stream in streams}) == len(names)
    assert {name_of(stream) for stream in streams} == {"id"}


def test_the_log_is_readable_without_the_recorders(open_datastore):
    """Events are on the one log, so its tools show them: by aggregate, topic and time."""
    datastore = open_datastore(name="Shop")
    LMDBApplicationRecorder(datastore).insert_events(events(A, 7, 9))

    found = datastore.store.read_stream(StreamId(f"Shop_events-{A.hex}"))
    assert [one.stream_version for one in found] == [1, 2]
    assert {one.event_type for one in found} == {"topic"}
    assert abs(found[0].recorded_at_ns / 1e9 - time.time()) < 60


def test_a_thousand_inserts_of_threads_are_grouped(open_datastore):
    """Commits that flush must be shared, or many threads are as slow as one."""
    datastore = open_datastore(durability="sync")
    recorder = LMDBApplicationRecorder(datastore)
    before = datastore.store.announced

    def write():
        for _ in range(25):
            recorder.insert_events(events(uuid4(), 1))

    threads = [threading.Thread(target=write) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert recorder.max_notification_id() == 400
    assert datastore.store.announced - before < 400
