"""What a view was after each event that changed it, as points over time.

A point is made of the view itself, folded event by event: there is no second way to count.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from mentra_actors.envelope import RecordedEvent
from mentra_actors.ids import StreamId, TeamId, category_of
from projections.contract import fold_parts
from projections.views.task_board import TASK_BOARD, BoardView, board_groups
from projections.views.usage import USAGE, AgentUsage, Usage

__all__ = ["BoardPoint", "UsagePoint", "board_series", "usage_series"]


class UsagePoint(msgspec.Struct, frozen=True, kw_only=True):
    """All that one agent had used at `at` (Unix seconds)."""

    at: float
    stream_id: StreamId
    usage: Usage


class BoardPoint(msgspec.Struct, frozen=True, kw_only=True):
    """How many tasks of a board were in each group at `at` (Unix seconds)."""

    at: float
    ready: int
    blocked: int
    claimed: int
    in_progress: int
    completed: int

    @property
    def left(self) -> int:
        """Tasks that were not completed."""
        return self.ready + self.blocked + self.claimed + self.in_progress


def usage_series(events: Iterable[RecordedEvent[object]], team: TeamId) -> Iterator[UsagePoint]:
    """A point per model call of a team that has ended, in the order of the log."""
    parts: dict[str, Any] = {}
    for recorded in events:
        touched = fold_parts(USAGE, (recorded,), parts.get)
        parts.update(touched)
        part = touched.get(recorded.stream_id)
        if isinstance(part, AgentUsage) and part.total.calls and part.team == team:
            at = recorded.recorded_at_ns / 1e9
            yield UsagePoint(at=at, stream_id=recorded.stream_id, usage=part.total)


def board_series(
    events: Iterable[RecordedEvent[object]], board: StreamId, *, most: int = 400
) -> Sequence[BoardPoint]:
    """At most `most` points of one board, evenly over its events; the last event has one."""
    views: list[tuple[float, BoardView]] = []
    parts: dict[str, BoardView] = {}
    for recorded in events:
        if recorded.stream_id != board or category_of(board) != "board":
            continue
        parts.update(fold_parts(TASK_BOARD, (recorded,), parts.get))
        if board in parts:
            views.append((recorded.recorded_at_ns / 1e9, parts[board]))
    step = max(1, -(-len(views) // most))
    chosen = views[len(views) - 1 :: -step] if views else []
    return [_point(at, view) for at, view in reversed(chosen)]


def _point(at: float, view: BoardView) -> BoardPoint:
    groups = board_groups(view)
    return BoardPoint(
        at=at,
        ready=len(groups.ready),
        blocked=len(groups.blocked),
        claimed=len(groups.claimed),
        in_progress=len(groups.in_progress),
        completed=len(groups.completed),
    )
