"""Finds log records in the pages of a damaged file, without the trees that should lead to them.

A checksum covers a record and its position, so a record that is found by chance is one. It may be
older than the damage, and be in several pages; pages that are free hold records too.
"""

from collections.abc import Iterator

from mentra_actors.errors import StoreCorrupted, StoreFormatError
from mentra_actors.store.embedded.layout import decode_record, key_position
from mentra_actors.store.embedded.page_file import PageFile
from mentra_actors.store.embedded.pages import BIG, nodes_by_force, page_at

__all__ = ["RecordScan"]

_KEY_BYTES = 8


class RecordScan:
    """Where in a file the records from some position on are; only their places are kept."""

    def __init__(self, file: PageFile, first_position: int) -> None:
        """Look at every page of the file."""
        self._file = file
        self._places: dict[int, list[tuple[int, int]]] = {}
        for number in range(file.size_bytes // file.page_bytes):
            for place, (position, _) in enumerate(self._records(number)):
                if position >= first_position:
                    self._places.setdefault(position, []).append((number, place))

    def candidates(self, position: int) -> list[bytes]:
        """The different records that were found for a position, in no order."""
        found = set()
        for number, place in self._places.get(position, ()):
            for here, (_, value) in enumerate(self._records(number)):
                if here == place:
                    found.add(value)
        return list(found)

    def _records(self, number: int) -> Iterator[tuple[int, bytes]]:
        try:
            page = self._file.page(number)
        except StoreCorrupted:
            return
        for key, flags, size_bytes, data in nodes_by_force(page):
            if len(key) != _KEY_BYTES or flags & ~BIG:
                continue
            position = key_position(key)
            try:
                value = self._file.run(page_at(data, 0), size_bytes)[1] if flags else data
                decode_record(position, value)
            except (StoreCorrupted, StoreFormatError):
                continue
            yield position, value
