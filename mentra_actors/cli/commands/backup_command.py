"""`mentra backup`: a verified copy of a store that may be in use."""

from pathlib import Path
from typing import Annotated

import typer

from mentra_actors.cli.care_progress import care_task
from mentra_actors.cli.key_options import KeysDirectory
from mentra_actors.cli.options import AsJson
from mentra_actors.cli.output import Output
from mentra_actors.cli.render.render_care import report_document, sizes
from mentra_actors.store.care import Backup, backup_store

__all__ = ["backup"]


def backup(
    path: Annotated[Path, typer.Argument(metavar="STORE", help="Directory of the store.")],
    target: Annotated[Path, typer.Argument(metavar="TARGET", help="The copy; a new directory.")],
    keys: KeysDirectory = None,
    as_json: AsJson = False,
) -> None:
    """Copy a store while it is in use, and verify the copy.

    To restore: put it in place.
    """
    output = Output(as_json=as_json)
    with care_task(output, f"Copying {path}") as on_progress:
        made = backup_store(path, target, keys=keys, on_progress=on_progress)
    if as_json:
        files = {"files": list(made.files), "left_out": list(made.left_out)}
        output.document({**report_document(made.report), **files})
        return
    report = made.report
    output.show(
        f"{target} is a sound copy of {path} through position {report.last_position} "
        f"({sizes(report)})."
    )
    output.remark(f"Fingerprint {report.fingerprint}.")
    for remark in _remarks(made):
        output.remark(remark, style="yellow")


def _remarks(made: Backup) -> list[str]:
    remarks = [f"Left out, as no file of a store is so large: {one}" for one in made.left_out]
    if made.report.sealed_events and not any("/" in name for name in made.files):
        remarks.append("The keys of this store lie elsewhere and are not in the copy.")
    return remarks
