"""Starts dead actors again, with back-off; sets aside what keeps dying. Pure bookkeeping.

The directory asks; time and timers are its own. Not safe for several threads at once: the
directory holds its lock around every call.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

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
    redeliver: tuple[Envelope, ...]
    dead: tuple[Envelope, ...]


@dataclass(slots=True)
class Supervisor:
    """Remembers the recent deaths of each stream's actor."""

    policy: RestartPolicy = field(default_factory=RestartPolicy)
    _deaths: dict[StreamId, tuple[float, ...]] = field(default_factory=dict)

    def after_death(
        self, stream_id: StreamId, left: Sequence[Envelope], culprit: Envelope | None, now: float
    ) -> Verdict:
        """Decide about a death; `culprit` is the one of `left` over which the actor died.

        Without the outcome of an effect a stream cannot go on, so one that is given up takes the
        stream with it: better set aside and visible than waiting for ever.
        """
        deaths = (*self.policy.recent(self._deaths.get(stream_id, ()), now), now)
        self._deaths[stream_id] = deaths
        delay_s = self.policy.delay_s(deaths, now)
        if culprit is not None:
            culprit.deliveries += 1
        limit = self.policy.max_deliveries
        poison = culprit if culprit is not None and culprit.deliveries >= limit else None
        if delay_s is None or (poison is not None and poison.is_outcome):
            return Verdict(None, (), tuple(left))
        dead = () if poison is None else (poison,)
        return Verdict(delay_s, tuple(one for one in left if one is not poison), dead)

    def forget(self, stream_id: StreamId) -> None:
        """Start counting anew (a person has looked at it)."""
        self._deaths.pop(stream_id, None)


def dead_letter(stream_id: StreamId, envelope: Envelope, cause: str) -> DeadLetter:
    """The letter for a command that is not delivered any more."""
    return DeadLetter(stream_id, envelope.command, cause, envelope.deliveries)
