"""The entry of the `mentra` command: every failure becomes a message and an exit code."""

import json
import sys
from collections.abc import Callable, Sequence
from functools import wraps
from importlib.metadata import version
from typing import Annotated, ParamSpec

import typer
from rich.console import Console
from rich.text import Text

from mentra_actors.cli.approval_commands import approvals, approve, deny
from mentra_actors.cli.audit_command import audit
from mentra_actors.cli.backup_command import backup
from mentra_actors.cli.board_command import board
from mentra_actors.cli.compact_command import compact
from mentra_actors.cli.context_command import context
from mentra_actors.cli.dead_letter_commands import dead_letters_app
from mentra_actors.cli.demo_command import demo
from mentra_actors.cli.doctor_command import doctor
from mentra_actors.cli.entries_command import entries
from mentra_actors.cli.export_command import export, import_
from mentra_actors.cli.failures import (
    FAILED,
    INTERRUPTED,
    Failure,
    Interrupted,
    failure_of,
    failure_text,
)
from mentra_actors.cli.health_command import health
from mentra_actors.cli.job_commands import JOB_COMMANDS
from mentra_actors.cli.jobs_command import jobs
from mentra_actors.cli.key_commands import forget, new_key, rotate_key, train_dictionary
from mentra_actors.cli.key_options import with_key_options
from mentra_actors.cli.log_command import log
from mentra_actors.cli.login_commands import login, logout
from mentra_actors.cli.member_commands import inbox, mail, members, requests, respond
from mentra_actors.cli.memory_command import memory
from mentra_actors.cli.misuse import misuse
from mentra_actors.cli.models_command import models
from mentra_actors.cli.output import discard_output
from mentra_actors.cli.rule_commands import revoke, rules
from mentra_actors.cli.run_command import run
from mentra_actors.cli.schedule_commands import SCHEDULE_COMMANDS, schedules
from mentra_actors.cli.team_commands import agents
from mentra_actors.cli.transcript_command import transcript
from mentra_actors.cli.usage_command import usage
from mentra_actors.errors import MentraError

__all__ = ["app", "exit_code_of", "main"]

P = ParamSpec("P")

app = typer.Typer(
    name="mentra",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_USAGE_ERROR: type[Exception] = typer.BadParameter.__mro__[1]
"""What typer raises for a wrong command line."""


def main() -> None:
    """Run the command line and exit."""
    sys.exit(exit_code_of(sys.argv[1:]))


def exit_code_of(arguments: list[str]) -> int:
    """Run one command line; the exit code: 0, 1 for a failure, 2 for a misuse, 130 for Ctrl-C."""
    try:
        code = app(arguments or ["--help"], prog_name="mentra", standalone_mode=False)
    except BrokenPipeError:
        discard_output()  # whoever read it has gone
        return FAILED
    except Interrupted as interrupt:
        failure = _interrupted(str(interrupt))
    except (MentraError, OSError) as error:
        failure = failure_of(error, _command_in(arguments))
    except _USAGE_ERROR as error:
        failure = misuse(error)
    else:
        return code if isinstance(code, int) else 0
    _tell(failure, as_json="--json" in arguments)
    return failure.exit_code


def _command_in(arguments: list[str]) -> str:
    return next((one for one in arguments if not one.startswith("-")), "")


def _print_version(is_asked: bool) -> None:
    if is_asked:
        sys.stdout.write(f"mentra {version('mentra-actors')}\n")
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
    console = Console(stderr=True, soft_wrap=True)
    what, *rest = failure_text(failure).splitlines()
    console.print(Text.assemble(("mentra: ", "bold red"), what))
    for line in rest:
        console.print(Text(f"  {line}", style="dim"))


def _with_ctrl_c(command: Callable[P, None]) -> Callable[P, None]:
    """The command with Ctrl-C as an error of ours: typer would end without a word."""

    @wraps(command)
    def run_command(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except KeyboardInterrupt:
            raise Interrupted from None

    return run_command


_COMMANDS: Sequence[Callable[..., None]] = (
    *(demo, run, agents, log, audit, transcript, entries, context, memory, board, jobs, usage),
    schedules,
    *(approvals, approve, deny, rules, revoke),
    *(members, requests, inbox, mail, respond),
    *(new_key, forget, rotate_key, train_dictionary),
    *(health, doctor, backup, export, compact),
    *(login, logout),
)
for one in _COMMANDS:
    app.command()(_with_ctrl_c(with_key_options(one)))
app.add_typer(
    dead_letters_app(lambda one: _with_ctrl_c(with_key_options(one))), name="dead-letters"
)
app.command()(_with_ctrl_c(models))
_schedule = typer.Typer(no_args_is_help=True, help="Have agents woken, or no more.")
for one in SCHEDULE_COMMANDS:
    _schedule.command()(_with_ctrl_c(with_key_options(one)))
app.add_typer(_schedule, name="schedule")
_job = typer.Typer(no_args_is_help=True, help="What a background job has printed; end one.")
for one in JOB_COMMANDS:
    _job.command()(_with_ctrl_c(with_key_options(one)))
app.add_typer(_job, name="job")
app.command("import")(_with_ctrl_c(import_))


if __name__ == "__main__":
    main()
