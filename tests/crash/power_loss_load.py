"""What the store is asked to write before the power goes, and what it must then hold.

The load is a list of batches of jobs, the same in each process for the same seed. `KnownStates`
folds it without any code of the store, so it says what the store is after every job.
"""

import random

import msgspec

from mentra_actors.ids import EffectId, StreamId
from mentra_actors.store.ports import (
    AppendRequest,
    EncodedEvent,
    Fence,
    StateSnapshot,
    StoredEvent,
    StreamAppend,
    Tick,
    TickPiece,
    blob_digest,
)

CATEGORY = "agent"
STREAMS = [StreamId(f"{CATEGORY}-{number}") for number in range(6)]
RESOURCE = "writer"
APPENDS_BEFORE_A_RAISE = 17


class SavedTick(msgspec.Struct, frozen=True):
    """A job: a tick, and below which number it drops."""

    tick: Tick
    drop_below: int


class StateAfter(msgspec.Struct, frozen=True):
    """What the store holds after a number of jobs; events are counted from the first one."""

    last_position: int
    snapshots: dict[StreamId, StateSnapshot]
    blobs: int
    open_streams: frozenset[StreamId]
    epoch: int
    requests: int
    ticks: dict[int, Tick]


class _Load:
    """Draws jobs; knows versions so that it can expect them."""

    def __init__(self, seed):
        self.chance = random.Random(seed)
        self.versions = dict.fromkeys(STREAMS, 0)
        self.appends = 0
        self.epoch = 0
        self.ticks = 0
        self.without_snapshot = []

    def batch(self, number):
        """One commit: an append at the end says when it is done; the first one is alone."""
        if number == 0:
            return (self.append(),)
        count = self.chance.choice([0, 0, 0, 1, 1, 2, 4, 9])
        kinds = [self.append, self.append, self.snapshot, self.blob, self.tick]
        # Where one transaction puts a shorter value over a long one, LMDB keeps all its pages,
        # which `lmdb.verify` takes for damage: so no stream has two snapshots in a batch.
        self.without_snapshot = list(STREAMS)
        return (*(self.chance.choice(kinds)() for _ in range(count)), self.append())

    def append(self):
        self.appends += 1
        is_raise = self.appends % APPENDS_BEFORE_A_RAISE == 0
        self.epoch += is_raise
        streams = tuple(
            self.part(stream_id)
            for stream_id in self.chance.sample(STREAMS, self.chance.randint(1, 3))
        )
        named = [stream.stream_id for stream in streams]
        settled = [one for one in named if self.chance.random() < 0.5]
        return AppendRequest(
            streams=streams,
            fence=Fence(RESOURCE, self.epoch) if is_raise or self.chance.random() < 0.3 else None,
            raise_fence=is_raise,
            recorded_at_ns=self.appends * 1_000_003,
            causation=f"cause-{self.appends}",
            correlation="" if self.appends % 3 else "run",
            open_streams=tuple(one for one in named if self.chance.random() < 0.3),
            settled=tuple(
                (one, self.versions[one] - self.chance.choice([0, 0, 1])) for one in settled
            ),
            request_id=f"request-{self.appends}" if self.appends % 4 == 0 else "",
        )

    def part(self, stream_id):
        expected = self.versions[stream_id] if self.chance.random() < 0.5 else None
        events = tuple(
            EncodedEvent(f"a.{number}.v1", self.content())
            for number in range(self.chance.choice([1, 1, 1, 2, 5]))
        )
        self.versions[stream_id] += len(events)
        return StreamAppend(stream_id=stream_id, events=events, expected_version=expected)

    def snapshot(self):
        if not self.without_snapshot:
            return self.blob()
        stream_id = self.chance.choice(self.without_snapshot)
        self.without_snapshot.remove(stream_id)
        return StateSnapshot(
            stream_id=stream_id,
            stream_version=self.versions[stream_id],
            fold_version=1,
            payload=self.content(),
        )

    def blob(self):
        return self.content() + self.chance.randbytes(8)

    def tick(self):
        self.ticks += 1
        pieces = tuple(
            TickPiece(stream_id, EffectId(f"call-{self.ticks}"), self.content()[:5000])
            for stream_id in self.chance.sample(STREAMS, self.chance.randint(0, len(STREAMS)))
        )
        drop_below = max(self.ticks - self.chance.choice([-1, 0, 2, 5]), 0)
        return SavedTick(
            Tick(number=self.ticks, pieces=pieces), self.chance.choice([0, drop_below])
        )

    def content(self):
        """From nothing over some per page to several pages for one."""
        most = self.chance.choice([0, 60, 60, 300, 300, 300, 1500, 4000, 9000, 30_000])
        return self.chance.randbytes(self.chance.randint(0, most))


def batches_of(seed, count):
    """The load: `count` batches, of which each is one commit."""
    load = _Load(seed)
    return [load.batch(number) for number in range(count)]


class KnownStates:
    """The store after each job of a load, from none to all."""

    def __init__(self, batches):
        self.events = []
        self.blobs = []
        self.requests = []
        """Each id that was used, with the positions and versions of the answer to it."""
        self._versions = dict.fromkeys(STREAMS, 0)
        self.states = [StateAfter(0, {}, 0, frozenset(), 0, 0, {})]
        for job in (job for batch in batches for job in batch):
            self.states.append(self._after(job, self.states[-1]))

    def _after(self, job, before):
        match job:
            case bytes():
                self.blobs.append((blob_digest(job), job))
                return msgspec.structs.replace(before, blobs=len(self.blobs))
            case StateSnapshot():
                snapshots = {**before.snapshots, job.stream_id: job}
                return msgspec.structs.replace(before, snapshots=snapshots)
            case SavedTick(tick=tick, drop_below=drop_below):
                ticks = before.ticks | ({tick.number: tick} if tick.pieces else {})
                kept = {number: one for number, one in ticks.items() if number >= drop_below}
                return msgspec.structs.replace(before, ticks=kept)
            case _:
                return self._after_append(job, before)

    def _after_append(self, request, before):
        for stream in request.streams:
            for event in stream.events:
                self._versions[stream.stream_id] += 1
                self.events.append(self._stored(request, stream.stream_id, event))
        if request.request_id:
            versions = tuple(self._versions[stream.stream_id] for stream in request.streams)
            answer = (before.last_position + 1, len(self.events), versions)
            self.requests.append((request, answer))
        settled = {one for one, version in request.settled if self._versions[one] <= version}
        return msgspec.structs.replace(
            before,
            last_position=len(self.events),
            open_streams=(before.open_streams - settled) | set(request.open_streams),
            epoch=request.fence.epoch if request.raise_fence else before.epoch,
            requests=len(self.requests),
        )

    def _stored(self, request, stream_id, event):
        return StoredEvent(
            global_position=len(self.events) + 1,
            stream_id=stream_id,
            stream_version=self._versions[stream_id],
            event_type=event.event_type,
            payload=event.payload,
            recorded_at_ns=request.recorded_at_ns,
            epoch=request.fence.epoch if request.fence else 0,
            causation=request.causation,
            correlation=request.correlation,
        )
