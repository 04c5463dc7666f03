"""How long a server asks to wait, in headers of several forms."""

import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

__all__ = ["rate_limit_reset_s", "retry_after_s"]

_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(ms|[dhms])")
_UNIT_S: Mapping[str, float] = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}


def retry_after_s(headers: Mapping[str, str], now: float) -> float | None:
    """The wait that a server asks for in seconds, from 0, or None where it says nothing usable.

    `Retry-After` is a number of seconds or a date, and `now` is the time in Unix seconds.
    """
    milliseconds = headers.get("retry-after-ms", "").strip()
    if _SECONDS.fullmatch(milliseconds):
        return float(milliseconds) / 1000
    value = headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(value):
        return float(value)
    try:
        date = parsedate_to_datetime(value)
        if date.tzinfo is None:
            date = date.replace(tzinfo=UTC)
        return max(date.timestamp() - now, 0.0)
    except (ValueError, OverflowError):
        return None


def rate_limit_reset_s(headers: Mapping[str, str]) -> float | None:
    """Seconds until a limit on the rate is whole again, from `x-ratelimit-reset-*: 6m0s`.

    Of the limits that are used up, the one that takes longest; where the server does not say
    which those are, the one that takes shortest.
    """
    waits = {}
    for unit in ("requests", "tokens"):
        wait_s = _duration_s(headers.get(f"x-ratelimit-reset-{unit}", "").strip())
        if wait_s is not None:
            waits[unit] = wait_s
    used_up = [
        wait_s
        for unit, wait_s in waits.items()
        if headers.get(f"x-ratelimit-remaining-{unit}", "").strip() == "0"
    ]
    return max(used_up) if used_up else min(waits.values(), default=None)


def _duration_s(text: str) -> float | None:
    """Seconds of `6m0s`, `20ms`, `1h2m3.5s` or `7`; None for anything else."""
    if _SECONDS.fullmatch(text):
        return float(text)
    parts = _DURATION.findall(text)
    if not parts or "".join(map("".join, parts)) != text:
        return None
    return sum(float(number) * _UNIT_S[unit] for number, unit in parts)
