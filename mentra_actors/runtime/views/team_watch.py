"""Watching the views of a running team: one snapshot, then what changes, and what is live.

Changes are read off the log, at the pace of whoever takes them, so a slow reader holds nothing
up and is told less, not late: of a page of the log each part once, as it is in the end. Pieces of
answers wait in a buffer that has an end; what is dropped of an answer is told with the next piece.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Literal

from mentra_actors.effects.models.live import LiveNotice, ModelDelta, ToolProgress
from mentra_actors.effects.models.live_answers import LiveAnswers
from mentra_actors.envelope import RecordedEvent
from mentra_actors.errors import MentraError, RuntimeClosed, StoreClosed
from mentra_actors.ids import EffectId, StreamId
from mentra_actors.providers.port import TextDelta, ThinkingDelta
from mentra_actors.runtime.core import RuntimeCore
from mentra_actors.runtime.views.feeds import Cursor, FeedItem, FeedStart, start_of
from mentra_actors.runtime.views.view_reading import ViewReading
from projections.contract import AnyProjection
from projections.running.view_changes import (
    AnswerPiece,
    ToolLine,
    ViewChange,
    ViewEvent,
    ViewSnapshot,
    ViewsReached,
)
from projections.views.answering import ANSWERING
from projections.views.built_in import TEAM_VIEWS

__all__ = ["TeamWatch"]

_MOST_BUFFERED = 10_000


class TeamWatch:
    """The source of one feed of views; see `feeds.Source`. Fetched by one reader."""

    def __init__(
        self, core: RuntimeCore, chosen: Sequence[AnyProjection], after: FeedStart
    ) -> None:
        self._core = core
        self._after = None if after is None else start_of(after, core).position
        views = chosen or TEAM_VIEWS
        self._reading = ViewReading(core.store, core.settings.path, views, [ANSWERING])
        self._pieces = _Pieces(core.answers)
        self._lock = threading.Lock()
        self._live: deque[LiveNotice] = deque()
        self._has_dropped = True
        self._has_begun = False
        self._ends = ExitStack()
        self._on_more: Callable[[], None] = lambda: None
        self.is_behind = False
        self.reads_log = True
        self.trouble: MentraError | None = None

    def open(self, on_more: Callable[[], None]) -> None:
        """See `feeds.Source.open`."""
        self._on_more = on_more

        def note(_recorded: tuple[RecordedEvent[object], ...]) -> None:
            on_more()

        def take(notice: LiveNotice) -> None:
            with self._lock:
                if len(self._live) >= _MOST_BUFFERED:
                    self._live.clear()
                    self._has_dropped = True
                self._live.append(notice)
            on_more()

        def end(error: MentraError) -> None:
            if isinstance(error, RuntimeClosed) or self.trouble is None:
                self.trouble = error
            on_more()

        core = self._core
        self._ends.callback(core.recorded.subscribe(note))
        self._ends.callback(core.live.subscribe(take))
        self._ends.callback(core.trouble.subscribe(end))
        self.trouble = self.trouble or core.ended

    def close(self) -> None:
        """See `feeds.Source.close`."""
        self._ends.close()

    def fetch(self) -> list[FeedItem[ViewEvent]]:
        """See `feeds.Source.fetch`. What is live is told when the log has been told before it."""
        with self._lock:
            live, self._live = self._live, deque()
            has_dropped, self._has_dropped = self._has_dropped, False
        items = self._recorded()
        while has_more := self._has_more():
            if self.trouble is None:
                break
            items += self._recorded()  # nobody will ask again
        if has_more:
            with self._lock:
                self._live.extendleft(reversed(live))
                self._has_dropped |= has_dropped
            self._on_more()
            return items
        answering = self._reading.views.parts(ANSWERING.name)
        return [*items, *self._pieces.told(live, answering, is_late=has_dropped)]

    def _recorded(self) -> list[FeedItem[ViewEvent]]:
        try:
            if self._has_begun:
                return list(map(_placed, self._reading.carry_on()))
            items = list(map(_placed, self._reading.begin(self._after)))
        except StoreClosed as error:
            raise RuntimeClosed("the runtime was closed while its log was read") from error
        self._has_begun = True
        return items

    def _has_more(self) -> bool:
        try:
            return self._reading.is_behind()
        except StoreClosed as error:
            raise RuntimeClosed("the runtime was closed while its log was read") from error


class _Pieces:
    """How much of each open answer has been told."""

    def __init__(self, answers: LiveAnswers) -> None:
        self._answers = answers
        self._told: dict[tuple[EffectId, str], int] = {}

    def told(
        self, live: Iterable[LiveNotice], answering: Mapping[str, str], *, is_late: bool
    ) -> Iterator[FeedItem[ViewEvent]]:
        """What is live; `is_late`: something was missed, so first all of it that is new."""
        opened = {effect_id for effect_id in answering.values() if effect_id}
        self._told = {key: end for key, end in self._told.items() if key[0] in opened}
        if is_late:
            for stream_id in [StreamId(one) for one, effect_id in answering.items() if effect_id]:
                yield from self._heard(stream_id, answering[stream_id])
        for notice in live:
            if isinstance(notice, ToolProgress):
                yield FeedItem(
                    ToolLine(
                        stream_id=notice.stream_id,
                        effect_id=notice.effect_id,
                        tool=notice.tool,
                        text=notice.text,
                    )
                )
            elif notice.effect_id in opened:
                yield from self._piece(notice)

    def _heard(self, stream_id: StreamId, effect_id: str) -> Iterator[FeedItem[ViewEvent]]:
        heard = self._answers.heard(stream_id)
        if heard is None or heard.effect_id != effect_id:
            return
        partial = heard.partial
        yield from self._new(stream_id, heard.effect_id, "thinking", 0, partial.thinking)
        yield from self._new(stream_id, heard.effect_id, "text", 0, partial.text)

    def _piece(self, notice: ModelDelta) -> Iterator[FeedItem[ViewEvent]]:
        match notice.event:
            case TextDelta(text=text):
                of: Literal["text", "thinking"] = "text"
            case ThinkingDelta(text=text):
                of = "thinking"
            case _:
                return
        yield from self._new(notice.stream_id, notice.effect_id, of, notice.offset, text)

    def _new(
        self,
        stream_id: StreamId,
        effect_id: EffectId,
        of: Literal["text", "thinking"],
        offset: int,
        text: str,
    ) -> Iterator[FeedItem[ViewEvent]]:
        known = max(self._told.get((effect_id, of), 0) - offset, 0)
        if len(text) <= known:
            return
        self._told[effect_id, of] = offset + len(text)
        piece = AnswerPiece(
            stream_id=stream_id,
            effect_id=effect_id,
            of=of,
            offset=offset + known,
            text=text[known:],
        )
        yield FeedItem(piece)


def _placed(event: ViewEvent) -> FeedItem[ViewEvent]:
    if isinstance(event, ViewSnapshot | ViewChange | ViewsReached):
        return FeedItem(event, Cursor(event.position))
    return FeedItem(event)
