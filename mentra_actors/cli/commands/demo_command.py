"""`mentra demo`: a team surveys a directory, is killed in the middle, and finishes."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from mentra_actors.cli.failures import FAILED, Interrupted
from mentra_actors.cli.model_choice import require_usable
from mentra_actors.cli.options import AsJson
from mentra_actors.cli.output import Output
from mentra_actors.cli.program import program
from mentra_actors.cli.render.render_demo import DemoScreen, demo_document
from mentra_actors.demo.play import DemoSettings, new_place, play
from mentra_actors.demo.team import OFFLINE_SURVEY
from mentra_actors.errors import ConfigurationError

__all__ = ["demo"]


def demo(
    directory: Annotated[Path, typer.Argument(help="What the team surveys.")] = Path(),
    out: Annotated[Path, typer.Option(help="Where the store and the report go.")] = Path(
        "mentra-demo"
    ),
    model: Annotated[
        str, typer.Option(help="provider:name; the default needs no key and no network.")
    ] = OFFLINE_SURVEY,
    kill: Annotated[bool, typer.Option(help="Kill the worker in the middle.")] = True,
    as_json: AsJson = False,
) -> None:
    """See a team survive `kill -9` and finish its work.

    It is killed with `kill -9` in the middle, and goes on.
    """
    output = Output(as_json=as_json)
    if not directory.is_dir():
        raise ConfigurationError(f"{directory} is not a directory that can be surveyed")
    require_usable(model)
    settings = DemoSettings(root=directory.resolve(), out=out.resolve(), model=model, kill=kill)
    try:
        place = new_place(out)
    except OSError as error:
        raise ConfigurationError(
            f"the output directory {out} cannot be used: {error.strerror}; name another with --out"
        ) from error
    screen = DemoScreen(output, settings, place)
    screen.begin()
    try:
        with screen:
            result = play(settings, place, screen.change)
    except KeyboardInterrupt:
        store = shlex.quote(str(place.store))
        advice = f"Look with `{program()} board --store {store}`; the demo begins anew each time."
        raise Interrupted(advice) from None
    if as_json:
        output.document(demo_document(settings, result))
    else:
        screen.end(result)
    if not result.finished:
        raise typer.Exit(FAILED)
