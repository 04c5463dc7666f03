"""The recorders do what those in memory do, and their rows agree with the log."""

import tempfile
from pathlib import Path
from uuid import UUID

import msgspec
from eventsourcing.dcb.api import DCBAppendCondition, DCBEvent, DCBQuery, DCBQueryItem
from eventsourcing.dcb.popo import InMemoryDCBRecorder
from eventsourcing.persistence import PersistenceError, StoredEvent, Tracking
from eventsourcing.popo import POPOAggregateRecorder, POPOProcessRecorder
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from mentra_actors.ids import category_of, name_of
from mentra_actors.store.lmdb import (
    LMDBAggregateRecorder,
    LMDBDatastore,
    LMDBDCBRecorder,
    LMDBProcessRecorder,
)
from mentra_actors.store.recorders.side_keys import (
    append_key,
    event_key,
    pack_count,
    pack_place,
    pack_signed,
    posting_prefix,
    row_key,
)

IDS = [UUID(int=number) for number in range(3)]
TOPICS = ["created", "changed", "closed"]
NAMES = ["upstream", "other"]

stored_events = st.builds(
    StoredEvent,
    originator_id=st.sampled_from(IDS),
    originator_version=st.integers(-1, 6),
    topic=st.sampled_from(TOPICS),
    state=st.binary(max_size=4),
)
batches = st.lists(stored_events, max_size=4)
trackings = st.none() | st.builds(Tracking, st.sampled_from(NAMES), st.integers(-1, 9))
bounds = st.none() | st.integers(-2, 8)
limits = st.none() | st.integers(1, 5)
starts = st.none() | st.integers(-2, 12)

labels = st.sampled_from(["a", "b", "c"])
dcb_events = st.builds(
    DCBEvent, type=labels, data=st.binary(max_size=3), tags=st.lists(labels, max_size=3)
)
items = st.builds(
    DCBQueryItem, types=st.lists(labels, max_size=2), tags=st.lists(labels, max_size=3)
)
queries = st.builds(DCBQuery, items=st.lists(items, max_size=3))
conditions = st.none() | st.builds(
    DCBAppendCondition, fail_if_events_match=queries, after=st.none() | st.integers(-1, 12)
)


def outcome(call, *arguments, **keywords):
    """What a call returns, or the class of the library's error that it raises."""
    try:
        return call(*arguments, **keywords)
    except PersistenceError as error:
        return type(error)


def side_rows(datastore):
    with datastore.reading() as (txn, side), txn.cursor(side) as cursor:
        return dict(cursor)


class _Machine(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self._directory = tempfile.TemporaryDirectory()
        self.datastore = self._open()
        self.connect()

    def _open(self):
        path = Path(self._directory.name) / "store"
        return LMDBDatastore(path, name="app", durability="volatile", map_size=1 << 16)

    @rule()
    def reopen(self):
        self.datastore.close()
        self.datastore = self._open()
        self.connect()

    def teardown(self):
        self.datastore.close()
        self._directory.cleanup()


class RecorderMachine(_Machine):
    """A process recorder, which is every recorder of events on the log, and one of snapshots."""

    def __init__(self):
        self.model = POPOProcessRecorder()
        self.snapshot_model = POPOAggregateRecorder()
        super().__init__()

    def connect(self):
        self.recorder = LMDBProcessRecorder(self.datastore)
        self.snapshots = LMDBAggregateRecorder(self.datastore, "snapshots")

    @rule(batch=batches, tracking=trackings)
    def insert(self, batch, tracking):
        expected = outcome(self.model.insert_events, batch, tracking=tracking)

        assert outcome(self.recorder.insert_events, batch, tracking=tracking) == expected

    @rule(batch=batches)
    def insert_snapshots(self, batch):
        expected = outcome(self.snapshot_model.insert_events, batch)

        assert outcome(self.snapshots.insert_events, batch) == expected

    @rule(tracking=trackings.filter(bool))
    def track(self, tracking):
        expected = outcome(self.model.insert_tracking, tracking)

        assert outcome(self.recorder.insert_tracking, tracking) == expected

    @rule(
        originator_id=st.sampled_from(IDS), gt=bounds, lte=bounds, desc=st.booleans(), limit=limits
    )
    def select(self, originator_id, gt, lte, desc, limit):
        for recorder, model in (
            (self.recorder, self.model),
            (self.snapshots, self.snapshot_model),
        ):
            # The one in memory has the order of insertion, the others that of the versions.
            everything = model.select_events(originator_id, gt=gt, lte=lte)
            by_version = sorted(
                everything, key=lambda event: event.originator_version, reverse=desc
            )
            found = recorder.select_events(originator_id, gt=gt, lte=lte, desc=desc, limit=limit)
            assert found == by_version[:limit]

    @rule(
        start=starts,
        limit=st.integers(1, 9),
        stop=starts,
        topics=st.lists(st.sampled_from(TOPICS), max_size=2),
        inclusive=st.booleans(),
    )
    def select_notifications(self, start, limit, stop, topics, inclusive):
        arguments = (start, limit, stop, topics)
        expected = self.model.select_notifications(*arguments, inclusive_of_start=inclusive)

        found = self.recorder.select_notifications(*arguments, inclusive_of_start=inclusive)
        assert found == expected

    @invariant()
    def the_ends_agree(self):
        assert self.recorder.max_notification_id() == self.model.max_notification_id()
        for name in NAMES:
            assert self.recorder.max_tracking_id(name) == self.model.max_tracking_id(name)

    @invariant()
    def the_rows_agree_with_the_log(self):
        """What can be computed from the log is what is beside it, no more and no less."""
        expected = {}
        appends = {}
        for event in self.datastore.store.read_journal(limit=10_000):
            assert category_of(event.stream_id) == "app_events"
            version, _ = msgspec.msgpack.decode(event.payload)
            first = next(
                start for start in range(event.global_position, 0, -1) if self.begins(start)
            )
            place = pack_place(first, event.global_position - first)
            expected[event_key("app_events", name_of(event.stream_id)) + pack_signed(version)] = (
                place
            )
            appends[first] = appends.get(first, 0) + 1
        for first, count in appends.items():
            expected[row_key(append_key("app_events"), first)] = pack_count(count)
        found = side_rows(self.datastore)
        assert {k: v for k, v in found.items() if k[:3] in (b"esE", b"esN")} == expected
        snapshots = sum(len(self.snapshot_model.select_events(one)) for one in IDS)
        assert sum(key[:3] == b"esS" for key in found) == snapshots

    def begins(self, position):
        with self.datastore.reading() as (txn, _):
            log = self.datastore.store._env.tables.log
            return txn.get(position.to_bytes(8, "big"), db=log) is not None


class DCBMachine(_Machine):
    """The recorder of tagged events beside the one in memory."""

    def __init__(self):
        self.model = InMemoryDCBRecorder()
        super().__init__()

    def connect(self):
        self.recorder = LMDBDCBRecorder(self.datastore)

    @rule(events=st.lists(dcb_events, max_size=4), condition=conditions)
    def append(self, events, condition):
        expected = outcome(self.model.append, events, condition)

        assert outcome(self.recorder.append, events, condition) == expected

    @rule(
        query=st.none() | queries,
        after=st.none() | st.integers(-1, 12),
        limit=st.none() | st.integers(0, 6),
    )
    def read(self, query, after, limit):
        expected = self.model.read(query, after=after, limit=limit)
        found = self.recorder.read(query, after=after, limit=limit)

        assert list(found) == list(expected)
        assert found.head == expected.head

    @invariant()
    def the_rows_agree_with_the_events(self):
        expected = set()
        for sequenced in self.model.events:
            event = sequenced.event
            prefixes = [posting_prefix("app_dcb", "type", event.type)]
            prefixes += [posting_prefix("app_dcb", "tag", tag) for tag in event.tags]
            expected.update(row_key(prefix, sequenced.position) for prefix in prefixes)
        assert {key for key in side_rows(self.datastore) if key[:3] == b"esD"} == expected


TestRecordersBesideThoseInMemory = RecorderMachine.TestCase
TestRecordersBesideThoseInMemory.settings = settings(
    stateful_step_count=30, max_examples=max(20, settings().max_examples // 5)
)
TestDCBRecorderBesideTheOneInMemory = DCBMachine.TestCase
TestDCBRecorderBesideTheOneInMemory.settings = settings(
    stateful_step_count=30, max_examples=max(20, settings().max_examples // 5)
)
