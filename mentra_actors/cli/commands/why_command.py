"""`mentra why`: what an event came of, and what came of it."""

from typing import Annotated

import typer

from mentra_actors.cli.event_place import PLACE_HELP, named_position
from mentra_actors.cli.options import DEFAULT_STORE, AsJson, StorePath, TeamName
from mentra_actors.cli.output import Output
from mentra_actors.cli.reading import opened
from mentra_actors.cli.render.render_causes import show_causes, show_effects
from mentra_actors.domain.team import DEFAULT_TEAM
from mentra_actors.runtime.history.history import History

__all__ = ["why"]


def why(
    event: Annotated[str, typer.Argument(help=PLACE_HELP)],
    effects: Annotated[
        bool, typer.Option("--effects", help="What came of it, and not what it came of.")
    ] = False,
    whole: Annotated[bool, typer.Option("--all", help="Every step, also of long runs.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="With --effects: at most so many.")] = 1000,
    team_name: TeamName = DEFAULT_TEAM,
    store: StorePath = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """From an event back to the person or timer that began it.

    Across agents.
    """
    output = Output(as_json=as_json)
    with opened(store, team_name) as team, output.spinner("Reading the log"):
        position = named_position(team, event)
        history = History(team.reader, team.journal)
        if effects:
            found = history.effects_of(position, limit=limit)
        else:
            chain = history.why(position)
    if as_json:
        output.document(found if effects else chain)
    elif effects:
        show_effects(output, found, is_whole=whole)
    else:
        show_causes(output, chain, is_whole=whole)
