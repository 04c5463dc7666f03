"""The files around the data file: the manifest, and the mark of an unsynced writer.

The manifest appears, by a rename, when the data file behind it is complete and on disk. So a
manifest without data is damage, and a directory without a manifest never held an event.
"""

import contextlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import msgspec

from mentra_actors.errors import (
    StoreCorrupted,
    StoreError,
    StoreFormatError,
    StoreNotFound,
)

__all__ = [
    "BRANCH_FILE",
    "DATA_FILE",
    "MANIFEST_FILE",
    "OPENING_LOCK",
    "STORE_FORMAT",
    "WRITER_LOCK",
    "Manifest",
    "UnsyncedMark",
    "find_manifest",
    "fsync_directory",
    "new_manifest",
    "os_errors",
    "publish_manifest",
    "replace_manifest",
    "require_manifest",
]

STORE_FORMAT = 1
DATA_FILE = "data.mdb"
WRITER_LOCK = "writer.lock"
OPENING_LOCK = "opening.lock"
MANIFEST_FILE = "STORE.json"
BRANCH_FILE = "branch.json"
"""Says that a directory is a branch: a store over a store, whose own log may still be to come."""
_MANIFEST = MANIFEST_FILE
_MANIFEST_DRAFT = "STORE.json.new"
_UNSYNCED = "UNSYNCED"
_LOCKS = {WRITER_LOCK, OPENING_LOCK}
_UNFINISHED = {_MANIFEST_DRAFT, DATA_FILE, "lock.mdb"}
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Manifest(msgspec.Struct, frozen=True):
    """Which store a directory is, and in which format.

    `sealing` names the record that its payloads are sealed by; empty where they are plain.
    """

    store_id: str
    format: int
    sealing: str = ""


@contextlib.contextmanager
def os_errors(path: Path) -> Iterator[None]:
    """Turn what the operating system refuses at `path` into `StoreError`."""
    try:
        yield
    except OSError as error:
        raise StoreError(f"cannot use the store at {path}: {error.strerror}") from error


def find_manifest(path: Path) -> Manifest | None:
    """The manifest of a complete store; None where a store was never finished.

    Raises:
        StoreFormatError: something else is there, or a store of a newer release.
        StoreCorrupted: the manifest is there and the data file is not.
        StoreError: the directory cannot be read.
    """
    with os_errors(path):
        if not path.exists():
            return None
        if not path.is_dir():
            raise StoreFormatError(f"{path} is a file; a store is a directory")
        names = set(os.listdir(path))
        if _MANIFEST not in names:
            _refuse_foreign(path, names)
            return None
        manifest = _parse(path, (path / _MANIFEST).read_bytes())
        data = path / DATA_FILE
        if DATA_FILE not in names or data.stat().st_size == 0:
            raise StoreCorrupted(f"{data} is missing or empty; restore a backup")
        return manifest


def require_manifest(path: Path) -> Manifest:
    """The manifest of the store at `path`.

    Raises:
        StoreNotFound: nothing was created.
        StoreFormatError, StoreCorrupted, StoreError: see `find_manifest`.
    """
    manifest = find_manifest(path)
    if manifest is None:
        raise StoreNotFound(f"there is no store at {path}")
    return manifest


def new_manifest(path: Path) -> Manifest:
    """A manifest for a store still to be made; it is on disk as a draft."""
    manifest = Manifest(store_id=uuid.uuid4().hex, format=STORE_FORMAT)
    with os_errors(path):
        for leftover in _UNFINISHED:
            (path / leftover).unlink(missing_ok=True)
        _write_synced(path / _MANIFEST_DRAFT, msgspec.json.encode(manifest))
    return manifest


def publish_manifest(path: Path) -> None:
    """Make the draft the manifest: from now on the store exists."""
    with os_errors(path):
        fsync_directory(path)
        os.replace(path / _MANIFEST_DRAFT, path / _MANIFEST)
        fsync_directory(path)
        fsync_directory(path.resolve().parent)


def replace_manifest(path: Path, manifest: Manifest) -> None:
    """Say something else of a store that is there; the caller holds its lock."""
    with os_errors(path):
        _write_synced(path / _MANIFEST_DRAFT, msgspec.json.encode(manifest))
        os.replace(path / _MANIFEST_DRAFT, path / _MANIFEST)
        fsync_directory(path)


def fsync_directory(path: Path) -> None:
    """Make names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class UnsyncedMark:
    """Says, durably, that a writer has left flushing to the kernel, and under which boot.

    While the machine stays up nothing is lost, whatever dies. When the mark is found under
    another boot, the data file may be a mixture of old and new pages.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path / _UNSYNCED

    def set(self) -> None:
        """Write the mark; call it before the first write that is not flushed."""
        draft = self._file.with_suffix(".new")
        with os_errors(self._path):
            try:
                _write_synced(draft, _boot_id().encode())
                os.replace(draft, self._file)
            finally:  # half a mark would say that the machine had stopped
                draft.unlink(missing_ok=True)
            fsync_directory(self._path)

    def clear(self) -> None:
        """Remove the mark; call it after everything was flushed."""
        with os_errors(self._path):
            if self._file.exists():
                self._file.unlink()
                fsync_directory(self._path)

    def is_doubtful(self) -> bool:
        """True if a power loss may have hit writes that were not flushed."""
        with os_errors(self._path):
            if not self._file.exists():
                return False
            marked = self._file.read_text()
            return not marked or marked != _boot_id()


def _parse(path: Path, content: bytes) -> Manifest:
    try:
        manifest = msgspec.json.decode(content, type=Manifest)
    except msgspec.DecodeError as error:
        raise StoreFormatError(f"{path / _MANIFEST} is not the manifest of a store") from error
    if manifest.format > STORE_FORMAT:
        raise StoreFormatError(
            f"{path} was made by a newer release (format {manifest.format}, this release "
            f"reads up to {STORE_FORMAT}); upgrade to open it"
        )
    return manifest


def _refuse_foreign(path: Path, names: set[str]) -> None:
    if BRANCH_FILE in names or names <= _LOCKS:
        return
    if _MANIFEST_DRAFT in names and names <= _UNFINISHED | _LOCKS:
        return
    raise StoreFormatError(f"{path} is not empty and has no {_MANIFEST}: it is not a store")


def _boot_id() -> str:
    """Name of this run of the kernel; empty where the system has none, which never matches."""
    return _BOOT_ID.read_text().strip() if _BOOT_ID.exists() else ""


def _write_synced(file: Path, content: bytes) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    try:
        os.write(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
