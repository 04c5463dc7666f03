"""Checks the log, record by record, in the order of positions.

What a record says must follow from those before it: the position is the next one, versions go on
where the stream stood, and the link is the hash of the content and of the links before it. After
a record that is damaged or missing nobody knows how its streams stood; so each stream is taken as
it comes, once, and the checks go on from there.
"""

import hashlib
from collections.abc import Mapping, Sequence

from mentra_actors.codec.event_codec import EventCodec
from mentra_actors.envelope import UnknownEvent
from mentra_actors.errors import StoreCorrupted, StoreFormatError
from mentra_actors.ids import StreamId
from mentra_actors.store.care.blob_names import named_blobs
from mentra_actors.store.care.report import Findings
from mentra_actors.store.embedded.layout import (
    LINKED_FORMAT,
    NO_LINK,
    LogRecord,
    RecordBytes,
    content_link,
    decode_record,
    key_position,
    split_record,
)
from mentra_actors.store.embedded.stream_index import IndexEntry, index_entries
from mentra_actors.store.ports import Appended
from mentra_actors.store.sealing.seal import SealHead, head_of

__all__ = ["LOG", "Head", "LogCheck"]

LOG = "log"
_POSITION_BYTES = 8
_FINGERPRINT_BYTES = 16


class Head:
    """Where a stream stands. `entries_hash` stands for all that the index must have of it."""

    __slots__ = ("entries_hash", "link", "losses", "position", "version")

    def __init__(self, losses: int) -> None:
        self.version = 0
        self.link = NO_LINK
        self.position = 0
        self.entries_hash = 0
        self.losses = losses
        """How many records had been lost when its last one was read."""

    def advance(self, entry: IndexEntry, link: bytes, losses: int) -> None:
        """Take over a record of the stream."""
        self.version = entry.last_version
        self.position = entry.record_position
        self.link = link
        self.entries_hash = hash_entry(self.entries_hash, entry)
        self.losses = losses


def hash_entry(before: int, entry: IndexEntry) -> int:
    """The hash of a list of entries from that of the list without its last one."""
    return hash((before, entry.first_version, entry.record_position, entry.event_count))


class LogCheck:
    """Takes the records of a log one after another; what is wrong goes to `findings`.

    `answers` are what was answered to request ids, by the first position of the append.
    """

    def __init__(
        self,
        findings: Findings,
        codec: EventCodec,
        *,
        answers: Mapping[int, Sequence[Appended]],
        is_sealed: bool = False,
        fingerprint_through: int | None = None,
    ) -> None:
        self.heads: dict[StreamId, Head] = {}
        self.last_position = 0
        self.first_bad_position: int | None = None
        self.records = self.archived_events = self.sealed_events = self.highest_epoch = 0
        self.events = 0
        self.unknown_tags: dict[str, int] = {}
        self.blobs_named: dict[bytes, int] = {}
        """Digests, each with the position of the first event that names it."""
        self.seals: dict[SealHead, int] = {}
        """How events are sealed, each with the position of the first one."""
        self.answers_met: set[int] = set()
        self.losses = 0
        self.fingerprint_position = 0
        self._findings = findings
        self._codec = codec
        self._known_tags = codec.event_types.keys() | codec.older_tags
        self._answers = answers
        self._is_sealed = is_sealed
        self._through = fingerprint_through
        self._fingerprint = hashlib.blake2b(digest_size=_FINGERPRINT_BYTES)
        self._next: int | None = 1
        """The position that must come; None if the record before it is damaged."""

    @property
    def last_good_position(self) -> int:
        """Up to here nothing speaks against the log."""
        bad = self.first_bad_position
        return self.last_position if bad is None else bad - 1

    @property
    def fingerprint(self) -> str:
        """Stands for the log up to `fingerprint_position`."""
        return self._fingerprint.hexdigest()

    def check(self, key: bytes, value: bytes) -> bool:
        """Take the next record; False if it cannot be read."""
        if len(key) != _POSITION_BYTES:
            self.lose(self.last_position + 1, f"a record lies at {key!r}, which is no position")
            return False
        position = key_position(key)
        if self._next is not None and position != self._next:
            self.lose(self._next, _gap(self._next, position))
        try:
            record = decode_record(position, value)
        except (StoreCorrupted, StoreFormatError) as error:
            self.lose(position, str(error))
            self._next = None
            self.last_position = max(self.last_position, position)
            return False
        self._take(position, record, split_record(value))
        return True

    def lose(self, position: int, what: str) -> None:
        """Something of the log is gone from `position` on."""
        self.losses += 1
        self._bad(position, what)

    def _take(self, position: int, record: LogRecord, record_bytes: RecordBytes) -> None:
        entries = index_entries(position, record)
        link, count = record_bytes.link, record_bytes.event_count
        self._check_chain(position, entries, record_bytes)
        if len(entries) != len(record.body.parts):
            self._check_parts(position, record)
        for stream_id, entry in entries.items():
            self.heads[stream_id].advance(entry, link, self.losses)
        if position in self._answers:
            self._check_answers(position, record, count)
        self._check_events(position, record)
        self.records += 1
        self.events += count
        self.highest_epoch = max(self.highest_epoch, record.body.epoch)
        self._next = position + count
        self.last_position = last = position + count - 1
        if self._through is None or last <= self._through:
            self.fingerprint_position = last
            self._fingerprint.update(b"%d %d" % (position, count) if link == NO_LINK else link)

    def _check_chain(
        self, position: int, entries: Mapping[StreamId, IndexEntry], record: RecordBytes
    ) -> None:
        links = []
        is_known = True
        for stream_id, entry in entries.items():
            head = self.heads.get(stream_id)
            if head is None:
                head = self.heads[stream_id] = Head(0)
            if head.losses != self.losses:
                is_known = False
            elif entry.first_version != head.version + 1:
                what = f"version {entry.first_version} of {stream_id} follows {head.version}"
                self._bad(position, what)
                is_known = False
            links.append(head.link)
        if (
            is_known
            and record.format == LINKED_FORMAT
            and content_link(record.content, links) != record.link
        ):
            self._bad(position, self._broken_link(entries))

    def _broken_link(self, entries: Mapping[StreamId, IndexEntry]) -> str:
        before = sorted({self.heads[one].position for one in entries} - {0})
        others = "".join(f", or the one at {one}" for one in before[-3:])
        return (
            f"the chain of {', '.join(entries)} breaks: this record{others} was rewritten, "
            "with a checksum that fits"
        )

    def _check_parts(self, position: int, record: LogRecord) -> None:
        """Several parts of one stream must follow each other."""
        versions: dict[StreamId, int] = {}
        for first, (stream_id, events) in zip(
            record.first_versions, record.body.parts, strict=True
        ):
            if versions.setdefault(stream_id, first) != first:
                self._bad(position, f"version {first} of {stream_id} is out of order")
            versions[stream_id] = first + len(events)

    def _check_events(self, position: int, record: LogRecord) -> None:
        decode = self._codec.decode_current
        removed = {one.part for one in record.removed}
        for number, (_, events) in enumerate(record.body.parts):
            if number in removed:
                self.archived_events += len(events)
                position += len(events)
                continue
            for tag, payload in events:
                event = decode(tag, payload)
                if event is None:
                    self._check_odd_event(position, tag, payload)
                elif b"digest" in payload:
                    self._note_blobs(position, event)
                position += 1

    def _check_odd_event(self, position: int, tag: str, payload: bytes) -> None:
        """One that is not of the present form: older, later, sealed, or no event at all."""
        if self._is_sealed:
            self.sealed_events += 1
            self.seals.setdefault(head_of(payload), position)
            return
        if tag not in self._known_tags:
            self.unknown_tags[tag] = self.unknown_tags.get(tag, 0) + 1
            return
        found = self._codec.decode(tag, payload)[0]
        if isinstance(found, UnknownEvent):
            what = f"{tag} does not decode: {found.reason}"
            self._findings.damage("event", what, position=position)

    def _note_blobs(self, position: int, event: object) -> None:
        for digest in named_blobs(event):
            self.blobs_named.setdefault(digest, position)

    def _check_answers(self, position: int, record: LogRecord, event_count: int) -> None:
        """The versions after each part must stand in the answer, in order; others may between."""
        self.answers_met.add(position)
        versions = [
            first + len(events) - 1
            for first, (_, events) in zip(record.first_versions, record.body.parts, strict=True)
        ]
        for answer in self._answers[position]:
            said = iter(answer.versions)
            is_all_said = all(version in said for version in versions)
            if answer.last_position != position + event_count - 1 or not is_all_said:
                what = f"a request was answered with {answer}, and the log says something else"
                self._findings.damage("requests", what, position=position)

    def _bad(self, position: int, what: str) -> None:
        if self.first_bad_position is None or position < self.first_bad_position:
            self.first_bad_position = position
        self._findings.damage(LOG, what, position=position)


def _gap(expected: int, found: int) -> str:
    if found < expected:
        return f"position {found} is in two records"
    if found == expected + 1:
        return f"position {expected} is missing"
    return f"positions {expected} to {found - 1} are missing"
