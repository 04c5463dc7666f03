"""The keys of an encrypted store: one for each subject, one for what is derived, one of its own.

* A subject's key is in a file whose name is a hash, and `known/` has an empty file of that name.
  When it is forgotten that one becomes a tombstone, and then the key is shredded. So a key that
  was forgotten and a file that was lost are two things. Who is named again afterwards gets a new
  key of another name.
* Snapshots and views hold text of many subjects. They are sealed with the derived key, which every
  forgetting replaces: they are worthless then, wherever a copy is left, and made anew.
* The store's own key seals what is about nobody, and hides the names of blobs.
"""

import hashlib
import threading
from pathlib import Path

from mentra_actors.errors import StoreCorrupted, WrongKey
from mentra_actors.store.sealing.data_key import KEY_BYTES, KEY_ID_BYTES, DataKey, new_secret
from mentra_actors.store.sealing.durable_files import (
    create_durably,
    read_if_there,
    write_durably,
)
from mentra_actors.store.sealing.options import OWN_SUBJECT
from mentra_actors.store.sealing.sealing_record import find_record
from mentra_actors.store.sealing.wrapped_files import WrappedFiles

__all__ = ["DERIVED", "FORGOTTEN", "KNOWN", "KeyRing"]

KNOWN = "known"
"""The directory that says which keys there were."""
FORGOTTEN = b"forgotten"
DERIVED = "derived"
_CACHED_KEYS = 4096
_NAME_BYTES = 16


class KeyRing:
    """Finds keys, and makes those that are missing if this process writes the store.

    Safe from any thread.
    """

    def __init__(self, directory: Path, sealing_id: str, files: WrappedFiles) -> None:
        self._directory = directory
        self._sealing_id = sealing_id.encode()
        self._files = files
        self._making = threading.Lock()
        self._by_id: dict[bytes, DataKey | None] = {}
        self._by_subject: dict[str, DataKey] = {}
        self._seen_at = 0
        self._own_secret = b""

    @property
    def files(self) -> WrappedFiles:
        """Where the keys are."""
        return self._files

    def own(self) -> DataKey:
        """The store's own key."""
        return self.of_subject(OWN_SUBJECT)

    def of_subject(self, subject: str) -> DataKey:
        """The key to seal with; a new one is durable on return.

        Raises:
            StoreError: there is no key, and none can be kept.
        """
        found = self._by_subject.get(subject)
        if found is not None:
            return found
        with self._making:
            key_id = self.live_id(subject)
            key = self.by_id(key_id) if self._is_known(key_id) else self._made(key_id)
            if key is None:
                raise StoreCorrupted(f"the key {key_id.hex()} is alive and forgotten at once")
            self._keep_few()
            self._by_subject[subject] = key
        return key

    def by_id(self, key_id: bytes) -> DataKey | None:
        """The key that a payload names; None if it was forgotten.

        Raises:
            StoreCorrupted: its file is lost or damaged.
            WrongKey: the master key was changed since this store was opened.
        """
        if key_id in self._by_id:
            return self._by_id[key_id]
        key = self._read(key_id)
        self._keep_few()
        self._by_id[key_id] = key
        return key

    def derived(self) -> DataKey:
        """The key of what can be made again from the log.

        Raises:
            StoreCorrupted: its file is lost or damaged.
        """
        stored = self._files.read(DERIVED)
        if stored is None:
            raise StoreCorrupted(
                f"{self._files.directory / DERIVED} is missing; open the store for writing once"
            )
        return DataKey(stored[:KEY_ID_BYTES], stored[KEY_ID_BYTES:])

    def replace_derived(self, *, only_if_missing: bool = False) -> None:
        """Make snapshots and views worthless; the old key is overwritten first."""
        if only_if_missing and self._files.read(DERIVED) is not None:
            return
        self._files.shred(DERIVED)
        self._files.create(DERIVED, new_secret()[:KEY_ID_BYTES] + new_secret())

    def live_id(self, subject: str) -> bytes:
        """Id of the key that a subject has, or would get."""
        generation = 0
        while self.is_forgotten(key_id := self._id_of(subject, generation)):
            generation += 1
        return key_id

    def has_key(self, subject: str) -> bool:
        """True if something was sealed for this subject and is not forgotten."""
        return self._is_known(self.live_id(subject))

    def is_forgotten(self, key_id: bytes) -> bool:
        """True if there is a tombstone for this key."""
        return read_if_there(self._known(key_id)) == FORGOTTEN

    def forget(self, key_id: bytes) -> None:
        """Bury a key: first the tombstone, then the shredding. It may be done twice."""
        write_durably(self._known(key_id), FORGOTTEN)
        self._files.shred(key_id.hex())
        self.drop_cached()

    def notice_changes(self) -> None:
        """Cache nothing over a change of the files; for readers beside another process."""
        changed_at = self._files.changed_at()
        if changed_at != self._seen_at:
            self.drop_cached()
            self._seen_at = changed_at

    def drop_cached(self) -> None:
        """Look at the files again."""
        self._by_id = {}
        self._by_subject = {}

    def blob_name(self, digest: str) -> str:
        """Name of the file with the key of a blob; it cannot be told from the content."""
        if not self._own_secret:
            name = self._id_of(OWN_SUBJECT, 0).hex()
            self._own_secret = self._files.read(name) or b""
            if not self._own_secret:
                raise StoreCorrupted(f"the key file {self._files.directory / name} is missing")
        named = hashlib.blake2b(digest.encode(), key=self._own_secret, digest_size=_NAME_BYTES)
        return named.hexdigest()

    def _made(self, key_id: bytes) -> DataKey | None:
        self._files.create(key_id.hex(), new_secret())
        create_durably(self._known(key_id), b"", is_flushed=self._files.is_flushed)
        key = self._read(key_id)  # if another process was faster, it is that one's
        if key is not None:
            self._by_id[key_id] = key
        return key

    def _read(self, key_id: bytes) -> DataKey | None:
        if self.is_forgotten(key_id):
            return None
        secret = self._files.read(key_id.hex())
        if secret is not None and len(secret) == KEY_BYTES:
            return DataKey(key_id, secret)
        if self.is_forgotten(key_id):
            return None
        record = find_record(self._directory)
        if record is None or record.keys != self._files.directory.name:
            raise WrongKey(
                f"the master key of {self._directory} was changed; open the store again with it"
            )
        raise StoreCorrupted(
            f"the key file {self._files.directory / key_id.hex()} is missing and was not "
            "forgotten; restore it from a backup"
        )

    def _keep_few(self) -> None:
        if len(self._by_id) + len(self._by_subject) > _CACHED_KEYS:
            self.drop_cached()

    def _is_known(self, key_id: bytes) -> bool:
        return read_if_there(self._known(key_id)) is not None

    def _id_of(self, subject: str, generation: int) -> bytes:
        named = f"{generation}:{subject}".encode()
        return hashlib.blake2b(named, key=self._sealing_id, digest_size=KEY_ID_BYTES).digest()

    def _known(self, key_id: bytes) -> Path:
        return self._directory / KNOWN / key_id.hex()
