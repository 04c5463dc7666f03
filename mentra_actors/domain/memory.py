"""What an agent remembers beyond its conversation: facts, episodes and summaries, a stream each.

A record is never changed. It is forgotten by a second event, after which its id means nothing
any more: a command that comes again with it records nothing. The log keeps the words of a
forgotten record, as it keeps everything; searches and lists do not.
"""

import hashlib
from collections.abc import Sequence
from typing import Literal, TypeAlias, assert_never, get_args

import msgspec

from mentra_actors.decider import Decider
from mentra_actors.errors import CommandRejected

__all__ = [
    "MAX_FACT_BYTES",
    "MAX_TEXT_BYTES",
    "MEMORY",
    "ForgetRecord",
    "FoundRecord",
    "MemoryCommand",
    "MemoryEvent",
    "MemoryForgotten",
    "MemoryKind",
    "MemoryRecord",
    "MemoryRecorded",
    "MemorySource",
    "MemoryState",
    "PinFact",
    "RecordEpisode",
    "RecordSummary",
    "fact_id_of",
    "pinned_id",
]

MemoryKind: TypeAlias = Literal["fact", "summary", "episode"]
MemorySource: TypeAlias = Literal["manual_pin", "auto_ingest", "auto_compaction"]

MAX_FACT_BYTES = 16_384
"""Longest fact, in UTF-8."""
MAX_TEXT_BYTES = 131_072
"""Longest episode or summary, in UTF-8; whoever records a longer one cuts it first."""
_MAX_ID_BYTES = 255


class MemoryRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something remembered. `by` is an agent's name, or `host` for the program around the team."""

    record_id: str
    kind: MemoryKind
    content: str
    source: MemorySource
    recorded_at: float
    """Unix seconds."""
    by: str
    pinned: bool = False


class MemoryRecorded(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="memory.recorded.v1"
):
    """A record is in the memory. No other one has, had, or will have its id."""

    record: MemoryRecord


class MemoryForgotten(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="memory.forgotten.v1"
):
    """A record is not to be found any more."""

    record_id: str
    by: str
    forgotten_at: float
    """Unix seconds."""


MemoryEvent: TypeAlias = MemoryRecorded | MemoryForgotten


class PinFact(msgspec.Struct, frozen=True, kw_only=True):
    """Remember a fact. One that is pinned already with the same words records nothing."""

    record_id: str
    content: str
    by: str
    now: float


class RecordEpisode(msgspec.Struct, frozen=True, kw_only=True):
    """Remember what was said and done in a run."""

    record_id: str
    content: str
    by: str
    now: float


class RecordSummary(msgspec.Struct, frozen=True, kw_only=True):
    """Remember a summary of a conversation that was shortened."""

    record_id: str
    content: str
    by: str
    now: float


class ForgetRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Let a record of this memory be found no more."""

    record_id: str
    by: str
    now: float


MemoryCommand: TypeAlias = PinFact | RecordEpisode | RecordSummary | ForgetRecord


class MemoryState(msgspec.Struct, frozen=True, kw_only=True):
    """Which ids are taken, and which words are pinned: not what the records say."""

    pins: dict[str, str] = {}
    """Id of the pinned fact that is not forgotten, by the digest of its words."""
    live: dict[str, str] = {}
    """Records that are not forgotten: the digest of a pinned fact, else empty, by id."""
    forgotten: frozenset[str] = frozenset()


class FoundRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A record that a search has found; the better, the higher its score. `why` is for people."""

    record: MemoryRecord
    score: float
    why: str


def fact_id_of(key: str) -> str:
    """A short record id that is the same for the same key and, as good as surely, for no other."""
    return f"fact-{hashlib.blake2b(key.encode(), digest_size=8).hexdigest()}"


def pinned_id(state: MemoryState, command: PinFact) -> str | None:
    """The record that stands for a fact after its command; None if it was forgotten."""
    if command.record_id in state.live:
        return command.record_id
    if command.record_id in state.forgotten:
        return None
    return state.pins.get(_digest(command.content.strip()))


def decide(command: MemoryCommand, state: MemoryState) -> Sequence[MemoryEvent]:
    """Events that `command` causes.

    Raises:
        CommandRejected: the words are none or too many, or there is no such record to forget.
    """
    match command:
        case PinFact():
            return _pin(command, state)
        case RecordEpisode():
            return _record(command, state, "episode", "auto_ingest")
        case RecordSummary():
            return _record(command, state, "summary", "auto_compaction")
        case ForgetRecord():
            return _forget(command, state)
        case _:
            assert_never(command)


def _pin(command: PinFact, state: MemoryState) -> Sequence[MemoryEvent]:
    content = _content(command.content, "fact", MAX_FACT_BYTES)
    if _is_known(command.record_id, state) or _digest(content) in state.pins:
        return []
    record = MemoryRecord(
        record_id=command.record_id,
        kind="fact",
        content=content,
        source="manual_pin",
        recorded_at=command.now,
        by=command.by,
        pinned=True,
    )
    return [MemoryRecorded(record=record)]


def _record(
    command: RecordEpisode | RecordSummary,
    state: MemoryState,
    kind: MemoryKind,
    source: MemorySource,
) -> Sequence[MemoryEvent]:
    content = _content(command.content, kind, MAX_TEXT_BYTES)
    if _is_known(command.record_id, state):
        return []
    record = MemoryRecord(
        record_id=command.record_id,
        kind=kind,
        content=content,
        source=source,
        recorded_at=command.now,
        by=command.by,
    )
    return [MemoryRecorded(record=record)]


def _forget(command: ForgetRecord, state: MemoryState) -> Sequence[MemoryEvent]:
    if command.record_id in state.forgotten:
        return []
    if command.record_id not in state.live:
        raise CommandRejected(f"this memory has no record {command.record_id!r}")
    return [MemoryForgotten(record_id=command.record_id, by=command.by, forgotten_at=command.now)]


def _content(content: str, kind: MemoryKind, most_bytes: int) -> str:
    content = content.strip()
    if not content:
        raise CommandRejected("there is nothing to remember: the text is empty")
    size = len(content.encode())
    if size > most_bytes:
        article = "an" if kind == "episode" else "a"
        raise CommandRejected(
            f"{article} {kind} of {size:,} bytes is over the limit of {most_bytes:,}; "
            "shorten it, or write it to a file and remember its path"
        )
    return content


def _is_known(record_id: str, state: MemoryState) -> bool:
    if not record_id.strip() or len(record_id.encode()) > _MAX_ID_BYTES:
        raise CommandRejected(f"the id of a record has 1 to {_MAX_ID_BYTES} bytes")
    return record_id in state.live or record_id in state.forgotten


def _digest(content: str) -> str:
    return hashlib.blake2b(content.encode(), digest_size=16).hexdigest()


def evolve(state: MemoryState, event: MemoryEvent) -> MemoryState:
    """State after one event; an id that was forgotten stays so."""
    match event:
        case MemoryRecorded():
            return _with_record(state, event.record)
        case MemoryForgotten():
            return _without_record(state, event.record_id)
        case _:
            assert_never(event)


def _with_record(state: MemoryState, record: MemoryRecord) -> MemoryState:
    record_id = record.record_id
    if record_id in state.live or record_id in state.forgotten:
        return state
    digest = _digest(record.content) if record.pinned else ""
    return MemoryState(
        pins={**state.pins, digest: record_id} if digest else state.pins,
        live={**state.live, record_id: digest},
        forgotten=state.forgotten,
    )


def _without_record(state: MemoryState, record_id: str) -> MemoryState:
    digest = state.live.get(record_id, "")
    pins, live = state.pins, state.live
    if record_id in live:
        live = {one: its for one, its in live.items() if one != record_id}
    if pins.get(digest) == record_id:
        pins = {one: its for one, its in pins.items() if one != digest}
    return MemoryState(pins=pins, live=live, forgotten=state.forgotten | {record_id})


MEMORY: Decider[MemoryCommand, MemoryEvent, MemoryState, None] = Decider(
    category="memory",
    initial=MemoryState(),
    event_types=frozenset(get_args(MemoryEvent)),
    decide=decide,
    evolve=evolve,
)
