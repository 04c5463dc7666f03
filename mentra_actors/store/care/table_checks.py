"""Checks what lies around the log: index, snapshots, blobs, marks, fences, answers, ticks.

The index is compared with the log both ways at once: for each stream the log left one number that
stands for the list of its entries, and the index must lead to the same one.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from mentra_actors.errors import StoreCorrupted, StoreFormatError, StreamArchived
from mentra_actors.ids import StreamId
from mentra_actors.store.care.blob_names import DIGEST_BYTES
from mentra_actors.store.care.log_check import Head, LogCheck, hash_entry
from mentra_actors.store.care.report import Findings
from mentra_actors.store.care.store_image import Row
from mentra_actors.store.embedded.layout import decode_snapshot
from mentra_actors.store.embedded.milestones import check_milestone, is_milestone_key
from mentra_actors.store.embedded.requests import parse_request_row
from mentra_actors.store.embedded.stream_index import IndexEntry
from mentra_actors.store.embedded.tables import decode_epoch, mark_value
from mentra_actors.store.embedded.ticks import is_tick_key, tick_number
from mentra_actors.store.ports import Appended, blob_digest
from mentra_actors.store.tick_rows import decode_tick

__all__ = [
    "by_position",
    "check_answers",
    "check_blobs",
    "check_fences",
    "check_index",
    "check_marks",
    "check_side",
    "check_snapshots",
    "read_answers",
]

_INDEX = "index"


def read_answers(rows: Iterable[Row], findings: Findings) -> dict[str, Appended]:
    """What was answered to which request; each must have a row by id and one by age."""
    by_id: dict[str, Appended] = {}
    by_age: set[str] = set()
    for key, value in rows:
        try:
            row = parse_request_row(key, value)
        except StoreCorrupted as error:
            findings.damage("requests", str(error))
            continue
        first, second = row
        if isinstance(second, Appended):
            by_id[str(first)] = second
        else:
            by_age.add(second)
    for request_id in sorted(by_id.keys() ^ by_age):
        findings.damage("requests", f"request {request_id!r} has one of its two rows")
    return by_id


def by_position(answers: Iterable[Appended]) -> dict[int, list[Appended]]:
    """Answers to appends that have events, by their first position."""
    found: dict[int, list[Appended]] = {}
    for answer in answers:
        if answer.last_position >= answer.first_position:
            found.setdefault(answer.first_position, []).append(answer)
    return found


def check_answers(answers: Mapping[str, Appended], log: LogCheck, findings: Findings) -> None:
    """No answer may tell of an append that is not on the log; nothing if the log is damaged."""
    if log.losses:
        return
    for request_id, answer in answers.items():
        has_events = answer.last_position >= answer.first_position
        is_on_log = (
            answer.first_position in log.answers_met
            if has_events
            else answer.last_position == answer.first_position - 1 <= log.last_position
        )
        if not is_on_log:
            what = f"request {request_id!r} was answered with {answer}, which is not on the log"
            findings.damage("requests", what)


def check_index(
    entries: Iterable[tuple[bytes, Sequence[bytes]]], log: LogCheck, findings: Findings
) -> None:
    """Compare the index with what the log left; of a damaged log only say how much differs."""
    seen: set[StreamId] = set()
    differing = 0
    for stream_id, hashed, odd in _streams(entries):
        seen.add(stream_id)
        head = log.heads.get(stream_id)
        if head is not None and head.entries_hash == hashed:
            continue
        differing += 1
        if not log.losses:
            findings.damage(_INDEX, _difference(stream_id, head, odd))
    for stream_id, head in log.heads.items():
        if stream_id not in seen:
            differing += 1
            if not log.losses:
                what = f"{stream_id}: the log has {head.version} events of it and the index none"
                findings.damage(_INDEX, what)
    if differing and log.losses:
        what = f"{differing} streams have other entries than the damaged log, which may be why"
        findings.warning(_INDEX, what)


def _streams(
    entries: Iterable[tuple[bytes, Sequence[bytes]]],
) -> Iterator[tuple[StreamId, int, IndexEntry | None]]:
    """Streams of the index: id, hash of all entries, the first one that does not follow."""
    present: bytes | None = None
    hashed = 0
    last = 0
    odd: IndexEntry | None = None
    for key, values in entries:
        if key != present:
            if present is not None:
                yield _named(present), hashed, odd
            present, hashed, last, odd = key, 0, 0, None
        for value in values:
            entry = IndexEntry.decode(value)
            if odd is None and entry.first_version != last + 1:
                odd = entry
            last = entry.last_version
            hashed = hash_entry(hashed, entry)
    if present is not None:
        yield _named(present), hashed, odd


def _named(key: bytes) -> StreamId:
    return StreamId(key.decode(errors="backslashreplace"))


def _difference(stream_id: StreamId, head: Head | None, odd: IndexEntry | None) -> str:
    if head is None:
        return f"{stream_id}: the index has entries of it and the log has no events"
    if odd is not None:
        return (
            f"{stream_id}: the entry of version {odd.first_version} (position "
            f"{odd.record_position}) does not follow the one before it"
        )
    return f"{stream_id}: its entries lead to other positions or versions than the log has"


def check_snapshots(rows: Iterable[Row], log: LogCheck, findings: Findings) -> int:
    """Each must be readable and of a version that its stream has; how many there are."""
    count = 0
    for key, value in rows:
        stream_id = _named(key)
        head = log.heads.get(stream_id)
        try:
            version = decode_snapshot(stream_id, value).stream_version
            count += 1
        except StreamArchived as archived:
            version = 0
            if not (log.archived_events or log.losses):
                findings.damage("snapshots", f"{archived}, but no event is archived")
        except (StoreCorrupted, StoreFormatError) as error:
            count += 1
            findings.damage("snapshots", str(error))
            continue
        if (head is None or head.version < version) and not log.losses:
            has = 0 if head is None else head.version
            what = f"snapshot of {stream_id}: it is of version {version}, the stream has {has}"
            findings.damage("snapshots", what)
    return count


def check_blobs(rows: Iterable[Row], log: LogCheck, findings: Findings) -> int:
    """Each must be what its name says, and those that events name must be there; how many."""
    count = 0
    missing = dict(log.blobs_named)
    for key, content in rows:
        count += 1
        missing.pop(key, None)
        if len(key) != DIGEST_BYTES or blob_digest(content) != key.hex():
            findings.damage("blobs", f"blob {key.hex()}: bytes on disk have changed")
    for digest, position in sorted(missing.items(), key=lambda item: item[1]):
        what = f"blob {digest.hex()} is named by an event and missing"
        findings.damage("blobs", what, position=position)
    return count


def check_marks(rows: Iterable[Row], log: LogCheck, findings: Findings) -> int:
    """Each must name a stream that there is; how many there are."""
    count = 0
    for key, value in rows:
        count += 1
        if value not in (b"", mark_value(key)):
            findings.damage("marks", f"the mark of {_named(key)} has changed on disk")
        elif _named(key) not in log.heads:
            findings.warning("marks", f"{_named(key)} is marked as open and has no events")
    return count


def check_fences(rows: Iterable[Row], log: LogCheck, findings: Findings) -> int:
    """No append may have been made with an epoch above all fences; how many fences there are."""
    count = highest = 0
    is_readable = True
    for key, value in rows:
        count += 1
        try:
            highest = max(highest, decode_epoch(key, value))
        except StoreCorrupted as error:
            is_readable = False
            findings.damage("fences", str(error))
    if log.highest_epoch > highest and is_readable:
        what = f"an append has epoch {log.highest_epoch}, and no fence is above {highest}"
        findings.warning("fences", what)
    return count


def check_side(rows: Iterable[Row], findings: Findings) -> int:
    """Each tick and milestone among the rows must be readable; how many ticks there are."""
    count = 0
    for key, value in rows:
        if is_milestone_key(key):
            try:
                check_milestone(key, value)
            except (StoreCorrupted, StoreFormatError) as error:
                findings.damage("milestones", str(error))
        if is_tick_key(key):
            count += 1
            try:
                decode_tick(tick_number(key), value)
            except (StoreCorrupted, StoreFormatError) as error:
                findings.damage("ticks", str(error))
    return count
