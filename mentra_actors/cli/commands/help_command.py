"""`mentra help`: the help of a command, for who writes that word first."""

from typing import Annotated, Any

import typer

from mentra_actors.cli.command_list import COMMANDS
from mentra_actors.cli.output import print_text

__all__ = ["help_"]


def _names() -> list[str]:
    return list(COMMANDS)


def help_(
    context: typer.Context,
    command: Annotated[
        list[str] | None,
        typer.Argument(help="Which command; none: all of them.", autocompletion=_names),
    ] = None,
) -> None:
    """Tell what a command does, and its options."""
    shown: Any = context.find_root()
    for place, word in enumerate(words := command or []):
        if not hasattr(shown.command, "resolve_command"):
            raise typer.BadParameter(
                f"`mentra {' '.join(words[:place])}` has no commands below it", ctx=context
            )
        name, found, _ = shown.command.resolve_command(shown, [word])
        shown = typer.Context(found, parent=shown, info_name=name)
    print_text(f"{shown.get_help()}\n")
