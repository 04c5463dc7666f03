"""What all looks into the past of one store share: its log, folds of views, states of streams."""

from typing import Any

from mentra_actors.actors.past_states import PastStates
from mentra_actors.decider import Decider
from mentra_actors.ids import StreamId
from mentra_actors.store.journal import Journal
from mentra_actors.store.ports import JournalReader
from projections.past_views import PastViews

__all__ = ["Past"]


class Past:
    """The past of one store. Safe from any thread; reading does file I/O."""

    def __init__(self, reader: JournalReader, journal: Journal) -> None:
        """`journal` reads `reader`."""
        self.reader = reader
        self.journal = journal
        self.views = PastViews(journal)

    def state(
        self, decider: Decider[Any, Any, Any, Any], stream_id: StreamId, version: int
    ) -> Any:
        """The state of a stream after the event with a version, which must be there."""
        return PastStates(decider, self.reader, self.journal).at(stream_id, version)

    def state_at(
        self, decider: Decider[Any, Any, Any, Any], stream_id: StreamId, position: int
    ) -> Any:
        """The state of a stream after a global position."""
        return self.state(decider, stream_id, self.journal.version_at(stream_id, position))
