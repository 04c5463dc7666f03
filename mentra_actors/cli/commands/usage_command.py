"""`mentra usage`: tokens and money, by agent, model or run."""

from collections.abc import Mapping
from typing import Annotated

import typer

from mentra_actors.cli.options import DEFAULT_STORE, AsJson, StorePath, TeamName
from mentra_actors.cli.output import Output
from mentra_actors.cli.reading import opened
from mentra_actors.cli.render.render_usage import By, usage_document, usage_table
from mentra_actors.domain.team import DEFAULT_TEAM
from mentra_actors.ids import AgentId, StreamId, name_of
from projections.views.usage import (
    AgentUsage,
    RunUsage,
    Usage,
    events_with_subagents,
    run_named,
    usage_of_events,
)

__all__ = ["usage"]


def usage(
    agent: Annotated[
        str | None, typer.Argument(help="Of this agent and its subagents; without it: of all.")
    ] = None,
    by: Annotated[By, typer.Option(help="What a row stands for.")] = "agent",
    team_name: TeamName = DEFAULT_TEAM,
    store: StorePath = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """What model calls have used, in tokens and money.

    Failed calls are among them.
    """
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
        output.table("Usage: calls, tokens and money", *usage_table(by, rows, total))


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
