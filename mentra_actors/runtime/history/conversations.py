"""What agents were told, as of their versions: each look goes on from the nearest one before."""

import threading
from collections import OrderedDict

from mentra_actors.domain.conversation_tree import Transcript, closed
from mentra_actors.domain.transcript import apply
from mentra_actors.ids import StreamId
from mentra_actors.store.journal import Journal

__all__ = ["PastConversations"]

_KEPT = 4
"""Each may be all that was ever said; those that follow from one another share it."""


class PastConversations:
    """Conversations of the agents of one log. Safe from any thread; reading does file I/O."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._kept: OrderedDict[tuple[StreamId, int], Transcript] = OrderedDict()
        self._lock = threading.Lock()
        """Also of folding: only one thread may make what is kept longer."""

    def at(self, stream_id: StreamId, version: int) -> Transcript:
        """The conversation after an event of an agent, open calls answered. Only to be read.

        Raises:
            StoreError: the stream cannot be read.
        """
        with self._lock:
            known = [at for name, at in self._kept if name == stream_id and at <= version]
            start = max(known, default=0)
            transcript = self._kept.get((stream_id, start), Transcript())
            pages = self._journal.event_pages(stream_id, after=start, through=version)
            for events, _ in pages:
                for event in events:
                    transcript = apply(transcript, event)
            self._kept[stream_id, version] = transcript
            self._kept.move_to_end((stream_id, version))
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
            return closed(transcript)
