"""A wish to be woken: the one effect that every aggregate may have."""

import msgspec

__all__ = ["WaitUntil"]


class WaitUntil(msgspec.Struct, frozen=True, kw_only=True):
    """Wake the stream's owner at `at` (Unix seconds, at once if past).

    `then` tells whoever performs the effect which command the wake-up is.
    """

    at: float
    then: str
