"""Draws the plots, as SVG that is the same each time and readable on light and dark pages."""

import io
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from benchmarks.book.choice import panels_of
from benchmarks.book.fingerprints import drawn_of, fingerprint
from benchmarks.book.panels import (
    LABEL_LETTERS,
    Bars,
    Curves,
    Grouped,
    Margins,
    Panel,
    Stacked,
    is_ours,
)
from benchmarks.book.results import PLOTS, Result
from benchmarks.book.tables import human
from mentra_actors.cli.plots.canvas import COLOURS

__all__ = ["draw_plots", "plotted"]

OURS = "#2f81f7"
OTHERS = "#8c959f"
MISSED = "#d1582a"
WORDS = "#768390"
"""Four times as bright or as dark as what it may stand on: white, or GitHub's black."""
REST = (*COLOURS[1:5], "#7F7F7F", "#B8A000", "#56B4E9")
WIDTH_IN, ROW_IN, AROUND_IN = 8.6, 0.23, 0.75
STYLE = {
    "font.size": 8.5,
    "text.color": WORDS,
    "axes.labelcolor": WORDS,
    "axes.edgecolor": WORDS,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.titlesize": 9.0,
    "axes.axisbelow": True,
    "xtick.color": WORDS,
    "ytick.color": WORDS,
    "grid.color": WORDS,
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "legend.fontsize": 8.0,
    "svg.fonttype": "none",
    "svg.hashsalt": "mentra",
}


def draw_plots(results: Iterable[Result], folder: Path = PLOTS) -> None:
    """Draw what is not drawn yet: a plot names the figures it was made of."""
    folder.mkdir(exist_ok=True)
    for one in results:
        path = folder / f"{one.program}.svg"
        if not panels_of(one):
            path.unlink(missing_ok=True)
        elif drawn_of(path) != fingerprint(one):
            path.write_bytes(plotted(one))


def plotted(result: Result, *, form: str = "svg", behind: str = "none") -> bytes:
    """The plot of a result; the same bytes each time."""
    panels = panels_of(result)
    inches = [AROUND_IN + ROW_IN * panel.height for panel in panels]
    told = {"Date": None, "Description": f"drawn of {fingerprint(result)}"}
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH_IN, sum(inches)), layout="constrained", facecolor=behind)
        parts = figure.subfigures(len(panels), 1, squeeze=False, height_ratios=inches)
        for panel, (part,) in zip(panels, parts, strict=True):
            part.set_facecolor("none")
            axes = part.subplots()
            axes.set_facecolor("none")
            axes.set_title(panel.title)
            _draw(panel, axes)
        file = io.BytesIO()
        figure.savefig(file, format=form, metadata=told if form == "svg" else None)
    return file.getvalue()


def _draw(panel: Panel, axes: Any) -> None:
    match panel:
        case Bars():
            _draw_bars(panel, axes)
        case Grouped():
            _draw_groups(panel, axes)
        case Stacked():
            _draw_parts(panel, axes)
        case Curves():
            _draw_curves(panel, axes)
        case Margins():
            _draw_margins(panel, axes)


def _draw_bars(panel: Bars, axes: Any) -> None:
    names, values = list(panel.rows), list(panel.rows.values())
    colours = [OURS if panel.only_ours or is_ours(name) else OTHERS for name in names]
    bars = axes.barh(range(len(names)), values, 0.7, color=colours)
    axes.bar_label(bars, [human(value) for value in values], padding=3)
    _name_rows(axes, names)
    _log_across(axes, values)


def _name_rows(axes: Any, names: Sequence[str]) -> None:
    wrapped = ["\n".join(textwrap.wrap(name, LABEL_LETTERS)) for name in names]
    axes.set_yticks(range(len(names)), wrapped, linespacing=1.0)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)


def _log_across(axes: Any, values: Iterable[float]) -> None:
    """Bars have no natural beginning on such an axis: it is a third of the smallest."""
    some = list(values)
    axes.set_xlim(min(some) / 3, max(some) * 2.5)
    _logarithmic(axes, "x")


def _logarithmic(axes: Any, which: str) -> None:
    """With numbers that people read: 1, 2, 5 and so on while there are few of them."""
    axis = getattr(axes, f"{which}axis")
    low, high = axis.get_view_interval()
    steps = (1.0, 2.0, 5.0) if high / low < 100 else (1.0,)
    getattr(axes, f"set_{which}scale")("log")
    axis.set_major_locator(LogLocator(subs=steps, numticks=12))
    axis.set_major_formatter(lambda value, _place: human(value))
    axis.set_minor_locator(NullLocator())
    axes.grid(axis=which)


def _draw_groups(panel: Grouped, axes: Any) -> None:
    sides = list(dict.fromkeys(side for one in panel.groups.values() for side in one))
    colours = _colours(sides)
    at, middles, seen = 0.0, [], set()
    for one in panel.groups.values():
        begun = at
        for side, value in one.items():
            label = None if side in seen else side
            bar = axes.barh(at, value, 0.7, color=colours[side], label=label)
            axes.bar_label(bar, [human(value)], padding=3)
            seen.add(side)
            at += 0.75
        middles.append((begun + at - 0.75) / 2)
        at += 0.4
    axes.set_yticks(middles, list(panel.groups))
    axes.set_ylim(at, -0.7)
    axes.tick_params(axis="y", length=0)
    _log_across(axes, [value for one in panel.groups.values() for value in one.values()])
    _legend(axes, min(len(sides), 4))


def _colours(sides: Sequence[str]) -> dict[str, str]:
    """Ours are blue, from full to pale; each other side has a colour of its own."""
    others = [side for side in sides if not is_ours(side)]
    ours = [side for side in sides if is_ours(side)]
    blues = (OURS, "#7fb1fa", "#b8d3fb")
    given = dict(zip(ours, blues, strict=False)) | dict(zip(others, REST, strict=False))
    return {side: given.get(side, OTHERS) for side in sides}


def _legend(axes: Any, columns: int) -> None:
    """Below the axes, where it hides nothing."""
    axes.figure.legend(*axes.get_legend_handles_labels(), loc="outside lower left", ncols=columns)


def _draw_parts(panel: Stacked, axes: Any) -> None:
    names = list(panel.rows)
    parts = dict.fromkeys(part for one in panel.rows.values() for part in one)
    ends = [0.0] * len(names)
    for part, colour in zip(parts, ("#d1582a", *REST[:1], *REST[3:]), strict=False):
        counts = [panel.rows[name].get(part, 0) for name in names]
        axes.barh(range(len(names)), counts, 0.7, left=ends, color=colour, label=part)
        ends = [end + count for end, count in zip(ends, counts, strict=True)]
    for row, end in enumerate(ends):
        words = "none" if end == 0 else human(end)
        axes.annotate(words, (end, row), (4, 0), textcoords="offset points", va="center")
    _name_rows(axes, names)
    axes.set_xlim(0, max([*ends, 1]) * 1.1)
    axes.grid(axis="x")
    _legend(axes, 2)


def _draw_curves(panel: Curves, axes: Any) -> None:
    colours = _colours(list(panel.lines))
    for name, points in panel.lines.items():
        is_first = is_ours(name)
        across, up = zip(*points, strict=True)
        axes.plot(
            *(across, up),
            color=colours[name],
            label=name,
            marker="o",
            markersize=3.5,
            linewidth=2.2 if is_first else 1.3,
            linestyle="-" if is_first else "--",
        )
    axes.set_xlabel(panel.across)
    for which in "xy":
        _logarithmic(axes, which)
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), borderaxespad=0)


def _draw_margins(panel: Margins, axes: Any) -> None:
    names, values = list(panel.rows), list(panel.rows.values())
    colours = [OURS if value >= 1 else MISSED for value in values]
    axes.hlines(range(len(names)), 1, values, color=colours, linewidth=1.5)
    axes.scatter(values, range(len(names)), color=colours, s=22, zorder=3)
    axes.axvline(1, color=WORDS, linewidth=1.5)
    axes.axvspan(1e-9, 1, color=MISSED, alpha=0.07, linewidth=0)
    for row, value in enumerate(values):
        aside = (6, 0) if value >= 1 else (-6, 0)
        axes.annotate(
            *(human(value), (value, row), aside),
            textcoords="offset points",
            va="center",
            ha="left" if value >= 1 else "right",
        )
    _name_rows(axes, names)
    axes.set_xlim(min([*values, 0.5]) / 1.7, max([*values, 2]) * 1.6)
    _logarithmic(axes, "x")
