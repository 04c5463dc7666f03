"""As of a time is the log through the last event that is not after it, whatever clocks did."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mentra_actors import open_runtime_sync
from mentra_actors.ids import StreamId
from mentra_actors.runtime.history.history import History, open_history
from mentra_actors.runtime.history.recorded_times import RecordedTimes
from mentra_actors.store.embedded.lmdb_store import LmdbEventStore
from mentra_actors.store.memory_store import MemoryEventStore
from mentra_actors.store.opening import open_event_store
from mentra_actors.store.ports import AppendRequest, EncodedEvent, StreamAppend

START = datetime(2026, 5, 1, tzinfo=UTC)
APPENDS = st.lists(st.tuples(st.integers(-5, 20), st.integers(1, 4)), max_size=25)
"""A time in seconds from the start, in any order, and how many events were recorded then."""
SECONDS = st.integers(-7, 22)
SET_BACK = [(0, 1), (10, 2), (3, 1), (4, 1), (12, 1)]


def moment_of(seconds):
    return START + timedelta(seconds=seconds)


def record(store, appends):
    for seconds, count in appends:
        events = tuple(EncodedEvent("law.one.v1", b"x") for _ in range(count))
        part = StreamAppend(stream_id=StreamId("agent-a"), events=events)
        at = int(moment_of(seconds).timestamp()) * 1_000_000_000
        store.append(AppendRequest(streams=(part,), recorded_at_ns=at))


def filled(store, appends):
    record(store, appends)
    return store


def last_through(appends, seconds):
    """The meaning, in plain words: the last event that was recorded at this time or before."""
    position = found = 0
    for at, count in appends:
        position += count
        found = position if at <= seconds else found
    return found


@given(APPENDS, APPENDS, st.lists(SECONDS, min_size=1, max_size=4), st.integers(1, 7))
@example(SET_BACK, [], [5], 3)
def test_a_time_means_the_last_event_that_is_not_after_it(before, after, looks, page_events):
    """Also of a log that goes on between the looks, wherever its pages end."""
    store = filled(MemoryEventStore(), before)
    times = RecordedTimes(store, page_events=page_events)
    for said in (before, [*before, *after]):
        for seconds in looks:
            assert times.position_at(moment_of(seconds)) == last_through(said, seconds)
        record(store, after if said is before else [])


@given(APPENDS, SECONDS, SECONDS)
def test_a_later_time_never_means_an_earlier_moment(appends, one, other):
    history = History(filled(MemoryEventStore(), appends))
    first, second = sorted((one, other))

    assert (
        history.at(time=moment_of(first)).position <= history.at(time=moment_of(second)).position
    )


@given(APPENDS)
def test_a_moment_that_is_named_by_its_own_time_holds_its_event(appends):
    history = History(filled(MemoryEventStore(), appends))
    for position in range(1, history.last_position + 1):
        assert history.at(time=history.at(position).time).position >= position


class CountedStore(MemoryEventStore):
    """Counts the events of the log that are read."""

    read = 0

    def read_journal(self, **choice):
        page = super().read_journal(**choice)
        self.read += len(page)
        return page


def test_a_look_at_what_was_lately_reads_what_came_since_and_pages_are_read_once():
    store = filled(CountedStore(), [(second, 1) for second in range(300)])
    times = RecordedTimes(store, page_events=10)

    assert times.position_at(moment_of(289)) == 290
    assert store.read <= 20
    assert times.position_at(moment_of(-1)) == 0
    seen = store.read
    assert times.position_at(moment_of(-2)) == 0
    assert store.read == seen
    assert times.position_at(moment_of(5)) == 6
    assert store.read <= seen + 10


@pytest.mark.parametrize("kind", ["lmdb", "sqlite"])
@given(appends=APPENDS, seconds=SECONDS)
@settings(max_examples=5)
@example(appends=SET_BACK, seconds=5)
def test_it_is_the_same_in_a_database_and_in_a_branch(kind, tmp_path_factory, appends, seconds):
    path = tmp_path_factory.mktemp("clock")
    name = path / "team.mentra" if kind == "lmdb" else f"sqlite:{path / 'team.db'}"
    store = open_event_store(name, durability="volatile")
    record(store, appends)
    store.close()
    expected = last_through(appends, seconds)
    with open_history(name) as history:
        assert history.at(time=moment_of(seconds)).position == expected
        branch = history.fork("try", at=moment_of(seconds))
        assert branch.cut == expected
    with open_history(branch.path) as history:
        assert history.at(time=moment_of(seconds)).position == expected


def test_a_running_team_gives_the_same_answer(tmp_path):
    store = LmdbEventStore.open(tmp_path / "team", durability="volatile")
    record(store, SET_BACK)
    store.close()
    with open_runtime_sync(tmp_path / "team", providers=[], durability="volatile") as runtime:
        assert runtime.at(time=moment_of(5)).position == 5
        assert runtime.history.at(time=moment_of(5)).position == 5
