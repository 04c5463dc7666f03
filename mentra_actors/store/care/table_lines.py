"""The lines of what lies around the log: snapshots, blobs, marks, fences, answers, other rows.

Ticks have none: they are of use to the process that goes on with the store, and to no other.
Milestones have none: they come back from the log.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from mentra_actors.errors import StoreCorrupted, StoreFormatError, StreamArchived
from mentra_actors.ids import StreamId
from mentra_actors.store.care.export_lines import (
    ArchivedLine,
    BlobLine,
    FenceLine,
    Line,
    MarkLine,
    MetaLine,
    RequestLine,
    SideLine,
    SnapshotLine,
)
from mentra_actors.store.care.store_image import StoreImage
from mentra_actors.store.embedded.layout import decode_snapshot
from mentra_actors.store.embedded.milestones import is_milestone_key
from mentra_actors.store.embedded.requests import parse_request_row
from mentra_actors.store.embedded.tables import STORE_ID, decode_epoch, mark_value
from mentra_actors.store.embedded.ticks import is_tick_key
from mentra_actors.store.embedded.walk import MAIN_TREE
from mentra_actors.store.ports import Appended, blob_digest

__all__ = ["TableLines", "snapshot_line"]

L = TypeVar("L")


class TableLines:
    """Makes the lines of all tables but the log, which has given `versions` and `last_position`.

    `leave_out` is told of what is damaged, or tells of later events; it may raise. `is_cut` says
    that there were later events.
    """

    def __init__(
        self,
        image: StoreImage,
        versions: Mapping[StreamId, int],
        last_position: int,
        leave_out: Callable[[str], None],
        *,
        is_cut: bool,
    ) -> None:
        self._image = image
        self._versions = versions
        self._last_position = last_position
        self._leave_out = leave_out
        self._is_cut = is_cut

    def __iter__(self) -> Iterator[Line]:
        yield from self._snapshots()
        yield from self._rows("blobs", _blob_line)
        yield from self._marks()
        yield from self._rows("fences", _fence_line)
        yield from self._requests()
        yield from self._rows("meta", _meta_line)
        if not self._is_cut:
            yield from self._rows("side", _side_line)
        elif any(not _is_of_own_use(key) for key, _ in self._image.rows("side")):
            self._leave_out("rows of other libraries, as nobody knows of which events they tell")

    def _snapshots(self) -> Iterator[SnapshotLine | ArchivedLine]:
        lines: Iterator[SnapshotLine | ArchivedLine] = self._rows("snapshots", snapshot_line)
        for line in lines:
            has = self._versions.get(line.stream, 0)
            if not isinstance(line, SnapshotLine) or line.version <= has:
                yield line
            elif not self._is_cut:
                self._leave_out(f"the snapshot of {line.stream} is of version {line.version}")

    def _marks(self) -> Iterator[MarkLine]:
        """Where marks are unknown every stream gets one: an idle wake-up is cheap."""
        marks = list(self._rows("open", _mark_line))
        is_damaged = any(fault.table in ("open", MAIN_TREE) for fault in self._image.faults)
        if self._is_cut or is_damaged:
            names = sorted(self._versions, key=str.encode)
            marks = [MarkLine(stream=stream_id) for stream_id in names]
        yield from marks

    def _requests(self) -> Iterator[RequestLine]:
        ids: dict[int, str] = {}
        answers: dict[str, Appended] = {}
        for key, value in self._image.rows("requests"):
            try:
                first, second = parse_request_row(key, value)
            except StoreCorrupted as error:
                self._leave_out(str(error))
                continue
            if isinstance(second, Appended):
                answers[str(first)] = second
            else:
                ids[int(first)] = second
        for number, request_id in sorted(ids.items()):
            answer = answers.get(request_id)
            if answer is None or answer.last_position > self._last_position:
                if not self._is_cut:
                    self._leave_out(f"request {request_id!r} was answered with {answer}")
                continue
            yield RequestLine(
                number=number,
                request_id=request_id,
                first_position=answer.first_position,
                last_position=answer.last_position,
                versions=answer.versions,
            )

    def _rows(self, table: str, line_of: Callable[[bytes, bytes], L | None]) -> Iterator[L]:
        for key, value in self._image.rows(table):
            try:
                line = line_of(key, value)
            except (StoreCorrupted, StoreFormatError, UnicodeDecodeError) as error:
                self._leave_out(str(error))
                continue
            if line is not None:
                yield line


def snapshot_line(key: bytes, value: bytes) -> SnapshotLine | ArchivedLine:
    """The line of a row of snapshots.

    Raises:
        StoreCorrupted, StoreFormatError: it is none of this release.
    """
    stream_id = StreamId(key.decode())
    try:
        snapshot = decode_snapshot(stream_id, value)
    except StreamArchived as archived:
        return ArchivedLine(stream=stream_id, archive=archived.archive)
    return SnapshotLine(
        stream=stream_id,
        version=snapshot.stream_version,
        fold_version=snapshot.fold_version,
        payload_b64=snapshot.payload,
    )


def _blob_line(key: bytes, value: bytes) -> BlobLine:
    if blob_digest(value) != key.hex():
        raise StoreCorrupted(f"blob {key.hex()}: bytes on disk have changed")
    return BlobLine(digest=key.hex(), content_b64=value)


def _mark_line(key: bytes, value: bytes) -> MarkLine:
    if value not in (b"", mark_value(key)):
        raise StoreCorrupted(f"mark {key!r}: bytes on disk have changed")
    return MarkLine(stream=StreamId(key.decode()))


def _fence_line(key: bytes, value: bytes) -> FenceLine:
    return FenceLine(resource=key.decode(), epoch=decode_epoch(key, value))


def _meta_line(key: bytes, value: bytes) -> MetaLine | None:
    return None if key == STORE_ID else MetaLine(key=key.decode(), value_b64=value)


def _side_line(key: bytes, value: bytes) -> SideLine | None:
    return None if _is_of_own_use(key) else SideLine(key_b64=key, value_b64=value)


def _is_of_own_use(key: bytes) -> bool:
    return is_tick_key(key) or is_milestone_key(key)
