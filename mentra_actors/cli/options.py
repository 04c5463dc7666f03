"""Options that several commands share."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from mentra_actors.cli.store_place import store_place

__all__ = ["DEFAULT_STORE", "AsJson", "StorePath", "SystemPrompt", "TeamName"]

DEFAULT_STORE = Path("team.mentra")

StorePath: TypeAlias = Annotated[
    Path,
    typer.Option(
        "--store",
        parser=store_place,
        metavar="PATH",
        envvar="MENTRA_STORE",
        help="Directory of the team's store, or the address of a database.",
        show_default="./team.mentra",
    ),
]

AsJson: TypeAlias = Annotated[
    bool,
    typer.Option("--json", help="Print JSON and nothing else; errors are JSON on standard error."),
]

SystemPrompt: TypeAlias = Annotated[
    str,
    typer.Option("--system", metavar="TEXT", help="System prompt of a new agent; @FILE reads it."),
]
"""See `given_text`."""

TeamName: TypeAlias = Annotated[
    str, typer.Option("--team", metavar="NAME", help="Which team of the store.")
]
