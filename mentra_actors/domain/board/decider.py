"""The task board of a team.

A task is held by at most one owner, because claiming is a decision on one stream. Each command
carries an id; a repeated one records nothing, so a tool call that is run again after a crash
changes the board once. The task that a command touched is found by `task_of(state, command_id)`.
"""

from collections.abc import Mapping, Sequence
from typing import get_args

from mentra_actors.decider import Companion, Decider, Delivery
from mentra_actors.domain.board.commands import BoardCommand
from mentra_actors.domain.board.decide import decide
from mentra_actors.domain.board.events import BoardEvent, TaskClaimed
from mentra_actors.domain.board.evolve import evolve, evolve_all
from mentra_actors.domain.board.state import BoardState
from mentra_actors.domain.inbox import MailDelivered
from mentra_actors.domain.timer import WaitUntil
from mentra_actors.ids import EffectId, inbox_stream

__all__ = ["BOARD", "companions", "pending"]


def pending(state: BoardState) -> Mapping[EffectId, WaitUntil]:
    """The ends of the claims that hold for some time only; a renewed one is another effect."""
    return {
        EffectId(f"expire-{task_id}@{expires_at!r}"): WaitUntil(
            at=expires_at, then=f"expire-claim:{task_id}:{expires_at!r}"
        )
        for task_id, expires_at in state.expiring.items()
    }


def companions(event: BoardEvent) -> Sequence[Companion]:
    """The letter that tells an agent of a task that was claimed for it."""
    if not isinstance(event, TaskClaimed) or event.notice is None:
        return ()
    mail = event.notice
    return [Delivery(inbox_stream(mail.to), (MailDelivered(mail=mail),))]


BOARD: Decider[BoardCommand, BoardEvent, BoardState, WaitUntil] = Decider(
    category="board",
    initial=BoardState(),
    event_types=frozenset(get_args(BoardEvent)),
    decide=decide,
    evolve=evolve,
    evolve_all=evolve_all,
    pending=pending,
    companions=companions,
    fold_version=3,
)
