"""The commands of `mentra` as its parser sees them: by name and summary, until one is called."""

import importlib
import re
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec

import typer
from typer.core import TyperCommand, TyperGroup

from mentra_actors.cli.command_list import COMMANDS, ListedCommand
from mentra_actors.cli.failures import Interrupted
from mentra_actors.late_module import LateModule

if TYPE_CHECKING:
    from mentra_actors.cli import key_options
else:
    key_options = LateModule("mentra_actors.cli.key_options")

__all__ = ["LateCommands"]

P = ParamSpec("P")

_TAKE_MOMENTS = ("at", "diff", "bisect")
_BEFORE_END = re.compile(r"-[0-9]+")
"""So many events before the end; a parser would take it for an option."""


class LateCommands(TyperGroup):
    """All of `COMMANDS`; one that is called is imported, the others are only named."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, listed in COMMANDS.items():
            self.add_command(TyperCommand(name, help=listed.summary))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The name, the command itself and its arguments."""
        name, named, rest = super().resolve_command(ctx, args)
        if name in _TAKE_MOMENTS:
            rest = [f"end{one}" if _BEFORE_END.fullmatch(one) else one for one in rest]
        return name, named if named is None else _imported(named.name or ""), rest


def _imported(name: str) -> Any:
    listed = COMMANDS[name]
    return typer.main.get_command(_app_of(name, listed))


def _app_of(name: str, listed: ListedCommand) -> typer.Typer:
    module = importlib.import_module(f"mentra_actors.cli.{listed.module}")
    found = getattr(module, listed.name)
    if listed.is_group:
        app: typer.Typer = found(_wrapped)
        app.info.name = name
        return app
    app = typer.Typer(add_completion=False)
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
