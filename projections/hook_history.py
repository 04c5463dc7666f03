"""The events of hooks out of a log: from any place on, in its order, in little memory."""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from mentra_actors.domain.lease import LeaseAcquired
from mentra_actors.envelope import RecordedEvent, SkippedEvent
from mentra_actors.ids import AgentId, StreamId, category_of, name_of
from mentra_actors.store.journal import Journal
from projections import hook_event as e
from projections.hook_event import HookEvent
from projections.hook_events import agent_hook_events
from projections.hook_state import AgentHookState

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
    while after < last:
        page = journal.read_journal(after=after, limit=_PAGE_EVENTS)
        if not page:
            return
        for recorded in page:
            if recorded.global_position <= last:
                yield from told(recorded)
        after = page[-1].global_position


class HookFold:
    """Tells the events of a log one after the other. One thread at a time.

    It may begin anywhere: what it must know of a stream it reads when it first meets it. The
    states of so many streams are kept; that of another one is read again.
    """

    def __init__(self, journal: Journal, *, kept_states: int = _KEPT_STATES) -> None:
        self._journal = journal
        self._kept_states = kept_states
        self._states: OrderedDict[StreamId, AgentHookState] = OrderedDict()

    def told(self, recorded: RecordedEvent[Any]) -> Sequence[HookEvent]:
        """What one event says: nothing, one thing or several. Events come in the log's order.

        Raises:
            StoreError: what was before it cannot be read.
        """
        if isinstance(recorded.event, SkippedEvent):
            return ()
        if category_of(recorded.stream_id) != "agent":
            return _told_by_itself(recorded)
        state, events = agent_hook_events(self._state_before(recorded), recorded)
        self._states[recorded.stream_id] = state
        self._states.move_to_end(recorded.stream_id)
        if len(self._states) > self._kept_states:
            self._states.popitem(last=False)
        return events or _told_by_itself(recorded)

    def _state_before(self, recorded: RecordedEvent[Any]) -> AgentHookState:
        known = self._states.get(recorded.stream_id)
        if known is not None:
            return known
        state, after, last = AgentHookState(), 0, recorded.stream_version - 1
        while after < last:
            through = min(after + _PAGE_EVENTS, last)
            for one in self._journal.read_stream(recorded.stream_id, after=after, through=through):
                state, _ = agent_hook_events(state, one)
            after = through
        return state


def _told_by_itself(recorded: RecordedEvent[Any]) -> Sequence[HookEvent]:
    """What an event says that needs nothing from before."""
    event = recorded.event
    if isinstance(event, LeaseAcquired):
        prepared = e.RecoveryPrepared(
            runtime_instance_id=event.holder,
            agent_id=AgentId(""),
            position=recorded.global_position,
            recorded_at=recorded.recorded_at_ns / 1e9,
        )
        return (prepared,)
    area, _, fact = recorded.event_type.partition(".")
    return _background_task(recorded, fact) if area == "background" else ()


def _background_task(recorded: RecordedEvent[Any], fact: str) -> Sequence[HookEvent]:
    """Tasks in the background, by the names of their events and fields alone."""
    event = recorded.event
    made = next((make for word, make in _BACKGROUND.items() if word in fact), None)
    if made is None:
        return ()
    at = {
        "agent_id": AgentId(getattr(event, "agent_id", "") or name_of(recorded.stream_id)),
        "position": recorded.global_position,
        "recorded_at": recorded.recorded_at_ns / 1e9,
        "task_id": str(getattr(event, "task_id", "")),
    }
    return (made(event, at),)


def _background_started(event: Any, at: Mapping[str, Any]) -> HookEvent:
    command = str(getattr(event, "command", ""))
    return e.BackgroundTaskStarted(command=command, cwd=str(getattr(event, "cwd", "")), **at)


def _background_finished(event: Any, at: Mapping[str, Any]) -> HookEvent:
    return e.BackgroundTaskFinished(status=str(getattr(event, "status", "finished")), **at)


_BACKGROUND: Mapping[str, Callable[[Any, Mapping[str, Any]], HookEvent]] = {
    "started": _background_started,
    "finished": _background_finished,
}
