"""A view that an actor folds from its own stream, for its own effects."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from mentra_actors.envelope import RecordedEvent, SkippedEvent
from mentra_actors.ids import StreamId
from mentra_actors.store.journal import Journal

__all__ = ["InlineFold", "InlineView"]

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class InlineFold(Generic[V]):
    """How the view is folded, and which effects need it."""

    initial: V
    apply: Callable[[V, Any], V]
    is_needed_by: Callable[[Any], bool]


class InlineView(Generic[V]):
    """The view of one stream; folded from the first event when it is first asked for.

    Used on the dispatcher of its actor only.
    """

    def __init__(self, fold: InlineFold[V], journal: Journal, stream_id: StreamId) -> None:
        self._fold = fold
        self._journal = journal
        self._stream_id = stream_id
        self._view = fold.initial
        self._version = 0
        self._is_live = False

    def for_effect(self, effect: object, durable_version: int) -> V | None:
        """The view as of a version, or None if the effect does not need it."""
        if not self._fold.is_needed_by(effect):
            return None
        if self._version < durable_version:
            self._catch_up(durable_version)
        self._is_live = True
        return self._view

    def extend(self, recorded: list[RecordedEvent[object]]) -> None:
        """Fold what has just become durable, if the view is in use."""
        if self._is_live:
            self._apply(recorded)

    def _catch_up(self, through: int) -> None:
        pages = self._journal.event_pages(self._stream_id, after=self._version, through=through)
        for events, last in pages:
            for event in events:
                self._see(event)
            self._version = last

    def _see(self, event: object) -> None:
        if not isinstance(event, SkippedEvent):
            self._view = self._fold.apply(self._view, event)

    def _apply(self, recorded: list[RecordedEvent[object]]) -> None:
        """Fold what is new and joins on; the parts of a split event come together."""
        folded = self._version
        for one in recorded:
            if not folded < one.stream_version <= self._version + 1:
                continue
            self._see(one.event)
            self._version = one.stream_version
