"""A wish to be woken: the one effect that every aggregate may have."""

import msgspec

__all__ = ["LONGEST_WAIT_S", "WaitUntil"]

LONGEST_WAIT_S = 1e10
"""Seconds after which nothing may be due: the clocks of machines show no such year."""


class WaitUntil(msgspec.Struct, frozen=True, kw_only=True):
    """Wake the stream's owner at `at` (Unix seconds, at once if past).

    `then` tells whoever performs the effect which command the wake-up is.
    """

    at: float
    then: str
