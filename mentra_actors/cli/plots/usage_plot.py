"""Tokens and money of a team over time, agent on agent."""

from collections.abc import Sequence
from typing import Any

from mentra_actors.cli.plots.canvas import COLOURS, moment
from mentra_actors.ids import StreamId, name_of
from projections.views.series import UsagePoint
from projections.views.usage import Usage

__all__ = ["draw_usage"]

_MOST_AGENTS = len(COLOURS) - 1
_OTHERS = StreamId("agent-others")


def draw_usage(points: Sequence[UsagePoint], title: str, figure: Any) -> None:
    """Over one axis of time: tokens in and out, and US dollars if a price is known."""
    shown = _largest(points)
    has_prices = any(one.usage.cost_usd_micros for one in points)
    tokens = figure.add_subplot(1 + has_prices, 1, 1)
    plots = [(tokens, _tokens, "tokens, in and out")]
    if has_prices:
        money = figure.add_subplot(2, 1, 2, sharex=tokens)
        plots.append((money, _dollars, "US dollars"))
    times, sums = _sums(points, shown)
    for axes, figure_of, unit in plots:
        layers = [[figure_of(row[agent]) for row in sums] for agent in shown]
        labels = [name_of(agent) for agent in shown]
        axes.stackplot(times, layers, labels=labels, colors=COLOURS, step="post", alpha=0.85)
        axes.set_ylim(bottom=0)
        axes.set_ylabel(unit)
        axes.yaxis.set_major_formatter("{x:,.10g}")
    tokens.set_title(title if has_prices else f"{title} (no price is known)")
    tokens.legend(loc="upper left")


def _tokens(usage: Usage) -> float:
    return usage.tokens.input_tokens + usage.tokens.output_tokens


def _dollars(usage: Usage) -> float:
    return usage.cost_usd


def _largest(points: Sequence[UsagePoint]) -> list[StreamId]:
    """Agents that have a colour of their own, in order of their first call, and the rest."""
    last = {one.stream_id: _tokens(one.usage) for one in points}
    if len(last) <= _MOST_AGENTS:
        return list(last)
    most = sorted(last, key=lambda agent: -last[agent])[:_MOST_AGENTS]
    return [*(agent for agent in last if agent in most), _OTHERS]


def _sums(
    points: Sequence[UsagePoint], shown: Sequence[StreamId]
) -> tuple[list[object], list[dict[StreamId, Usage]]]:
    """Times, and what each shown agent had used at them."""
    known: dict[StreamId, Usage] = {}
    rows: list[dict[StreamId, Usage]] = []
    for point in points:
        known[point.stream_id] = point.usage
        row = {agent: known.get(agent, Usage()) for agent in shown}
        if _OTHERS in row:
            rest = (used for agent, used in known.items() if agent not in shown)
            row[_OTHERS] = sum(rest, Usage())
        rows.append(row)
    return [moment(one.at) for one in points], rows
