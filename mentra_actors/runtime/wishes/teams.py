"""Wishes of a person about who is in a team, and about what its members remember."""

from typing import TypeAlias, assert_never

import msgspec

from mentra_actors.domain.memory import ForgetRecord, MemoryScope, PinFact, PinFacts, fact_id_of
from mentra_actors.domain.team import (
    AddMember,
    RemoveMember,
    RenameMember,
    StopHow,
    StopMember,
    agent_id_of,
)
from mentra_actors.errors import CommandRejected, VersionConflict
from mentra_actors.ids import AgentId, CommandId, StreamId, TeamId, memory_stream, team_stream
from mentra_actors.runtime.teams.seats import seat_profile
from mentra_actors.runtime.wishes.jobs import reason_told
from mentra_actors.tools.builtin.teammates import taken_id

__all__ = [
    "ForgetRecordWish",
    "ImportWish",
    "RemoveWish",
    "RenameWish",
    "SeatWish",
    "StopWish",
    "TeachWish",
    "TeamWish",
    "conflict_told",
    "team_order",
]


class StopWish(msgspec.Struct, frozen=True, kw_only=True, tag="stop_member.v1"):
    """Let a member stop; see `StopMember`."""

    team_id: TeamId
    agent_id: AgentId
    how: StopHow
    reason: str = ""


class RemoveWish(msgspec.Struct, frozen=True, kw_only=True, tag="remove_member.v1"):
    """Take a member out of its team."""

    team_id: TeamId
    agent_id: AgentId
    reason: str = ""


class RenameWish(msgspec.Struct, frozen=True, kw_only=True, tag="rename_member.v1"):
    """Give a member another name."""

    team_id: TeamId
    agent_id: AgentId
    name: str


class SeatWish(msgspec.Struct, frozen=True, kw_only=True, tag="take_seat.v1"):
    """Let a person be a member. `agent_id` is new; `replaces` a stopped one of this name."""

    team_id: TeamId
    agent_id: AgentId
    name: str
    role: str
    replaces: AgentId = AgentId("")


class TeachWish(msgspec.Struct, frozen=True, kw_only=True, tag="pin_fact.v1"):
    """Let a memory have a fact; one that it has in the same words records nothing.

    Without a `memory` it is that of the agent alone.
    """

    agent_id: AgentId
    content: str
    memory: StreamId = StreamId("")
    scope: MemoryScope = "agent"


class ImportWish(msgspec.Struct, frozen=True, kw_only=True, tag="pin_facts.v1"):
    """Pin facts in a memory; those that are there, or were forgotten, record nothing."""

    memory: StreamId
    facts: tuple[PinFact, ...]


class ForgetRecordWish(msgspec.Struct, frozen=True, kw_only=True, tag="forget_record.v1"):
    """Let a record of a memory be found no more; one that was forgotten records nothing."""

    memory: StreamId
    record_id: str


MemoryWish: TypeAlias = TeachWish | ImportWish | ForgetRecordWish
TeamWish: TypeAlias = StopWish | RemoveWish | RenameWish | SeatWish | MemoryWish


def team_order(
    wish: TeamWish, command_id: CommandId, *, by: str, now: float
) -> tuple[StreamId, object]:
    """The stream that a wish is for, and the command that it stands for.

    Raises:
        CommandRejected: a seat with this id would be another's.
    """
    match wish:
        case TeachWish() | ImportWish() | ForgetRecordWish():
            return _memory_order(wish, command_id, by=by, now=now)
        case _:
            return team_stream(wish.team_id), _team_command(wish, command_id, by=by, now=now)


def _memory_order(
    wish: MemoryWish, command_id: CommandId, *, by: str, now: float
) -> tuple[StreamId, object]:
    match wish:
        case TeachWish():
            fact = PinFact(
                record_id=fact_id_of(command_id),
                content=wish.content,
                by=by,
                now=now,
                scope=wish.scope,
            )
            return wish.memory or memory_stream(wish.agent_id), fact
        case ImportWish():
            return wish.memory, PinFacts(facts=wish.facts)
        case ForgetRecordWish():
            return wish.memory, ForgetRecord(record_id=wish.record_id, by=by, now=now)
        case _:
            assert_never(wish)


def conflict_told(conflict: VersionConflict, command: object) -> BaseException:
    """The refusal of a seat whose id another agent has; any other conflict as it is."""
    if not isinstance(command, AddMember):
        return conflict
    return taken_id(conflict, command.profile.agent_id)


def _team_command(
    wish: StopWish | RemoveWish | RenameWish | SeatWish,
    command_id: CommandId,
    *,
    by: str,
    now: float,
) -> object:
    match wish:
        case StopWish():
            return StopMember(
                command_id=command_id,
                agent_id=wish.agent_id,
                how=wish.how,
                reason=reason_told(by, wish.reason),
                now=now,
            )
        case RemoveWish():
            return RemoveMember(
                command_id=command_id,
                agent_id=wish.agent_id,
                reason=reason_told(by, wish.reason),
                now=now,
            )
        case RenameWish():
            return RenameMember(
                command_id=command_id, agent_id=wish.agent_id, name=wish.name, now=now
            )
        case SeatWish():
            return _seat(wish, command_id, now)
        case _:
            assert_never(wish)


def _seat(wish: SeatWish, command_id: CommandId, now: float) -> AddMember:
    first = agent_id_of(wish.team_id, wish.name)
    if wish.agent_id != first and not wish.agent_id.startswith(f"{first}:"):
        raise CommandRejected(
            f"{wish.agent_id[:60]!r} is no id for the seat of {wish.name[:60]!r}"
        )
    profile = seat_profile(wish.team_id, wish.agent_id, wish.name, wish.role)
    return AddMember(command_id=command_id, profile=profile, replaces=wish.replaces, now=now)
