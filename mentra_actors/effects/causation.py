"""Which effect is being performed here, so that commands it gives to others can name it.

It follows tasks and the threads that they wait for, as every `ContextVar` does.
"""

from contextvars import ContextVar

from mentra_actors.ids import EffectId, StreamId

__all__ = ["causation_of", "note_performed", "present_causation"]

_PERFORMED: ContextVar[str] = ContextVar("mentra_performed_effect", default="")


def causation_of(stream_id: StreamId, effect_id: EffectId) -> str:
    """How an append says that it came of an effect."""
    return f"{stream_id}/{effect_id}"


def note_performed(stream_id: StreamId, effect_id: EffectId) -> None:
    """From here on this task performs this effect."""
    _PERFORMED.set(causation_of(stream_id, effect_id))


def present_causation() -> str:
    """Causation of a command that is given here; empty outside of any effect."""
    return _PERFORMED.get()
