"""What all looks into the past of one store share: its log, folds of views, states of streams."""

from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from mentra_actors.actors.past_states import PastStates
from mentra_actors.decider import Decider
from mentra_actors.ids import StreamId
from mentra_actors.runtime.history.conversations import PastConversations
from mentra_actors.store.journal import Journal
from mentra_actors.store.ports import JournalReader
from projections.running.kept_folds import KeptFolds
from projections.running.past_views import PastViews

__all__ = ["Past", "microseconds", "recorded_time"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def recorded_time(recorded_at_ns: int) -> datetime:
    """When an event was recorded, to the microsecond, never later than it was."""
    return _EPOCH + recorded_at_ns // 1000 * _MICROSECOND


def microseconds(time: datetime) -> int:
    """Unix time of a moment with a zone."""
    return (time - _EPOCH) // _MICROSECOND


S = TypeVar("S")


class Past:
    """The past of one store. Safe from any thread; reading does file I/O."""

    def __init__(
        self, reader: JournalReader, journal: Journal, kept: KeptFolds | None = None
    ) -> None:
        """`journal` reads `reader`; `kept` are views of the log that are kept beside it."""
        self.reader = reader
        self.journal = journal
        self.views = PastViews(journal, kept)
        self.conversations = PastConversations(journal)

    def state(self, decider: Decider[Any, Any, S, Any], stream_id: StreamId, version: int) -> S:
        """The state of a stream after the event with a version, which must be there."""
        return PastStates(decider, self.reader, self.journal).at(stream_id, version)

    def state_at(
        self, decider: Decider[Any, Any, S, Any], stream_id: StreamId, position: int
    ) -> S:
        """The state of a stream after a global position."""
        return self.state(decider, stream_id, self.journal.version_at(stream_id, position))
