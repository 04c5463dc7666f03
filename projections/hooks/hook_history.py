"""The events of hooks out of a log: from any place on, in its order, in little memory."""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from mentra_actors.domain.lease import LeaseAcquired
from mentra_actors.domain.permission_rules import RulesState
from mentra_actors.envelope import RecordedEvent, SkippedEvent
from mentra_actors.ids import AgentId, StreamId, category_of
from mentra_actors.store.journal import Journal
from projections.hooks.hook_background import BackgroundHookState, background_hook_events
from projections.hooks.hook_event import HookEvent, RecoveryPrepared
from projections.hooks.hook_events import agent_hook_events
from projections.hooks.hook_rules import rule_hook_events
from projections.hooks.hook_state import AgentHookState

__all__ = ["HookFold", "hook_events"]

_PAGE_EVENTS = 1_000
_KEPT_STATES = 4_096


def hook_events(
    journal: Journal,
    *,
    after: int = 0,
    through: int | None = None,
    fold: "HookFold | None" = None,
) -> Iterator[HookEvent]:
    """All that is told of the events after a position, up to another one (None: the present end).

    Whoever goes on with the log gives the `fold` of before, which then reads nothing again.

    Raises:
        StoreError: the log cannot be read.
    """
    told = (HookFold(journal) if fold is None else fold).told
    last = journal.last_position() if through is None else through
    for recorded in journal.between(after, last):
        yield from told(recorded)


class HookFold:
    """Tells the events of a log one after the other. One thread at a time.

    It may begin anywhere: what it must know of a stream it reads when it first meets it. The
    states of so many streams are kept; that of another one is read again.
    """

    def __init__(self, journal: Journal, *, kept_states: int = _KEPT_STATES) -> None:
        self._journal = journal
        self._kept_states = kept_states
        self._states: OrderedDict[StreamId, object] = OrderedDict()

    def told(self, recorded: RecordedEvent[object]) -> Sequence[HookEvent]:
        """What one event says: nothing, one thing or several. Events come in the log's order.

        Raises:
            StoreError: what was before it cannot be read.
        """
        if isinstance(recorded.event, LeaseAcquired):
            return (_prepared(recorded, recorded.event),)
        kind = _KINDS.get(category_of(recorded.stream_id))
        if kind is None or isinstance(recorded.event, SkippedEvent):
            return ()
        state, events = kind.step(self._state_before(recorded, kind), recorded)
        self._states[recorded.stream_id] = state
        self._states.move_to_end(recorded.stream_id)
        if len(self._states) > self._kept_states:
            self._states.popitem(last=False)
        return events

    def _state_before(self, recorded: RecordedEvent[object], kind: "_Kind") -> object:
        if recorded.stream_id in self._states:
            return self._states[recorded.stream_id]
        state, after, last = kind.initial, 0, recorded.stream_version - 1
        while after < last:
            through = min(after + _PAGE_EVENTS, last)
            for one in self._journal.read_stream(recorded.stream_id, after=after, through=through):
                state, _ = kind.step(state, one)
            after = through
        return state


class _Kind(NamedTuple):
    """How the streams of a category are told."""

    initial: Any
    step: Callable[[Any, RecordedEvent[object]], tuple[Any, Sequence[HookEvent]]]


_KINDS: Mapping[str, _Kind] = {
    "agent": _Kind(AgentHookState(), agent_hook_events),
    "background": _Kind(BackgroundHookState(), background_hook_events),
    "rules": _Kind(RulesState(), rule_hook_events),
}


def _prepared(recorded: RecordedEvent[object], event: LeaseAcquired) -> HookEvent:
    return RecoveryPrepared(
        runtime_instance_id=event.holder,
        agent_id=AgentId(""),
        position=recorded.global_position,
        recorded_at=recorded.recorded_at_ns / 1e9,
    )
