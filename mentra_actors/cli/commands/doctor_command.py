"""`mentra doctor`: is everything in the store as it was written? And if not, what is left?"""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from mentra_actors.cli.care_progress import care_task
from mentra_actors.cli.failures import FAILED
from mentra_actors.cli.key_options import KeysDirectory
from mentra_actors.cli.options import DEFAULT_STORE, AsJson
from mentra_actors.cli.output import Output
from mentra_actors.cli.program import program
from mentra_actors.cli.render.render_care import advice_lines, report_document, report_lines
from mentra_actors.cli.render.render_machine import look_at_machine, machine_line
from mentra_actors.cli.views_check import look_at_views, views_findings
from mentra_actors.store.branches.drafts import remove_dead_drafts
from mentra_actors.store.branches.forking import branches_directory
from mentra_actors.store.care import Salvaged, salvage_store, verify_store
from projections.views.sentence_words import counted

__all__ = ["CarePath", "doctor"]

CarePath = Annotated[
    Path,
    typer.Argument(
        metavar="STORE",
        envvar="MENTRA_STORE",
        help="Directory of the store.",
        show_default="./team.mentra",
        show_envvar=True,
    ),
]


def doctor(
    path: CarePath = DEFAULT_STORE,
    fingerprint_at: Annotated[
        int | None,
        typer.Option(
            "--fingerprint-at",
            min=1,
            metavar="POSITION",
            help="Give the fingerprint as of this position, to compare two copies.",
        ),
    ] = None,
    salvage: Annotated[
        Path | None,
        typer.Option(
            metavar="NEW", help="Make a new store here of what is sound; this one is left alone."
        ),
    ] = None,
    keys: KeysDirectory = None,
    as_json: AsJson = False,
) -> None:
    """Look at every byte of a store for damage.

    Also while it is written. The exit code is 1 if it is damaged.
    """
    output = Output(as_json=as_json)
    if salvage is not None:
        _salvage(output, path, salvage, keys)
        return
    look = look_at_views(path)
    with care_task(output, f"Looking at {path}") as on_progress:
        report = verify_store(
            path, keys=keys, fingerprint_through=fingerprint_at, on_progress=on_progress
        )
    found = (*report.findings, *views_findings(path, look, report.last_position))
    report = msgspec.structs.replace(report, findings=found)
    machine = look_at_machine()
    removed = remove_dead_drafts(branches_directory(path))
    if as_json:
        output.document({**report_document(report), "machine": msgspec.to_builtins(machine)})
    else:
        output.show(*report_lines(report), machine_line(machine))
        if removed:
            drafts = counted(removed, "branch")
            output.remark(f"Removed what a process that was killed had left of {drafts}.")
        if not report.is_sound:
            output.show(*advice_lines(report))
    if not report.is_sound:
        raise typer.Exit(FAILED)


def _salvage(output: Output, path: Path, target: Path, keys: Path | None) -> None:
    with care_task(output, f"Reading {path}") as on_progress:
        salvaged = salvage_store(path, target, keys=keys, on_progress=on_progress)
    if output.as_json:
        output.document({"store": str(target), **msgspec.to_builtins(salvaged)})
        return
    output.show(_salvaged_words(salvaged, path, target))
    for note in salvaged.notes:
        output.remark(f"  {note}", style="yellow")
    output.remark(f"See what it lacks with `{program()} doctor {target}`.")


def _salvaged_words(salvaged: Salvaged, path: Path, target: Path) -> str:
    end = "all of it" if salvaged.is_whole else "not all of it"
    words = f"{target} holds the log of {path} through position {salvaged.last_position}, {end}."
    if salvaged.found_by_search:
        found = counted(salvaged.found_by_search, "append")
        words += f" In pages to which nothing led were found: {found}."
    return words
