"""What effects need from outside, and what actors ask of effects."""

from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

from mentra_actors.envelope import RecordedEvent
from mentra_actors.ids import EffectId, StreamId

__all__ = ["Clock", "Delivered", "Effects", "Looks", "RecordedFeed", "SendOutcome"]


class Clock(Protocol):
    """The only source of time. Safe from any thread."""

    def now(self) -> float:
        """Unix time in seconds."""
        ...

    async def sleep_until(self, at: float) -> None:
        """Return at `at` (Unix seconds), at once if it is past. On the effects loop."""
        ...


class Effects(Protocol):
    """Performs pending effects. Safe from any thread; never blocks."""

    def ensure_started(
        self, stream_id: StreamId, effect_id: EffectId, effect: object, view: object
    ) -> None:
        """Perform an effect unless this process performs it already.

        `view` is the inline view of the stream as of the event that asked for the effect.
        """
        ...

    def cancel(self, stream_id: StreamId, effect_id: EffectId) -> None:
        """Stop performing an effect that nobody waits for any more."""
        ...

    def in_flight(self, stream_id: StreamId) -> frozenset[EffectId]:
        """Effects of a stream whose outcome is not recorded yet."""
        ...


class Looks(Protocol):
    """Shows the states of streams. On the effects loop."""

    async def look(self, stream_id: StreamId) -> Any:
        """See `Commands.look`."""
        ...


class RecordedFeed(Protocol):
    """Tells subscribers what has been recorded. Safe from any thread."""

    def publish(self, recorded: tuple[RecordedEvent[object], ...], /) -> None:
        """Called on the store's writer thread, in the order of the log; must not block."""
        ...


Delivered: TypeAlias = Callable[[Exception | None], None]
"""Called when an outcome is recorded (None) or could not be (the error); on any thread."""

SendOutcome: TypeAlias = Callable[[StreamId, Any, str, Delivered], None]
"""Send an outcome command, with its causation, to the owner of a stream; never blocks."""
