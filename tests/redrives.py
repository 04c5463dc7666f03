"""To wait for what became of dead letters that are delivered again."""

from recorded import until_recorded

from mentra_actors.domain.supervision.decide import SUPERVISION_STREAM
from mentra_actors.domain.supervision.events import LetterKept, RedriveEnded

__all__ = ["until_redrives_ended"]


def until_redrives_ended(runtime, count):
    """Return when so many deliveries have ended: in an end, or in a letter that came back."""
    until_recorded(runtime, SUPERVISION_STREAM, lambda events: sum(map(_is_end, events)) >= count)


def _is_end(event):
    return isinstance(event, RedriveEnded) or (
        isinstance(event, LetterKept) and event.earlier != ""
    )
