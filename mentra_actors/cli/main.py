"""The entry of the `mentra` command: every failure becomes a message and an exit code."""

import io
import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from mentra_actors.cli.failures import (
    FAILED,
    INTERRUPTED,
    MISUSED,
    Failure,
    Interrupted,
    failure_of,
    failure_text,
)
from mentra_actors.cli.late_commands import LateCommands
from mentra_actors.cli.misuse import misuse, shows_help
from mentra_actors.errors import MentraError
from mentra_actors.late_module import LateModule

if TYPE_CHECKING:  # what help and version need not is imported when it is needed
    from importlib import metadata

    from rich import console as rich_console
    from rich import text as rich_text

    from mentra_actors.cli import output
else:
    metadata = LateModule("importlib.metadata")
    output = LateModule("mentra_actors.cli.output")
    rich_console = LateModule("rich.console")
    rich_text = LateModule("rich.text")

__all__ = ["app", "exit_code_of", "main"]

app = typer.Typer(
    name="mentra",
    cls=LateCommands,
    no_args_is_help=True,
    epilog="`mentra help COMMAND` says more of one of them.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # a help with frames takes twice as long as the whole of this one
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
_USAGE_ERROR: type[Exception] = typer.BadParameter.__mro__[1]
"""What typer raises for a wrong command line."""


def main() -> None:
    """Run the command line and exit."""
    _escape_unknown_letters(sys.stdout)
    sys.exit(exit_code_of(sys.argv[1:]))


def _escape_unknown_letters(stream: object) -> None:
    """Let letters that the encoding of a stream does not have be written as escapes.

    Words of people and models are in any letters, and a pipe may be in Latin-1.
    """
    if isinstance(stream, io.TextIOWrapper) and stream.encoding.lower() != "utf-8":
        stream.reconfigure(errors="backslashreplace")


def exit_code_of(arguments: list[str]) -> int:
    """Run one command line; the exit code: 0, 1 for a failure, 2 for a misuse, 130 for Ctrl-C."""
    try:
        code = app(arguments or ["--help"], prog_name="mentra", standalone_mode=False)
    except BrokenPipeError:
        output.discard_output()  # whoever read it has gone
        return FAILED
    except Interrupted as interrupt:
        failure = _interrupted(str(interrupt))
    except (MentraError, OSError) as error:
        failure = failure_of(error, _command_in(arguments))
    except UnicodeEncodeError as error:
        if error.encoding != "utf-8":
            raise
        failure = misuse(ValueError(f"{error.object!r} is no Unicode text"))
    except _USAGE_ERROR as error:
        if shows_help(error):
            sys.stderr.write(f"{error}\n")
            return MISUSED
        failure = misuse(error)
    else:
        if code != INTERRUPTED:
            return code if isinstance(code, int) else 0
        failure = _interrupted("")  # before the command had begun
    _tell(failure, as_json="--json" in arguments)
    return failure.exit_code


def _command_in(arguments: list[str]) -> str:
    return next((one for one in arguments if not one.startswith("-")), "")


def _print_version(is_asked: bool) -> None:
    if is_asked:
        sys.stdout.write(f"mentra {metadata.version('mentra-actors')}\n")
        raise typer.Exit


@app.callback()
def _root(
    _show_version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", is_eager=True, callback=_print_version
        ),
    ] = False,
) -> None:
    """Teams of LLM agents that lose nothing: a team is a log."""


def _interrupted(advice: str) -> Failure:
    return Failure(
        error="Interrupted",
        message="Interrupted.",
        safe="What was recorded is kept; open work stays open on the log.",
        advice=advice or "`mentra run` with the same --store and no prompt goes on with it.",
        exit_code=INTERRUPTED,
    )


def _tell(failure: Failure, *, as_json: bool) -> None:
    if as_json:
        told = {
            "error": failure.error,
            "message": failure.message,
            "safe": failure.safe,
            "advice": failure.advice,
            "exit_code": failure.exit_code,
        }
        sys.stderr.write(json.dumps(told) + "\n")
        return
    console = rich_console.Console(stderr=True, soft_wrap=not sys.stderr.isatty())
    what, *rest = output.harmless(failure_text(failure)).splitlines() or [""]
    console.print(rich_text.Text.assemble(("mentra: ", "bold red"), what))
    for line in rest:
        console.print(rich_text.Text(f"  {line}", style="dim"))


if __name__ == "__main__":
    main()
