"""Keeps parts of views from being read without a key."""

from typing import Protocol

__all__ = ["PartSeal"]


class PartSeal(Protocol):
    """Keeps parts from being read without a key."""

    @property
    def key_name(self) -> str:
        """Which key it is; views under another one are of no use."""
        ...

    def closed(self, row: bytes, part: bytes) -> bytes:
        """A part, sealed for its row."""
        ...

    def opened(self, row: bytes, sealed: bytes) -> bytes:
        """The part of a row.

        Raises:
            StoreCorrupted: it is not one that was sealed for this row.
        """
        ...
