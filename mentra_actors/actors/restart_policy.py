"""When a dead actor is started again, who with it, and when it is given up. Pure."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from mentra_actors.ids import StreamId

__all__ = ["GIVE_UP", "RestartPolicy", "RestartStrategy", "Teammates"]

RestartStrategy: TypeAlias = Literal["one_for_one", "all_for_one", "rest_for_one"]
"""Who is restarted with an agent whose actor died: nobody, its team, those who joined later."""

GIVE_UP = None


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """Exponential back-off with a limit in a sliding window.

    The delays are `first_delay_s` times 1, 2, 4 … up to `max_delay_s`: with the defaults
    0.05, 0.1, 0.2, 0.4, 0.8 s. After `max_restarts` deaths within `window_s` the actor is given
    up. A message over which an actor has died `max_deliveries` times is not delivered again.
    """

    max_restarts: int = 5
    window_s: float = 60.0
    first_delay_s: float = 0.05
    max_delay_s: float = 10.0
    max_deliveries: int = 3

    def delay_s(self, deaths: tuple[float, ...], now: float) -> float | None:
        """Wait before the next start, or `GIVE_UP`; `deaths` are times, `now` included."""
        recent = sum(1 for death in deaths if death > now - self.window_s)
        if recent > self.max_restarts:
            return GIVE_UP
        return min(self.first_delay_s * 2.0 ** min(recent - 1, 31), self.max_delay_s)

    def recent(self, deaths: tuple[float, ...], now: float) -> tuple[float, ...]:
        """The deaths that still count."""
        return tuple(death for death in deaths if death > now - self.window_s)


@dataclass(frozen=True, slots=True)
class Teammates:
    """The team of a stream, named by its `group`; `members` in the order in which they joined."""

    strategy: RestartStrategy
    group: StreamId
    members: tuple[StreamId, ...]

    def restarted_with(self, stream_id: StreamId) -> tuple[StreamId, ...]:
        """Who shares the fate of this one, without itself."""
        if self.strategy == "one_for_one" or stream_id not in self.members:
            return ()
        if self.strategy == "rest_for_one":
            return self.members[self.members.index(stream_id) + 1 :]
        return tuple(one for one in self.members if one != stream_id)

    def counted_as(self, stream_id: StreamId) -> StreamId:
        """Whose deaths count together: under `all_for_one` those of the whole team."""
        return self.group if self.strategy == "all_for_one" else stream_id
