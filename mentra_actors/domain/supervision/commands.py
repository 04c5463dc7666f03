"""What can be asked of the supervision of a store."""

from typing import TypeAlias

import msgspec

from mentra_actors.domain.supervision.events import RedriveEnd, letter_number
from mentra_actors.ids import CommandId, EffectId, StreamId

__all__ = [
    "DiscardLetter",
    "Letter",
    "LiftQuarantine",
    "RecordRedriveEnd",
    "RedriveLetter",
    "RedriveStream",
    "ReportDeath",
    "SupervisionCommand",
    "redrive_order",
]


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """A command on its way to be kept. `earlier` is the name that it had before, if it had one."""

    stream_id: StreamId
    command: str
    content: bytes
    deliveries: int
    is_outcome: bool = False
    causation: str = ""
    earlier: str = ""


class ReportDeath(msgspec.Struct, frozen=True, kw_only=True):
    """An actor died for good, or over a command: these streams are set aside, these letters kept.

    The first of the streams is the one that died.
    """

    command_id: CommandId
    cause: str
    now: float
    streams: tuple[StreamId, ...] = ()
    letters: tuple[Letter, ...] = ()


class LiftQuarantine(msgspec.Struct, frozen=True, kw_only=True):
    """Let a stream go on; its letters stay."""

    stream_id: StreamId
    command_id: CommandId
    now: float
    by: str = ""


class RedriveStream(msgspec.Struct, frozen=True, kw_only=True):
    """Let a stream go on, and deliver all its letters again, in their order."""

    stream_id: StreamId
    command_id: CommandId
    now: float
    by: str = ""


class RedriveLetter(msgspec.Struct, frozen=True, kw_only=True):
    """Deliver one letter again."""

    letter_id: str
    command_id: CommandId
    now: float
    by: str = ""


def redrive_order(
    what: str, *, command_id: CommandId, now: float, by: str
) -> RedriveLetter | RedriveStream:
    """What a person means who names a letter (`L17`) or a stream."""
    if letter_number(what):
        return RedriveLetter(letter_id=what, command_id=command_id, now=now, by=by)
    return RedriveStream(stream_id=StreamId(what), command_id=command_id, now=now, by=by)


class DiscardLetter(msgspec.Struct, frozen=True, kw_only=True):
    """Keep a letter no more."""

    letter_id: str
    command_id: CommandId
    now: float
    by: str = ""
    reason: str = ""


class RecordRedriveEnd(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a delivery."""

    effect_id: EffectId
    letter_id: str
    how: RedriveEnd
    now: float
    words: str = ""


SupervisionCommand: TypeAlias = (
    ReportDeath | LiftQuarantine | RedriveStream | RedriveLetter | DiscardLetter | RecordRedriveEnd
)
