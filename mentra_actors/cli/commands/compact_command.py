"""`mentra compact`: a smaller data file; old streams to an archive, and back."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.filesize import decimal

from mentra_actors.cli.care_progress import care_task
from mentra_actors.cli.commands.doctor_command import CarePath
from mentra_actors.cli.options import DEFAULT_STORE, AsJson
from mentra_actors.cli.output import Output
from mentra_actors.cli.render.render_care import report_document
from mentra_actors.errors import ConfigurationError, StoreError
from mentra_actors.json_types import JsonObject
from mentra_actors.store.care import Compacted, OnProgress, compact_store, restore_archive
from projections.views.sentence_words import counted

__all__ = ["compact"]


def compact(
    path: CarePath = DEFAULT_STORE,
    archive: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Move streams to this new file, compressed if it ends in .gz."
        ),
    ] = None,
    stream: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="A stream to archive (agent-x); may be repeated."),
    ] = None,
    before: Annotated[
        datetime | None,
        typer.Option(
            metavar="DATE",
            formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"],
            help="Archive agents and inboxes that rest since before then (local time).",
        ),
    ] = None,
    restore: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Put back what this archive holds.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make the data file of a store smaller.

    Nobody may be writing the store; readers go on.
    """
    output = Output(as_json=as_json)
    if restore is not None and (archive or stream or before):
        raise ConfigurationError("--restore goes with none of the other options")
    with care_task(output, f"Compacting {path}") as on_progress:
        if restore is not None:
            compacted = _restore(path, restore, on_progress)
        else:
            compacted = compact_store(
                path,
                archive=archive,
                streams=stream or (),
                before_ns=None if before is None else int(before.timestamp() * 1e9),
                on_progress=on_progress,
            )
    if as_json:
        output.document(_document(compacted))
        return
    output.show(*_lines(compacted, archive, restore))


def _restore(path: Path, file: Path, on_progress: OnProgress | None) -> Compacted:
    try:
        return restore_archive(path, file, on_progress=on_progress)
    except OSError as error:
        raise StoreError(f"cannot read {file}: {error.strerror}") from error


def _lines(compacted: Compacted, archive: Path | None, restore: Path | None) -> list[str]:
    report = compacted.report
    before, after = decimal(compacted.size_bytes_before), decimal(report.size_bytes)
    lines = [f"{report.path} takes {after}, and took {before}. It was verified."]
    events = counted(compacted.events, "event")
    streams = counted(len(compacted.streams), "stream")
    if restore is not None:
        lines.append(f"{events} came back from {restore}.")
    elif archive is not None and compacted.streams:
        lines.append(f"{events} of {streams} went to {archive}.")
        if compacted.archived_blobs:
            blobs = counted(compacted.archived_blobs, "blob")
            lines.append(f"With them went {blobs} that only they name.")
    elif archive is not None:
        lines.append("No stream is old enough and settled: nothing was archived.")
    if compacted.dropped_blobs:
        lines.append(f"Dropped {counted(compacted.dropped_blobs, 'blob')} that nothing named.")
    if compacted.blobs_kept_for:
        lines.append(
            f"All blobs were kept, as events ({compacted.blobs_kept_for}) cannot be looked into."
        )
    return lines


def _document(compacted: Compacted) -> JsonObject:
    document: JsonObject = msgspec.to_builtins(compacted)
    return {**document, "report": report_document(compacted.report)}
