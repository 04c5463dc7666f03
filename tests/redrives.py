"""To wait for what became of dead letters that are delivered again."""

from mentra_actors.domain.supervision.decide import SUPERVISION_STREAM
from mentra_actors.domain.supervision.events import LetterKept, RedriveEnded

__all__ = ["until_redrives_ended"]

_WAIT_S = 20.0


def until_redrives_ended(runtime, count):
    """Return when so many deliveries have ended: in an end, or in a letter that came back."""
    core = runtime._operations.core
    while True:
        position = core.store.last_position()
        events = [one.event for one in core.journal.read_stream(SUPERVISION_STREAM)]
        if sum(_is_end(event) for event in events) >= count:
            return
        assert core.store.wait_for_position(position + 1, timeout_s=_WAIT_S) > position


def _is_end(event):
    return isinstance(event, RedriveEnded) or (
        isinstance(event, LetterKept) and event.earlier != ""
    )
