"""`mentra usage`: tokens and money, by agent, model or run."""

from collections.abc import Mapping
from typing import Annotated

import typer
from rich.text import Text

from mentra_actors.cli.options import DEFAULT_STORE, AsJson, StorePath, TeamName
from mentra_actors.cli.output import Output
from mentra_actors.cli.reading import OpenStore, opened, until_ctrl_c
from mentra_actors.cli.render.render_usage import (
    By,
    cost_text,
    spent_words,
    usage_document,
    usage_table,
)
from mentra_actors.domain.team import DEFAULT_TEAM
from mentra_actors.ids import AgentId, StreamId, name_of
from projections.views.usage import (
    USAGE,
    AgentUsage,
    RunUsage,
    Usage,
    events_with_subagents,
    run_named,
    usage_of_events,
    usage_of_team,
)

__all__ = ["usage"]


def usage(
    agent: Annotated[
        str | None, typer.Argument(help="Of this agent and its subagents; without it: of all.")
    ] = None,
    by: Annotated[By, typer.Option(help="What a row stands for.")] = "agent",
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what is used.")
    ] = False,
    team_name: TeamName = DEFAULT_TEAM,
    store: StorePath = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """What model calls have used, in tokens and money.

    Failed calls are among them.
    """
    output = Output(as_json=as_json)
    with opened(store, team_name) as team:
        agent_id = None if agent is None else AgentId(name_of(team.agent_stream(agent)))
        shown: dict[str, Usage] | None = None
        with until_ctrl_c(follows=follow):
            for _ in team.ends(follow=follow):
                with output.spinner("Reading the log"):
                    rows = _rows(_spent(team, agent_id), by)
                if shown is None or rows != shown:
                    _show(output, by, rows, shown, follow=follow)
                shown = rows


def _spent(team: OpenStore, agent_id: AgentId | None) -> Mapping[str, AgentUsage | RunUsage]:
    """The view of a team, or of one agent with its subagents, as it is now."""
    if agent_id is None:
        return usage_of_team(team.parts(USAGE), team.team_id)
    return usage_of_events(events_with_subagents(team.journal.read_stream, agent_id))


def _show(
    output: Output,
    by: By,
    rows: Mapping[str, Usage],
    before: Mapping[str, Usage] | None,
    *,
    follow: bool,
) -> None:
    """All of it; who follows is told later only what has been used since."""
    total = sum(rows.values(), Usage())
    if output.as_json:
        named = {name: usage_document(one) for name, one in rows.items()}
        document = {"by": by, "rows": named, "total": usage_document(total)}
        (output.json_line if follow else output.document)(document)
    elif before is not None:
        in_all = f"{total.tokens.total_tokens:,} tokens, {cost_text(total)} in all"
        for name, one in rows.items():
            if more := spent_words(before.get(name, Usage()), one):
                output.show_line(Text.assemble((name, "cyan"), more, (f"  {in_all}", "dim")))
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
