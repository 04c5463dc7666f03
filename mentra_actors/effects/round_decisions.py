"""Asks round strategies how a run goes on from a boundary."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

import msgspec

from mentra_actors.domain.agent.commands import RecordRoundDecision
from mentra_actors.domain.agent.effects import DecideRound, RoundContext
from mentra_actors.domain.agent.profile import ProfileChanges
from mentra_actors.domain.storable import encodable
from mentra_actors.effects.calls.user_calls import called
from mentra_actors.effects.loop import is_cancellation
from mentra_actors.effects.ports import Clock
from mentra_actors.effects.runner import Order
from mentra_actors.tools.results.rendering import named_words_of

__all__ = ["Continue", "Inject", "RoundDecisions", "RoundStrategy", "Stop"]

_log = logging.getLogger(__name__)


class Continue(msgspec.Struct, frozen=True):
    """Go on as without a strategy: the next round after tools, the end after an answer.

    `changes` are options of the agent from the next model call on; they last beyond the run.
    """

    changes: ProfileChanges = ProfileChanges()


class Inject(msgspec.Struct, frozen=True):
    """Say this, as the words of a user, and make one more round."""

    text: str
    changes: ProfileChanges = ProfileChanges()


class Stop(msgspec.Struct, frozen=True):
    """End the run here; at the boundary of an answer that accepts it."""


Decision: TypeAlias = Continue | Inject | Stop
RoundStrategy: TypeAlias = Callable[[RoundContext], Awaitable[Decision] | Decision]
"""Decides at each boundary of a run. An async one is awaited on the effects loop and must not
block it; any other one runs on a worker thread. After a crash it may be asked again."""


class RoundDecisions:
    """The performer of `DecideRound`. `strategies` are looked up when they are asked."""

    def __init__(self, strategies: Mapping[str, RoundStrategy], clock: Clock) -> None:
        self._strategies = strategies
        self._clock = clock

    async def __call__(self, order: Order) -> RecordRoundDecision:
        """See `Performer`."""
        effect: DecideRound = order.effect
        name, strategy = effect.strategy, self._strategies.get(effect.strategy)
        if strategy is None:
            return self._fault(
                effect,
                f"no round strategy is named {name!r} in this process: pass it to open_runtime "
                "as strategies={...}, then resume the run",
            )
        try:
            decision = _checked(await called(strategy, effect.context))
        except BaseException as error:
            if is_cancellation(error):
                raise
            said = named_words_of(error)
            _log.warning("round strategy %r raised: %s", name, said)
            return self._fault(effect, f"round strategy {name!r} raised {said}")
        return self._recorded(effect, decision)

    def _recorded(self, effect: DecideRound, decision: Decision) -> RecordRoundDecision:
        now = self._clock.now()
        match decision:
            case Stop():
                return RecordRoundDecision(effect_id=effect.effect_id, choice="stop", now=now)
            case Inject(text=text, changes=changes):
                return RecordRoundDecision(
                    effect_id=effect.effect_id,
                    choice="inject",
                    text=text,
                    changes=changes,
                    now=now,
                )
            case Continue(changes=changes):
                return RecordRoundDecision(effect_id=effect.effect_id, changes=changes, now=now)

    def _fault(self, effect: DecideRound, said: str) -> RecordRoundDecision:
        fault = encodable(said)
        return RecordRoundDecision(effect_id=effect.effect_id, fault=fault, now=self._clock.now())


def _checked(decision: object) -> Decision:
    """The decision, if it is one that can be recorded."""
    if not isinstance(decision, Continue | Inject | Stop):
        raise TypeError(f"a strategy returns Continue, Inject or Stop, not {decision!r}")
    kind = type(decision)
    return msgspec.msgpack.decode(msgspec.msgpack.encode(decision), type=kind)
