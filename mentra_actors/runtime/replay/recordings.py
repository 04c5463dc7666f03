"""Runs as files: JSON lines that any later release reads and decides again.

    {"kind":"mentra-recording", ...}    whose run it is, and a digest of each request to a model
    {"kind":"append", ...}              one append, whole, as `mentra export` writes it
    {"kind":"end", ...}                 how many lines, and their digest

A file holds what was recorded of an agent and its subagents up to the end of a run: their streams,
their inboxes, and what else was written in the same appends. Positions are those of the store.
"""

import gzip
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TypeAlias

import msgspec

from mentra_actors.domain.agent.events import SubagentSpawned
from mentra_actors.envelope import RecordedEvent
from mentra_actors.errors import ConfigurationError, StoreError, StoreFormatError
from mentra_actors.ids import AgentId, StreamId, agent_stream, inbox_stream
from mentra_actors.runtime.replay.releases import ReleaseOf, ReleasesOfLog
from mentra_actors.runtime.replay.request_digests import request_digests
from mentra_actors.runtime.replay.stream_groups import agent_groups
from mentra_actors.runtime.replay.verification import Verification, verified
from mentra_actors.store.care.export_lines import (
    AppendLine,
    EndLine,
    EventLine,
    LineDigest,
    decode_line,
    encode_line,
)
from mentra_actors.store.care.export_store import new_lines_file
from mentra_actors.store.journal import Journal
from mentra_actors.store.memory_store import MemoryEventStore
from mentra_actors.store.ports import JournalReader, StoredEvent

__all__ = [
    "RECORDING_FORMAT",
    "Mask",
    "Recording",
    "RecordingHeader",
    "read_recording",
    "recording_faults",
    "write_recording",
]

RECORDING_FORMAT = 1
Mask: TypeAlias = Callable[[str], str]
"""A text without what nobody should read; the same text must always give the same."""

_DECODER = Journal(MemoryEventStore())


class RecordingHeader(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag_field="kind",
    tag="mentra-recording",
):
    """The first line. `requests` has a digest for each model call, by `stream/call`.

    `releases` have recorded what is in it, by the epochs of its appends.
    """

    format: int
    release: str
    agent: AgentId
    streams: tuple[StreamId, ...]
    run: str = ""
    through: int = 0
    requests: dict[str, str] = {}
    is_masked: bool = False
    releases: dict[int, str] = {}


class Recording(msgspec.Struct, frozen=True, kw_only=True):
    """What a file holds, as this release reads it."""

    header: RecordingHeader
    recorded: tuple[RecordedEvent[object], ...]


# --- writing ----------------------------------------------------------------------------------


def write_recording(
    reader: JournalReader,
    file: str | Path,
    agent_id: AgentId,
    *,
    run: str = "",
    through: int | None = None,
    mask: Mask | None = None,
) -> Recording:
    """Write the log of an agent up to a position to a new file; compressed if it ends in `.gz`.

    Raises:
        ConfigurationError: there is such a file, or no directory for it.
        StoreError: it cannot be written.
    """
    last = reader.last_position() if through is None else through
    groups = [[_masked(one, mask) for one in group] for group in _told(reader, agent_id, last)]
    recorded = [part for group in groups for one in group for part in _DECODER.decode(one)]
    streams = _agents_in(recorded, agent_id)
    header = RecordingHeader(
        format=RECORDING_FORMAT,
        release=version("mentra-actors"),
        agent=agent_id,
        streams=streams,
        run=run,
        through=last,
        requests=dict(_digests(recorded, streams)),
        is_masked=mask is not None,
        releases=_releases(reader, recorded),
    )
    try:
        with new_lines_file(Path(file)) as target:
            for line in _lines(header, groups, last):
                target.write(line)
    except OSError as error:
        raise StoreError(f"{file} cannot be written: {error.strerror}") from error
    return Recording(header=header, recorded=tuple(recorded))


def _told(reader: JournalReader, agent_id: AgentId, through: int) -> Iterator[list[StoredEvent]]:
    """The appends of an agent and of the agents that it makes, and those to their inboxes."""
    groups = agent_groups(reader, [agent_id], through=through)
    for group in groups:
        for stored in group:
            event = _DECODER.decode(stored)[0].event
            if isinstance(event, SubagentSpawned) and stored.stream_id in groups:
                child = event.profile.agent_id
                groups.add(agent_stream(child))
                groups.add(inbox_stream(child))
        yield group


def _masked(stored: StoredEvent, mask: Mask | None) -> StoredEvent:
    if mask is None:
        return stored
    try:
        told = msgspec.msgpack.decode(stored.payload)
    except msgspec.DecodeError:  # of a key that was destroyed
        return stored
    return msgspec.structs.replace(stored, payload=msgspec.msgpack.encode(_hidden(told, mask)))


def _hidden(value: object, mask: Mask) -> object:
    if isinstance(value, str):
        masked = mask(value)
        if type(masked) is not str:
            raise TypeError(f"a mask gives a text for a text, not {masked!r}")
        return masked
    if isinstance(value, dict):
        return {name: _hidden(one, mask) for name, one in value.items()}
    return [_hidden(one, mask) for one in value] if isinstance(value, list) else value


def _releases(reader: JournalReader, recorded: Iterable[RecordedEvent[object]]) -> dict[int, str]:
    release_of = ReleasesOfLog(Journal(reader))
    return {epoch: release_of(epoch) for epoch in sorted({one.epoch for one in recorded})}


def _agents_in(
    recorded: Iterable[RecordedEvent[object]], agent_id: AgentId
) -> tuple[StreamId, ...]:
    found = {agent_stream(agent_id): None}
    for one in recorded:
        if isinstance(one.event, SubagentSpawned) and one.stream_id in found:
            found[agent_stream(one.event.profile.agent_id)] = None
    return tuple(found)


def _lines(
    header: RecordingHeader, groups: Iterable[Sequence[StoredEvent]], last: int
) -> Iterator[bytes]:
    digest = LineDigest()
    first = msgspec.json.encode(header) + b"\n"
    for line in (first, *(encode_line(_append_line(group)) for group in groups)):
        digest.add(line)
        yield line
    yield encode_line(EndLine(last_position=last, lines=digest.lines, digest=digest.digest))


def _append_line(group: Sequence[StoredEvent]) -> AppendLine:
    first = group[0]
    return AppendLine(
        position=first.global_position,
        recorded_at_ns=first.recorded_at_ns,
        epoch=first.epoch,
        causation=first.causation,
        correlation=first.correlation,
        link="",
        events=tuple(
            EventLine(
                stream=one.stream_id,
                version=one.stream_version,
                tag=one.event_type,
                payload_b64=one.payload,
            )
            for one in group
        ),
    )


# --- reading ----------------------------------------------------------------------------------


def read_recording(file: str | Path) -> Recording:
    """What a file holds; it may be of any release up to this one.

    Raises:
        ConfigurationError: there is no such file.
        StoreError: it cannot be read, is no recording, or is damaged.
    """
    lines = _read_lines(Path(file))
    try:
        header = msgspec.json.decode(lines[0], type=RecordingHeader)
        end = decode_line(lines[-1])
    except (IndexError, msgspec.DecodeError) as error:
        raise StoreFormatError(
            f"{file} is no recording of a run: its first line is no header of one, or its last "
            "line no end"
        ) from error
    if header.format > RECORDING_FORMAT:
        raise StoreFormatError(
            f"{file} was written by the newer mentra-actors {header.release}: update this one"
        )
    digest = LineDigest()
    for line in lines[:-1]:
        digest.add(line)
    if not isinstance(end, EndLine) or end.digest != digest.digest:
        raise StoreFormatError(f"{file} is damaged: its lines are not those that were written")
    recorded = [one for line in lines[1:-1] for one in _events(line, file)]
    return Recording(header=header, recorded=tuple(recorded))


def _read_lines(file: Path) -> list[bytes]:
    try:
        content = file.read_bytes()
        if file.suffix == ".gz":
            content = gzip.decompress(content)
    except FileNotFoundError:
        raise ConfigurationError(f"there is no recording {file}") from None
    except (OSError, EOFError, zlib.error) as error:
        why = getattr(error, "strerror", None) or error
        raise StoreError(f"{file} cannot be read: {why}") from error
    return content.splitlines(keepends=True)


def _events(line: bytes, file: str | Path) -> Iterator[RecordedEvent[object]]:
    try:
        append = decode_line(line)
    except msgspec.DecodeError as error:
        raise StoreFormatError(f"{file} is no recording of a run: a line of it is none") from error
    if not isinstance(append, AppendLine):
        return
    for offset, one in enumerate(append.events):
        stored = StoredEvent(
            global_position=append.position + offset,
            stream_id=one.stream,
            stream_version=one.version,
            event_type=one.tag,
            payload=one.payload_b64,
            recorded_at_ns=append.recorded_at_ns,
            epoch=append.epoch,
            causation=append.causation,
            correlation=append.correlation,
        )
        yield from _DECODER.decode(stored)


def recording_faults(recording: Recording) -> tuple[Verification, Sequence[str]]:
    """What today's code decides otherwise, and the model calls that it would ask otherwise."""
    header = recording.header
    found = verified(recording.recorded, streams=header.streams, release_of=_release_in(header))
    now = dict(_digests(recording.recorded, header.streams))
    changed = [call for call, digest in header.requests.items() if now.get(call) != digest]
    return found, changed


def _release_in(header: RecordingHeader) -> ReleaseOf:
    return lambda epoch: header.releases.get(epoch, "")


def _digests(
    recorded: Iterable[RecordedEvent[object]], streams: Sequence[StreamId]
) -> Iterator[tuple[str, str]]:
    by_stream: dict[StreamId, list[object]] = {one: [] for one in streams}
    for one in recorded:
        if one.stream_id in by_stream:
            by_stream[one.stream_id].append(one.event)
    for stream_id, events in by_stream.items():
        for call, digest in request_digests(events).items():
            yield f"{stream_id}/{call}", digest
