"""From decided events to one atomic append. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mentra_actors.decider import AnyDecider, Delivery, Settlement, Unchanged
from mentra_actors.envelope import RecordedEvent
from mentra_actors.ids import StreamId
from mentra_actors.store.journal import Journal
from mentra_actors.store.ports import Appended, AppendRequest, Fence, StreamAppend

__all__ = ["Draft", "draft_append", "recorded_events"]


@dataclass(frozen=True, slots=True)
class Draft:
    """An append as its actor sees it: own events first, then those for other streams."""

    request: AppendRequest
    events_by_stream: tuple[tuple[StreamId, tuple[object, ...]], ...]

    @property
    def other_streams(self) -> tuple[StreamId, ...]:
        """Streams besides the actor's own that get events."""
        return tuple(stream_id for stream_id, events in self.events_by_stream[1:] if events)

    def is_opened(self, stream_id: StreamId) -> bool:
        """Whether the append leaves work for the owner of a stream."""
        return stream_id in self.request.open_streams


@dataclass(frozen=True, slots=True)
class Stamp:
    """What an append carries besides events."""

    fence: Fence | None
    has_work: bool
    """Whether the stream leaves work for its owner."""
    recorded_at_ns: int
    causation: str
    correlation: str


def draft_append(
    decider: AnyDecider,
    journal: Journal,
    stream_id: StreamId,
    *,
    events: Sequence[object],
    expected_version: int,
    stamp: Stamp,
) -> Draft:
    """The append of `events` with everything that their companions ask for."""
    companions = [one for event in events for one in decider.companions(event)]
    deliveries = _merged([one for one in companions if isinstance(one, Delivery)])
    settled = [(s.stream_id, s.through_version) for s in companions if isinstance(s, Settlement)]
    version = expected_version + len(events)
    if not stamp.has_work:
        settled.append((stream_id, version))
    streams = [journal.stream_append(stream_id, events, expected_version)]
    unchanged = [one for one in companions if isinstance(one, Unchanged)]
    streams.extend(journal.stream_append(one.stream_id, (), one.version) for one in unchanged)
    streams.extend(_stream_append(journal, one) for one in deliveries.values())
    opened = [one.stream_id for one in deliveries.values() if _is_work(one)]
    request = AppendRequest(
        streams=tuple(streams),
        fence=stamp.fence,
        recorded_at_ns=stamp.recorded_at_ns,
        causation=stamp.causation,
        correlation=stamp.correlation,
        open_streams=(*opened, *([stream_id] if stamp.has_work else [])),
        settled=tuple(settled),
    )
    others = ((one.stream_id, one.events) for one in deliveries.values())
    none = ((one.stream_id, ()) for one in unchanged)
    return Draft(request, ((stream_id, tuple(events)), *none, *others))


def _merged(deliveries: Sequence[Delivery]) -> Mapping[StreamId, Delivery]:
    """One delivery a stream: a store takes each stream once an append."""
    merged: dict[StreamId, Delivery] = {}
    for one in deliveries:
        before = merged.get(one.stream_id)
        if before is not None:
            events = before.events + one.events
            one = replace(before, events=events)  # noqa: PLW2901
        merged[one.stream_id] = one
    return merged


def _is_work(delivery: Delivery) -> bool:
    return delivery.starts if delivery.must_be_new else delivery.is_work


def _stream_append(journal: Journal, delivery: Delivery) -> StreamAppend:
    expected = 0 if delivery.must_be_new else None
    return journal.stream_append(delivery.stream_id, delivery.events, expected)


def recorded_events(draft: Draft, appended: Appended) -> list[RecordedEvent[object]]:
    """The events of a durable append with their places, in the order of the log."""
    request = draft.request
    position = appended.first_position
    recorded: list[RecordedEvent[object]] = []
    for (stream_id, events), last, written in zip(
        draft.events_by_stream, appended.versions, request.streams, strict=True
    ):
        version = last - len(events)
        for event, data in zip(events, written.events, strict=True):
            version += 1
            recorded.append(
                RecordedEvent(
                    global_position=position,
                    stream_id=stream_id,
                    stream_version=version,
                    event_type=data.event_type,
                    event=event,
                    recorded_at_ns=request.recorded_at_ns,
                    epoch=request.fence.epoch if request.fence else 0,
                    causation=request.causation,
                    correlation=request.correlation,
                )
            )
            position += 1
    return recorded
