"""Which release has recorded what: it is found by the epoch, in a few reads of a long lease."""

from hypothesis import given
from hypothesis import strategies as st

from mentra_actors.domain.lease import LEASE, RenewLease
from mentra_actors.runtime.replay.releases import ReleasesOfLog
from mentra_actors.runtime.writing import writer_lease
from mentra_actors.runtime.writing.writer_lease import WRITER_LEASE, acquire_writer_lease
from mentra_actors.store.journal import Journal
from mentra_actors.store.memory_store import MemoryEventStore
from mentra_actors.store.ports import AppendRequest
from mentra_actors.testing import ManualClock

WRITERS = st.lists(
    st.tuples(st.sampled_from(["", "0.5.0", "0.6.0"]), st.integers(0, 5)), max_size=8
)


@given(WRITERS)
def test_it_is_found_among_all_renewals(writers):
    """Each writer says it once, and renews its lease as often as it lives."""
    store, clock = MemoryEventStore(), ManualClock()
    journal = Journal(store)
    for release, renewals in writers:
        fence = begun(store, clock, release)
        for _ in range(renewals):
            renew(store, clock, fence)

    release_of = ReleasesOfLog(journal)
    epochs = range(len(writers) + 2)
    assert [release_of(epoch) for epoch in epochs] == ["", *(one for one, _ in writers), ""]


def begun(store, clock, release):
    written, writer_lease.RELEASE = writer_lease.RELEASE, release
    try:
        return acquire_writer_lease(store, Journal(store), clock, holder="x", term_s=9.0)
    finally:
        writer_lease.RELEASE = written


def renew(store, clock, fence):
    journal = Journal(store)
    recorded = journal.read_stream(WRITER_LEASE)
    state = LEASE.fold(one.event for one in recorded)
    events = LEASE.decide(RenewLease(epoch=fence.epoch, now=clock.now()), state)
    store.append(
        AppendRequest(
            streams=(journal.stream_append(WRITER_LEASE, events, len(recorded)),), fence=fence
        )
    )
