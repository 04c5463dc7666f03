"""Starts dead actors again, with back-off; sets aside what keeps dying. Pure bookkeeping.

The directory asks; time and timers are its own. Not safe for several threads at once: the
directory holds its lock around every call.
"""

from dataclasses import dataclass, field
from typing import Any

from mentra_actors.actors.dead_letters import DeadLetter
from mentra_actors.actors.messages import Envelope
from mentra_actors.actors.restart_policy import RestartPolicy
from mentra_actors.ids import StreamId

__all__ = ["Supervisor", "Verdict", "dead_letter"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do after a death: start again in `delay_s`, or give up (None).

    `redeliver` goes to the successor, in order; `dead` does not.
    """

    delay_s: float | None
    redeliver: tuple[Any, ...]
    dead: tuple[Envelope, ...]


@dataclass(slots=True)
class Supervisor:
    """Remembers the recent deaths of each stream's actor."""

    policy: RestartPolicy = field(default_factory=RestartPolicy)
    _deaths: dict[StreamId, tuple[float, ...]] = field(default_factory=dict)

    def after_death(self, stream_id: StreamId, left: list[Any], now: float) -> Verdict:
        """Decide about a death; the first of `left` is what the actor died over."""
        deaths = (*self.policy.recent(self._deaths.get(stream_id, ()), now), now)
        self._deaths[stream_id] = deaths
        delay_s = self.policy.delay_s(deaths, now)
        envelopes = tuple(message for message in left if isinstance(message, Envelope))
        if delay_s is None:
            return Verdict(None, (), envelopes)
        if left and isinstance(left[0], Envelope):
            left[0].deliveries += 1
        dead = tuple(e for e in envelopes if e.deliveries >= self.policy.max_deliveries)
        return Verdict(delay_s, tuple(m for m in left if m not in dead), dead)

    def forget(self, stream_id: StreamId) -> None:
        """Start counting anew (a person has looked at it)."""
        self._deaths.pop(stream_id, None)


def dead_letter(stream_id: StreamId, envelope: Envelope, cause: str) -> DeadLetter:
    """The letter for a command that is not delivered any more."""
    return DeadLetter(stream_id, envelope.command, cause, envelope.deliveries)
