"""How much may be asked of a provider: the limits, and what they allow at a given time. Pure."""

import math

import msgspec

__all__ = ["ProviderLimits", "RateBudget"]

_MINUTE_S = 60.0
_ROUNDING = 1e-6


class ProviderLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Limits on the calls to one provider, from this process; None for no limit.

    `max_concurrent` answers are heard at the same time. `requests_per_minute` and
    `tokens_per_minute` may be used up at once and come back steadily; tokens are those of the
    request as they are estimated, corrected by what the answer has really used. When the
    provider says that it is overloaded and how long to wait (HTTP 429 with `Retry-After`), no
    call of any agent begins before that, or before `longest_pause_s` seconds are over.

    Raises:
        ValueError: a limit with which no call would ever begin.
    """

    max_concurrent: int | None = None
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    longest_pause_s: float = 60.0

    def __post_init__(self) -> None:
        if self.max_concurrent is not None and self.max_concurrent < 1:
            raise ValueError(f"max_concurrent is at least one, not {self.max_concurrent}")
        for name in ("requests_per_minute", "tokens_per_minute"):
            limit = getattr(self, name)
            if limit is not None and not 0 < limit < math.inf:
                raise ValueError(f"{name} is a number above 0, not {limit}")
        if not 0 <= self.longest_pause_s < math.inf:
            raise ValueError(f"longest_pause_s is seconds from 0, not {self.longest_pause_s}")


class RateBudget:
    """What the limits leave at a time (Unix seconds).

    A clock that goes back begins anew: what is left stays, and no pause is longer than before.
    """

    def __init__(self, limits: ProviderLimits, now: float) -> None:
        self._limits = limits
        self._requests = _Bucket(limits.requests_per_minute, now)
        self._tokens = _Bucket(limits.tokens_per_minute, now)
        self._paused_until = -math.inf
        self._running = 0

    @property
    def has_slot(self) -> bool:
        """Whether one more call may run at the same time."""
        most = self._limits.max_concurrent
        return most is None or self._running < most

    def ready_at(self, now: float, tokens: int) -> float:
        """When a call of so many tokens may begin, `now` or later, if there is a slot for it.

        A call that is larger than a whole minute's tokens begins when none of them are used.
        """
        self._paused_until = min(self._paused_until, now + self._limits.longest_pause_s)
        return max(
            now,
            self._paused_until,
            self._requests.ready_at(now, 1),
            self._tokens.ready_at(now, tokens),
        )

    def begin(self, now: float, tokens: int) -> None:
        """A call begins."""
        self._running += 1
        self._requests.take(now, 1)
        self._tokens.take(now, tokens)

    def end(self, now: float, tokens: int, used_tokens: int) -> None:
        """A call that was begun with `tokens` has ended; 0 used tokens are not known."""
        self._running -= 1
        if used_tokens:
            self._tokens.take(now, used_tokens - tokens)

    def pause(self, now: float, seconds: float) -> None:
        """Nothing begins for so long; a pause that ends later goes on."""
        wait_s = min(max(seconds, 0.0), self._limits.longest_pause_s)
        self._paused_until = max(self._paused_until, now + wait_s)


class _Bucket:
    """A minute's allowance that fills steadily; it may be overdrawn by one call."""

    def __init__(self, per_minute: float | None, now: float) -> None:
        self._most = per_minute
        self._level = per_minute or 0.0
        self._at = now

    def ready_at(self, now: float, amount: float) -> float:
        if self._most is None:
            return now
        self._fill(now)
        missing = min(amount, self._most) - self._level
        return now if missing <= _ROUNDING else now + missing * _MINUTE_S / self._most

    def take(self, now: float, amount: float) -> None:
        if self._most is not None:
            self._fill(now)
            self._level = min(self._level - amount, self._most)

    def _fill(self, now: float) -> None:
        if self._most is not None:
            passed_s = max(now - self._at, 0.0)
            filled = self._level + passed_s * self._most / _MINUTE_S
            self._level, self._at = min(filled, self._most), now
