"""How long a server may take, and how long it may be silent.

There are two limits on silence. One is on *bytes*. A proxy that sends keep-alive comments passes
it for ever, so there is a longer one on waiting for an *event*. Time that the consumer of a stream
takes counts for neither.
"""

import math
from dataclasses import dataclass

__all__ = ["LIMITS", "LOCAL_LIMITS", "Silence", "TimeLimits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeLimits:
    """Limits of one call, in seconds.

    `connect_s` is for the connection and TLS, `write_s` for each piece of the request, `pool_s`
    for a free connection. `first_byte_s` is for the first piece of an answer after the request,
    `bytes_s` for each later one, `event_s` for each event, the first one and the beginning of
    the answer among them. `total_s` is for the whole call, None for as long as it takes.

    Raises:
        ValueError: one of them is not above 0.
    """

    connect_s: float = 10.0
    write_s: float = 60.0
    pool_s: float = 10.0
    first_byte_s: float = 300.0
    bytes_s: float = 300.0
    event_s: float = 600.0
    total_s: float | None = None

    def __post_init__(self) -> None:
        for name in self.__dataclass_fields__:
            limit_s = getattr(self, name)
            if limit_s is not None and not limit_s > 0:
                raise ValueError(f"{name} is a number of seconds above 0, not {limit_s}")


LIMITS = TimeLimits()
"""Reasoning without a sign of life for two minutes is normal, so none is shorter than five."""

LOCAL_LIMITS = TimeLimits(first_byte_s=1500.0, event_s=1500.0)
"""A server on this machine may load a model, and read a long prompt, before its first byte."""


class Silence:
    """How long one answer may still be waited for. Times come from one monotonic clock."""

    def __init__(self, limits: TimeLimits, started_at: float) -> None:
        self._limits = limits
        self._ends_at = math.inf if limits.total_s is None else started_at + limits.total_s
        self._without_event_s = 0.0
        self._has_begun = False

    def allowed_s(self, now: float) -> float:
        """The seconds until a limit is passed."""
        return min(self._bytes_s, self._event_s, self._ends_at - now)

    def limit_at(self, now: float) -> str:
        """What is to be said when `allowed_s(now)` is over."""
        limits = self._limits
        _, said = min(
            (self._bytes_s, f"sent nothing for {self._bytes_s:g} s"),
            (self._event_s, f"sent no event for {limits.event_s:g} s"),
            (self._ends_at - now, f"did not end its answer within {limits.total_s or 0:g} s"),
        )
        return said

    @property
    def _bytes_s(self) -> float:
        return self._limits.bytes_s if self._has_begun else self._limits.first_byte_s

    @property
    def _event_s(self) -> float:
        return self._limits.event_s - self._without_event_s

    def waited(self, seconds: float) -> None:
        """Bytes have come after so long."""
        self._has_begun = True
        self._without_event_s += seconds

    def heard_event(self) -> None:
        """The server has said something of use."""
        self._without_event_s = 0.0
