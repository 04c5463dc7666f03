"""`mentra usage`: tokens and money, by agent, model or run."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal

import typer
from rich.text import Text

from mentra_actors.cli.options import DEFAULT_STORE, AsJson, StorePath, TeamName
from mentra_actors.cli.output import Output
from mentra_actors.cli.reading import opened
from mentra_actors.domain.team import DEFAULT_TEAM
from mentra_actors.ids import AgentId, StreamId, name_of
from projections.usage import (
    AgentUsage,
    RunUsage,
    Usage,
    events_with_subagents,
    run_named,
    usage_of_events,
)

__all__ = ["cost_text", "usage", "usage_document"]

By = Literal["agent", "model", "run"]
_BASIC = ("calls", "tokens in", "tokens out")


def usage(
    agent: Annotated[
        str | None, typer.Argument(help="Of this agent and its subagents; without it: of all.")
    ] = None,
    by: Annotated[By, typer.Option(help="What a row stands for.")] = "agent",
    team_name: TeamName = DEFAULT_TEAM,
    store: StorePath = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """What model calls have used: tokens and money, failed calls among them."""
    output = Output(as_json=as_json)
    with opened(store, team_name) as team, output.spinner("Reading the log"):
        if agent is None:
            view = usage_of_events(team.journal.through())
        else:
            agent_id = AgentId(name_of(team.agent_stream(agent)))
            view = usage_of_events(events_with_subagents(team.journal.read_stream, agent_id))
    rows = _rows(view, by)
    total = sum(rows.values(), Usage())
    if as_json:
        document = {name: usage_document(one) for name, one in rows.items()}
        output.document({"by": by, "rows": document, "total": usage_document(total)})
    elif not rows:
        output.show("No model was called yet.")
    else:
        output.table("Usage: calls, tokens and money", *_table(by, rows, total))


def _rows(view: Mapping[str, AgentUsage | RunUsage], by: By) -> dict[str, Usage]:
    """Sums by name; an agent that called no model has no row."""
    rows: dict[str, Usage] = {}
    for key, part in view.items():
        if isinstance(part, RunUsage):
            named = {run_named(key): part.total} if by == "run" else {}
        elif by == "run":
            named = {}
        else:
            own = {name_of(StreamId(key)): part.total}
            named = part.by_model if by == "model" else own
        for name, one in named.items():
            rows[name] = rows.get(name, Usage()) + one
    return {name: one for name, one in rows.items() if one.calls}


def _table(
    by: By, rows: Mapping[str, Usage], total: Usage
) -> tuple[Sequence[str], Sequence[Sequence[Text]]]:
    """Its heads and rows, without the columns in which nothing is counted."""
    counted = {
        head: figure for head, figure in _figures(total).items() if figure or head in _BASIC
    }
    lines = [_row(name, one, counted) for name, one in rows.items()]
    if len(lines) > 1:
        lines.append(_row("all", total, counted, style="bold"))
    return (by, *counted, "cost"), lines


def _figures(one: Usage) -> dict[str, int]:
    return {
        "calls": one.calls,
        "failed": one.failed_calls,
        "tokens in": one.tokens.input_tokens,
        "cached": one.tokens.cached_input_tokens,
        "tokens out": one.tokens.output_tokens,
        "reasoning": one.tokens.reasoning_tokens,
    }


def _row(name: str, one: Usage, heads: Iterable[str], style: str = "") -> Sequence[Text]:
    figures = _figures(one)
    return [
        Text(name, style=style),
        *(Text(f"{figures[head]:,}", justify="right", style=style) for head in heads),
        Text(cost_text(one), justify="right", style=style),
    ]


def cost_text(one: Usage) -> str:
    """Dollars; a plus says that there were calls whose price is not known."""
    more = "+" if one.unpriced_calls else ""
    return f"${one.cost_usd:,.4f}{more}" if one.cost_usd_micros or not more else "unknown"


def usage_document(one: Usage) -> dict[str, Any]:
    """A sum over model calls, for programs."""
    return {
        "calls": one.calls,
        "failed_calls": one.failed_calls,
        "tokens": one.tokens,
        "cost_usd_micros": one.cost_usd_micros,
        "unpriced_calls": one.unpriced_calls,
    }
