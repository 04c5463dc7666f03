"""`mentra agents` and `mentra board`: the team as it stands."""

from mentra_actors.cli.options import DEFAULT_STORE, AsJson, StorePath
from mentra_actors.cli.output import Output
from mentra_actors.cli.reading import opened
from mentra_actors.cli.render_team import (
    AGENT_COLUMNS,
    BOARD_COLUMNS,
    agent_document,
    agent_row,
    board_rows,
    task_document,
)

__all__ = ["agents", "board"]


def agents(store: StorePath = DEFAULT_STORE, as_json: AsJson = False) -> None:
    """Who is in the team, and what each member is doing."""
    output = Output(as_json=as_json)
    with opened(store) as team, output.spinner("Reading the log"):
        members = team.members()
    if as_json:
        output.document([agent_document(member) for member in members])
    elif members:
        output.table("Agents", AGENT_COLUMNS, [agent_row(member) for member in members])
    else:
        output.show("Nobody is in this team yet.")


def board(store: StorePath = DEFAULT_STORE, as_json: AsJson = False) -> None:
    """The task board of the team."""
    output = Output(as_json=as_json)
    with opened(store) as team, output.spinner("Reading the log"):
        view = team.board()
    if as_json:
        output.document([task_document(task, view) for task in view.tasks])
    elif view.tasks:
        output.table("Task board", BOARD_COLUMNS, board_rows(view))
    else:
        output.show("No task is on the board.")
