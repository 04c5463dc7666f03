"""Verifies a store: everything that can be known from its bytes.

LMDB never reads the file here. Pages are read as plain bytes, so damage of any kind becomes a
finding; where a writer may be at work, a child process holds the commit still meanwhile. The log
is read once. Memory grows with the number of streams, of remembered requests and of blobs that
events name, not with the log.
"""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

from mentra_actors.codec.event_codec import CODEC, EventCodec
from mentra_actors.errors import StoreCorrupted, StoreError, StoreFormatError, StoreNotFound
from mentra_actors.store.care.key_check import check_keys
from mentra_actors.store.care.log_check import LOG, LogCheck
from mentra_actors.store.care.report import Findings, OnProgress, Report
from mentra_actors.store.care.store_image import Row, StoreImage, opened_image
from mentra_actors.store.care.table_checks import (
    by_position,
    check_answers,
    check_blobs,
    check_fences,
    check_index,
    check_marks,
    check_side,
    check_snapshots,
    read_answers,
)
from mentra_actors.store.embedded.tables import STORE_ID, WRITER_EPOCH
from mentra_actors.store.embedded.walk import MAIN_TREE
from mentra_actors.store.sealing.sealing_record import SEALING_DIRECTORY, find_record
from mentra_actors.store.store_directory import (
    DATA_FILE,
    MANIFEST_FILE,
    STORE_FORMAT,
    Manifest,
    find_manifest,
)

__all__ = ["verify_store"]

_ROWS_PER_PROGRESS = 256
_EPOCH_BYTES = 8
_SOME_SEALING = "?"
"""In place of the sealing of a store whose manifest is lost."""


def verify_store(
    path: str | Path,
    *,
    codec: EventCodec = CODEC,
    is_alone: bool = False,
    keys: str | Path | Literal[False] | None = None,
    fingerprint_through: int | None = None,
    on_progress: OnProgress | None = None,
) -> Report:
    """Look at everything in the store at `path`; another process may be writing it.

    With `is_alone` the caller knows that none is. Payloads of a sealed store are not opened, but
    the files of its keys are looked at: in `sealing/` or, if they are elsewhere, in `keys`; with
    False nowhere.

    Raises:
        StoreNotFound, StoreFormatError: there is no store, or one of a newer release.
        StoreError: the files cannot be read.
    """
    started = time.monotonic()
    path = Path(path)
    findings = Findings()
    directory = Path(keys or path / SEALING_DIRECTORY)
    manifest = _manifest(path, directory, findings)
    try:
        with opened_image(path, is_alone=is_alone) as image:
            examination = _Examination(image, findings, on_progress)
            log = examination.log(codec, manifest, fingerprint_through)
            report = examination.rest(path, log, manifest)
        seals = log.seals
    except StoreCorrupted as error:
        seals = {}
        findings.damage("data file", str(error))
        report = Report(path=str(path), store_id=manifest.store_id, first_bad_position=1)
    if manifest.sealing and keys is not False:
        # After the log: a key is on disk before the first event that needs it.
        known = "" if manifest.sealing == _SOME_SEALING else manifest.sealing
        check_keys(directory, known, seals, findings)
    return msgspec.structs.replace(
        report, findings=tuple(findings), duration_s=time.monotonic() - started
    )


class _Examination:
    """Reads one image, table by table."""

    def __init__(
        self, image: StoreImage, findings: Findings, on_progress: OnProgress | None
    ) -> None:
        self._image = image
        self._findings = findings
        self._on_progress = on_progress
        self._answers = read_answers(self._rows("requests"), findings)

    def log(
        self, codec: EventCodec, manifest: Manifest, fingerprint_through: int | None
    ) -> LogCheck:
        """The log, which says what all else must agree with."""
        log = LogCheck(
            self._findings,
            codec,
            answers=by_position(self._answers.values()),
            is_sealed=bool(manifest.sealing),
            fingerprint_through=fingerprint_through,
        )
        told = self._image.faults_count
        for key, value in self._rows(LOG):
            if self._image.faults_count > told:
                told = self._tell_log(log, told)
            log.check(key, value)
        self._tell_log(log, told)
        return log

    def rest(self, path: Path, log: LogCheck, manifest: Manifest) -> Report:
        """Everything around the log; what all of it comes to."""
        findings = self._findings
        check_answers(self._answers, log, findings)
        check_index(self._image.index(), log, findings)
        snapshots = check_snapshots(self._rows("snapshots"), log, findings)
        blobs = check_blobs(self._rows("blobs"), log, findings)
        open_marks = check_marks(self._rows("open"), log, findings)
        fences = check_fences(self._rows("fences"), log, findings)
        epoch = self._check_meta(manifest)
        ticks = check_side(self._rows("side"), findings)
        for table in self._image.other_tables():
            for _ in self._rows(table):
                pass
        free_bytes = self._image.check_pages()
        self._tell_faults()
        self._warn(log)
        return msgspec.structs.replace(
            _log_report(log),
            path=str(path),
            store_id=manifest.store_id,
            writer_epoch=epoch,
            snapshots=snapshots,
            blobs=blobs,
            open_marks=open_marks,
            fences=fences,
            remembered_requests=len(self._answers),
            ticks=ticks,
            size_bytes=(path / DATA_FILE).stat().st_size,
            free_bytes=free_bytes,
        )

    def _rows(self, table: str) -> Iterator[Row]:
        """Rows of a table; says every now and then how far it is."""
        for number, row in enumerate(self._image.rows(table)):
            if number % _ROWS_PER_PROGRESS == 0 and self._on_progress is not None:
                self._on_progress(*self._image.progress)
            yield row

    def _tell_log(self, log: LogCheck, told: int) -> int:
        """Tell the check of pages that were passed over since the record before."""
        for fault in self._image.faults[told:]:
            if fault.table == LOG:
                log.lose(log.last_position + 1, fault.what)
        return self._image.faults_count

    def _tell_faults(self) -> None:
        for fault in self._image.faults:
            if fault.table != LOG:
                self._findings.damage("data file", f"{_table_name(fault.table)}: {fault.what}")

    def _check_meta(self, manifest: Manifest) -> int:
        """The number of the writer."""
        rows = dict(self._rows("meta"))
        found = rows.pop(STORE_ID, b"").decode(errors="replace")
        if found != manifest.store_id and manifest.store_id:
            what = f"the manifest is of store {manifest.store_id}, the data file of {found!r}"
            self._findings.damage("manifest", what)
        epoch = rows.pop(WRITER_EPOCH, bytes(_EPOCH_BYTES))
        number = int.from_bytes(epoch, "big")
        if len(epoch) != _EPOCH_BYTES or number > self._image.meta.txn_id:
            commits = self._image.meta.txn_id
            what = f"the number of the last writer is {number}, after {commits} commits"
            self._findings.damage("data file", what)
        for key in rows:
            self._findings.warning(
                "data file", f"an entry {key!r} that this release does not know"
            )
        return number

    def _warn(self, log: LogCheck) -> None:
        for tag, count in sorted(log.unknown_tags.items()):
            what = f"{count} events of {tag!r}, which this release does not know, are skipped"
            self._findings.warning("event", what)
        for table in self._image.other_tables():
            self._findings.warning(
                "data file", f"a table {table!r} that this release does not know"
            )
        if self._image.was_overtaken:
            what = "somebody wrote meanwhile, so findings may be false: look again"
            self._findings.warning("data file", what)


def _log_report(log: LogCheck) -> Report:
    return Report(
        path="",
        last_position=log.last_position,
        last_good_position=log.last_good_position,
        first_bad_position=log.first_bad_position,
        fingerprint=log.fingerprint,
        fingerprint_position=log.fingerprint_position,
        records=log.records,
        events=log.events,
        streams=len(log.heads),
        archived_events=log.archived_events,
        sealed_events=log.sealed_events,
        unknown_tags=dict(sorted(log.unknown_tags.items())),
    )


def _manifest(path: Path, directory: Path, findings: Findings) -> Manifest:
    """The manifest, or an empty one if it is damaged and there are data.

    Where there are keys in `directory` the store is taken for a sealed one, whatever it says.

    Raises:
        StoreNotFound, StoreFormatError: see `verify_store`.
    """
    try:
        manifest = find_manifest(path)
    except (StoreCorrupted, StoreFormatError) as error:
        if not (path / DATA_FILE).is_file() or _is_newer(path):
            raise
        findings.damage("manifest", str(error))
        sealing = _SOME_SEALING if directory.is_dir() else ""
        return Manifest(store_id="", format=0, sealing=sealing)
    if manifest is None:
        raise StoreNotFound(f"there is no store at {path}")
    if not manifest.sealing:
        with contextlib.suppress(StoreError):
            record = find_record(directory)
            if record is not None and not record.is_draft:
                what = f"it says that the store is plain, and {directory} says that it is sealed"
                findings.damage("manifest", what)
                return msgspec.structs.replace(manifest, sealing=record.sealing_id)
    return manifest


def _is_newer(path: Path) -> bool:
    try:
        found = msgspec.json.decode((path / MANIFEST_FILE).read_bytes(), type=Manifest)
    except (OSError, msgspec.DecodeError):
        return False
    return found.format > STORE_FORMAT


def _table_name(table: str) -> str:
    return table if table == MAIN_TREE else f"table {table!r}"
