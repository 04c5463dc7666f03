"""`mentra dead-letters`: what nobody could handle, and what is to become of it."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from mentra_actors.cli.command_groups import Wrapping
from mentra_actors.cli.decision_options import By, Wait, person
from mentra_actors.cli.options import DEFAULT_STORE, AsJson, StorePath
from mentra_actors.cli.output import Output
from mentra_actors.cli.petitioned import have_recorded
from mentra_actors.cli.reading import opened
from mentra_actors.cli.render.render_health import INDENT, letter_text, quarantine_text
from mentra_actors.ids import StreamId
from mentra_actors.json_types import JsonObject
from mentra_actors.runtime.teams.supervision_operations import require_readable
from mentra_actors.runtime.wishes.supervision import DiscardWish, LiftWish, RedriveWish
from mentra_actors.runtime.writing.petitions import Wish
from projections.views.dead_letters import Supervised, stored_supervision

__all__ = ["dead_letters_app"]

_BY = "The process that has the store delivers it, else the next one that opens it."
_Letter = Annotated[str, typer.Argument(metavar="LETTER", help="Its name, such as L3.")]
_Stream = Annotated[str, typer.Argument(metavar="STREAM", help="Such as agent-lead.")]
_What = Annotated[
    str, typer.Argument(metavar="WHAT", help="A letter (L3), or a stream with all its letters.")
]


def dead_letters_app(wrapped: Wrapping) -> typer.Typer:
    """The command with its subcommands, each `wrapped` as all commands are."""
    app = typer.Typer(
        add_completion=False, context_settings={"help_option_names": ["-h", "--help"]}
    )
    app.callback(invoke_without_command=True)(wrapped(_listed))
    for name, command in (("redrive", _redrive), ("lift", _lift), ("discard", _discard)):
        app.command(name)(wrapped(command))
    return app


def _listed(
    context: typer.Context, store: StorePath = DEFAULT_STORE, as_json: AsJson = False
) -> None:
    """Streams set aside, and commands that nobody could handle."""
    if context.invoked_subcommand is not None:
        _require_none_before(context)
        return
    output = Output(as_json=as_json)
    found = _supervised(store, output)
    if as_json:
        output.document(msgspec.to_builtins(found))
        return
    for stream in found.quarantined:
        output.show_hanging(quarantine_text(stream), INDENT)
    for letter in found.letters:
        output.show_hanging(letter_text(letter), INDENT)
    if found.left_out:
        output.remark(f"{found.left_out:,} older ones: `mentra log supervision-main`.")
    if not found.quarantined and not found.letters:
        output.show("Nothing is set aside, and there are no dead letters.")


def _require_none_before(context: typer.Context) -> None:
    """An option before the subcommand would be of no effect, and the wrong store be changed."""
    for name in ("store", "as_json"):
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            raise typer.BadParameter(f"give options after `{context.invoked_subcommand}`")


def _redrive(
    what: _What,
    by: By = None,
    wait: Wait = 10.0,
    store: StorePath = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Deliver a letter again; or let a stream go on and deliver all its letters again."""
    output = Output(as_json=as_json)
    require_readable(_supervised(store, output), what)
    wish = RedriveWish(what=what)
    _ask(
        wish,
        f"{what} is {{}}on its way again. {_BY}",
        {"redriven": what},
        (by, wait, store, output),
    )


def _lift(
    stream: _Stream,
    by: By = None,
    wait: Wait = 10.0,
    store: StorePath = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Let a stream go on with what is open; its letters stay."""
    wish, output = LiftWish(stream_id=StreamId(stream)), Output(as_json=as_json)
    _ask(wish, f"{stream} is {{}}let go on.", {"lifted": stream}, (by, wait, store, output))


def _discard(
    letter: _Letter,
    reason: Annotated[str, typer.Option(help="Why nobody needs it.")] = "",
    by: By = None,
    wait: Wait = 10.0,
    store: StorePath = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Keep a letter no more; the log has it all the same."""
    wish, output = DiscardWish(letter_id=letter, reason=reason), Output(as_json=as_json)
    _ask(wish, f"{letter} is {{}}discarded.", {"discarded": letter}, (by, wait, store, output))


def _ask(
    wish: Wish, words: str, document: JsonObject, how: tuple[str | None, float, Path, Output]
) -> None:
    by, wait_s, store, output = how
    have_recorded(
        output, wish, store, by=person(by), wait_s=wait_s, words=words, document=document
    )


def _supervised(store: Path, output: Output) -> Supervised:
    with opened(store) as team, output.spinner("Reading the log"):
        return stored_supervision(team.journal)
