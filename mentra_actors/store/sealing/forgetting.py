"""Forgetting a subject: a plan on disk, then steps that may be repeated, then the plan goes.

1. The plan names the key of the subject and the blobs that its events alone name.
2. The key gets its tombstone and is shredded. From here on nothing brings the events back.
3. The key files of the blobs are shredded.
4. The derived key is replaced, so that no snapshot and no view from before is good any more.

A crash leaves the plan, and who opens the store for writing next carries it out. Until then
nobody may read, because views could still show what is to be forgotten.
"""

from pathlib import Path

import msgspec

from mentra_actors.errors import StoreCorrupted
from mentra_actors.store.sealing.durable_files import file_errors, read_if_there, write_durably
from mentra_actors.store.sealing.key_ring import KeyRing
from mentra_actors.store.store_directory import fsync_directory

__all__ = ["ForgettingPlan", "begin_forgetting", "finish_forgetting", "is_forgetting"]

_PLAN = "FORGETTING.json"


class ForgettingPlan(msgspec.Struct, frozen=True):
    """A key id in hex, and names of key files of blobs."""

    key_id: str
    blob_names: tuple[str, ...]


def begin_forgetting(directory: Path, plan: ForgettingPlan) -> None:
    """Make a plan durable: it will be carried out, whatever happens."""
    write_durably(directory / _PLAN, msgspec.json.encode(plan))


def is_forgetting(directory: Path) -> bool:
    """True if there is a plan that was not carried out."""
    return read_if_there(directory / _PLAN) is not None


def finish_forgetting(directory: Path, ring: KeyRing) -> None:
    """Carry out the plan, if there is one; the caller holds the lock of the store.

    Raises:
        StoreError: it is not carried out, and the plan is still there.
    """
    file = directory / _PLAN
    content = read_if_there(file)
    if content is None:
        return
    try:
        plan = msgspec.json.decode(content, type=ForgettingPlan)
    except msgspec.DecodeError as error:
        raise StoreCorrupted(f"{file} is not a plan; restore a backup") from error
    ring.forget(bytes.fromhex(plan.key_id))
    for name in plan.blob_names:
        ring.files.shred(name)
    ring.replace_derived()
    with file_errors(file):
        file.unlink()
        fsync_directory(directory)
