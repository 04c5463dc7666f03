"""A lease: the right to write until a time, and the number that fences off older holders."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias, assert_never, get_args

import msgspec

from mentra_actors.decider import Decider
from mentra_actors.domain.timer import WaitUntil
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import EffectId

__all__ = [
    "LEASE",
    "AcquireLease",
    "LeaseAcquired",
    "LeaseCommand",
    "LeaseEvent",
    "LeaseReleased",
    "LeaseRenewed",
    "LeaseState",
    "ReleaseLease",
    "RenewLease",
]


class LeaseAcquired(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="lease.acquired.v1"
):
    """`holder` may write with `epoch` until `expires_at` (Unix seconds)."""

    holder: str
    epoch: int
    term_s: float
    acquired_at: float
    expires_at: float
    taken_from: str = ""
    """The holder who had not released it: dead, or silent beyond its term."""
    release: str = ""
    """Which release decides what is recorded with this epoch; empty in logs before 0.5.0."""


class LeaseRenewed(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="lease.renewed.v1"
):
    """The term starts anew; the epoch stays."""

    epoch: int
    expires_at: float


class LeaseReleased(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="lease.released.v1"
):
    """The holder gave it back."""

    epoch: int


LeaseEvent: TypeAlias = LeaseAcquired | LeaseRenewed | LeaseReleased


class AcquireLease(msgspec.Struct, frozen=True, kw_only=True):
    """Take the lease. `holder_is_gone` says that the present holder's process is known dead."""

    holder: str
    term_s: float
    now: float
    holder_is_gone: bool = False
    release: str = ""


class RenewLease(msgspec.Struct, frozen=True, kw_only=True):
    """Start the term anew; the outcome of the renewal timer."""

    epoch: int
    now: float


class ReleaseLease(msgspec.Struct, frozen=True, kw_only=True):
    """Give the lease back."""

    epoch: int


LeaseCommand: TypeAlias = AcquireLease | RenewLease | ReleaseLease


class LeaseState(msgspec.Struct, frozen=True, kw_only=True):
    """`holder` is empty while nobody holds it; `epoch` never falls."""

    holder: str = ""
    epoch: int = 0
    term_s: float = 0.0
    expires_at: float = 0.0


def decide(command: LeaseCommand, state: LeaseState) -> Sequence[LeaseEvent]:
    """Events that `command` causes.

    Raises:
        CommandRejected: another holder's term runs, or the epoch is not the present one.
    """
    match command:
        case AcquireLease():
            return _acquire(command, state)
        case RenewLease(epoch=epoch, now=now):
            _require_holder(epoch, state)
            return _renew(epoch, now + state.term_s, state)
        case ReleaseLease(epoch=epoch):
            _require_holder(epoch, state)
            return [LeaseReleased(epoch=epoch)]
        case _:
            assert_never(command)


def _acquire(command: AcquireLease, state: LeaseState) -> Sequence[LeaseEvent]:
    is_held = bool(state.holder) and command.now < state.expires_at
    if is_held and not command.holder_is_gone:
        seconds = state.expires_at - command.now
        raise CommandRejected(f"held by {state.holder} for another {seconds:.0f} s")
    return [
        LeaseAcquired(
            holder=command.holder,
            epoch=state.epoch + 1,
            term_s=command.term_s,
            acquired_at=command.now,
            expires_at=command.now + command.term_s,
            taken_from=state.holder,
            release=command.release,
        )
    ]


def _renew(epoch: int, expires_at: float, state: LeaseState) -> Sequence[LeaseEvent]:
    if expires_at <= state.expires_at:
        return []  # the timer fired twice, or late; a term is never shortened
    return [LeaseRenewed(epoch=epoch, expires_at=expires_at)]


def _require_holder(epoch: int, state: LeaseState) -> None:
    if not state.holder or epoch != state.epoch:
        raise CommandRejected(f"epoch {epoch} no longer holds the lease (now {state.epoch})")


def evolve(state: LeaseState, event: LeaseEvent) -> LeaseState:
    """State after one event."""
    match event:
        case LeaseAcquired():
            return LeaseState(
                holder=event.holder,
                epoch=event.epoch,
                term_s=event.term_s,
                expires_at=event.expires_at,
            )
        case LeaseRenewed():
            return msgspec.structs.replace(state, expires_at=event.expires_at)
        case LeaseReleased():
            return LeaseState(epoch=state.epoch)
        case _:
            assert_never(event)


def pending(state: LeaseState) -> Mapping[EffectId, WaitUntil]:
    """The renewal, a third of the term after the last one."""
    if not state.holder:
        return {}
    renew_at = state.expires_at - state.term_s * 2 / 3
    effect_id = EffectId(f"renew-{state.epoch}-{state.expires_at:.3f}")
    return {effect_id: WaitUntil(at=renew_at, then=f"renew-lease:{state.epoch}")}


LEASE: Decider[LeaseCommand, LeaseEvent, LeaseState, WaitUntil] = Decider(
    category="lease",
    initial=LeaseState(),
    event_types=frozenset(get_args(LeaseEvent)),
    decide=decide,
    evolve=evolve,
    pending=pending,
)
