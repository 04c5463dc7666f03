"""Makes the data file of a store smaller, and moves settled streams to an archive and back.

Nothing is changed in place: the new file is made beside the old one, verified, and renamed over
it. Whoever is killed before that leaves the old store, and after it the new one.
"""

from collections.abc import Collection
from pathlib import Path

import msgspec

from mentra_actors.errors import ConfigurationError, StoreFormatError
from mentra_actors.ids import AgentId, StreamId, agent_stream, category_of, name_of
from mentra_actors.store.archived_parts import ArchiveName
from mentra_actors.store.care.archive_edits import Restoring, TakingOut
from mentra_actors.store.care.archive_lines import (
    parts_to_archive,
    read_archive,
    write_archive,
)
from mentra_actors.store.care.blob_use import BlobUse
from mentra_actors.store.care.replaced_file import locked_store
from mentra_actors.store.care.report import OnProgress, Report
from mentra_actors.store.care.store_image import opened_image
from mentra_actors.store.embedded.layout import decode_record, key_position
from mentra_actors.store.store_directory import require_manifest

__all__ = ["Compacted", "compact_store", "restore_archive"]

_ARCHIVED_BY_AGE = frozenset({"agent", "inbox"})
"""Other streams are of use for as long as the team is."""
_OF_TEAMS = _ARCHIVED_BY_AGE | {"background", "board", "lease", "memory", "rules", "team"}
"""Who reads other streams, as recorders do, may not know what an archived event is. The category
of a recorder has a `_`, so none of these is one."""


class Compacted(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a store; `report` is what the doctor says of the new data file.

    `streams` with `events` and `archived_blobs` went to an archive or came back; `dropped_blobs`
    are gone, as nothing named them. `blobs_kept_for` is the tag of an event that cannot be looked
    into: then no blob is touched.
    """

    report: Report
    size_bytes_before: int
    streams: tuple[StreamId, ...] = ()
    events: int = 0
    archived_blobs: int = 0
    dropped_blobs: int = 0
    blobs_kept_for: str = ""


def compact_store(
    path: str | Path,
    *,
    archive: str | Path | None = None,
    streams: Collection[str] = (),
    before_ns: int | None = None,
    on_progress: OnProgress | None = None,
) -> Compacted:
    """Leave out free pages, and blobs that nothing names; with `archive`, move streams to a file.

    Which ones: those in `streams`, and agents and inboxes without an event since `before_ns`
    (Unix time). A stream with open work, or of another library, is refused by name, or passed
    over if only its age would choose it. Nobody may be writing the store; readers go on.

    Raises:
        ConfigurationError: a stream cannot be archived, or the file exists; nothing was changed.
        StoreLocked, StoreCorrupted, StoreFull, StoreError: the store is as it was.
    """
    path = Path(path)
    if (archive is None) != (not streams and before_ns is None):
        raise ConfigurationError("an archive needs streams, and streams to archive need a file")
    with locked_store(path, on_progress) as replacement:
        chosen = _chosen(path, frozenset(map(StreamId, streams)), before_ns)
        use = _blob_use(path, chosen)
        name = None
        if archive is not None and chosen:
            name = write_archive(path, Path(archive), chosen, use.unused & use.leaving)
        edit = TakingOut(chosen, name, use.unused)
        has_changes = name is not None or bool(use.unused)
        report = replacement.replace(edit if has_changes else None)
    return Compacted(
        report=msgspec.structs.replace(report, path=str(path)),
        size_bytes_before=replacement.report.size_bytes,
        streams=tuple(sorted(chosen)),
        events=edit.events,
        archived_blobs=len(use.unused & use.leaving),
        dropped_blobs=len(use.unused - use.leaving),
        blobs_kept_for=use.blind_to,
    )


def restore_archive(
    path: str | Path, archive: str | Path, *, on_progress: OnProgress | None = None
) -> Compacted:
    """Put back what an archive holds: payloads, snapshots and blobs are as they were.

    Raises:
        StoreFormatError: the file is no archive of this store.
        ConfigurationError: nothing of it is missing.
        StoreCorrupted: the archive, or the store, is damaged; nothing was changed.
        StoreLocked, StoreFull, StoreError: the store is as it was.
    """
    path, file = Path(path), Path(archive)
    header, digest = read_archive(file)
    if header.store_id != require_manifest(path).store_id:
        raise StoreFormatError(f"{file} is an archive of another store, {header.store_id}")
    edit = Restoring(file, ArchiveName(file.name, digest), header.archived)
    with locked_store(path, on_progress) as replacement:
        report = replacement.replace(edit)
    return Compacted(
        report=msgspec.structs.replace(report, path=str(path)),
        size_bytes_before=replacement.report.size_bytes,
        streams=header.archived,
        events=edit.events,
    )


class _Survey:
    """What one look at a store says of its streams and blobs."""

    def __init__(self, path: Path) -> None:
        self.last_ns: dict[StreamId, int] = {}
        self.in_log: set[StreamId] = set()
        """Streams with events that are not archived."""
        with opened_image(path, is_alone=True) as image:
            for key, value in image.rows("log"):
                record = decode_record(key_position(key), value)
                removed = {one.part for one in record.removed}
                for number, (stream_id, _) in enumerate(record.body.parts):
                    self.last_ns[stream_id] = record.body.recorded_at_ns
                    if number not in removed:
                        self.in_log.add(stream_id)
            self.open = {StreamId(key.decode()) for key, _ in image.rows("open")}

    def has_work(self, stream_id: StreamId) -> bool:
        """True if it, or the owner of this inbox, is to be woken at the next opening."""
        is_inbox = category_of(stream_id) == "inbox"
        owner = agent_stream(AgentId(name_of(stream_id))) if is_inbox else stream_id
        return stream_id in self.open or owner in self.open

    def older_than(self, before_ns: int) -> set[StreamId]:
        """Agents and inboxes that rest since then and are not archived."""
        return {
            stream_id
            for stream_id in self.in_log
            if self.last_ns[stream_id] < before_ns
            and category_of(stream_id) in _ARCHIVED_BY_AGE
            and not self.has_work(stream_id)
        }


def _chosen(
    path: Path, streams: frozenset[StreamId], before_ns: int | None
) -> frozenset[StreamId]:
    """Streams to archive.

    Raises:
        ConfigurationError: one that was named cannot be.
    """
    if not streams and before_ns is None:
        return frozenset()
    survey = _Survey(path)
    for what, unfit in (
        ("there is no stream", streams - survey.last_ns.keys()),
        (
            "only streams of a team can be archived, unlike",
            {one for one in streams if category_of(one) not in _OF_TEAMS},
        ),
        ("archived already:", (streams & survey.last_ns.keys()) - survey.in_log),
        ("there is open work in", {one for one in streams if survey.has_work(one)}),
    ):
        if unfit:
            raise ConfigurationError(f"{what} {', '.join(sorted(unfit))}; nothing was archived")
    older = set() if before_ns is None else survey.older_than(before_ns)
    return frozenset(streams | older)


def _blob_use(path: Path, chosen: frozenset[StreamId]) -> BlobUse:
    """Which blobs are named by what stays, and which only by what goes."""
    with opened_image(path, is_alone=True) as image:
        use = BlobUse(key for key, _ in image.rows("blobs"))
        if not use.unused:
            return use
        for key, value in image.rows("log"):
            record = decode_record(key_position(key), value)
            use.see_record(record, parts_to_archive(record, chosen))
        use.see_tables(image)
        return use
