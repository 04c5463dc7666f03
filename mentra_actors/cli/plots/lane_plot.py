"""The lanes of a team over time: runs, model calls, tools, waits for people, letters."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from mentra_actors.cli.plots.canvas import COLOURS, moment
from mentra_actors.ids import StreamId, name_of
from projections.views.lanes import BarKind, LaneBar, LaneLetter, TeamLanes

__all__ = ["draw_lanes", "lane_inches"]

_HEIGHTS: Mapping[BarKind, float] = {"run": 0.62, "model": 0.34, "tool": 0.34, "permission": 0.34}
_COLOURS: Mapping[BarKind, str] = {
    "run": "#DDE6EE",
    "model": COLOURS[0],
    "tool": COLOURS[1],
    "permission": COLOURS[4],
}
_FAILED = COLOURS[3]
_EDGE = 0.4
_ARROW = {"arrowstyle": "->", "color": "#444444", "lw": 0.7, "alpha": 0.8}
_MOST_ARROWS = 400
"""More than these hide the bars."""
_Place: TypeAlias = tuple[datetime, float]


def lane_inches(lanes: TeamLanes) -> tuple[float, float]:
    """Width and height of the figure."""
    return 11.0, 1.6 + 0.42 * (len(lanes.lanes) + 1)


def draw_lanes(lanes: TeamLanes, title: str, figure: Any) -> None:
    """Draw them, the first lane on top and the board below the last one."""
    axes = figure.add_subplot()
    rows = {lane: -place for place, lane in enumerate(lanes.lanes)}
    for kind in _HEIGHTS:
        bars = [one for one in lanes.bars if one.kind == kind and one.stream_id in rows]
        _draw_bars(axes, kind, bars, rows, lanes.last)
    _draw_letters(axes, lanes.letters, rows)
    board_row = -len(rows)
    _draw_marks(axes, lanes, rows, board_row)
    names = [name_of(lane) for lane in rows]
    axes.set_yticks([*rows.values(), board_row], [*names, "board"])
    axes.set_ylim(board_row - 0.6, 0.6)
    axes.grid(axis="y", visible=False)
    axes.set_title(title)
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower left", ncols=len(labels) or 1)


def _draw_bars(
    axes: Any, kind: BarKind, bars: list[LaneBar], rows: Mapping[StreamId, int], last: float
) -> None:
    """All of a lane as one shape: a long log has tens of thousands."""
    height = _HEIGHTS[kind]
    for is_failed in (False, True):
        found = [one for one in bars if one.is_failed == is_failed]
        style = {
            "color": _COLOURS[kind] if not is_failed or kind == "run" else _FAILED,
            "edgecolor": _FAILED if is_failed else "none",
            "linewidth": _EDGE,
            "zorder": 1 if kind == "run" else 2,
        }
        label = f"{kind} failed" if is_failed else kind
        for lane, row in rows.items():
            spans = [_span(one, last) for one in found if one.stream_id == lane]
            if spans:
                axes.broken_barh(spans, (row - height / 2, height), label=label, **style)
                label = ""  # one line of the legend is for all lanes


def _span(bar: LaneBar, last: float) -> tuple[datetime, timedelta]:
    begin = moment(bar.begin)
    return begin, moment(last if bar.end is None else bar.end) - begin


def _draw_letters(axes: Any, letters: Sequence[LaneLetter], rows: Mapping[StreamId, int]) -> None:
    """Arrows from who sent to who took; many are thin lines behind the bars."""
    shown = [one for one in letters if one.receiver in rows]
    if len(shown) <= _MOST_ARROWS:
        for letter in shown:
            start, end = _ends(letter, rows)
            axes.annotate("", xy=end, xytext=start, arrowprops=_ARROW, zorder=3)
        return
    times, heights = [], []
    for begin, end in (_ends(letter, rows) for letter in shown):
        times += [begin[0], end[0], end[0]]
        heights += [begin[1], end[1], math.nan]  # nothing is drawn on to the next one
    axes.plot(times, heights, color="#444444", lw=0.3, alpha=0.5, zorder=0.5)


def _ends(letter: LaneLetter, rows: Mapping[StreamId, int]) -> tuple[_Place, _Place]:
    """Where it was sent and taken; letters of strangers come from above."""
    taken_at = letter.sent_at if letter.taken_at is None else letter.taken_at
    begin = moment(letter.sent_at), rows.get(letter.sender, 0.5)
    return begin, (moment(taken_at), rows[letter.receiver])


def _draw_marks(axes: Any, lanes: TeamLanes, rows: Mapping[StreamId, int], board_row: int) -> None:
    prompts = [one for one in lanes.marks if one.kind == "prompt" and one.stream_id in rows]
    changes = [one for one in lanes.marks if one.kind == "board"]
    places = [(prompts, [rows[one.stream_id] for one in prompts], ">", "prompt")]
    places.append((changes, [board_row] * len(changes), "D", "board change"))
    for marks, at_rows, shape, label in places:
        if marks:
            times = [moment(one.at) for one in marks]
            axes.scatter(
                times, at_rows, marker=shape, s=18, color="#222222", zorder=4, label=label
            )
