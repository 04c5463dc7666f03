"""The live feed: pieces of answers and progress of tools, as they come.

Nothing here is stored; the event that follows has the whole. A subscriber that comes late
misses what was said before.
"""

import logging
import threading
from collections.abc import Callable
from typing import Any, TypeAlias

import msgspec

from mentra_actors.ids import EffectId, StreamId
from mentra_actors.providers.port import ModelEvent

__all__ = ["LiveFeed", "LiveNotice", "ModelDelta", "Subscription", "ToolProgress"]

_log = logging.getLogger(__name__)


class ModelDelta(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of an answer that is being streamed for the effect `effect_id`."""

    stream_id: StreamId
    effect_id: EffectId
    event: ModelEvent


class ToolProgress(msgspec.Struct, frozen=True, kw_only=True):
    """A line that a running tool shows."""

    stream_id: StreamId
    effect_id: EffectId
    tool: str
    text: str


LiveNotice: TypeAlias = ModelDelta | ToolProgress
Subscription: TypeAlias = Callable[[], None]
"""Call it to end a subscription; more than once is allowed."""


class LiveFeed:
    """Passes notices to subscribers. Safe from any thread."""

    def __init__(self) -> None:
        self._subscribers: dict[int, Callable[[Any], None]] = {}
        self._next = 0
        self._lock = threading.Lock()

    def subscribe(self, on_notice: Callable[[Any], None]) -> Subscription:
        """Call `on_notice` for everything published from now on.

        It runs on the thread that publishes (loop or dispatcher) and must not block or raise.
        """
        with self._lock:
            self._next += 1
            key = self._next
            self._subscribers = {**self._subscribers, key: on_notice}

        def end() -> None:
            with self._lock:
                rest = {k: call for k, call in self._subscribers.items() if k != key}
                self._subscribers = rest

        return end

    def publish(self, notice: Any) -> None:
        """Pass one notice on; a subscriber that raises is logged and kept."""
        for on_notice in self._subscribers.values():
            try:
                on_notice(notice)
            except Exception:  # noqa: BLE001 - a watcher must not disturb the work
                _log.exception("a subscriber raised")
