"""Seals parts of views: they hold text of everybody, and can be made again from the log."""

from mentra_actors.errors import StoreCorrupted
from mentra_actors.store.sealing.data_key import DataKey, SealBroken
from mentra_actors.store.sealing.seal import Seal, exactly

__all__ = ["PartSeal"]


class PartSeal:
    """Seals with one derived key for as long as it lives, whatever is forgotten meanwhile.

    So what a process folded before a forgetting never gets under a key that is good after it.
    """

    def __init__(self, seal: Seal, key: DataKey) -> None:
        self._seal = seal
        self._key = key
        self._find_key = exactly(key)

    @property
    def key_name(self) -> str:
        """Tells views under one key from those under another."""
        return self._key.key_id.hex()

    def closed(self, row: bytes, part: bytes) -> bytes:
        """A part, sealed for its row."""
        return self._seal.closed(part, _context(row), self._key)

    def opened(self, row: bytes, sealed: bytes) -> bytes:
        """The part of a row.

        Raises:
            StoreCorrupted: these bytes are not one, or not of this row, or of another key.
        """
        try:
            return self._seal.opened(sealed, _context(row), self._find_key)
        except SealBroken as error:
            raise StoreCorrupted(f"the view part {row!r} does not open") from error


def _context(row: bytes) -> bytes:
    return b"part:" + row
