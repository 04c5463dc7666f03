"""The burn-down of a task board: what was left to do, and how far it was."""

from collections.abc import Sequence
from typing import Any

from mentra_actors.cli.plots.canvas import COLOURS, moment
from projections.views.series import BoardPoint

__all__ = ["draw_board"]

_GROUPS = ("in_progress", "claimed", "ready", "blocked", "completed")
_GROUP_COLOURS = (COLOURS[0], COLOURS[5], COLOURS[1], COLOURS[6], "#CFE8DC")


def draw_board(points: Sequence[BoardPoint], title: str, figure: Any) -> None:
    """Tasks by group over time, with the line of those that were left."""
    axes = figure.add_subplot()
    times = [moment(one.at) for one in points]
    layers = [[getattr(one, group) for one in points] for group in _GROUPS]
    labels = [group.replace("_", " ") for group in _GROUPS]
    axes.stackplot(times, layers, labels=labels, colors=_GROUP_COLOURS, step="post")
    axes.plot(
        times, [one.left for one in points], color="#222222", drawstyle="steps-post", label="left"
    )
    axes.yaxis.get_major_locator().set_params(integer=True)
    axes.set_ylim(bottom=0)
    axes.set_ylabel("tasks")
    axes.set_title(title)
    figure.legend(loc="outside lower left", ncols=len(_GROUPS) + 1)
