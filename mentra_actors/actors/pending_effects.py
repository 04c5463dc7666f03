"""What a stream's states wait for, worked out once for each state."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Generic, TypeVar

from mentra_actors.ids import EffectId

__all__ = ["PendingEffects"]

S = TypeVar("S")
F = TypeVar("F")

_STATES = 4
"""The durable state, the one before it, the one ahead of it, and one to spare."""


class PendingEffects(Generic[S, F]):
    """The effects of one stream: what is new, and what nobody waits for any more.

    An answer with hundreds of calls closes them one by one; so each step looks at what is new in
    it, and not at all that is open. Used by the actor of the stream only.
    """

    def __init__(self, pending: Callable[[S], Mapping[EffectId, F]]) -> None:
        self._pending = pending
        self._lately: deque[tuple[S, Mapping[EffectId, F]]] = deque(maxlen=_STATES)
        self._begun: set[EffectId] = set()

    def of(self, state: S) -> Mapping[EffectId, F]:
        """The effects that a state waits for, by their ids."""
        for known, wanted in self._lately:
            if known is state:
                return wanted
        wanted = self._pending(state)
        self._lately.append((state, wanted))
        return wanted

    def forget_begun(self) -> None:
        """Whatever is pending may have to be started: the state was loaded again."""
        self._begun.clear()

    def to_start(self, durable: S, latest: S) -> Iterator[tuple[EffectId, F]]:
        """Effects of the durable state that were not given out before.

        Those that the latest state does not wait for any more are left out.
        """
        wanted, still = self.of(durable), self.of(latest)
        self._begun &= wanted.keys()
        for effect_id in wanted:
            if effect_id not in self._begun and effect_id in still:
                self._begun.add(effect_id)
                yield effect_id, wanted[effect_id]

    def ended(self, begun: Iterable[EffectId], after: S) -> Iterator[EffectId]:
        """Those of the effects begun that the state does not wait for any more."""
        wanted = self.of(after)
        return (effect_id for effect_id in begun if effect_id not in wanted)
