"""The commands of `mentra` as its parser sees them: by name and summary, until one is called."""

import importlib
import os
import re
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec

import typer
from typer.core import TyperCommand, TyperGroup

from mentra_actors.cli.command_list import COMMAND_GROUPS, COMMANDS, ListedCommand
from mentra_actors.cli.failures import Interrupted
from mentra_actors.late_module import LateModule

if TYPE_CHECKING:
    from typer import completion as typer_completion

    from mentra_actors.cli import key_options
else:
    typer_completion = LateModule("typer.completion")
    key_options = LateModule("mentra_actors.cli.key_options")

__all__ = ["COMPLETION_VARIABLE", "LateCommands"]

COMPLETION_VARIABLE = "_MENTRA_COMPLETE"
"""Set by a shell that asks what a half-typed command line could go on with."""

P = ParamSpec("P")

_TAKE_MOMENTS = ("at", "diff", "bisect", "fork", "why", "timeline", "plot", "project")
_BEFORE_END = re.compile(r"-[0-9]+")
"""So many events before the end; a parser would take it for an option."""


class LateCommands(TyperGroup):
    """All of `COMMANDS`; one that is called is imported, the others are only named."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        if COMPLETION_VARIABLE in os.environ:
            typer_completion.completion_init()  # type: ignore[attr-defined]
        for name, listed in COMMANDS.items():
            self.add_command(TyperCommand(name, help=listed.summary))

    def format_commands(self, ctx: object, formatter: Any) -> None:  # noqa: ARG002 - see the base
        """Each command with the whole of its summary, under what people want to do."""
        width = max(map(len, COMMANDS))
        for title, group in COMMAND_GROUPS.items():
            with formatter.section(title):
                formatter.write_dl(
                    [(f"{name:{width}}", one.summary) for name, one in group.items()]
                )

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The name, the command itself and its arguments."""
        name, named, rest = super().resolve_command(ctx, args)
        if name in _TAKE_MOMENTS:
            rest = [f"end{one}" if _BEFORE_END.fullmatch(one) else one for one in rest]
        return name, named if named is None else _imported(named.name or ""), rest


def _imported(name: str) -> object:
    listed = COMMANDS[name]
    return typer.main.get_command(_app_of(name, listed))


def _app_of(name: str, listed: ListedCommand) -> typer.Typer:
    module = importlib.import_module(f"mentra_actors.cli.commands.{listed.module}")
    found = getattr(module, listed.name)
    if listed.is_group:
        app: typer.Typer = found(_wrapped)
        app.info.name = name
        return app
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command(name)(_wrapped(found))
    return app


def _wrapped(command: Callable[..., None]) -> Callable[..., None]:
    return _with_ctrl_c(key_options.with_key_options(command))


def _with_ctrl_c(command: Callable[P, None]) -> Callable[P, None]:
    """The command with Ctrl-C as an error of ours: typer would end without a word."""

    @wraps(command)
    def run_command(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except KeyboardInterrupt:
            raise Interrupted from None

    return run_command
