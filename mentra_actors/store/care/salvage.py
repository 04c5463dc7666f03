"""Makes a new store of what is left of a damaged one.

The log is taken from its beginning through the last record that follows from those before it.
Where the trees of the file do not lead on, records are looked for in all of its pages. Everything
around the log is taken as far as it is sound and tells of what was taken.
"""

import contextlib
import mmap
import uuid
from collections.abc import Callable
from pathlib import Path

import msgspec

from mentra_actors.errors import StoreCorrupted, StoreError, StoreFormatError, StoreNotFound
from mentra_actors.store.care.backup import copy_small_files
from mentra_actors.store.care.build_store import StoreBuilder
from mentra_actors.store.care.import_store import rows_of
from mentra_actors.store.care.new_directory import made_directory, refusals
from mentra_actors.store.care.page_scan import RecordScan
from mentra_actors.store.care.report import OnProgress
from mentra_actors.store.care.store_image import StoreImage, opened_image
from mentra_actors.store.care.table_lines import TableLines
from mentra_actors.store.embedded.layout import decode_record, key_position, split_record
from mentra_actors.store.embedded.page_file import PageFile
from mentra_actors.store.embedded.tables import STORE_ID
from mentra_actors.store.sealing.sealing_record import (
    SEALING_DIRECTORY,
    SEALING_FILE,
    find_record,
)
from mentra_actors.store.store_directory import (
    DATA_FILE,
    STORE_FORMAT,
    Manifest,
    find_manifest,
    os_errors,
)

__all__ = ["Salvaged", "salvage_store"]

_RECORDS_PER_PROGRESS = 256


class Salvaged(msgspec.Struct, frozen=True, kw_only=True):
    """What was saved. `is_whole` if the log could be read to its end.

    `found_by_search` records were found in pages to which nothing led. `notes` say what is left
    out or was made up.
    """

    store_id: str
    last_position: int
    is_whole: bool
    found_by_search: int
    notes: tuple[str, ...] = ()


def salvage_store(
    path: str | Path,
    target: str | Path,
    *,
    keys: str | Path | None = None,
    on_progress: OnProgress | None = None,
) -> Salvaged:
    """Make a new store at `target` of what is sound in the store at `path`, which is left alone.

    A sealed store stays so, with a copy of its keys; `keys` says where they are if not in it.

    Raises:
        ConfigurationError: there is something at `target`.
        StoreNotFound: there is no data file.
        StoreCorrupted: nothing says any more how the store is sealed.
        StoreFull, StoreError: there is no new store.
    """
    path, target = Path(path), Path(target)
    if not (path / DATA_FILE).is_file():
        raise StoreNotFound(f"there is no {DATA_FILE} at {path}")
    notes: list[str] = []
    with made_directory(target) as new, refusals(target), contextlib.ExitStack() as ends:
        image = _image(path, ends, notes)
        manifest = _manifest(path, keys, notes)
        with StoreBuilder(new.path, manifest) as builder:
            salvage = _Salvage(path, image, builder, notes)
            salvage.take_log(on_progress)
            salvage.take_tables()
            builder.finish()
        copy_small_files(path, new.path)
        new.finish(manifest)
    return Salvaged(
        store_id=manifest.store_id,
        last_position=builder.last_position,
        is_whole=salvage.is_whole,
        found_by_search=salvage.found_by_search,
        notes=tuple(notes),
    )


class _Salvage:
    """Moves what can be moved from one store to a builder."""

    def __init__(
        self, path: Path, image: StoreImage | None, builder: StoreBuilder, notes: list[str]
    ) -> None:
        self.found_by_search = 0
        self.is_whole = False
        self._path = path
        self._image = image
        self._builder = builder
        self._notes = notes

    def take_log(self, on_progress: OnProgress | None) -> None:
        """Take all records that follow from each other."""
        if self._image is not None:
            self.is_whole = self._follow_tree(self._image, on_progress)
        if not self.is_whole:
            self._search()

    def take_tables(self) -> None:
        """Take everything around the log that is sound and fits it."""
        builder = self._builder
        if self._image is None:
            self._notes.append("marks and fences could not be read; no stream is marked as open")
            return
        versions = {stream_id: builder.version(stream_id) for stream_id in builder.streams()}
        lines = TableLines(
            self._image,
            versions,
            builder.last_position,
            lambda what: self._notes.append(f"left out: {what}"),
            is_cut=not self.is_whole,
        )
        for line in lines:
            for table, key, value in rows_of(line):
                builder.put(table, key, value)
        faults = [fault for fault in self._image.faults if fault.table != "log"]
        self._notes.extend(f"{fault.table}: {fault.what}" for fault in faults)

    def _follow_tree(self, image: StoreImage, on_progress: OnProgress | None) -> bool:
        """Take records as the tree has them; False if it breaks off."""
        faults = image.faults_count
        for number, (key, value) in enumerate(image.rows("log")):
            if image.faults_count > faults:
                break
            if problem := self._take(key_position(key), value):
                self._notes.append(problem)
                return False
            if on_progress is not None and number % _RECORDS_PER_PROGRESS == 0:
                on_progress(*image.progress)
        broken = [fault.what for fault in image.faults[faults:]]
        last = self._builder.last_position
        self._notes.extend(f"nothing leads on from position {last}: {what}" for what in broken)
        return image.has_log and not broken

    def _search(self) -> None:
        """Go on with records that are found in any page."""
        with contextlib.closing(_pages(self._path / DATA_FILE)) as file:
            scan = RecordScan(file, self._builder.last_position + 1)
            while True:
                position = self._builder.last_position + 1
                # Of two that both follow, the younger one replaced the other.
                found = sorted(scan.candidates(position), key=_recorded_at(position), reverse=True)
                problems = [problem for value in found if (problem := self._take(position, value))]
                if len(problems) == len(found):
                    self._notes.extend(problems)
                    break
                self.found_by_search += 1
                if len(found) > 1:
                    self._notes.append(f"position {position} was found in {len(found)} versions")

    def _take(self, position: int, value: bytes) -> str:
        """Take a record; what speaks against it, if anything does."""
        if position <= self._builder.last_position:
            return "it was taken already"
        try:
            record = decode_record(position, value)
            self._builder.add_record(position, record, split_record(value))
        except (StoreCorrupted, StoreFormatError) as error:
            return f"the log was left at position {position}: {error}"
        return ""


def _recorded_at(position: int) -> Callable[[bytes], int]:
    return lambda value: decode_record(position, value).body.recorded_at_ns


def _image(path: Path, ends: contextlib.ExitStack, notes: list[str]) -> StoreImage | None:
    """The store as its newest commit says, or None if there is none to be read."""
    try:
        return ends.enter_context(opened_image(path))
    except StoreCorrupted as error:
        notes.append(f"the newest commit cannot be read: {error}")
        return None


def _manifest(path: Path, keys: str | Path | None, notes: list[str]) -> Manifest:
    """The manifest, or as much of it as the data file and the keys know.

    Raises:
        StoreCorrupted: there are keys, and no record of them.
    """
    directory = path / SEALING_DIRECTORY if keys is None else Path(keys)
    try:
        manifest = find_manifest(path)
        if manifest is not None:
            if manifest.sealing and not directory.is_dir():
                notes.append(
                    f"the keys are not here: put them in {SEALING_DIRECTORY} of the new one"
                )
            return manifest
        what = "it is missing"
    except StoreError as error:
        what = str(error)
    notes.append(f"the manifest was made again: {what}")
    rows: dict[bytes, bytes] = {}
    with contextlib.suppress(StoreCorrupted), opened_image(path) as image:
        rows = dict(image.rows("meta"))
    store_id = rows.get(STORE_ID, b"").decode(errors="replace")
    return Manifest(store_id or uuid.uuid4().hex, STORE_FORMAT, _sealing(directory))


def _sealing(directory: Path) -> str:
    """Which sealing the keys in a directory are of; empty if there are none."""
    if not directory.is_dir():
        return ""
    what = "is missing"
    try:
        record = find_record(directory)
    except StoreError as error:
        record, what = None, f"cannot be read ({error})"
    if record is None:
        raise StoreCorrupted(
            f"{directory / SEALING_FILE} {what}, and it alone says how the store is sealed: "
            "restore that file from a backup, and salvage again"
        )
    return "" if record.is_draft else record.sealing_id


def _pages(data: Path) -> PageFile:
    """The pages of a file, of the usual size if nothing says another one."""
    with os_errors(data.parent):
        try:
            return PageFile.open(data)
        except StoreCorrupted:
            return PageFile.open(data, page_bytes=mmap.PAGESIZE)
