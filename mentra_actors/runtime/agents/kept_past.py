"""The model calls of the agent that was asked about last: the next look goes on from there."""

import threading

from mentra_actors.domain.past_calls import AgentPast, agent_past
from mentra_actors.ids import StreamId
from mentra_actors.store.journal import Journal

__all__ = ["KeptPast"]


class KeptPast:
    """Safe from any thread; reading does file I/O. It holds one conversation."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._kept: tuple[StreamId, int, AgentPast] = (StreamId(""), 0, AgentPast())
        self._lock = threading.Lock()
        """Also of folding: only one thread may make what is kept longer."""

    def at(self, stream_id: StreamId, version: int) -> AgentPast:
        """What the stream of an agent says of it up to a version. Only to be read.

        Raises:
            StoreError: the stream cannot be read.
        """
        with self._lock:
            kept_id, start, past = self._kept
            if kept_id != stream_id or start > version:
                start, past = 0, AgentPast()
            past = agent_past(self._journal.events(stream_id, after=start, through=version), past)
            self._kept = (stream_id, version, past)
            return past
