"""What any process may ask of the one that writes a store: the wishes of a person, as data.

A petition is applied by the normal path of commands, under its own name as the id of the command:
one that is applied twice, because somebody died in between, is recorded once.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, assert_never

import msgspec

from mentra_actors.domain.memory import MEMORY, MemoryRecorded
from mentra_actors.domain.permission_rules import RULES, scope_of
from mentra_actors.domain.schedules.schedules import SCHEDULES
from mentra_actors.domain.supervision.decide import SUPERVISION_STREAM
from mentra_actors.errors import (
    CommandRejected,
    ConnectionLost,
    Fenced,
    StoreCorrupted,
    StoreError,
    VersionConflict,
)
from mentra_actors.ids import CommandId, StreamId, category_of, name_of
from mentra_actors.runtime.wishes.jobs import CancelJobWish, job_order
from mentra_actors.runtime.wishes.members import (
    LetterWish,
    MemberWish,
    ReadMailWish,
    RespondWish,
    member_order,
)
from mentra_actors.runtime.wishes.permissions import (
    PermissionWish,
    RememberWish,
    ResolveWish,
    RevokeWish,
    permission_order,
)
from mentra_actors.runtime.wishes.schedules import (
    AddScheduleWish,
    ChangeScheduleWish,
    ScheduleWish,
    schedule_command,
)
from mentra_actors.runtime.wishes.supervision import (
    DiscardWish,
    LiftWish,
    RedriveWish,
    SupervisionWish,
    supervision_order,
)
from mentra_actors.runtime.wishes.teams import (
    ForgetRecordWish,
    ImportWish,
    RemoveWish,
    RenameWish,
    SeatWish,
    StopWish,
    TeachWish,
    TeamWish,
    conflict_told,
    team_order,
)
from mentra_actors.store.ownership.petition_box import PetitionBox
from mentra_actors.store.ports import Fence

__all__ = [
    "Petition",
    "PetitionAnswer",
    "Wish",
    "decode_answer",
    "encode_petition",
    "order_of",
    "take_petitions",
]

_log = logging.getLogger(__name__)


Wish: TypeAlias = (
    PermissionWish | MemberWish | TeamWish | SupervisionWish | ScheduleWish | CancelJobWish
)


class Petition(msgspec.Struct, frozen=True, kw_only=True):
    """A wish, and whose it is. `asked_at` is Unix seconds."""

    wish: Wish
    by: str
    asked_at: float


class PetitionAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it. `words` say why, if it was refused.

    `remembered` are the ids of the facts that it has recorded itself: of several petitions for the
    same fact one has it.
    """

    is_accepted: bool
    words: str = ""
    remembered: tuple[str, ...] = ()


_STREAM_BYTES = 255

Apply: TypeAlias = Callable[[StreamId, Any], Sequence[Any] | None]
"""Has a command recorded, gives back its events; None if that cannot be done now.

Raises CommandRejected."""


def encode_petition(petition: Petition) -> bytes:
    """A petition as it is left in a box."""
    return msgspec.json.encode(petition)


def decode_answer(content: bytes) -> PetitionAnswer:
    """The answer as it was left in a box.

    Raises:
        StoreCorrupted: it is none.
    """
    try:
        return msgspec.json.decode(content, type=PetitionAnswer)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise StoreCorrupted(f"the answer to a petition cannot be read: {error}") from error


def order_of(petition: Petition, name: str, now: float) -> tuple[StreamId, object]:
    """The command that a petition asks for, and to whom it goes."""
    wish, command_id, by = petition.wish, CommandId(name), petition.by
    match wish:
        case ResolveWish() | RememberWish() | RevokeWish():
            return permission_order(wish, command_id, by=by, now=now)
        case LetterWish() | RespondWish() | ReadMailWish():
            return member_order(wish, command_id, now=now)
        case StopWish() | RemoveWish() | RenameWish() | SeatWish():
            return team_order(wish, command_id, by=by, now=now)
        case TeachWish() | ImportWish() | ForgetRecordWish():
            return team_order(wish, command_id, by=by, now=now)
        case RedriveWish() | LiftWish() | DiscardWish():
            return SUPERVISION_STREAM, supervision_order(wish, command_id, by=by, now=now)
        case CancelJobWish():
            return job_order(wish, by=by, now=now)
        case AddScheduleWish(schedules=schedules) | ChangeScheduleWish(schedules=schedules):
            return schedules, schedule_command(wish, command_id, by=by, now=now)
        case _:
            assert_never(wish)


def take_petitions(box: PetitionBox, apply: Apply, now: Callable[[], float], fence: Fence) -> bool:
    """Take all that waits, in order; True if something of it has to wait longer. Blocks.

    One that cannot be answered waits, and holds up no other; the log says why. `fence` is that of
    this process, which owns the store.

    Raises:
        Fenced: another process owns the store by now, and takes what is left.
        StoreError: the box cannot be read; nothing is lost.
    """
    has_left = False
    for name in box.waiting():
        answer = _answer(box, name, apply, now)
        has_left |= answer is None or not _is_answered(box, name, answer, fence)
    return has_left


def _is_answered(box: PetitionBox, name: str, answer: PetitionAnswer, fence: Fence) -> bool:
    try:
        box.answer(name, msgspec.json.encode(answer), fence)
    except (Fenced, ConnectionLost):
        raise
    except StoreError as error:
        _log.warning("petition %s was taken and cannot be answered now: %s", name, error)
        return False
    return True


def _answer(
    box: PetitionBox, name: str, apply: Apply, now: Callable[[], float]
) -> PetitionAnswer | None:
    try:
        petition = _petition(box, name)
        stream_id, command = order_of(petition, name, now())
        _require_stream(stream_id, petition.wish)
        events = _applied(apply, stream_id, command)
    except CommandRejected as rejected:
        return PetitionAnswer(is_accepted=False, words=rejected.reason)
    if events is None:
        return None
    return PetitionAnswer(is_accepted=True, remembered=_ids(events))


def _ids(events: Sequence[object]) -> tuple[str, ...]:
    return tuple(one.record.record_id for one in events if isinstance(one, MemoryRecorded))


def _applied(apply: Apply, stream_id: StreamId, command: object) -> Sequence[object] | None:
    try:
        return apply(stream_id, command)
    except VersionConflict as conflict:
        raise conflict_told(conflict, command) from conflict


def _petition(box: PetitionBox, name: str) -> Petition:
    try:
        content = box.petition(name)
        if content is None:
            raise CommandRejected("the petition is gone")
        return msgspec.json.decode(content, type=Petition)
    except ConnectionLost:
        raise  # the petition may be sound
    except (StoreError, msgspec.MsgspecError, RecursionError) as error:
        raise CommandRejected(f"this is no petition that can be read here: {error}") from error


def _require_stream(stream_id: StreamId, wish: Wish) -> None:
    """Refuse what is no name of a stream of its kind, before anybody is woken for it."""
    is_sound = stream_id.isascii() and stream_id.isprintable() and len(stream_id) <= _STREAM_BYTES
    if isinstance(wish, ScheduleWish):
        is_sound = is_sound and category_of(stream_id) == SCHEDULES.category
    elif isinstance(wish, RememberWish | RevokeWish):
        is_scope = category_of(stream_id) == RULES.category and scope_of(name_of(stream_id))
        is_sound = is_sound and bool(is_scope)
    elif isinstance(wish, TeachWish | ImportWish | ForgetRecordWish):
        is_sound = is_sound and category_of(stream_id) == MEMORY.category
    if not is_sound:
        raise CommandRejected(f"{stream_id[:60]!r} is not a stream for this")
