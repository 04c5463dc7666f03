"""`mentra usage`: tokens and money, by agent, model or run."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import typer
from rich.text import Text

from mentra_actors.cli.options import DEFAULT_STORE, AsJson, StorePath
from mentra_actors.cli.output import Output
from mentra_actors.cli.reading import opened
from mentra_actors.ids import AgentId, StreamId, name_of
from projections.usage import AgentUsage, RunUsage, Usage, usage_of_events, with_subagents

__all__ = ["cost_text", "usage"]

By = Literal["agent", "model", "run"]
_COLUMNS = ("calls", "failed", "tokens in", "cached", "tokens out", "reasoning", "cost")


def usage(
    agent: Annotated[
        str | None, typer.Argument(help="Of this agent and its subagents; without it: of all.")
    ] = None,
    by: Annotated[By, typer.Option(help="What a row stands for.")] = "agent",
    store: StorePath = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """What model calls have used: tokens and money, failed calls among them."""
    output = Output(as_json=as_json)
    with opened(store) as team, output.spinner("Reading the log"):
        if agent is None:
            view = usage_of_events(team.journal.through())
        else:
            agent_id = AgentId(name_of(team.agent_stream(agent)))
            view = usage_of_events(with_subagents(team.journal.read_stream, agent_id))
    rows = _rows(view, by)
    total = sum(rows.values(), Usage())
    if as_json:
        document = {name: _document(one) for name, one in rows.items()}
        output.document({"by": by, "rows": document, "total": _document(total)})
    elif not rows:
        output.show("No model was called yet.")
    else:
        shown = [_row(name, one) for name, one in rows.items()]
        whole = [_row("all", total, style="bold")] if len(shown) > 1 else []
        output.table("Usage", (by, *_COLUMNS), [*shown, *whole])


def _rows(view: Mapping[str, AgentUsage | RunUsage], by: By) -> dict[str, Usage]:
    """Sums by name; an agent that called no model has no row."""
    rows: dict[str, Usage] = {}
    for key, part in view.items():
        if isinstance(part, RunUsage):
            named = {key.partition("#")[2]: part.total} if by == "run" else {}
        elif by == "run":
            named = {}
        else:
            own = {name_of(StreamId(key)): part.total}
            named = part.by_model if by == "model" else own
        for name, one in named.items():
            rows[name] = rows.get(name, Usage()) + one
    return {name: one for name, one in rows.items() if one.calls}


def _row(name: str, one: Usage, style: str = "") -> Sequence[Text]:
    tokens = one.tokens
    figures = (
        one.calls,
        one.failed_calls,
        tokens.input_tokens,
        tokens.cached_input_tokens,
        tokens.output_tokens,
        tokens.reasoning_tokens,
    )
    return [
        Text(name, style=style),
        *(Text(f"{figure:,}", justify="right", style=style) for figure in figures),
        Text(cost_text(one), justify="right", style=style),
    ]


def cost_text(one: Usage) -> str:
    """Dollars; a plus says that there were calls whose price is not known."""
    more = "+" if one.unpriced_calls else ""
    return f"${one.cost_usd:,.4f}{more}" if one.cost_usd_micros or not more else "unknown"


def _document(one: Usage) -> dict[str, Any]:
    return {
        "calls": one.calls,
        "failed_calls": one.failed_calls,
        "tokens": one.tokens,
        "cost_usd_micros": one.cost_usd_micros,
        "unpriced_calls": one.unpriced_calls,
    }
