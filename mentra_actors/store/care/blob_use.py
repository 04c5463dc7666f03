"""Which blobs of a store nobody could ever ask for again.

A blob is kept if its name stands anywhere: in a payload, a snapshot, a row of another library. So
where payloads cannot be looked into, because they are sealed or of no known form, all are kept.
"""

from collections.abc import Collection, Iterator

import msgspec

from mentra_actors.codec.event_codec import CODEC
from mentra_actors.store.care.blob_names import possible_names
from mentra_actors.store.care.store_image import StoreImage
from mentra_actors.store.embedded.layout import LogRecord
from mentra_actors.store.embedded.milestones import is_milestone_key

__all__ = ["BlobUse"]


class BlobUse:
    """Sees everything that is stored, and what of it leaves the store."""

    def __init__(self, digests: Iterator[bytes]) -> None:
        self.blind_to = ""
        """The tag of an event that could not be looked into; all blobs are kept because of it."""
        self.leaving: set[bytes] = set()
        """Blobs that are named by what leaves; what stays may name them as well."""
        self._all = frozenset(digests)
        self._unused = set(self._all)

    @property
    def unused(self) -> frozenset[bytes]:
        """Blobs that nothing names of what stays."""
        return frozenset() if self.blind_to else frozenset(self._unused)

    def see_record(self, record: LogRecord, leaving: Collection[int]) -> None:
        """Everything that a record says; some of its parts leave."""
        removed = {one.part for one in record.removed}
        for number, (_, events) in enumerate(record.body.parts):
            if number in removed or self.blind_to:
                continue
            for tag, payload in events:
                if not _is_transparent(tag, payload):
                    self.blind_to = tag
                elif number in leaving:
                    self.leaving.update(self._all.intersection(possible_names(payload)))
                else:
                    self.see(payload)

    def see(self, content: bytes) -> None:
        """Bytes that stay, in which names of blobs may stand."""
        self._unused.difference_update(possible_names(content))

    def see_tables(self, image: StoreImage) -> None:
        """Everything around the log that may name a blob."""
        for table in ("snapshots", "requests", "side", "meta"):
            for key, value in image.rows(table):
                if table == "side" and is_milestone_key(key):
                    continue  # all that it names is named by events, and may leave with them
                self.see(key)
                self.see(value)


def _is_transparent(tag: str, payload: bytes) -> bool:
    """True if all that a payload says is text in it."""
    if CODEC.decode_current(tag, payload) is not None:
        return True
    try:
        found = msgspec.msgpack.decode(payload)
    except (msgspec.DecodeError, RecursionError, TypeError):
        return _is_text(payload)
    return not any(isinstance(one, bytes) for one in _values(found))


def _is_text(payload: bytes) -> bool:
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        return False
    return all(letter.isprintable() or letter.isspace() for letter in text)


def _values(value: object) -> Iterator[object]:
    yield value
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _values(key)
            yield from _values(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _values(inner)
