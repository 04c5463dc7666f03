"""The lanes of a team over time: runs, model calls, tools, waits for people, letters."""

from collections.abc import Mapping
from functools import partial
from typing import Any

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
_MOST_LETTERS = 400
"""More arrows than these hide the bars; the newest are drawn."""


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
    for letter in lanes.letters[-_MOST_LETTERS:]:
        _draw_letter(axes, letter, rows)
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
    draw = partial(axes.barh, height=_HEIGHTS[kind], zorder=1 if kind == "run" else 2)
    for is_failed in (False, True):
        found = [one for one in bars if one.is_failed == is_failed]
        if not found:
            continue
        begins = [moment(one.begin) for one in found]
        ends = [moment(last if one.end is None else one.end) for one in found]
        draw(
            [rows[one.stream_id] for one in found],
            [end - begin for begin, end in zip(begins, ends, strict=True)],
            left=begins,
            color=_COLOURS[kind] if not is_failed or kind == "run" else _FAILED,
            edgecolor=_FAILED if is_failed else "none",
            label=f"{kind} failed" if is_failed else kind,
        )


def _draw_letter(axes: Any, letter: LaneLetter, rows: Mapping[StreamId, int]) -> None:
    if letter.receiver not in rows:
        return
    end_s = letter.sent_at if letter.taken_at is None else letter.taken_at
    start_row = rows.get(letter.sender, 0.5)
    axes.annotate(
        "",
        xy=(moment(end_s), rows[letter.receiver]),
        xytext=(moment(letter.sent_at), start_row),
        arrowprops={"arrowstyle": "->", "color": "#444444", "lw": 0.7, "alpha": 0.8},
        zorder=3,
    )


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
