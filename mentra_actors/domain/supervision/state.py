"""Which streams are set aside and which letters wait, as the events say."""

from collections.abc import Mapping
from typing import assert_never

import msgspec

from mentra_actors.domain.known_ids import remembered
from mentra_actors.domain.supervision.events import (
    LetterDiscarded,
    LetterKept,
    LetterRedriven,
    QuarantineLifted,
    RedriveEnded,
    StreamQuarantined,
    SupervisionEvent,
    letter_number,
)
from mentra_actors.ids import CommandId, EffectId, StreamId

__all__ = [
    "MOST_LETTERS",
    "DeliverLetter",
    "KeptLetter",
    "Quarantine",
    "SupervisionState",
    "evolve",
    "pending",
]

MOST_LETTERS = 1000
"""Letters that a state knows; older ones stand on the log only."""


class DeliverLetter(msgspec.Struct, frozen=True, kw_only=True):
    """Send the command of a letter to its stream once more; its bytes stand on the log."""

    effect_id: EffectId
    letter_id: str
    stream_id: StreamId


class Quarantine(msgspec.Struct, frozen=True, kw_only=True):
    """Why a stream is set aside, and since when (Unix seconds)."""

    cause: str
    since: float
    because_of: StreamId = StreamId("")


class KeptLetter(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a letter without its bytes.

    `effect_id` is that of the delivery that is due, empty while it waits for a person; `problem`
    says why the last one failed. `causation` is that of the command.
    """

    letter_id: str
    stream_id: StreamId
    command: str
    cause: str
    deliveries: int
    kept_at: float
    is_outcome: bool = False
    causation: str = ""
    redrives: int = 0
    attempts: int = 0
    effect_id: EffectId = EffectId("")
    problem: str = ""


class SupervisionState(msgspec.Struct, frozen=True, kw_only=True):
    """Streams that are set aside, and letters by id, the oldest first.

    `kept` counts all letters that ever came; `left_out` those of them that still wait and are so
    old that only the log has them.
    """

    quarantined: dict[StreamId, Quarantine] = {}
    letters: dict[str, KeptLetter] = {}
    kept: int = 0
    left_out: int = 0
    known_commands: tuple[CommandId, ...] = ()


def evolve(state: SupervisionState, event: SupervisionEvent) -> SupervisionState:
    """State after one event."""
    if not isinstance(event, RedriveEnded) and event.command_id:
        known = remembered(_without(state.known_commands, event.command_id), event.command_id)
        state = msgspec.structs.replace(state, known_commands=known)
    match event:
        case StreamQuarantined():
            return _set_aside(state, event)
        case QuarantineLifted(stream_id=stream_id):
            left = {name: one for name, one in state.quarantined.items() if name != stream_id}
            return msgspec.structs.replace(state, quarantined=left)
        case LetterKept():
            return _with_letter(state, event)
        case LetterRedriven():
            return _begun(state, event)
        case RedriveEnded(how="failed"):
            return _changed(state, event.letter_id, effect_id=EffectId(""), problem=event.words)
        case RedriveEnded(letter_id=letter_id) | LetterDiscarded(letter_id=letter_id):
            letters = {name: one for name, one in state.letters.items() if name != letter_id}
            return msgspec.structs.replace(state, letters=letters)
        case _:
            assert_never(event)


def _without(known: tuple[CommandId, ...], command_id: CommandId) -> tuple[CommandId, ...]:
    return tuple(one for one in known if one != command_id)


def _set_aside(state: SupervisionState, event: StreamQuarantined) -> SupervisionState:
    """Deliveries to the stream that were due are none any more: its letters wait again."""
    quarantine = Quarantine(
        cause=event.cause, since=event.quarantined_at, because_of=event.because_of
    )
    letters = {
        name: msgspec.structs.replace(one, effect_id=EffectId(""))
        if one.stream_id == event.stream_id and one.effect_id
        else one
        for name, one in state.letters.items()
    }
    quarantined = {**state.quarantined, event.stream_id: quarantine}
    return msgspec.structs.replace(state, quarantined=quarantined, letters=letters)


def _with_letter(state: SupervisionState, event: LetterKept) -> SupervisionState:
    letters = {name: one for name, one in state.letters.items() if name != event.earlier}
    letters[event.letter_id] = KeptLetter(
        letter_id=event.letter_id,
        stream_id=event.stream_id,
        command=event.command,
        cause=event.cause,
        deliveries=event.deliveries,
        kept_at=event.kept_at,
        is_outcome=event.is_outcome,
        causation=event.causation,
        redrives=event.redrives,
    )
    left_out = state.left_out
    if len(letters) > MOST_LETTERS:
        oldest = next((name for name, one in letters.items() if not one.effect_id), "")
        left_out += letters.pop(oldest, None) is not None
    return msgspec.structs.replace(
        state,
        letters=letters,
        kept=max(state.kept + 1, letter_number(event.letter_id)),
        left_out=left_out,
    )


def _begun(state: SupervisionState, event: LetterRedriven) -> SupervisionState:
    letter = state.letters.get(event.letter_id)
    attempts = letter.attempts + 1 if letter else 0
    return _changed(state, event.letter_id, effect_id=event.effect_id, attempts=attempts)


def _changed(state: SupervisionState, letter_id: str, **fields: object) -> SupervisionState:
    letter = state.letters.get(letter_id)
    if letter is None:
        return state
    changed = msgspec.structs.replace(letter, **fields)
    return msgspec.structs.replace(state, letters={**state.letters, letter_id: changed})


def pending(state: SupervisionState) -> Mapping[EffectId, DeliverLetter]:
    """The deliveries that are due, one at a time for each stream, so that their order stays."""
    due: dict[StreamId, KeptLetter] = {}
    for letter in state.letters.values():
        if letter.effect_id:
            due.setdefault(letter.stream_id, letter)
    return {
        one.effect_id: DeliverLetter(
            effect_id=one.effect_id, letter_id=one.letter_id, stream_id=one.stream_id
        )
        for one in due.values()
    }
