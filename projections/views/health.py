"""How a store and its team are: what waits, what is set aside, who writes; from the log alone.

What only the process that writes can know is in `Health.live`, and None for whoever looks from
outside.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from mentra_actors.decider import Decider
from mentra_actors.domain.agent.decide import AGENT
from mentra_actors.domain.lease import LEASE, LeaseAcquired, LeaseState
from mentra_actors.domain.supervision.decide import SUPERVISION, SUPERVISION_STREAM
from mentra_actors.envelope import RecordedEvent
from mentra_actors.ids import StreamId, agent_stream, lease_stream
from mentra_actors.store.journal import Journal
from mentra_actors.store.ports import JournalReader
from projections.contract import fold_view
from projections.views.background_jobs import stored_jobs
from projections.views.dead_letters import QuarantinedStream, Supervised, supervised_in
from projections.views.roster import ROSTER, MemberView

__all__ = [
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
    `store_bytes` is None for a store that is no directory. `problems` say, in words, what a person
    should look at; without one all is well.
    """

    looked_at: float
    agents: dict[str, int]
    quarantined: tuple[QuarantinedStream, ...]
    dead_letters: int
    open_effects: tuple[OpenEffects, ...]
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


def health_of(  # noqa: PLR0913 - each is a fact that the log does not have
    reader: JournalReader,
    journal: Journal,
    now: float,
    *,
    views: Sequence[ViewLag] = (),
    store_bytes: int | None = None,
    live: LiveHealth | None = None,
    writer_is_gone: bool = False,
) -> Health:
    """Fold the log into a `Health`; what the log does not say is given. Reads the store.

    `writer_is_gone`: whoever holds the lease of the writer has died.

    Raises:
        StoreError: it cannot be read.
    """
    last_position = reader.last_position()
    parts = fold_view(ROSTER, journal.through(last_position)).values()
    agents = [part for part in parts if isinstance(part, MemberView)]
    letters = journal.read_stream(SUPERVISION_STREAM)
    supervised = supervised_in(letters)
    since = _open_effects(SUPERVISION, letters)
    for one in agents:
        if one.is_working or one.open_calls:
            since += _open_effects(AGENT, journal.read_stream(agent_stream(one.agent_id)))
    writer = writer_of(reader, journal)
    health = Health(
        looked_at=now,
        agents=dict(sorted(Counter(one.status for one in agents).items())),
        quarantined=supervised.quarantined,
        dead_letters=len(supervised.letters) + supervised.left_out,
        open_effects=_by_kind(since),
        jobs_running=sum(
            1 for view in stored_jobs(reader, journal) if view.job is not None and view.job.is_open
        ),
        writer=msgspec.structs.replace(writer, is_gone=writer_is_gone and bool(writer.holder)),
        last_position=last_position,
        views=tuple(views),
        store_bytes=store_bytes,
        live=live,
    )
    return msgspec.structs.replace(health, problems=tuple(_problems(health, supervised)))


def _open_effects(
    decider: Decider[Any, Any, Any, Any], recorded_events: Sequence[RecordedEvent[Any]]
) -> list[tuple[str, float]]:
    """Kind of each effect that the last event leaves open, and when it was asked for."""
    state, since = decider.initial, dict[str, float]()
    effects: Mapping[Any, Any] = {}
    for one in recorded_events:
        state = decider.fold([one.event], state)
        effects = decider.pending(state)
        asked_at = one.recorded_at_ns / 1e9
        since = {effect_id: since.get(effect_id, asked_at) for effect_id in effects}
    return [(type(effect).__name__, since[effect_id]) for effect_id, effect in effects.items()]


def _by_kind(since: Sequence[tuple[str, float]]) -> tuple[OpenEffects, ...]:
    kinds = sorted({kind for kind, _ in since})
    times = {kind: [asked_at for one, asked_at in since if one == kind] for kind in kinds}
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
    found += [
        f"the view {one.name} has stopped: {one.failure}" for one in health.views if one.failure
    ]
    if health.live is not None and health.live.unrecorded:
        found.append(
            f"{health.live.unrecorded} dead letters or quarantines are not recorded: "
            "the store refuses them, and they end with this process"
        )
    return found
