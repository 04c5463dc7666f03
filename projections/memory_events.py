"""What becomes of a memory, for who looks on: which records are there now, or no more."""

from typing import Any, Literal

import msgspec

from mentra_actors.domain.memory import (
    MemoryForgotten,
    MemoryKind,
    MemoryRecord,
    MemoryRecorded,
    MemoryScope,
)
from mentra_actors.domain.memory_views import MemoryView
from mentra_actors.envelope import RecordedEvent
from mentra_actors.ids import AgentId, agent_stream
from projections.memory_episodes import EpisodeFold

__all__ = ["MemoryUpdated", "MemoryUpdates"]


class MemoryUpdated(msgspec.Struct, frozen=True, kw_only=True, tag="memory_updated"):
    """A record can be found from now on, or no more; then its `kind` is not told."""

    agent_id: AgentId
    record_id: str
    change: Literal["stored", "forgotten"]
    scope: MemoryScope
    kind: MemoryKind | None = None


class MemoryUpdates:
    """Tells what the events of the log mean for what one agent remembers.

    It hears them in the order of the log. Runs that were open before the first one are not told.
    """

    def __init__(self, agent_id: AgentId, view: MemoryView) -> None:
        """`view` is what the agent may see."""
        self._agent_id = agent_id
        self._scopes = {one.stream_id: one.scope for one in view.streams}
        self._fold = EpisodeFold(agent_id)

    def told(self, recorded: RecordedEvent[Any]) -> MemoryUpdated | None:
        """What one event means; None for most, and for those of other streams."""
        scope, event = self._scopes.get(recorded.stream_id), recorded.event
        if scope is None:
            return None
        if recorded.stream_id == agent_stream(self._agent_id):
            remembered = self._fold.step(event, recorded.stream_version)
            return None if remembered is None else self._stored(remembered.record, scope)
        match event:
            case MemoryRecorded(record=record):
                return self._stored(record, scope)
            case MemoryForgotten(record_id=record_id):
                return MemoryUpdated(
                    agent_id=self._agent_id,
                    record_id=record_id,
                    change="forgotten",
                    scope=scope,
                )
            case _:
                return None

    def _stored(self, record: MemoryRecord, scope: MemoryScope) -> MemoryUpdated:
        return MemoryUpdated(
            agent_id=self._agent_id,
            record_id=record.record_id,
            change="stored",
            scope=scope,
            kind=record.kind,
        )
