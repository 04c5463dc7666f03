"""`mentra agents`: the team as it stands."""

import shlex

from mentra_actors.cli.options import DEFAULT_STORE, AsJson, StorePath, TeamName
from mentra_actors.cli.output import Output
from mentra_actors.cli.program import program
from mentra_actors.cli.reading import opened
from mentra_actors.cli.render.render_team import (
    AGENT_COLUMNS,
    agent_document,
    agent_row,
    awaited_of,
    open_document,
)
from mentra_actors.cli.seated import nobody_in
from mentra_actors.cli.writer_look import is_worked_on
from mentra_actors.domain.team import DEFAULT_TEAM
from mentra_actors.runtime.clock import SystemClock
from projections.views.awaited import awaited_by_members

__all__ = ["agents"]


def agents(
    team_name: TeamName = DEFAULT_TEAM,
    store: StorePath = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Who is in the team, and what each member is doing."""
    output = Output(as_json=as_json)
    with opened(store, team_name) as team, output.spinner("Reading the log"):
        members, nobody = team.members(), nobody_in(team)
        awaited = awaited_by_members(members, team.journal.read_stream)
        is_left = any(one.is_working for one in members) and not is_worked_on(team)
    if as_json:
        output.document(
            [
                {**agent_document(one), "open": open_document(awaited_of(one, awaited))}
                for one in members
            ]
        )
    elif members:
        now = SystemClock().now()
        rows = [agent_row(one, awaited_of(one, awaited), now) for one in members]
        output.table("Agents", AGENT_COLUMNS, rows, wrapped=("role", "model"))
        if is_left:
            again = f"{program()} run --store {shlex.quote(str(store))}"
            output.remark(f"No process works on this store: `{again}` goes on with it.")
    else:
        output.show(nobody)
