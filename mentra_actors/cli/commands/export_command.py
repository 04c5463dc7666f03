"""`mentra export` and `mentra import`: a store as JSON lines, and back."""

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from mentra_actors.cli.care_progress import care_task
from mentra_actors.cli.options import AsJson
from mentra_actors.cli.output import Output, naming_output
from mentra_actors.errors import StoreCorrupted, StoreError, StoreFormatError
from mentra_actors.ids import StreamId
from mentra_actors.store.care import Exported, ExportScope, export_store, import_store
from projections.views.sentence_words import counted

__all__ = ["export", "import_"]

_STANDARD = Path("-")
_HEADER_LINES = 1
_NAME_AN_EXPORT = "Name a file that `mentra export` has written, the whole of it."


def export(
    path: Annotated[Path, typer.Argument(metavar="STORE", help="Directory of the store.")],
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A new file, compressed if it ends in .gz.")
    ] = _STANDARD,
    through: Annotated[
        int | None,
        typer.Option(min=1, metavar="POSITION", help="End there; damage behind it is no matter."),
    ] = None,
    stream: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Only this stream; may be repeated.")
    ] = None,
    category: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only streams of this kind: agent.")
    ] = None,
    readable: Annotated[
        bool, typer.Option("--readable", help="Add each event as JSON, beside its bytes.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write a store as JSON lines, also while it is in use.

    One line for each append.
    """
    output = Output(as_json=as_json)
    scope = ExportScope(
        through=through,
        streams=frozenset(map(StreamId, stream or ())),
        categories=frozenset(category or ()),
        is_readable=readable,
    )
    is_standard = file == _STANDARD
    naming = naming_output() if is_standard else nullcontext()
    with naming, care_task(output, f"Writing {path}") as on_progress:
        target = sys.stdout.buffer if is_standard else file
        exported = export_store(path, target, scope=scope, on_progress=on_progress)
        sys.stdout.flush()
    if as_json and not is_standard:
        output.document({"file": str(file), **msgspec.to_builtins(exported)})
        return
    output.remark(_words(exported, scope))
    for note in exported.notes:
        output.remark(f"  left out: {note}", style="yellow")


def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An export, or - for stdin.")],
    path: Annotated[Path, typer.Argument(metavar="STORE", help="The store; a new directory.")],
    as_json: AsJson = False,
) -> None:
    """Make a store of an export: same positions, links and id."""
    output = Output(as_json=as_json)
    source = sys.stdin.buffer if file == _STANDARD else file
    try:
        with care_task(output, f"Reading {file}") as on_progress:
            imported = import_store(source, path, on_progress=on_progress)
    except OSError as error:
        raise StoreError(f"cannot read {file}: {error.strerror}; no store was made") from error
    except (StoreCorrupted, StoreFormatError) as error:
        kind = StoreFormatError if isinstance(error, StoreFormatError) else StoreError
        told = kind(f"{error}; no store was made")
        told.add_note(_NAME_AN_EXPORT)
        raise told from error
    if as_json:
        output.document({"store": str(path), **msgspec.to_builtins(imported)})
        return
    lines = counted(imported.lines, "line")
    output.show(f"{path} holds {lines}, through position {imported.last_position}.")
    if imported.sealing:
        output.remark(
            "Its payloads are sealed: copy the directory `sealing` of the old store into it.",
            style="yellow",
        )


def _words(exported: Exported, scope: ExportScope) -> str:
    part = f" of {scope.words}" if scope.is_partial else ""
    words = f"{counted(exported.lines, 'line')}{part}, through position {exported.last_position}."
    if scope.is_partial and exported.lines == _HEADER_LINES:
        words = f"Nothing in the store is of {scope.words}: only a header was written."
    elif scope.is_partial:
        words += " A part is for reading: it cannot be imported."
    return words
