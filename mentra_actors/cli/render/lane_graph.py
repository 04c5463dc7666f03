"""The lanes of a team as columns of text, one row per event. Pure.

▶─╮   a prompt came, or a letter went from one lane to another
┃ │   a model is asked here, a run goes on there
✓     the run has ended
"""

from collections.abc import Mapping
from typing import NamedTuple

from mentra_actors.domain.agent import events as e
from mentra_actors.domain.inbox import MailDelivered
from mentra_actors.envelope import RecordedEvent
from mentra_actors.ids import AgentId, StreamId, agent_stream, category_of, name_of

__all__ = ["LaneGraph", "LaneRow"]

_IDLE, _RUNS, _ASKS = " ", "│", "┃"
_MARKS: Mapping[type[object], str] = {
    e.AgentSpawned: "+",
    e.PromptAccepted: "▶",
    e.RunStarted: "╷",
    e.ModelReplied: "◆",
    e.ModelCallFailed: "✗",
    e.ToolCallStarted: "□",
    e.ToolCallFinished: "■",
    e.ToolCallOutcomeUnknown: "?",
    e.PermissionRequested: "?",
    e.PermissionResolved: "!",
    e.RunFinished: "✓",
    e.RunFailed: "✗",
    e.RunCancelled: "✗",
    e.AgentStopped: "■",
}
_QUIET: tuple[type[object], ...] = (
    e.InputPlaced,
    e.MailTaken,
    e.MailSent,
    e.ToolCallsPlanned,
    e.ToolCallReviewed,
    e.ToolAuthorizationEvaluated,
    e.RoundDecisionRequested,
    e.RoundDecided,
    e.SharedSpending,
)
_QUIET_KINDS = frozenset({"lease"})


class LaneRow(NamedTuple):
    """One event: a cell per lane, two characters each, and the lane that it stands in."""

    cells: tuple[str, ...]
    lane: int


class LaneGraph:
    """Keeps what each lane is at. Rows are made in the order of the log.

    With `has_all` what says little has rows, too.
    """

    def __init__(self, *, has_all: bool) -> None:
        self._has_all = has_all
        self.lanes: list[StreamId] = []
        """Agents in the order of their first event; boards and others behind them."""
        self._places: dict[StreamId, int] = {}
        self._runs: dict[StreamId, str] = {}
        self._asks: dict[StreamId, str] = {}

    def has_row(self, recorded: RecordedEvent[object]) -> bool:
        """False for what says little, if not everything is to be shown."""
        is_quiet = isinstance(recorded.event, _QUIET)
        return self._has_all or not (is_quiet or category_of(recorded.stream_id) in _QUIET_KINDS)

    def take(self, recorded: RecordedEvent[object]) -> tuple[int, int]:
        """Go on to the next event that has a row; the lanes that it comes from and stands in."""
        lane = self._place(self._lane_of(recorded))
        sender = _sender(recorded.event)
        start = self._place(sender) if sender is not None else lane
        self._note(recorded)
        return start, lane

    def row(self, recorded: RecordedEvent[object]) -> LaneRow:
        """The same, and its row."""
        start, lane = self.take(recorded)
        cells = [self._cell(one) for one in self.lanes]
        if start == lane:
            cells[lane] = f"{_mark(recorded.event)} "
        else:
            self._draw_letter(cells, start, lane)
        return LaneRow(tuple(cells), lane)

    def _lane_of(self, recorded: RecordedEvent[object]) -> StreamId:
        """A letter stands in the lane of its receiver."""
        if category_of(recorded.stream_id) == "inbox":
            return agent_stream(AgentId(name_of(recorded.stream_id)))
        return recorded.stream_id

    def _place(self, stream_id: StreamId) -> int:
        place = self._places.setdefault(stream_id, len(self.lanes))
        if place == len(self.lanes):
            self.lanes.append(stream_id)
        return place

    def _note(self, recorded: RecordedEvent[object]) -> None:
        stream_id = recorded.stream_id
        match recorded.event:
            case e.RunStarted(run_id=run_id):
                self._runs[stream_id] = run_id
            case e.RunFinished() | e.RunFailed() | e.RunCancelled():
                self._runs.pop(stream_id, None)
                self._asks.pop(stream_id, None)
            case e.ModelCallRequested(effect_id=effect_id):
                self._asks[stream_id] = effect_id
            case e.ModelReplied() | e.ModelCallFailed() | e.AnswerAbandoned():
                self._asks.pop(stream_id, None)
            case _:
                pass

    def _cell(self, stream_id: StreamId) -> str:
        if stream_id in self._asks:
            return f"{_ASKS} "
        return f"{_RUNS if stream_id in self._runs else _IDLE} "

    def _draw_letter(self, cells: list[str], start: int, end: int) -> None:
        """A line from lane to lane, which ends in an arrow."""
        low, high = min(start, end), max(start, end)
        for place in range(low, high):
            cells[place] = "──"
        cells[start] = "├─" if start < end else "┤ "
        cells[end] = "▶ " if start < end else "◀─"


def _sender(event: object) -> StreamId | None:
    if isinstance(event, MailDelivered) and event.mail.sender_id:
        return agent_stream(event.mail.sender_id)
    return None


def _mark(event: object) -> str:
    if isinstance(event, MailDelivered):
        return "▶"
    if isinstance(event, e.ModelCallRequested):
        return _ASKS
    return _MARKS.get(type(event), "•")
