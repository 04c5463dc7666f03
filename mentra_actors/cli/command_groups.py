"""Commands below a command, such as `mentra seat take`."""

from collections.abc import Callable, Iterable

import typer

__all__ = ["Wrapping", "command_group"]

Wrapping = Callable[[Callable[..., None]], Callable[..., None]]
"""What is put around each command of `mentra`."""


def command_group(
    help_text: str, commands: Iterable[Callable[..., None]], wrapped: Wrapping
) -> typer.Typer:
    """The commands by their own names; without one of them the group shows its help."""
    app = typer.Typer(
        add_completion=False, no_args_is_help=True, help=help_text, rich_markup_mode=None
    )
    for one in commands:
        app.command()(wrapped(one))
    return app
