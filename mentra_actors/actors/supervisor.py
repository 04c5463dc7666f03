"""Starts dead actors again, with back-off; sets aside what keeps dying. Pure bookkeeping.

The directory asks; time and timers are its own. Not safe for several threads at once: the
directory holds its lock around every call.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from mentra_actors.actors.messages import Envelope
from mentra_actors.actors.restart_policy import RestartPolicy, Teammates
from mentra_actors.ids import StreamId

__all__ = ["Supervisor", "Verdict"]

_REMEMBERED_DEATHS = 10_000


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do after a death: start again in `delay_s`, or give up (None).

    `redeliver` goes to the successor, in order; `dead` does not. `beside` are the streams that
    share its fate.
    """

    delay_s: float | None
    redeliver: tuple[Envelope, ...]
    dead: tuple[Envelope, ...]
    beside: tuple[StreamId, ...] = ()


@dataclass(slots=True)
class Supervisor:
    """Remembers the recent deaths of each stream's actor."""

    policy: RestartPolicy = field(default_factory=RestartPolicy)
    _deaths: dict[StreamId, tuple[float, ...]] = field(default_factory=dict)
    _counted: dict[StreamId, StreamId] = field(default_factory=dict)
    _all_deaths: deque[float] = field(default_factory=lambda: deque(maxlen=_REMEMBERED_DEATHS))

    def after_death(
        self,
        stream_id: StreamId,
        left: Sequence[Envelope],
        culprit: Envelope | None,
        now: float,
        *,
        team: Teammates | None = None,
    ) -> Verdict:
        """Decide about a death; `culprit` is the one of `left` over which the actor died.

        Without the outcome of an effect a stream cannot go on, so one that is given up takes the
        stream with it: better set aside and visible than waiting for ever.
        """
        counted = stream_id if team is None else team.counted_as(stream_id)
        beside = () if team is None else team.restarted_with(stream_id)
        deaths = (*self.policy.recent(self._deaths.get(counted, ()), now), now)
        self._deaths[counted] = deaths
        self._counted[stream_id] = counted
        self._all_deaths.append(now)
        delay_s = self.policy.delay_s(deaths, now)
        if culprit is not None:
            culprit.deliveries += 1
        limit = self.policy.max_deliveries
        poison = culprit if culprit is not None and culprit.deliveries >= limit else None
        if delay_s is None or (poison is not None and poison.is_outcome):
            return Verdict(None, (), tuple(left), beside)
        dead = () if poison is None else (poison,)
        redeliver = tuple(one for one in left if one is not poison)
        return Verdict(delay_s, redeliver, dead, beside)

    def forget(self, stream_id: StreamId) -> None:
        """Start counting anew (a person has looked at it)."""
        self._deaths.pop(self._counted.pop(stream_id, stream_id), None)

    def deaths_since(self, then: float) -> int:
        """How often any actor has died since then, as far as is remembered."""
        return sum(1 for death in self._all_deaths if death >= then)
