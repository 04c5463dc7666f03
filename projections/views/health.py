"""How a store and its team are: what waits, what is set aside, who writes; from the log alone.

What only the process that writes can know is in `Health.live`, and None for whoever looks from
outside.
"""

from collections import Counter
from collections.abc import Sequence

import msgspec

from mentra_actors.domain.lease import LEASE, LeaseAcquired, LeaseState
from mentra_actors.domain.supervision.decide import SUPERVISION, SUPERVISION_STREAM
from mentra_actors.ids import StreamId, lease_stream
from mentra_actors.store.journal import Journal
from mentra_actors.store.ports import JournalReader
from projections.contract import fold_view
from projections.views.awaited import (
    LONG_S,
    AwaitedEffect,
    awaited_by_members,
    awaited_effects,
    awaited_words,
    open_for_long,
)
from projections.views.background_jobs import stored_jobs
from projections.views.dead_letters import QuarantinedStream, Supervised, supervised_in
from projections.views.roster import ROSTER, MemberView

__all__ = [
    "BesideLog",
    "Health",
    "LiveHealth",
    "OpenEffects",
    "ViewLag",
    "WriterHealth",
    "health_of",
    "writer_of",
]

_WRITER = lease_stream("writer")
_LEASE_PAGE = 64
_NAMED = 5


class OpenEffects(msgspec.Struct, frozen=True, kw_only=True):
    """Effects of one kind that are asked for and not answered. `oldest_since` is Unix seconds."""

    kind: str
    count: int
    oldest_since: float


class WriterHealth(msgspec.Struct, frozen=True, kw_only=True):
    """Who holds the writer lease; `holder` is empty while nobody does. `until` is Unix seconds.

    `is_gone`: it was seen to have died.
    """

    holder: str = ""
    epoch: int = 0
    until: float = 0.0
    is_gone: bool = False


class ViewLag(msgspec.Struct, frozen=True, kw_only=True):
    """A kept view: how many events it has not seen, and why it stopped, if it did.

    `behind_s` is for how many seconds the first of those events has waited.
    """

    name: str
    behind: int
    failure: str = ""
    behind_s: float = 0.0
    is_paused: bool = False


class LiveHealth(msgspec.Struct, frozen=True, kw_only=True):
    """What only the process that writes knows. `deaths` are those of the last `window_s` seconds.

    `unrecorded` counts dead letters and quarantines that the store has not taken.
    """

    actors: int
    effects_in_flight: int
    deaths: int
    window_s: float
    unrecorded: int


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """How everything is, as of `looked_at` (Unix seconds).

    `agents` counts them by what they do (`idle`, `working`, `waiting`, `failed`, `stopped`).
    `open_for_long` are effects without an outcome for longer than they may, the oldest first.
    `store_bytes` is None for a store that is no directory. `problems` say, in words, what a person
    should look at; without one all is well.
    """

    looked_at: float
    agents: dict[str, int]
    quarantined: tuple[QuarantinedStream, ...]
    dead_letters: int
    open_effects: tuple[OpenEffects, ...]
    open_for_long: tuple[AwaitedEffect, ...] = ()
    jobs_running: int
    writer: WriterHealth
    last_position: int
    views: tuple[ViewLag, ...] = ()
    store_bytes: int | None = None
    live: LiveHealth | None = None
    problems: tuple[str, ...] = ()

    @property
    def is_healthy(self) -> bool:
        """True if nothing needs a person."""
        return not self.problems


class BesideLog(msgspec.Struct, frozen=True, kw_only=True):
    """What the log does not say of a store. `writer_is_gone`: who holds its lease has died."""

    views: tuple[ViewLag, ...] = ()
    store_bytes: int | None = None
    live: LiveHealth | None = None
    writer_is_gone: bool = False


_NOTHING = BesideLog()


def health_of(
    reader: JournalReader,
    journal: Journal,
    now: float,
    beside: BesideLog = _NOTHING,
    *,
    long_s: float | None = LONG_S,
) -> Health:
    """Fold the log into a `Health`. Reads the store.

    An effect that is open for `long_s` seconds is a problem (None: however long, it is none).

    Raises:
        StoreError: it cannot be read.
    """
    last_position = reader.last_position()
    parts = fold_view(ROSTER, journal.through(last_position)).values()
    agents = [part for part in parts if isinstance(part, MemberView)]
    letters = journal.read_stream(SUPERVISION_STREAM)
    supervised = supervised_in(letters)
    redrives = awaited_effects(SUPERVISION, SUPERVISION_STREAM, letters)
    awaited = [*redrives, *awaited_by_members(agents, journal.read_stream)]
    writer = writer_of(reader, journal)
    health = Health(
        looked_at=now,
        agents=dict(sorted(Counter(one.status for one in agents).items())),
        quarantined=supervised.quarantined,
        dead_letters=len(supervised.letters) + supervised.left_out,
        open_effects=_by_kind(awaited),
        open_for_long=tuple(open_for_long(awaited, now, long_s)),
        jobs_running=sum(
            1 for view in stored_jobs(reader, journal) if view.job is not None and view.job.is_open
        ),
        writer=msgspec.structs.replace(
            writer, is_gone=beside.writer_is_gone and bool(writer.holder)
        ),
        last_position=last_position,
        views=beside.views,
        store_bytes=beside.store_bytes,
        live=beside.live,
    )
    return msgspec.structs.replace(health, problems=tuple(_problems(health, supervised)))


def _by_kind(effects: Sequence[AwaitedEffect]) -> tuple[OpenEffects, ...]:
    kinds = sorted({one.kind for one in effects})
    times = {kind: [one.since for one in effects if one.kind == kind] for kind in kinds}
    return tuple(
        OpenEffects(kind=kind, count=len(times[kind]), oldest_since=min(times[kind]))
        for kind in kinds
    )


def writer_of(reader: JournalReader, journal: Journal) -> WriterHealth:
    """Who writes a store. Reads the end of the log of the lease.

    Raises:
        StoreError: it cannot be read.
    """
    # from the newest taking of the lease on: before it are years of renewals
    version, length = reader.stream_version(_WRITER), _LEASE_PAGE
    while True:
        after = max(version - length, 0)
        events = [one.event for one in journal.read_stream(_WRITER, after=after)]
        if after == 0 or any(isinstance(event, LeaseAcquired) for event in events):
            break
        length *= 4
    state: LeaseState = LEASE.fold(events)
    return WriterHealth(holder=state.holder, epoch=state.epoch, until=state.expires_at)


def _problems(health: Health, supervised: Supervised) -> Sequence[str]:
    found = [f"{one.stream_id} is set aside: {one.cause}" for one in health.quarantined[:_NAMED]]
    if len(health.quarantined) > _NAMED:
        found.append(f"{len(health.quarantined) - _NAMED} more streams are set aside")
    if health.dead_letters:
        streams = sorted({StreamId(one.stream_id) for one in supervised.letters})[:_NAMED]
        found.append(f"{health.dead_letters} dead letters, to {', '.join(streams)}")
    if health.writer.holder and health.writer.is_gone:
        found.append(
            f"{health.writer.holder}, which wrote, has died: what is open goes on when the store "
            "is opened again"
        )
    elif health.writer.holder and health.writer.until < health.looked_at:
        silent_s = health.looked_at - health.writer.until
        found.append(
            f"{health.writer.holder} holds the writer lease and is silent for {silent_s:.0f} s: "
            "it is dead, or hangs"
        )
    found += _told_effects(health)
    found += [
        f"the view {one.name} has stopped: {one.failure}" for one in health.views if one.failure
    ]
    if health.live is not None and health.live.unrecorded:
        found.append(
            f"{health.live.unrecorded} dead letters or quarantines are not recorded: "
            "the store refuses them, and they end with this process"
        )
    return found


def _told_effects(health: Health) -> Sequence[str]:
    """What is open for long; where nobody works on it, how it goes on."""
    is_left = health.live is None and (not health.writer.holder or health.writer.is_gone)
    why = ", and no process works on it: it goes on when the store is opened" if is_left else ""
    found = [
        f"{one.stream_id} has waited for {awaited_words(one)} "
        f"for {_span(health.looked_at - one.since)}{why}"
        for one in health.open_for_long[:_NAMED]
    ]
    if len(health.open_for_long) > _NAMED:
        found.append(f"{len(health.open_for_long) - _NAMED} more effects are open for long")
    return found


def _span(seconds: float) -> str:
    minutes = int(seconds // 60)
    hours, rest = divmod(minutes, 60)
    return (
        f"{hours} h {rest} min" if hours else f"{minutes} min" if minutes else f"{seconds:.0f} s"
    )
