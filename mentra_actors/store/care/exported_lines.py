"""What the lines of an export are made of: one image of a store, table by table.

A whole export stops at damage. An export up to a position is for what is left of a damaged store:
the log must be sound up to there, and other rows that are damaged, or tell of later positions, are
left out and noted.
"""

from collections.abc import Iterator

import msgspec

from mentra_actors.codec.event_codec import CODEC
from mentra_actors.envelope import UnknownEvent
from mentra_actors.errors import ConfigurationError, StoreCorrupted, StoreFormatError
from mentra_actors.ids import StreamId, category_of
from mentra_actors.store.care.export_lines import (
    EXPORT_FORMAT,
    AppendLine,
    EventLine,
    Header,
    Line,
    append_line,
)
from mentra_actors.store.care.store_image import StoreImage
from mentra_actors.store.care.table_lines import TableLines
from mentra_actors.store.embedded.layout import decode_record, key_position, split_record
from mentra_actors.store.store_directory import Manifest

__all__ = ["ExportScope", "ExportedLines"]


class ExportScope(msgspec.Struct, frozen=True, kw_only=True):
    """What of a store is exported; everything if nothing is said.

    `through` is a position. With `streams` or `categories` only events of these are, which is
    good for reading and not for importing. With `is_readable` events stand there in JSON too.
    """

    through: int | None = None
    streams: frozenset[StreamId] = frozenset()
    categories: frozenset[str] = frozenset()
    is_readable: bool = False

    @property
    def is_partial(self) -> bool:
        """True if it is not for importing."""
        return bool(self.streams or self.categories)

    def has(self, stream_id: StreamId) -> bool:
        """True if events of this stream are asked for."""
        return (
            not self.is_partial
            or stream_id in self.streams
            or category_of(stream_id) in self.categories
        )

    @property
    def words(self) -> str:
        """What a partial export has, for its header."""
        names = [f"stream {one}" for one in sorted(self.streams)]
        return ", ".join([*names, *(f"category {one}" for one in sorted(self.categories))])


class ExportedLines:
    """Makes the lines of one image, but for the last one."""

    def __init__(self, image: StoreImage, manifest: Manifest, scope: ExportScope) -> None:
        self.last_position = 0
        self.notes: list[str] = []
        """What was left out, and why."""
        self._image = image
        self._manifest = manifest
        self._scope = scope
        self._versions: dict[StreamId, int] = {}
        self._is_cut = False

    def __iter__(self) -> Iterator[Line]:
        scope = self._scope
        yield Header(
            format=EXPORT_FORMAT,
            store_id=self._manifest.store_id,
            schema=self._manifest.format,
            sealing=self._manifest.sealing,
            through=scope.through,
            partial=scope.words,
        )
        self._check_faults()
        yield from self._appends()
        if not scope.is_partial:
            yield from TableLines(
                self._image,
                self._versions,
                self.last_position,
                self._leave_out,
                is_cut=self._is_cut,
            )
            self._check_faults()

    def _appends(self) -> Iterator[AppendLine]:
        through = self._scope.through
        for key, value in self._image.rows("log"):
            if through is not None and self.last_position >= through:
                self._is_cut = True
                break
            position = key_position(key)
            if position != self.last_position + 1:
                raise self._damage(f"position {self.last_position + 1} cannot be read")
            try:
                record = decode_record(position, value)
            except (StoreCorrupted, StoreFormatError) as error:
                raise self._damage(str(error)) from error
            pieces = split_record(value)
            last = position + pieces.event_count - 1
            if through is not None and last > through:
                self._is_cut = True
                break
            self.last_position = last
            for first, (stream_id, events) in zip(
                record.first_versions, record.body.parts, strict=True
            ):
                self._versions[stream_id] = first + len(events) - 1
            line = self._shown(append_line(position, record, pieces.link))
            if line is not None:
                yield line
        if through is not None and self.last_position < through and not self._is_cut:
            raise ConfigurationError(f"the log ends at position {self.last_position}")

    def _shown(self, line: AppendLine) -> AppendLine | None:
        """What is asked for of a line; None if it is nothing of it."""
        scope = self._scope
        events = line.events
        if scope.is_partial:
            events = tuple(
                msgspec.structs.replace(event, position=line.position + place)
                for place, event in enumerate(events)
                if scope.has(event.stream)
            )
        if scope.is_readable:
            events = tuple(_readable(event) for event in events)
        return msgspec.structs.replace(line, events=events) if events else None

    def _check_faults(self) -> None:
        if self._image.faults_count:
            self._leave_out(self._image.faults[0].what)

    def _leave_out(self, what: str) -> None:
        if self._scope.through is None:
            raise self._damage(what)
        self.notes.append(what)

    def _damage(self, what: str) -> StoreCorrupted:
        last = self.last_position
        hope = f"; what is before it can be exported through position {last}" if last else ""
        return StoreCorrupted(f"the store is damaged: {what}{hope}")


def _readable(event: EventLine) -> EventLine:
    found = CODEC.decode(event.tag, event.payload_b64)
    if isinstance(found[0], UnknownEvent):
        return event
    return msgspec.structs.replace(event, event=msgspec.Raw(msgspec.json.encode(found[0])))
