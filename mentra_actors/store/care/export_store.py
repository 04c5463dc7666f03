"""Writes a store as JSON lines, all as of one moment, however large it is."""

import contextlib
import fcntl
import gzip
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

import msgspec

from mentra_actors.errors import ConfigurationError
from mentra_actors.store.care.export_lines import EndLine, LineDigest, encode_line
from mentra_actors.store.care.exported_lines import ExportedLines, ExportScope
from mentra_actors.store.care.new_directory import refusals, require_parent
from mentra_actors.store.care.report import OnProgress
from mentra_actors.store.care.store_image import opened_image
from mentra_actors.store.store_directory import fsync_directory, require_manifest

__all__ = ["Exported", "export_store", "new_lines_file"]

_WHOLE = ExportScope()
_LINES_PER_PROGRESS = 256
_GZIP_LEVEL = 6


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    """What was written. `digest` is of all lines but the last; `notes` say what is left out."""

    last_position: int
    lines: int
    digest: str
    notes: tuple[str, ...] = ()


def export_store(
    path: str | Path,
    target: str | Path | BinaryIO,
    *,
    scope: ExportScope = _WHOLE,
    on_progress: OnProgress | None = None,
) -> Exported:
    """Write the store at `path` to a new file, or to an open one; it may be written meanwhile.

    A file whose name ends in `.gz` is compressed. It appears when it is whole and on disk.

    Raises:
        ConfigurationError: there is such a file; or the log ends before `scope.through`.
        StoreCorrupted: the store is damaged; the message says up to where it can be exported.
        StoreFull, StoreNotFound, StoreError: no file was made.
    """
    path = Path(path)
    manifest = require_manifest(path)
    with contextlib.ExitStack() as ends:
        if isinstance(target, str | Path):
            ends.enter_context(refusals(Path(target)))
            file = ends.enter_context(new_lines_file(Path(target)))
        else:
            file = target
        image = ends.enter_context(opened_image(path))
        lines = ExportedLines(image, manifest, scope)
        digest = LineDigest()
        for line in lines:
            encoded = encode_line(line)
            digest.add(encoded)
            file.write(encoded)
            if on_progress is not None and digest.lines % _LINES_PER_PROGRESS == 1:
                on_progress(*image.progress)
        last = lines.last_position
        end = EndLine(last_position=last, lines=digest.lines, digest=digest.digest)
        file.write(encode_line(end))
    return Exported(
        last_position=last, lines=digest.lines, digest=digest.digest, notes=tuple(lines.notes)
    )


@contextlib.contextmanager
def new_lines_file(target: Path) -> Iterator[BinaryIO]:
    """A file that appears at `target` at the end of the block, flushed, or never.

    Raises:
        ConfigurationError: there is something at `target`, or no directory to make it in.
        OSError: it cannot be written.
    """
    _refuse_existing(target)
    require_parent(target)
    prefix = f".{target.name}.unfinished-"
    for leftover in target.parent.glob(f"{prefix}*"):
        _sweep(leftover)
    draft = target.with_name(f"{prefix}{uuid.uuid4().hex[:8]}")
    try:
        with draft.open("xb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # until the file is closed
            if target.suffix == ".gz":
                # Without a name and a time, equal content gives equal files.
                with gzip.GzipFile("", "wb", _GZIP_LEVEL, file, mtime=0) as compressed:
                    yield cast("BinaryIO", compressed)
            else:
                yield file
            file.flush()
            os.fsync(file.fileno())
        _refuse_existing(target)
        draft.rename(target)
        fsync_directory(target.absolute().parent)
    finally:
        draft.unlink(missing_ok=True)


def _sweep(leftover: Path) -> None:
    """Remove what somebody has left behind who was killed: nobody has it locked."""
    with contextlib.suppress(OSError), leftover.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        leftover.unlink()


def _refuse_existing(target: Path) -> None:
    if os.path.lexists(target):
        raise ConfigurationError(f"{target} exists already; name another file")
