"""Wishes about dead letters and about streams that are set aside."""

from typing import TypeAlias, assert_never

import msgspec

from mentra_actors.domain.supervision.commands import (
    DiscardLetter,
    LiftQuarantine,
    SupervisionCommand,
    redrive_order,
)
from mentra_actors.ids import CommandId, StreamId

__all__ = ["DiscardWish", "LiftWish", "RedriveWish", "SupervisionWish", "supervision_order"]


class RedriveWish(msgspec.Struct, frozen=True, kw_only=True, tag="redrive.v1"):
    """Deliver a dead letter again by its id; or lift a stream and deliver all its letters."""

    what: str


class LiftWish(msgspec.Struct, frozen=True, kw_only=True, tag="lift.v1"):
    """Let a stream go on that is set aside."""

    stream_id: StreamId


class DiscardWish(msgspec.Struct, frozen=True, kw_only=True, tag="discard_letter.v1"):
    """Keep a dead letter no more."""

    letter_id: str
    reason: str = ""


SupervisionWish: TypeAlias = RedriveWish | LiftWish | DiscardWish


def supervision_order(
    wish: SupervisionWish, command_id: CommandId, *, by: str, now: float
) -> SupervisionCommand:
    """The command that a wish stands for."""
    match wish:
        case RedriveWish(what=what):
            return redrive_order(what, command_id=command_id, now=now, by=by)
        case LiftWish(stream_id=stream_id):
            return LiftQuarantine(stream_id=stream_id, command_id=command_id, now=now, by=by)
        case DiscardWish(letter_id=letter_id, reason=reason):
            return DiscardLetter(
                letter_id=letter_id, command_id=command_id, now=now, by=by, reason=reason
            )
        case _:
            assert_never(wish)
