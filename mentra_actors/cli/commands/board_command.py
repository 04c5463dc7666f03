"""`mentra board`: the tasks of the team, as of any version of its board."""

from typing import Annotated

import typer

from mentra_actors.cli.options import DEFAULT_STORE, AsJson, StorePath, TeamName
from mentra_actors.cli.output import Output
from mentra_actors.cli.reading import opened
from mentra_actors.cli.render.render_board import board_lines, task_document, task_lines
from mentra_actors.domain.board.state import existing_task
from mentra_actors.domain.team import DEFAULT_TEAM

__all__ = ["board"]


def board(
    task: Annotated[
        int | None, typer.Argument(help="The number of a task; without it: all of them.")
    ] = None,
    at: Annotated[
        int | None, typer.Option(min=1, help="As of this version of the board's stream.")
    ] = None,
    team_name: TeamName = DEFAULT_TEAM,
    store: StorePath = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """The task board, or one task with all that was said of it."""
    output = Output(as_json=as_json)
    with opened(store, team_name) as team, output.spinner("Reading the log"):
        view = team.board(at)
    one = None if task is None else existing_task(task, view.state)
    if as_json:
        documents = [task_document(each, view) for each in view.tasks]
        output.document(documents if one is None else task_document(one, view))
        return
    if not view.tasks:
        output.show("No task is on the board.")
    for line, indent in board_lines(view) if one is None else task_lines(one, view):
        output.show_hanging(line, indent)
