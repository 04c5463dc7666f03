"""Kept views are those of the log that there is, whatever the log has lost and got since."""

import itertools
import sys
from pathlib import Path

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st

from mentra_actors.store.journal import Journal
from mentra_actors.store.memory_store import MemoryEventStore
from mentra_actors.store.ports import AppendRequest, EncodedEvent, StreamAppend
from projections import ROSTER, TASK_BOARD, TRANSCRIPT, fold_view, projection
from projections.running.fingerprint import fingerprint_of
from projections.running.runner import ProjectionRunner
from projections.stores.memory_views import MemoryViews

sys.path.insert(0, str(Path(__file__).parent))
import event_strategies as events


@projection(name="seen", initial=tuple, view_type=tuple[tuple[int, str, int], ...])
def seen(view, recorded):
    """Each event with its place and its time: shows every event that did not happen."""
    return (*view, (recorded.global_position, recorded.stream_id, recorded.recorded_at_ns))


@projection(name="seen", version=2, initial=int, view_type=int)
def seen_raised(view, recorded):
    """A later release has another view of the same name; here a sum that depends on all."""
    return view * 31 % 2**61 + recorded.recorded_at_ns


RELEASES = ((seen, TRANSCRIPT, TASK_BOARD, ROSTER), (seen_raised, TRANSCRIPT, TASK_BOARD, ROSTER))
STEPS = st.lists(
    st.one_of(
        events.APPENDS,
        st.tuples(st.just("catch up"), st.integers(1, 9)),
        st.tuples(st.just("lose"), st.integers(0, 6)),
        st.tuples(st.just("release"), st.integers(0, 1)),
    ),
    max_size=16,
)


def copy_of(store, count):
    """A log with the first events of another one, as it is after the rest was lost."""
    copy = MemoryEventStore()
    for event in store.read_journal(limit=10_000)[:count]:
        stored = EncodedEvent(event.event_type, event.payload)
        stream = StreamAppend(stream_id=event.stream_id, events=(stored,))
        copy.append(AppendRequest(streams=(stream,), recorded_at_ns=event.recorded_at_ns))
    return copy


class Machine:
    """A log that loses power now and then, with views beside it that keep what was flushed."""

    def __init__(self):
        self.store, self.views, self.release = MemoryEventStore(), MemoryViews(), 0
        self.clock = itertools.count(1)
        self.begin()

    def begin(self):
        """Start a process."""
        projections = RELEASES[self.release]
        self.runner = ProjectionRunner(self.store, self.views, projections, page_events=3)

    def do(self, step):
        match step:
            case ("catch up", ahead):
                self.runner.catch_up(through=self.runner.checkpoint() + ahead)
            case ("lose", count):
                self.store = copy_of(self.store, max(self.store.last_position() - count, 0))
                self.begin()
            case ("release", number):
                self.release = number
                self.begin()
            case pairs:
                request = events.append_request(Journal(self.store), pairs)
                now = next(self.clock)
                self.store.append(msgspec.structs.replace(request, recorded_at_ns=now))

    def check(self):
        """The views are those of one fold over the log that there is."""
        self.runner.catch_up()
        recorded = Journal(self.store).read_journal(limit=10_000)
        for found in RELEASES[self.release]:
            assert self.runner.parts(found.name) == fold_view(found, recorded)


@given(STEPS)
def test_a_view_knows_no_event_that_the_log_has_lost(steps):
    """After a power loss nobody must see a message that was never sent, however long ago."""
    machine = Machine()
    for step in steps:
        machine.do(step)
    machine.check()


@given(events.APPENDS, events.APPENDS, st.integers(1, 4))
@example([], [], 1)
def test_the_law_above_meets_logs_that_have_grown_again(before, after, release_steps):
    """A lost tail whose place was taken by as many events is the case that lengths do not show."""
    machine = Machine()
    machine.do(before)
    machine.do(after)
    machine.runner.catch_up()
    machine.do(("lose", len(after)))
    for _ in range(release_steps):
        machine.do(after)
    machine.check()


@given(events.JOURNALS)
def test_a_fingerprint_tells_events_apart(journal):
    """Two events with one fingerprint would be taken for one; a time or a place is enough."""
    store = MemoryEventStore()
    coder = Journal(store)
    for number, recorded in enumerate(journal):
        part = events.append_request(coder, [(recorded.stream_id, recorded.event)])
        store.append(msgspec.structs.replace(part, recorded_at_ns=number // 2))
    stored = store.read_journal(limit=10_000)

    assert len({fingerprint_of(event) for event in stored}) == len(stored)
