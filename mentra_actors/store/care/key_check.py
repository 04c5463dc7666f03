"""Checks the keys and dictionaries of a sealed store, as far as that goes without its master key.

What is there is compared with what must be there: by the record, by the names of the keys that
there were, and by the keys and dictionaries that events name. Nothing is unwrapped.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from mentra_actors.errors import StoreCorrupted, StoreError
from mentra_actors.store.care.blob_names import DIGEST_BYTES
from mentra_actors.store.care.report import Findings
from mentra_actors.store.sealing.data_key import KEY_BYTES, KEY_ID_BYTES, NONCE_BYTES
from mentra_actors.store.sealing.dictionaries import Dictionaries
from mentra_actors.store.sealing.durable_files import DRAFT, file_errors, read_if_there
from mentra_actors.store.sealing.key_ring import DERIVED, FORGOTTEN, KNOWN
from mentra_actors.store.sealing.seal import SealHead
from mentra_actors.store.sealing.sealing_record import (
    SEALING_FILE,
    SealingRecord,
    find_record,
)

__all__ = ["check_keys"]

_KEYS = "keys"
_KEYS_NAME = re.compile(r"keys-[0-9]+")
_WRAPPING_BYTES = NONCE_BYTES + 16
_DERIVED_BYTES = KEY_ID_BYTES + KEY_BYTES + _WRAPPING_BYTES
_BYTES_BY_DIGITS = {
    2 * KEY_ID_BYTES: KEY_BYTES + _WRAPPING_BYTES,
    2 * DIGEST_BYTES: KEY_BYTES + 2 * DIGEST_BYTES + _WRAPPING_BYTES,
}
"""Sizes of the key files of subjects and of blobs, by the length of their names."""
_TRIES = 5


def check_keys(
    directory: Path, sealing_id: str, seals: Mapping[SealHead, int], findings: Findings
) -> None:
    """Look at the sealing directory of a store; `seals` are of its events, with positions.

    `sealing_id` is empty if nobody knows which sealing the store has.
    """
    try:
        record = find_record(directory)
        if record is None:
            findings.damage(_KEYS, _missing(directory))
        elif sealing_id not in ("", record.sealing_id):
            findings.damage(_KEYS, f"{directory} holds the keys of another store")
        else:
            _check_files(directory, record, seals, findings)
    except (StoreError, ValueError) as error:
        findings.damage(_KEYS, f"{error}; restore it from a backup")


def _missing(directory: Path) -> str:
    if directory.is_dir():
        return f"{directory / SEALING_FILE} is missing; restore it from a backup"
    return (
        f"the store is sealed and its keys and dictionaries are not here: {directory} is missing; "
        "restore it, or name the directory where they are kept (--keys)"
    )


def _check_files(
    directory: Path,
    record: SealingRecord,
    seals: Mapping[SealHead, int],
    findings: Findings,
) -> None:
    faults: list[str] = []
    for _ in range(_TRIES):
        faults = list(_faults(directory, record, seals))
        now = find_record(directory)
        if now is None or now.keys == record.keys:
            break
        record = now  # the master key was changed meanwhile
    for what in faults:
        findings.damage(_KEYS, what)
    if record.is_encrypted and not (directory / record.keys / DERIVED).exists():
        what = "the key of snapshots and views is missing; the next opening for writing makes it"
        findings.warning(_KEYS, what)


def _faults(
    directory: Path, record: SealingRecord, seals: Mapping[SealHead, int]
) -> Iterator[str]:
    sealed = {head: at for head, at in seals.items() if at > record.plain_through}
    named = max((head.compression - 1 for head in sealed), default=0)
    yield from _dictionary_faults(directory, named, is_encrypted=record.is_encrypted)
    if not record.is_encrypted:
        return
    if not _KEYS_NAME.fullmatch(record.keys):
        yield f"{directory / SEALING_FILE} names the keys {record.keys!r}, which nobody made"
        return
    missing = [one for one in (KNOWN, record.keys) if not (directory / one).is_dir()]
    if missing:
        yield f"{directory / missing[0]} is missing; restore it from a backup"
        return
    yield from _key_faults(directory, directory / record.keys)
    known = _names(directory / KNOWN)
    for head, position in sealed.items():
        name = head.key_id.hex()
        if name and name not in known:
            yield f"the event at position {position} needs the key {name}, which is not known"


def _key_faults(directory: Path, keys: Path) -> Iterator[str]:
    names = _names(keys)
    for name in sorted(_names(directory / KNOWN)):
        content = read_if_there(directory / KNOWN / name)
        if content not in (b"", FORGOTTEN):
            yield f"{directory / KNOWN / name} is not what was written; restore it from a backup"
        elif name not in names and read_if_there(directory / KNOWN / name) != FORGOTTEN:
            yield (
                f"the key file {keys / name} is missing and was not forgotten; restore it from a "
                "backup"
            )
    for name in sorted(names):
        size = _DERIVED_BYTES if name == DERIVED else _BYTES_BY_DIGITS.get(len(name))
        content = read_if_there(keys / name)
        if content is not None and size is not None and len(content) != size:
            yield f"the key file {keys / name} has {len(content)} bytes, not {size}; restore it"


def _dictionary_faults(directory: Path, named: int, *, is_encrypted: bool) -> Iterator[str]:
    dictionaries = Dictionaries(directory, None)
    for number in range(1, max(named, dictionaries.newest) + 1):
        if is_encrypted:
            file = directory / f"dictionary-{number}"
            content = read_if_there(file)
            if not content:
                yield f"dictionary {file} is missing or empty; restore it from a backup"
            continue
        try:
            dictionaries.get(number)
        except StoreCorrupted as error:
            yield str(error)


def _names(directory: Path) -> set[str]:
    with file_errors(directory):
        return {one.name for one in directory.iterdir() if not one.name.endswith(DRAFT)}
