"""What becomes of effects that were open when their process died. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.decide.ledger import recovered_calls, recovered_compensations
from mentra_actors.domain.agent.decide.model_outcomes import interrupted_call
from mentra_actors.domain.agent.decide.pending import pending
from mentra_actors.domain.agent.decide.rounds import continued
from mentra_actors.domain.agent.effects import ClaimReadyTask, CompensateBoard, ReportStop
from mentra_actors.domain.agent.state import AgentState
from mentra_actors.domain.timer import WaitUntil
from mentra_actors.ids import EffectId

__all__ = ["recovered", "recovery"]

_REPEATED = (WaitUntil, ClaimReadyTask, CompensateBoard, ReportStop)
"""To wait, and to ask another stream under an id of one's own, which counts once."""


def recovered(command: c.RecoverEffects, state: AgentState) -> Sequence[e.AgentEvent]:
    """What becomes of effects that nobody performs any more: their process died, or their actor.

    A model call keeps what has come of its answer and is asked again (`interrupted_call`); a tool
    call is treated by its `retry` (`recovered_calls`). Empty if nothing is open.
    """
    running = command.running
    orphans = tuple(key for key in _open_effects(state) if key not in running)
    if not orphans and not _is_left(state, command.now):
        return []
    recovered: list[e.AgentEvent] = [
        e.AgentRecovered(open_effects=orphans, recovered_at=command.now)
    ]
    call = state.model_call
    is_waiting = state.is_call_waiting
    if call is not None and call.key not in running and not is_waiting:
        partial = command.partials.get(call.effect_id, c.PartialAnswer())
        recovered += interrupted_call(state, partial, command.now)
    recovered += recovered_calls(state, running, command.now)
    recovered += recovered_compensations(state, running, command.now)
    return recovered


def _is_left(state: AgentState, now: float) -> bool:
    """True if something is due that no command has made due: see `LeaveResolution`."""
    return state.profile is not None and state.run is not None and bool(continued((), state, now))


def _open_effects(state: AgentState) -> Sequence[EffectId]:
    """Effects that leave something to settle; others are simply begun again."""
    return [key for key, effect in pending(state).items() if not isinstance(effect, _REPEATED)]


def recovery(
    state: AgentState, running: frozenset[EffectId], now: float, partials: Mapping[EffectId, Any]
) -> c.RecoverEffects | None:
    """The command that settles what is open, for effects that do not run here; None if none is."""
    if not _open_effects(state) and not _is_left(state, now):
        return None
    return c.RecoverEffects(running=running, now=now, partials=dict(partials))
