"""Aggregate states to bytes and back.

A state snapshot only saves folding. One that does not decode is worth nothing and does no harm:
the state is folded from the first event.
"""

from typing import Any, Generic, TypeVar

import msgspec

__all__ = ["SnapshotCodec"]

S = TypeVar("S")


class SnapshotCodec(Generic[S]):
    """Encodes the states of one decider, whose initial state is given."""

    def __init__(self, initial: S) -> None:
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(type(initial))

    def encode(self, state: S) -> bytes:
        """Bytes of a state."""
        return self._encoder.encode(state)

    def decode(self, payload: bytes) -> S | None:
        """The state, or None if another release wrote it in another shape."""
        try:
            state: S = self._decoder.decode(payload)
        except (msgspec.DecodeError, ValueError, RecursionError):
            return None
        return state
