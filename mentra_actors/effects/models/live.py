"""The live feed: pieces of answers and progress of tools, as they come.

Nothing here is stored; the event that follows has the whole. A subscriber that comes late
misses what was said before.
"""

import itertools
import logging
import threading
from collections.abc import Callable, Iterable
from typing import Generic, TypeAlias, TypeVar

import msgspec

from mentra_actors.ids import EffectId, StreamId
from mentra_actors.providers.port import ModelEvent

__all__ = ["LiveFeed", "LiveNotice", "ModelDelta", "Subscription", "ToolProgress"]

T = TypeVar("T")

EVERYTHING = ""

_log = logging.getLogger(__name__)


class ModelDelta(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of an answer that is being streamed for the effect `effect_id`.

    A piece of text, or of thinking, begins at `offset` (characters) of all that has come of it.
    """

    stream_id: StreamId
    effect_id: EffectId
    event: ModelEvent
    offset: int = 0


class ToolProgress(msgspec.Struct, frozen=True, kw_only=True):
    """A line that a running tool shows."""

    stream_id: StreamId
    effect_id: EffectId
    tool: str
    text: str


LiveNotice: TypeAlias = ModelDelta | ToolProgress
Subscription: TypeAlias = Callable[[], None]
"""Call it to end a subscription; more than once is allowed."""


class LiveFeed(Generic[T]):
    """Passes notices to subscribers: of all, or of the topics (streams) that a notice has.

    Safe from any thread. A subscriber costs nothing for notices of other topics.
    """

    def __init__(self, topics_of: Callable[[T], Iterable[str]] = lambda _notice: ()) -> None:
        self._topics_of = topics_of
        self._subscribers: dict[str, dict[int, Callable[[T], None]]] = {}
        self._keys = itertools.count()
        self._lock = threading.Lock()
        self.is_heard = False
        """False if nobody would hear a notice, so that none need be made."""

    def subscribe(
        self, on_notice: Callable[[T], None], *, topic: str = EVERYTHING
    ) -> Subscription:
        """Call `on_notice` for what is published from now on, of one topic or of all.

        It runs on the thread that publishes (loop or dispatcher) and must not block or raise.
        """
        key = next(self._keys)
        with self._lock:
            self._subscribers.setdefault(topic, {})[key] = on_notice
            self.is_heard = True

        def end() -> None:
            with self._lock:
                left = self._subscribers.get(topic, {})
                left.pop(key, None)
                if not left:
                    self._subscribers.pop(topic, None)
                self.is_heard = bool(self._subscribers)

        return end

    def publish(self, notice: T) -> None:
        """Pass one notice on; a subscriber that raises is logged and kept."""
        if not self.is_heard:
            return
        with self._lock:
            calls = [
                call
                for topic in (EVERYTHING, *dict.fromkeys(self._topics_of(notice)))
                for call in self._subscribers.get(topic, {}).values()
            ]
        for call in calls:
            try:
                call(notice)
            except Exception:  # noqa: BLE001 - a watcher must not disturb the work
                _log.exception("a subscriber raised")
