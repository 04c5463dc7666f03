"""`mentra completion`: what a shell has to be told to complete commands and options."""

import sys
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer
from typer.completion import get_completion_script  # type: ignore[attr-defined]

from mentra_actors.cli.late_commands import COMPLETION_VARIABLE
from mentra_actors.cli.output import print_text

__all__ = ["completion"]

Shell: TypeAlias = Literal["bash", "zsh", "fish", "powershell"]
_NAME = "mentra"


def completion(
    shell: Annotated[Shell, typer.Argument(help="The shell that is to complete.")],
) -> None:
    """Print what lets your shell complete commands and options.

    Source it there.
    """
    started = Path(sys.argv[0]).name
    name = started if started.startswith(_NAME) else _NAME
    script = get_completion_script(prog_name=name, complete_var=COMPLETION_VARIABLE, shell=shell)
    print_text(f"{script}\n")
