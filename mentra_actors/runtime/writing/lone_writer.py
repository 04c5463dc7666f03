"""Writes decisions into a store that nobody has open, and performs nothing of what follows.

The lease is taken, so whoever wrote before is fenced off, and given back. What a decision makes
due is left to the next runtime: see `LeaveResolution`.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mentra_actors.actors.append_request import Stamp, draft_append
from mentra_actors.domain.agent.commands import HandOverMail, LeaveResolution, ResolvePermission
from mentra_actors.effects.ports import Clock
from mentra_actors.ids import StreamId, category_of
from mentra_actors.runtime.kinds import stream_kinds
from mentra_actors.runtime.writing.branch_settling import branch_behind, settle_branch
from mentra_actors.runtime.writing.writer_lease import acquire_writer_lease, release_writer_lease
from mentra_actors.store.journal import Journal
from mentra_actors.store.opening import open_event_store
from mentra_actors.store.ownership.process_name import process_name
from mentra_actors.store.ports import EventStore, Fence
from mentra_actors.store.sealing.options import Sealing
from mentra_actors.store.sql.opening import is_server_url

__all__ = ["LoneWriter", "lone_writer", "lone_writer_of"]

_TERM_S = 60.0


class LoneWriter:
    """The only writer of a store for a moment, without actors and effects."""

    def __init__(self, store: EventStore, journal: Journal, clock: Clock, fence: Fence) -> None:
        """Use `lone_writer`."""
        self.store = store
        self._journal = journal
        self._clock = clock
        self.fence = fence
        self._kinds = stream_kinds(store, journal)

    def record(self, stream_id: StreamId, command: object) -> Sequence[object]:
        """Decide a command and record its events, which are given back. Blocks.

        Raises:
            CommandRejected: the decider said no.
            StoreError: nothing was written.
        """
        if isinstance(command, HandOverMail):
            self._take_delivered(stream_id)
        kind = self._kinds[category_of(stream_id)]
        loaded = kind.loader.load(stream_id)
        if isinstance(command, ResolvePermission):
            command = LeaveResolution(resolution=command, now=command.now)
        decider = kind.decider
        events = decider.decide(command, loaded.state)
        if not events:
            return ()
        state = decider.fold(events, loaded.state)
        draft = draft_append(
            decider,
            self._journal,
            stream_id,
            events=events,
            expected_version=loaded.version,
            stamp=Stamp(
                fence=self.fence,
                has_work=decider.has_work(state),
                recorded_at_ns=int(self._clock.now() * 1e9),
                causation=type(command).__name__,
                correlation=decider.correlation(loaded.state),
            ),
        )
        self.store.append(draft.request)
        return events

    def _take_delivered(self, stream_id: StreamId) -> None:
        """What lies in the inbox is the agent's before it can be handed over."""
        kind = self._kinds[category_of(stream_id)]
        follow = kind.decider.follow
        position = follow.position(kind.loader.load(stream_id).state) if follow else None
        if follow is None or position is None:
            return
        inbox, after = position
        if recorded := self._journal.read_stream(inbox, after=after):
            self.record(stream_id, follow.take(recorded, self._clock.now()))


@contextmanager
def lone_writer(
    path: str | Path, clock: Clock, *, sealing: Sealing | None = None
) -> Iterator[LoneWriter]:
    """Be the writer of a store for the length of a block.

    On a server no lock shows whether another process writes: there its lease does, and one that
    was killed holds it to the end of its term.

    Raises:
        StoreLocked: another process writes it; nothing was changed.
        Fenced, VersionConflict: another process writes it since just now; nothing was changed.
        StoreError: it cannot be opened or written.
    """
    store = open_event_store(path, create=False, sealing=sealing)
    try:
        with lone_writer_of(store, clock, holder_is_gone=not is_server_url(path)) as writer:
            yield writer
    finally:
        store.close()


@contextmanager
def lone_writer_of(
    store: EventStore, clock: Clock, *, holder_is_gone: bool = True
) -> Iterator[LoneWriter]:
    """The same for a store that is open; one that is a branch is settled first.

    Raises:
        StoreLocked, Fenced, VersionConflict: see `acquire_writer_lease`.
        StoreError: it cannot be written.
    """
    journal = Journal(store)
    fence = acquire_writer_lease(
        *(store, journal, clock),
        holder=process_name(),
        term_s=_TERM_S,
        holder_is_gone=holder_is_gone,
    )
    try:
        writer = LoneWriter(store, journal, clock, fence)
        if (branch := branch_behind(store)) is not None:
            settle_branch(store, journal, clock, branch, writer.record)
        yield writer
    finally:
        release_writer_lease(store, journal, clock, fence)
