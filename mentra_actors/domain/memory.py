"""What is remembered beyond a conversation: the facts of an agent, of a team, of the project.

What was said in a run, and what a compaction has made of it, stands on the log already: episodes
and summaries are records that are read off the agent's own stream and written nowhere again. A
memory knows of them only what is forgotten.

A record is never changed. It is forgotten by a second event, after which its id means nothing
any more: a command that comes again with it records nothing. The log keeps the words of a
forgotten record, as it keeps everything; searches and lists do not.
"""

import hashlib
from collections.abc import Sequence
from functools import reduce
from typing import Literal, TypeAlias, assert_never, get_args

import msgspec

from mentra_actors.decider import Decider
from mentra_actors.domain.layered_map import LayeredMap
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import EffectId, RunId

__all__ = [
    "MAX_FACT_BYTES",
    "MAX_TEXT_BYTES",
    "MEMORY",
    "SCOPES",
    "ForgetRecord",
    "FoundRecord",
    "MemoryCommand",
    "MemoryEvent",
    "MemoryForgotten",
    "MemoryKind",
    "MemoryRecord",
    "MemoryRecorded",
    "MemoryScope",
    "MemorySource",
    "MemoryState",
    "PinFact",
    "PinFacts",
    "PinOutcome",
    "episode_id",
    "fact_id_of",
    "is_read_off_the_log",
    "pin_outcome",
    "pinned_id",
    "summary_id",
]

MemoryKind: TypeAlias = Literal["fact", "summary", "episode"]
MemorySource: TypeAlias = Literal["manual_pin", "auto_ingest", "auto_compaction"]
MemoryScope: TypeAlias = Literal["agent", "team", "project"]
"""Whose a record is: one agent's, that of all members of a team, that of the whole store."""
SCOPES: tuple[MemoryScope, ...] = get_args(MemoryScope)

MAX_FACT_BYTES = 16_384
"""Longest fact, in UTF-8."""
MAX_TEXT_BYTES = 131_072
"""Longest episode or summary, in UTF-8; of a longer one the middle is left out."""
_MAX_ID_BYTES = 255
_EPISODE = "episode-"
_SUMMARY = "summary-"


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
    scope: MemoryScope = "agent"


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
    scope: MemoryScope = "agent"


class PinFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Remember all of these facts, or, if one is refused, none of them."""

    facts: tuple[PinFact, ...]


class ForgetRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Let a record of this memory be found no more, or one that is read off the agent's log."""

    record_id: str
    by: str
    now: float


MemoryCommand: TypeAlias = PinFact | PinFacts | ForgetRecord


PinOutcome: TypeAlias = Literal["added", "there", "forgotten", "differing"]
"""Of a fact: its words are `there`, its id was `forgotten`, or is that of `differing` words."""


class MemoryState(msgspec.Struct, frozen=True, kw_only=True):
    """Which ids are taken, and which words are pinned: not what the records say."""

    pins: LayeredMap[str, str] = LayeredMap()
    """Id of the pinned fact by the digest of its words; empty once that is forgotten."""
    digests: LayeredMap[str, str | None] = LayeredMap()
    """By id: the digest of a pinned fact, else empty; None for a record that is forgotten."""

    def is_live(self, record_id: str) -> bool:
        """True for a record that is there and not forgotten."""
        return self.digests.get(record_id) is not None

    def is_forgotten(self, record_id: str) -> bool:
        """True for an id that comes back no more."""
        return record_id in self.digests and not self.is_live(record_id)


class FoundRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A record that a search has found; the better, the higher its score. `why` is for people.

    `revision` is the version of its stream (the memory's, or the agent's) that made it.
    """

    record: MemoryRecord
    score: float
    why: str
    revision: int = 0


def fact_id_of(key: str) -> str:
    """A short record id that is the same for the same key and, as good as surely, for no other."""
    return f"fact-{hashlib.blake2b(key.encode(), digest_size=8).hexdigest()}"


def episode_id(run_id: RunId) -> str:
    """The record of what was said and done in a run."""
    return f"{_EPISODE}{run_id}"


def summary_id(effect_id: EffectId) -> str:
    """The record of the summary that a compaction has made."""
    return f"{_SUMMARY}{effect_id}"


def is_read_off_the_log(record_id: str) -> bool:
    """True for ids of episodes and summaries, which no fact can have."""
    return record_id.startswith((_EPISODE, _SUMMARY))


def pinned_id(state: MemoryState, command: PinFact) -> str | None:
    """The record that stands for a fact after its command; None if it was forgotten."""
    if command.record_id in state.digests:
        return command.record_id if state.is_live(command.record_id) else None
    return state.pins.get(_digest(command.content.strip())) or None


def decide(command: MemoryCommand, state: MemoryState) -> Sequence[MemoryEvent]:
    """Events that `command` causes.

    Raises:
        CommandRejected: the words are none or too many, or there is no such record to forget.
    """
    match command:
        case PinFact():
            return _pin(command, state)
        case PinFacts():
            return _pin_all(command, state)
        case ForgetRecord():
            return _forget(command, state)
        case _:
            assert_never(command)


def _pin(command: PinFact, state: MemoryState) -> Sequence[MemoryEvent]:
    content = _content(command.content)
    if _is_known(command.record_id, state) or state.pins.get(_digest(content)):
        return []
    record = MemoryRecord(
        record_id=command.record_id,
        kind="fact",
        content=content,
        source="manual_pin",
        recorded_at=command.now,
        by=command.by,
        pinned=True,
        scope=command.scope,
    )
    return [MemoryRecorded(record=record)]


def pin_outcome(state: MemoryState, command: PinFact) -> PinOutcome:
    """What a command does to a memory.

    Raises:
        CommandRejected: as `decide`.
    """
    if _pin(command, state):
        return "added"
    if state.pins.get(_digest(command.content.strip())):
        return "there"
    return "forgotten" if state.is_forgotten(command.record_id) else "differing"


def _pin_all(command: PinFacts, state: MemoryState) -> Sequence[MemoryEvent]:
    pinned: list[MemoryEvent] = []
    for fact in command.facts:
        try:
            events = _pin(fact, state)
        except CommandRejected as error:
            raise CommandRejected(f"of the fact {fact.record_id!r}: {error}") from error
        state = reduce(evolve, events, state)
        pinned += events
    return pinned


def _forget(command: ForgetRecord, state: MemoryState) -> Sequence[MemoryEvent]:
    if state.is_forgotten(command.record_id):
        return []
    is_known = state.is_live(command.record_id) or is_read_off_the_log(command.record_id)
    if not is_known:
        raise CommandRejected(f"this memory has no record {command.record_id!r}")
    return [MemoryForgotten(record_id=command.record_id, by=command.by, forgotten_at=command.now)]


def _content(content: str) -> str:
    content = content.strip()
    if not content:
        raise CommandRejected("there is nothing to remember: the text is empty")
    size = len(content.encode())
    if size > MAX_FACT_BYTES:
        raise CommandRejected(
            f"a fact of {size:,} bytes is over the limit of {MAX_FACT_BYTES:,}; "
            "shorten it, or write it to a file and remember its path"
        )
    return content


def _is_known(record_id: str, state: MemoryState) -> bool:
    if not record_id.strip() or len(record_id.encode()) > _MAX_ID_BYTES:
        raise CommandRejected(f"the id of a record has 1 to {_MAX_ID_BYTES} bytes")
    if is_read_off_the_log(record_id) and not state.is_live(record_id):
        raise CommandRejected(
            f"{record_id!r} is the id of a run or of a compaction; choose another one for a fact"
        )
    return record_id in state.digests


def _digest(content: str) -> str:
    return hashlib.blake2b(content.encode(), digest_size=16).hexdigest()


def evolve(state: MemoryState, event: MemoryEvent) -> MemoryState:
    """State after one event; an id that was forgotten stays so."""
    match event:
        case MemoryRecorded(record=record):
            return _recorded(state, record)
        case MemoryForgotten(record_id=record_id):
            return _forgotten(state, record_id)
        case _:
            assert_never(event)


def _recorded(state: MemoryState, record: MemoryRecord) -> MemoryState:
    if record.record_id in state.digests:
        return state
    digest = _digest(record.content) if record.pinned else ""
    pins = state.pins.with_entry(digest, record.record_id) if digest else state.pins
    return MemoryState(pins=pins, digests=state.digests.with_entry(record.record_id, digest))


def _forgotten(state: MemoryState, record_id: str) -> MemoryState:
    digest = state.digests.get(record_id) or ""
    is_pinned = bool(digest) and state.pins.get(digest) == record_id
    pins = state.pins.with_entry(digest, "") if is_pinned else state.pins
    return MemoryState(pins=pins, digests=state.digests.with_entry(record_id, None))


MEMORY: Decider[MemoryCommand, MemoryEvent, MemoryState, None] = Decider(
    category="memory",
    initial=MemoryState(),
    event_types=frozenset(get_args(MemoryEvent)),
    decide=decide,
    evolve=evolve,
    fold_version=2,
)
