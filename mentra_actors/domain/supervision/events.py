"""What needs a person: streams that were set aside, and commands that nobody could handle.

A report of a death is one append: the streams that are set aside by it and the letters that it
leaves. A letter stays until a person discards it, or has it delivered again (a redrive). One that
kills again comes back under a new name, and its count goes on.
"""

from typing import Literal, TypeAlias

import msgspec

from mentra_actors.ids import CommandId, EffectId, StreamId

__all__ = [
    "LetterDiscarded",
    "LetterKept",
    "LetterRedriven",
    "QuarantineLifted",
    "RedriveEnd",
    "RedriveEnded",
    "StreamQuarantined",
    "SupervisionEvent",
    "letter_number",
]

RedriveEnd: TypeAlias = Literal["accepted", "refused", "failed"]
"""The command was recorded, its decider said no, or it never came that far."""


class StreamQuarantined(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="supervision.stream_quarantined.v1",
):
    """The stream is set aside: its actor is not started until a person lifts it.

    `because_of` is the stream whose actor died, where that is a teammate's.
    """

    stream_id: StreamId
    cause: str
    quarantined_at: float
    because_of: StreamId = StreamId("")
    command_id: CommandId = CommandId("")


class QuarantineLifted(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="supervision.quarantine_lifted.v1",
):
    """The stream goes on with what is open."""

    stream_id: StreamId
    lifted_at: float
    lifted_by: str = ""
    command_id: CommandId = CommandId("")


class LetterKept(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="supervision.letter_kept.v1",
):
    """A command that was not handled. `content` is empty where it could not be encoded.

    `deliveries` are all deaths over it, also those under an earlier name; `redrives` says how
    often it was sent again before. `causation` is whose it was: of an outcome, the effect.
    """

    letter_id: str
    stream_id: StreamId
    command: str
    content: bytes
    cause: str
    deliveries: int
    kept_at: float
    is_outcome: bool = False
    causation: str = ""
    redrives: int = 0
    earlier: str = ""
    command_id: CommandId = CommandId("")


class LetterRedriven(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="supervision.letter_redriven.v1",
):
    """The letter is to be delivered again."""

    letter_id: str
    effect_id: EffectId
    redriven_at: float
    redriven_by: str = ""
    command_id: CommandId = CommandId("")


class RedriveEnded(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="supervision.redrive_ended.v1",
):
    """What came of a delivery. The letter is gone, unless it failed; `words` say of what."""

    letter_id: str
    effect_id: EffectId
    how: RedriveEnd
    ended_at: float
    words: str = ""


class LetterDiscarded(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="supervision.letter_discarded.v1",
):
    """A person has decided that nobody needs the letter."""

    letter_id: str
    discarded_at: float
    discarded_by: str = ""
    reason: str = ""
    command_id: CommandId = CommandId("")


SupervisionEvent: TypeAlias = (
    StreamQuarantined
    | QuarantineLifted
    | LetterKept
    | LetterRedriven
    | RedriveEnded
    | LetterDiscarded
)


def letter_number(letter_id: str) -> int:
    """How many letters had been kept with this one: 17 of `L17`; 0 if it is no letter's id."""
    number = letter_id[1:]
    is_named = letter_id[:1] == "L" and number.isascii() and number.isdecimal()
    return int(number) if is_named and len(number) < len(str(2**63)) else 0
