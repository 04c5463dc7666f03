"""A log, append by append, each decided again by the code of today; pure.

The log does not say where an append ends. Events that stand side by side with the same cause and
time are taken as one, and what deciding gives of them is one append; so two that were written
within one tick of a clock are told apart. States are always folded from what was recorded, so one
difference does not make others.
"""

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Any, TypeAlias, TypeVar

import msgspec

from mentra_actors.decider import AnyDecider, Delivery
from mentra_actors.domain.agent.events import AgentSpawned
from mentra_actors.domain.lease import LeaseAcquired
from mentra_actors.domain.permission_rules import RuleRemembered
from mentra_actors.envelope import RecordedEvent
from mentra_actors.ids import StreamId, category_of
from mentra_actors.runtime.replay.deciding import DecidedAgain, decided_again, fault_words
from mentra_actors.runtime.replay.forgotten import are_the_same, lost_tag, may_be
from mentra_actors.runtime.replay.rebuild.contract import KnownAppend
from mentra_actors.runtime.replay.rebuild.tables import STREAM_RULES, StreamRules
from mentra_actors.runtime.replay.releases import ReleaseOf
from mentra_actors.runtime.replay.waiting_events import Part, WaitingEvents
from mentra_actors.store.ports import StoredEvent

__all__ = ["Step", "Walk", "groups_of", "is_beside", "steps_of"]

_Caused: TypeAlias = RecordedEvent[object] | StoredEvent
T = TypeVar("T", RecordedEvent[object], StoredEvent)

_TAKES_FACTS = ("inbox", "budget")
_NO_OWNER = "no stream of this kind has an owner"
_NO_COMMAND = "its command cannot be made of it"
_UNREAD = "this release does not understand one of its events"
_FORGOTTEN = "it was forgotten"
_ARCHIVED = "it is archived"
_NOT_ASKED = "nobody asked for it"
_LOST = "the state before it is not known"
_BORN = "written with the append of another stream"


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One append: what was recorded in its own stream and beside it, and what is decided today.

    `decision` is None where it is not decided again, for the reason in `untold`. `beside` and
    `decided_beside` are events in other streams, each with its stream. `before` and `after` are
    the states of the stream. `release` has recorded it; empty if the log does not say.
    """

    stream_id: StreamId
    recorded: tuple[RecordedEvent[object], ...]
    beside: tuple[RecordedEvent[object], ...] = ()
    decision: DecidedAgain | None = None
    decided_beside: tuple[tuple[StreamId, Any], ...] = ()
    untold: str = ""
    before: Any = None
    after: Any = None
    release: str = ""

    @property
    def position(self) -> int:
        """The global position of its first event."""
        return self.recorded[0].global_position

    @property
    def is_same(self) -> bool:
        """Whether today's decision is the recorded one, events in other streams among it."""
        return self.decision is not None and self.decision.same > 0 and self.is_same_beside

    @property
    def is_same_beside(self) -> bool:
        """Whether other streams are told the same."""
        told = tuple((one.stream_id, one.event) for one in self.beside)
        return are_the_same(told, self.decided_beside)


class Walk:
    """Goes through a log once. Not safe from several threads."""

    def __init__(
        self,
        rules: Mapping[str, StreamRules] = STREAM_RULES,
        streams: Collection[StreamId] = (),
        release_of: ReleaseOf | None = None,
    ) -> None:
        """With `streams` only what their owners have decided is decided again.

        Then states of other streams are not known, and the log may lack all groups that touch
        none of these streams and none of their inboxes. The lease is among them, so `release_of`
        has to say which release has written.
        """
        self._rules = rules
        self._streams = streams
        self._states: dict[StreamId, object] = {}
        self._inboxes: dict[StreamId, deque[RecordedEvent[object]]] = {}
        """What was delivered and not taken, in the order of versions."""
        self._broken: set[StreamId] = set()
        """Streams that cannot be folded any more."""
        self._holes: set[StreamId] = set()
        """Streams of which something is lost: what they were decided with is not known."""
        self._releases: dict[int, str] = {}
        """By the epoch of the writer's lease that they have written with."""
        self._release_of = release_of or (lambda _epoch: "")

    def begin(
        self, stream_id: StreamId, state: object, letters: Sequence[RecordedEvent[object]] = ()
    ) -> None:
        """Begin in the middle of a stream: its state there, and what its owner has not taken."""
        self._states[stream_id] = state
        for one in letters:
            self._inboxes.setdefault(one.stream_id, deque()).append(one)

    def state(self, stream_id: StreamId) -> Any:
        """The state of a stream after what was walked; None if its kind has no decider."""
        rules = self._rules.get(category_of(stream_id))
        return self._states.get(stream_id, rules.decider.initial if rules else None)

    def through(self, recorded: Iterable[RecordedEvent[object]]) -> Iterator[Step]:
        """Each append of a log, or what comes next of it; of the chosen streams only."""
        for group in groups_of(recorded):
            waiting = WaitingEvents(group)
            while waiting:
                step = self._step(waiting)
                if not self._is_other(step.stream_id):
                    yield step

    def _step(self, waiting: WaitingEvents) -> Step:
        own = waiting.own
        head = own[0]
        rules = self._rules.get(category_of(head.stream_id))
        untold = _NOT_ASKED if self._is_other(head.stream_id) else _untold(rules, waiting)
        if head.stream_id in self._broken or (head.stream_id in self._holes and not untold):
            untold = _LOST
        if rules is None or untold:
            taken = tuple(own[:1] if untold == _BORN else own)
            return self._taken(waiting, Step(stream_id=head.stream_id, recorded=taken), untold)
        decision = self._decision_or_fault(rules, head.stream_id, waiting.own_events)
        recorded = tuple(own[: decision.same] if decision and decision.same else own)
        step = Step(
            stream_id=head.stream_id,
            recorded=recorded,
            beside=_beside(waiting.behind(len(recorded)), head),
            decision=decision,
        )
        if decision is not None:
            step = _with_deliveries(step, decision, rules.decider)
        return self._taken(waiting, step, "" if decision else _NO_COMMAND)

    def _is_other(self, stream_id: StreamId) -> bool:
        return bool(self._streams) and stream_id not in self._streams

    def _decision_or_fault(
        self, rules: StreamRules, stream_id: StreamId, events: Part[Any]
    ) -> DecidedAgain | None:
        try:
            return self._decision(rules, stream_id, events)
        except Exception as error:  # noqa: BLE001 - a decider that was changed may break anywhere
            return DecidedAgain(command=None, refusal=fault_words(error))

    def _decision(
        self, rules: StreamRules, stream_id: StreamId, events: Part[Any]
    ) -> DecidedAgain | None:
        """What is decided of the first append; what is left over must be another one."""
        state = self.state(stream_id)
        known = KnownAppend(stream_id, events, state, self._delivered)
        decision = decided_again(rules, known)
        if decision is None or decision.same in (0, len(events)):
            return decision
        after = rules.decider.fold(events[: decision.same], state)
        left = KnownAppend(stream_id, events.behind(decision.same), after, self._delivered)
        rest = decided_again(rules, left)
        is_told = rest is not None and rest.same > 0
        return decision if is_told else msgspec.structs.replace(decision, same=0)

    def _taken(self, waiting: WaitingEvents, step: Step, untold: str) -> Step:
        """The step with the states around it, after its events were folded."""
        before = self.state(step.stream_id)
        count = len(step.recorded) + len(step.beside)
        faults = [fault for _ in range(count) if (fault := self._fold(waiting.take()))]
        after = self.state(step.stream_id)
        if faults:
            made = step.decision or DecidedAgain(command=None)
            decision = msgspec.structs.replace(made, same=0, refusal=faults[-1])
            step, untold = msgspec.structs.replace(step, decision=decision), ""
        epoch = step.recorded[0].epoch
        release = self._releases.get(epoch) or self._release_of(epoch)
        return msgspec.structs.replace(
            step, before=before, after=after, untold=untold, release=release
        )

    def _fold(self, recorded: RecordedEvent[object]) -> str:
        """Fold one event; what is to be said if it is the one that its stream breaks at."""
        stream_id = recorded.stream_id
        category = category_of(stream_id)
        if category == "inbox":
            self._inboxes.setdefault(stream_id, deque()).append(recorded)
        if lost_tag(recorded.event):
            self._holes.add(stream_id)
        if isinstance(recorded.event, LeaseAcquired):
            self._releases[recorded.event.epoch] = recorded.event.release
        rules = self._rules.get(category)
        if rules is None or stream_id in self._broken or self._is_other(stream_id):
            return ""
        try:
            self._states[stream_id] = rules.decider.fold([recorded.event], self.state(stream_id))
        except Exception as error:  # noqa: BLE001 - see `_decision_or_fault`
            self._broken.add(stream_id)
            return f"the state of {stream_id} cannot be folded any more: {fault_words(error)}"
        return ""

    def _delivered(
        self, stream_id: StreamId, after: int, through: int
    ) -> Sequence[RecordedEvent[object]]:
        held = self._inboxes.get(stream_id, deque())
        while held and held[0].stream_version <= after:
            held.popleft()  # what was taken before is asked for no more
        return list(takewhile(lambda one: one.stream_version <= through, held))


def steps_of(
    recorded: Iterable[RecordedEvent[object]],
    rules: Mapping[str, StreamRules] = STREAM_RULES,
    *,
    streams: Collection[StreamId] = (),
    release_of: ReleaseOf | None = None,
) -> Iterator[Step]:
    """Each append of a log from its first event on; only those of `streams` if any are named.

    Then the log may be what `Walk` needs of it for them.
    """
    yield from Walk(rules, streams, release_of).through(recorded)


def groups_of(recorded: Iterable[T]) -> Iterator[list[T]]:
    """Events that stand side by side with the same cause and time: one append, as a rule."""
    group: list[T] = []
    for one in recorded:
        if group and not is_beside(group[-1], one):
            yield group
            group = []
        group.append(one)
    if group:
        yield group


def is_beside(one: _Caused, other: _Caused) -> bool:
    """Whether an event and a later one are neighbours on the log, with the same cause and time."""
    return (
        other.global_position - one.global_position <= 1
        and one.causation == other.causation
        and one.recorded_at_ns == other.recorded_at_ns
        and one.correlation == other.correlation
        and one.epoch == other.epoch
    )


def _untold(rules: StreamRules | None, waiting: WaitingEvents) -> str:
    """Why an append is not decided again; empty if it is."""
    if rules is None:
        return _NO_OWNER
    if waiting.has_forgotten:
        return _FORGOTTEN
    if waiting.has_archived:
        return _ARCHIVED
    if waiting.has_unread:
        return _UNREAD
    return _BORN if _is_born(waiting.own[0]) else ""


def _with_deliveries(step: Step, decision: DecidedAgain, decider: AnyDecider) -> Step:
    try:
        beside = _deliveries(decision.events, decider)
    except Exception as error:  # noqa: BLE001 - see `Walk._decision_or_fault`
        broken = msgspec.structs.replace(decision, same=0, refusal=fault_words(error))
        return msgspec.structs.replace(step, decision=broken)
    return msgspec.structs.replace(step, decided_beside=beside)


def _deliveries(
    events: Iterable[object], decider: AnyDecider
) -> tuple[tuple[StreamId, object], ...]:
    """Events for other streams, in the order in which an append writes them."""
    by_stream: dict[StreamId, list[object]] = {}
    for one in (told for event in events for told in decider.companions(event)):
        if isinstance(one, Delivery):
            by_stream.setdefault(one.stream_id, []).extend(one.events)
    return tuple((stream, event) for stream, events in by_stream.items() for event in events)


def _beside(
    after: Iterable[RecordedEvent[object]], head: RecordedEvent[object]
) -> tuple[RecordedEvent[object], ...]:
    """What the append has written to streams that take facts from any writer, or to new ones."""
    own = category_of(head.stream_id)
    if own in _TAKES_FACTS:
        return ()
    return tuple(takewhile(_is_delivered, after))


def _is_born(one: RecordedEvent[object]) -> bool:
    return may_be(one, AgentSpawned)


def _is_delivered(one: RecordedEvent[object]) -> bool:
    event = one.event
    is_rule = isinstance(event, RuleRemembered) and not event.command_id
    return category_of(one.stream_id) in _TAKES_FACTS or is_rule or _is_born(one)
