"""Opening a store that another process holds: refused while that one works, else taken over.

A process that died holds nothing. One that hangs holds the lock of the store and does not renew
its lease. When the lease has been over for a third of its term, and the log then stands still for
a moment, the store is opened in its place; see
`mentra_actors.store.ownership.take_over`. The moment is for a machine that slept: its clock jumps,
and a holder that works renews as soon as it is awake.
"""

import logging
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Literal, TypeAlias, TypeVar

from mentra_actors.domain.lease import LEASE, LeaseAcquired, LeaseState
from mentra_actors.effects.ports import Clock
from mentra_actors.errors import StoreLocked
from mentra_actors.runtime.writing.writer_lease import WRITER_LEASE
from mentra_actors.store.embedded.reader import LmdbJournalReader
from mentra_actors.store.journal import Journal
from mentra_actors.store.ports import JournalReader

__all__ = ["TakeOver", "open_or_take_over"]

TakeOver: TypeAlias = Literal["expired", "never"]
"""When to take a store over from a living process: when its lease has expired, or never."""

_WATCH_S = 2.0
_FIRST_EVENTS = 64
_LOG = logging.getLogger(__name__)

S = TypeVar("S")


def open_or_take_over(
    path: str | Path,
    open_store: Callable[[int | None], S],
    open_reader: Callable[[], JournalReader],
    *,
    clock: Clock,
    take_over: TakeOver,
) -> S:
    """What `open_store` gives for None, or for the number of a writer that hangs.

    Raises:
        StoreLocked: another process holds the store, and may go on; says who and until when.
    """
    try:
        return open_store(None)
    except StoreLocked as locked:
        if not locked.holder:
            raise
        epoch = _epoch_to_replace(path, open_reader, locked, clock, take_over)
        _LOG.warning("%s is taken over: %s", path, locked)
    return open_store(epoch)


def _epoch_to_replace(
    path: str | Path,
    open_reader: Callable[[], JournalReader],
    locked: StoreLocked,
    clock: Clock,
    take_over: TakeOver,
) -> int:
    with ExitStack() as stack:
        writers = LmdbJournalReader.open(path)
        stack.callback(writers.close)
        reader = open_reader()
        stack.callback(reader.close)
        # In this order: whoever has written anything after the number was read is not replaced.
        epoch, last_position = writers.writer_epoch(), reader.last_position()
        lease = _present_lease(reader)
        if lease.holder != locked.holder:
            raise locked  # a program without a lease, or one that has just begun
        free_at = lease.expires_at + lease.term_s / 3
        if clock.now() < free_at:
            raise _refusal(locked, lease, f"it may be taken over at {_time(free_at)}", free_at)
        if take_over == "never":
            raise _refusal(locked, lease, "end that process, or allow to take over", None)
        watch_s = min(_WATCH_S, lease.term_s / 3)
        if reader.wait_for_position(last_position + 1, timeout_s=watch_s) > last_position:
            raise _refusal(locked, lease, "but it still writes", None)
    return epoch


def _present_lease(reader: JournalReader) -> LeaseState:
    """The lease as of the end of its stream; reads back to where it was taken, and no further."""
    journal, version, count = Journal(reader), reader.stream_version(WRITER_LEASE), _FIRST_EVENTS
    while True:
        after = max(version - count, 0)
        events = [one.event for one in journal.read_stream(WRITER_LEASE, after=after)]
        if after == 0 or any(isinstance(event, LeaseAcquired) for event in events):
            return LEASE.fold(events)
        count *= 4


def _refusal(
    locked: StoreLocked, lease: LeaseState, then: str, free_at: float | None
) -> StoreLocked:
    text = f"{locked}; its lease, as last renewed, ends at {_time(lease.expires_at)}; {then}"
    return StoreLocked(text, holder=locked.holder, free_at=free_at)


def _time(at: float) -> str:
    return datetime.fromtimestamp(at).astimezone().isoformat(" ", "seconds")
