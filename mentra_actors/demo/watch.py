"""A team watched from another process: what its log says, folded as it grows."""

from collections import deque
from collections.abc import Sequence
from typing import Literal

import msgspec

from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.decide import AGENT
from mentra_actors.domain.agent.effects import CallModel, ProbeTool, RunTool
from mentra_actors.domain.agent.state import AgentState
from mentra_actors.domain.team import DEFAULT_TEAM
from mentra_actors.envelope import RecordedEvent
from mentra_actors.ids import EffectId, StreamId, board_stream, category_of, name_of
from projections.contract import fold_parts
from projections.views.roster import ROSTER, MemberView, RosterPart, team_roster
from projections.views.task_board import TASK_BOARD, BoardView
from projections.views.timeline import TimelineLine, line_of

__all__ = ["DemoWatch", "StartedEffect"]

_RECENT_LINES = 8


class StartedEffect(msgspec.Struct, frozen=True, kw_only=True):
    """Something that has been started and has no outcome on the log."""

    agent: str
    effect_id: EffectId
    kind: Literal["model", "tool", "probe"]
    tool: str = ""
    """Empty for a model call."""


class DemoWatch:
    """The team as of a position of its log. Feed it the log in order, each event once."""

    def __init__(self) -> None:
        self.position = 0
        self.finished_calls = 0
        self.recent: deque[TimelineLine] = deque(maxlen=_RECENT_LINES)
        self._roster: dict[str, RosterPart] = {}
        self._boards: dict[str, BoardView] = {}
        self._states: dict[StreamId, AgentState] = {}
        self._versions: dict[StreamId, int] = {}

    def take(self, recorded_events: Sequence[RecordedEvent[object]]) -> None:
        """The next events of the log."""
        self._roster |= fold_parts(ROSTER, recorded_events, self._roster.get)
        self._boards |= fold_parts(TASK_BOARD, recorded_events, self._boards.get)
        for recorded in recorded_events:
            stream_id = recorded.stream_id
            self.position = recorded.global_position
            self._versions[stream_id] = recorded.stream_version
            self.recent.append(line_of(recorded))
            self.finished_calls += isinstance(recorded.event, e.ToolCallFinished)
            if category_of(stream_id) == "agent":
                before = self._states.get(stream_id, AGENT.initial)
                self._states[stream_id] = AGENT.fold([recorded.event], before)

    @property
    def members(self) -> Sequence[MemberView]:
        """The agents of the team."""
        return team_roster(self._roster.get, DEFAULT_TEAM)

    @property
    def board(self) -> BoardView:
        """The task board of the team."""
        return self._boards.get(board_stream(DEFAULT_TEAM), BoardView())

    @property
    def completed(self) -> int:
        """How many tasks are done."""
        return sum(task.status == "completed" for task in self.board.tasks)

    @property
    def agent_versions(self) -> dict[str, int]:
        """Version of each agent's stream, by the agent's name."""
        found = ((name_of(s), v) for s, v in self._versions.items() if category_of(s) == "agent")
        return dict(sorted(found))

    def open_effects(self) -> Sequence[StartedEffect]:
        """What the agents wait for, ordered by agent."""
        opened: list[StartedEffect] = []
        for stream_id, state in sorted(self._states.items()):
            agent = state.profile.name if state.profile else name_of(stream_id)
            for effect_id, effect in AGENT.pending(state).items():
                opened.append(_open_effect(agent, effect_id, effect))
        return opened


def _open_effect(agent: str, effect_id: EffectId, effect: object) -> StartedEffect:
    match effect:
        case CallModel():
            return StartedEffect(agent=agent, effect_id=effect_id, kind="model")
        case ProbeTool(tool=tool):
            return StartedEffect(agent=agent, effect_id=effect_id, kind="probe", tool=tool)
        case RunTool(tool=tool):
            return StartedEffect(agent=agent, effect_id=effect_id, kind="tool", tool=tool)
        case _:
            return StartedEffect(agent=agent, effect_id=effect_id, kind="tool")
