"""The lease that makes this process the one writer of its store."""

from collections.abc import Sequence

import msgspec

from mentra_actors.actors.state_loading import StateLoader
from mentra_actors.domain.lease import (
    LEASE,
    AcquireLease,
    LeaseEvent,
    LeaseState,
    ReleaseLease,
)
from mentra_actors.effects.ports import Clock
from mentra_actors.errors import CommandRejected, Fenced, StoreError, StoreLocked
from mentra_actors.ids import StreamId, lease_stream
from mentra_actors.release import RELEASE
from mentra_actors.store.journal import Journal
from mentra_actors.store.ports import AppendRequest, EventStore, Fence

__all__ = ["WRITER_LEASE", "acquire_writer_lease", "release_writer_lease"]

WRITER_LEASE: StreamId = lease_stream("writer")
_RESOURCE = "writer"


def acquire_writer_lease(
    store: EventStore,
    journal: Journal,
    clock: Clock,
    *,
    holder: str,
    term_s: float,
    holder_is_gone: bool = True,
) -> Fence:
    """Take the lease with a new epoch and shut out every older holder, in one append.

    The store's own lock has shown that no other process can write, so an older holder is gone even
    if its term still runs: it is dead, or was fenced off. Where no lock can show it, and a living
    holder must stay what it is, `holder_is_gone` is False. The epoch is above every one that the
    store knows, even if this release cannot read the event that raised it.

    Raises:
        StoreLocked: the term of another holder runs, which may live.
        Fenced, VersionConflict: another process has taken or renewed the lease just now.
        StoreError: the lease could not be written.
    """
    lease = StateLoader(LEASE, store, journal).load(WRITER_LEASE)
    epoch = max(lease.state.epoch, store.fence_epoch(_RESOURCE))
    state = msgspec.structs.replace(lease.state, epoch=epoch)
    command = AcquireLease(
        holder=holder,
        term_s=term_s,
        now=clock.now(),
        holder_is_gone=holder_is_gone,
        release=RELEASE,
    )
    events = _acquired(command, state)
    fence = Fence(_RESOURCE, LEASE.fold(events, state).epoch)
    store.append(
        AppendRequest(
            streams=(journal.stream_append(WRITER_LEASE, events, lease.version),),
            fence=fence,
            raise_fence=True,
            recorded_at_ns=int(clock.now() * 1e9),
            causation="AcquireLease",
            open_streams=(WRITER_LEASE,),
        )
    )
    return fence


def _acquired(command: AcquireLease, state: LeaseState) -> Sequence[LeaseEvent]:
    try:
        return LEASE.decide(command, state)
    except CommandRejected as rejected:
        raise StoreLocked(
            f"the lease of the writer is {rejected.reason}",
            holder=state.holder,
            free_at=state.expires_at,
        ) from rejected


def release_writer_lease(store: EventStore, journal: Journal, clock: Clock, fence: Fence) -> None:
    """Give the lease back; without effect if another process has taken over."""
    lease = StateLoader(LEASE, store, journal).load(WRITER_LEASE)
    if lease.state.epoch != fence.epoch or not lease.state.holder:
        return
    events = LEASE.decide(ReleaseLease(epoch=fence.epoch), lease.state)
    request = AppendRequest(
        streams=(journal.stream_append(WRITER_LEASE, events, lease.version),),
        fence=fence,
        recorded_at_ns=int(clock.now() * 1e9),
        causation="ReleaseLease",
        settled=((WRITER_LEASE, lease.version + len(events)),),
    )
    try:
        store.append(request)
    except Fenced:
        return
    except StoreError as error:  # the next opener takes it over all the same
        error.add_note("the writer lease was not released")
        raise
