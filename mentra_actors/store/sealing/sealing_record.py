"""How a store is sealed, as its sealing directory says: `SEALING.json`.

The record of an encrypted store is signed by the master key: nobody without it can change how the
store is read, and a wrong key shows before anything is opened.
"""

from pathlib import Path

import msgspec

from mentra_actors.errors import StoreCorrupted, StoreFormatError, WrongKey
from mentra_actors.store.sealing.durable_files import read_if_there, write_durably
from mentra_actors.store.sealing.master_key import MasterKey
from mentra_actors.store.sealing.options import CompressionMode

__all__ = [
    "SEALING_DIRECTORY",
    "SEALING_FILE",
    "SealingRecord",
    "changed_record",
    "find_record",
    "unlocked",
    "write_record",
]

SEALING_FILE = "SEALING.json"
SEALING_DIRECTORY = "sealing"
"""Where keys and dictionaries are, in the directory of a store, if nothing else is said."""
_FORMAT = 1
_KEY_CHECK = b"mentra-actors key check"


class SealingRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be known to read a sealed store.

    Events up to `plain_through` were written before it was sealed. `keys` is the directory of
    the wrapped keys; empty without encryption. `key_check` and `signature` are of the master key.
    While the record `is_draft` nothing is sealed by it.
    """

    sealing_id: str
    compression: CompressionMode
    plain_through: int = 0
    is_draft: bool = False
    keys: str = ""
    key_check: str = ""
    signature: str = ""
    format: int = _FORMAT

    @property
    def is_encrypted(self) -> bool:
        """True if it takes a key to read the store."""
        return bool(self.keys)

    def signed(self, master: MasterKey) -> "SealingRecord":
        """The same, signed by `master`."""
        checked = msgspec.structs.replace(self, key_check=master.signature(_KEY_CHECK))
        return msgspec.structs.replace(checked, signature=master.signature(_signed_part(checked)))


def find_record(directory: Path) -> SealingRecord | None:
    """The record of a sealing directory; None where there is none.

    Raises:
        StoreFormatError: it was made by a newer release, or is something else.
        StoreError: it cannot be read.
    """
    content = read_if_there(directory / SEALING_FILE)
    if content is None:
        return None
    try:
        record = msgspec.json.decode(content, type=SealingRecord)
    except msgspec.DecodeError as error:
        raise StoreFormatError(
            f"{directory / SEALING_FILE} says nothing that can be read"
        ) from error
    if record.format > _FORMAT:
        raise StoreFormatError(f"{directory} was made by a newer release; upgrade to open it")
    return record


def write_record(directory: Path, record: SealingRecord) -> None:
    """Let this be the record from now on, durably."""
    write_durably(directory / SEALING_FILE, msgspec.json.encode(record))


def changed_record(
    directory: Path, record: SealingRecord, master: MasterKey | None
) -> SealingRecord:
    """Write a record that says something else than before, signed if there is a key."""
    changed = record if master is None else record.signed(master)
    write_record(directory, changed)
    return changed


def unlocked(record: SealingRecord, key: bytes | None, directory: Path) -> MasterKey | None:
    """The master key of an encrypted store, if `key` is it; None for one that is not encrypted.

    Raises:
        WrongKey: it is not, or one is missing, or one too many.
        StoreCorrupted: the key is right and the record was changed without it.
    """
    if not record.is_encrypted:
        if key is not None:
            raise WrongKey(
                f"the store of {directory} is compressed and not encrypted: open it without a "
                "key, or export it into a new store that has one"
            )
        return None
    if key is None:
        raise WrongKey(f"the store of {directory} is encrypted: give its key")
    master = MasterKey(key, record.sealing_id)
    if not master.has_signed(_KEY_CHECK, record.key_check):
        raise WrongKey(f"the store of {directory} is encrypted with another key")
    if not master.has_signed(_signed_part(record), record.signature):
        raise StoreCorrupted(f"{directory / SEALING_FILE} was changed; restore a backup")
    return master


def _signed_part(record: SealingRecord) -> bytes:
    return msgspec.json.encode(msgspec.structs.replace(record, signature=""))
