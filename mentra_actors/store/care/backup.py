"""Copies a store while it is being written, and makes sure of the copy.

The data file is copied first: one commit of it, without free pages. The small files come after,
so that the keys of a sealed store are at least those that its events need. What belongs to open
processes stays behind, and so do views, which any store makes again.
"""

import contextlib
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from mentra_actors.errors import ConfigurationError, StoreCorrupted, StoreError
from mentra_actors.store.care.copy_pages import copy_data_file
from mentra_actors.store.care.doctor import verify_store
from mentra_actors.store.care.new_directory import made_directory, refusals
from mentra_actors.store.care.report import OnProgress, Report
from mentra_actors.store.ownership.bell import BELL_FILE
from mentra_actors.store.store_directory import DATA_FILE, require_manifest

__all__ = ["Backup", "backup_store", "copy_small_files"]

_OWN_OR_REBUILT = (
    DATA_FILE,
    "*.lock",
    "lock.mdb",
    "*.new",
    BELL_FILE,
    "UNSYNCED",
    "views*",
    "petitions",
    "branches",
    ".*",
)
"""Patterns of names: the data file, what open processes use, what can be made again, and branches,
which are stores of their own."""
_MOST_BYTES = 64 << 20
"""Larger files are not taken for files of a store."""
_TRIES = 5


class Backup(msgspec.Struct, frozen=True, kw_only=True):
    """What was copied: what the doctor says of the copy, small files, and files left out."""

    report: Report
    files: tuple[str, ...]
    left_out: tuple[str, ...]


def backup_store(
    path: str | Path,
    target: str | Path,
    *,
    keys: str | Path | None = None,
    on_progress: OnProgress | None = None,
) -> Backup:
    """A verified copy of the store at `path`, as it is at one moment; it may be written meanwhile.

    The copy is a store: to restore it, put it where the store was. It has the same id. Nobody
    sees anything at `target` before all of it is on disk and verified. If the keys of a sealed
    store are not in its directory, name theirs in `keys`: they are looked at and not copied.

    Raises:
        ConfigurationError: there is something at `target`.
        StoreCorrupted: the store is damaged; there is no copy.
        StoreFull, StoreNotFound, StoreError: there is no copy.
    """
    path, target = Path(path), Path(target)
    require_manifest(path)
    if target.resolve().is_relative_to(path.resolve()):
        raise ConfigurationError(f"{target} lies within the store; name another place")
    with made_directory(target) as new, refusals(target):
        copy_data_file(path, new.path / DATA_FILE, on_progress=on_progress)
        files, left_out = copy_small_files(path, new.path)
        report = verify_store(new.path, is_alone=True, keys=keys, on_progress=on_progress)
        if not report.is_sound:
            raise StoreCorrupted(_damage(path, report).replace(str(new.path), str(path)))
        new.finish()
    return Backup(
        report=msgspec.structs.replace(report, path=str(target)), files=files, left_out=left_out
    )


def copy_small_files(path: Path, target: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Copy the small files, all as of one moment; which were copied, which were too large.

    Raises:
        StoreError: they changed again and again.
    """
    for _ in range(_TRIES):
        found = dict(_small_files(path))
        contents = _contents(path, [name for name, is_small in found.items() if is_small])
        # A change of keys replaces several files: take them as they were before, or after.
        if contents == _contents(path, list(contents)):
            break
    else:
        raise StoreError(f"the files in {path} change all the time; try again")
    for name, content in contents.items():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).touch(mode=0o600)
        (target / name).write_bytes(content)
        with contextlib.suppress(OSError):
            shutil.copystat(path / name, target / name)
    return tuple(sorted(contents)), tuple(sorted(found.keys() - contents.keys()))


def _contents(path: Path, names: Sequence[str]) -> dict[str, bytes]:
    found = {}
    for name in names:
        with contextlib.suppress(FileNotFoundError):
            found[name] = (path / name).read_bytes()
    return found


def _small_files(path: Path) -> Iterator[tuple[str, bool]]:
    """Names of files below a directory, and whether they are small."""
    for entry in sorted(path.iterdir()):
        if any(entry.match(pattern) for pattern in _OWN_OR_REBUILT) or entry.is_symlink():
            continue
        if entry.is_dir():
            yield from ((f"{entry.name}/{name}", fits) for name, fits in _small_files(entry))
        elif entry.is_file():
            yield entry.name, entry.stat().st_size <= _MOST_BYTES


def _damage(path: Path, report: Report) -> str:
    first = next(finding for finding in report.findings if finding.severity == "damage")
    what = f"{path} is damaged ({first.where}: {first.what})"
    return f"{what}, so there is no copy; see `mentra doctor`"
