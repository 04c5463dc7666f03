"""Feeds: what a stream says, read off the log and from what is live, in one order.

A reader that is slower than its stream loses nothing that is recorded: what does not fit into the
buffer is read from the log again. Pieces of answers and lines of progress are dropped then; the
text of an answer goes on where the reader had it.

A feed may also tell of streams beside its own. Appends of several actors are heard in any order,
so before such a feed tells of one, it reads from the log what stands before it.
"""

import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Generic, Protocol, Self, TypeAlias, TypeVar

import anyio
import msgspec

from mentra_actors.effects.models.live import LiveNotice
from mentra_actors.envelope import RecordedEvent, SkippedEvent
from mentra_actors.errors import ActorQuarantined, MentraError, RuntimeClosed, StoreClosed
from mentra_actors.ids import StreamId
from mentra_actors.runtime.awaiting import thread_safe_call
from mentra_actors.runtime.core import RuntimeCore

__all__ = [
    "Cursor",
    "Feed",
    "FeedItem",
    "FeedSource",
    "FeedStart",
    "Source",
    "SyncFeed",
    "Teller",
    "start_of",
]

E = TypeVar("E")
E_co = TypeVar("E_co", covariant=True)

MOST_BUFFERED = 10_000


class Cursor(msgspec.Struct, frozen=True, order=True):
    """A place in a feed: a global position of the log, and which of the events there it is.

    As text it is `12.0`, for a file or a header; `parse` reads that.
    """

    position: int
    index: int = 0

    def __str__(self) -> str:
        return f"{self.position}.{self.index}"

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """The cursor that is written like this.

        Raises:
            ValueError: none is.
        """
        position, _, index = text.partition(".")
        if not (position.isdecimal() and index.isdecimal()):
            raise ValueError(f"a cursor is written like 12.0, not {text!r}")
        return cls(int(position), int(index))


FeedStart: TypeAlias = Cursor | str | int | None
"""After which place a feed begins: a cursor, also as text, all of a global position, or None for
what is recorded by now."""


class FeedItem(msgspec.Struct, Generic[E], frozen=True):
    """One event of a feed. `cursor` is None for what is live and stands nowhere."""

    event: E
    cursor: Cursor | None = None


class Teller(Protocol[E_co]):
    """From the events of one stream, in order, to those of a feed. It keeps a state."""

    def recorded(self, event: object) -> Sequence[E_co]:
        """What one recorded event says."""
        ...

    def live(self, notice: LiveNotice) -> Sequence[E_co]:
        """What a notice says; nothing if the log has overtaken it."""
        ...

    def caught_up(self) -> Sequence[E_co]:
        """What is live at this moment and has not been told; asked after a reading of the log."""
        ...


class Source(Protocol[E]):
    """Where a feed has its items from: filled from any thread, fetched by one reader."""

    trouble: MentraError | None
    """Why nothing more will come, if that is so."""

    @property
    def is_behind(self) -> bool:
        """True if there is more to tell, and it could not be told any more at the end."""
        ...

    @property
    def reads_log(self) -> bool:
        """True if the next fetch reads the log, which blocks."""
        ...

    def open(self, on_more: Callable[[], None]) -> None:
        """Begin to listen; `on_more` runs on any thread when there may be more to fetch."""
        ...

    def close(self) -> None:
        """Listen no more."""
        ...

    def fetch(self) -> "Sequence[FeedItem[E]]":
        """What has come since the last fetch."""
        ...


class FeedSource(Generic[E]):
    """The buffer of one feed. It is filled from any thread and fetched by one reader."""

    def __init__(
        self,
        core: RuntimeCore,
        stream_id: StreamId,
        teller: Teller[E],
        after: FeedStart,
        *,
        beside: Sequence[StreamId] = (),
    ) -> None:
        self._core = core
        self._stream_id = stream_id
        self._streams = (stream_id, *beside)
        self._teller = teller
        self._after = start_of(after, core)
        self._lock = threading.Lock()
        self._buffer: deque[tuple[RecordedEvent[object], ...] | LiveNotice] = deque()
        self._places: dict[StreamId, tuple[int, int]] = dict.fromkeys(self._streams, (0, 0))
        self._cursor = Cursor(0)
        self._ends = ExitStack()
        self.is_behind = True
        """True if the log has more than the buffer."""
        self.reads_log = True
        """True if the next fetch reads the log, which blocks."""
        self.trouble: MentraError | None = None

    def open(self, on_more: Callable[[], None]) -> None:
        """Begin to listen; `on_more` runs on any thread when there may be more to fetch."""

        def take(item: "tuple[RecordedEvent[object], ...] | LiveNotice") -> None:
            with self._lock:
                if len(self._buffer) >= MOST_BUFFERED:
                    self._buffer.clear()
                    self.is_behind = self.reads_log = True
                if isinstance(item, tuple) and len(self._streams) > 1:
                    self.reads_log = True
                if not self.is_behind or not isinstance(item, tuple):
                    self._buffer.append(item)
            on_more()

        def end(error: MentraError) -> None:
            if not isinstance(error, ActorQuarantined) or error.stream_id == self._stream_id:
                self.trouble = error
                on_more()

        core = self._core
        for one in self._streams:
            self._ends.callback(core.recorded.subscribe(take, topic=one))
        self._ends.callback(core.live.subscribe(take, topic=self._stream_id))
        self._ends.callback(core.trouble.subscribe(end))
        self.trouble = self.trouble or core.ended

    def close(self) -> None:
        """Listen no more."""
        self._ends.close()

    def fetch(self) -> list[FeedItem[E]]:
        """What has come since the last fetch. Blocks only if it `reads_log`."""
        items: list[FeedItem[E]] = []
        with self._lock:
            was_behind, self.is_behind, self.reads_log = self.is_behind, False, False
            if was_behind:
                self._buffer.clear()
        if was_behind:
            items += self._told(self._read())
            items += [FeedItem(event) for event in self._teller.caught_up()]
        while True:
            with self._lock:
                if not self._buffer:
                    return items
                item = self._buffer.popleft()
            if isinstance(item, tuple):
                items += self._told(self._in_place(item))
            else:
                items += [FeedItem(event) for event in self._teller.live(item)]

    def _read(self) -> Sequence[RecordedEvent[object]]:
        try:
            if len(self._streams) == 1:
                return self._rest_of(self._stream_id)
            return self._through(self._core.store.last_position())
        except BaseException as error:
            self.is_behind = self.reads_log = True
            if isinstance(error, StoreClosed):
                raise RuntimeClosed("the runtime was closed while its log was read") from error
            raise

    def _in_place(
        self, heard: tuple[RecordedEvent[object], ...]
    ) -> Sequence[RecordedEvent[object]]:
        """What one append says to this feed, behind all that stands before it."""
        if len(self._streams) == 1:
            return [one for one in heard if one.stream_id == self._stream_id]
        try:
            return self._through(max(one.global_position for one in heard))
        except StoreClosed:  # all that was recorded was heard before the store was closed
            return self._all_heard(heard)

    def _through(self, last: int) -> Sequence[RecordedEvent[object]]:
        """What the streams have had since, up to a global position, in order of the log."""
        found = (one for stream_id in self._streams for one in self._rest_of(stream_id))
        return _in_order(one for one in found if one.global_position <= last)

    def _all_heard(
        self, heard: Sequence[RecordedEvent[object]]
    ) -> Sequence[RecordedEvent[object]]:
        with self._lock:
            later = [one for item in self._buffer if isinstance(item, tuple) for one in item]
            self._buffer.clear()
        return _in_order([one for one in (*heard, *later) if one.stream_id in self._places])

    def _rest_of(self, stream_id: StreamId) -> Sequence[RecordedEvent[object]]:
        after = max(self._places[stream_id][0] - 1, 0)
        return self._core.journal.read_stream(stream_id, after=after)

    def _told(self, recorded: Iterable[RecordedEvent[object]]) -> list[FeedItem[E]]:
        items: list[FeedItem[E]] = []
        for one in recorded:
            place = (one.stream_version, one.part)
            if place <= self._places[one.stream_id]:
                continue
            self._places[one.stream_id] = place
            if not isinstance(one.event, SkippedEvent):
                items += self._said(one)
        return items

    def _said(self, one: RecordedEvent[object]) -> list[FeedItem[E]]:
        items: list[FeedItem[E]] = []
        for event in self._teller.recorded(one.event):
            index = self._cursor.index + 1 if self._cursor.position == one.global_position else 0
            self._cursor = Cursor(one.global_position, index)
            if self._cursor > self._after:
                items.append(FeedItem(event, self._cursor))
        return items


def _in_order(recorded: Iterable[RecordedEvent[object]]) -> Sequence[RecordedEvent[object]]:
    return sorted(recorded, key=lambda one: (one.global_position, one.part))


def start_of(after: FeedStart, core: RuntimeCore) -> Cursor:
    """The place that is meant.

    Raises:
        ValueError: the log has not come so far, or the text is no cursor.
        TypeError: it is no place at all.
        RuntimeClosed, Fenced: the log cannot be read any more.
    """
    last = _last_position(core)
    if after is None:
        return Cursor(last, 2**31)
    if isinstance(after, str):
        after = Cursor.parse(after)
    if not isinstance(after, Cursor) and type(after) is not int:
        raise TypeError(f"a feed begins after a cursor or a whole position, not {after!r}")
    start = after if isinstance(after, Cursor) else Cursor(after, 2**31)
    if not 0 <= start.position <= last:
        raise ValueError(
            f"the log has positions 1 to {last}, found {start.position}: is it of another store?"
        )
    return start


def _last_position(core: RuntimeCore) -> int:
    """Where the log ends by now.

    Raises:
        RuntimeClosed, Fenced: it cannot be read any more.
    """
    try:
        return core.store.last_position()
    except StoreClosed as closed:
        raise core.ended or closed from None


class _Reading(Generic[E]):
    """What both faces of a feed share: it ends in order with the runtime, else with an error."""

    def __init__(self, source: Source[E]) -> None:
        """Made by `Agent.events` and its like."""
        self._source = source
        self._items: deque[FeedItem[E]] = deque()
        self._is_open = False

    def _is_over(self) -> bool:
        """True if nothing more will come; asked before the last fetch."""
        if not self._is_open:
            raise RuntimeError("a feed is read inside of `with` or `async with`")
        trouble = self._source.trouble
        if trouble is None:
            return False
        # behind means that the log has more, and it cannot be read any more
        if not isinstance(trouble, RuntimeClosed) or self._source.is_behind:
            raise trouble
        return True


class Feed(_Reading[E]):
    """Iterate over it inside `async with`. It ends when the runtime is closed.

    Raises:
        Fenced, ActorQuarantined: from the iteration, if nothing will come any more.
        RuntimeClosed: the runtime was closed before all that is recorded was read.
        RuntimeError: it is read outside of `async with`.
    """

    async def __aenter__(self) -> Self:
        self._is_open = True
        call, self._more = thread_safe_call(), anyio.Event()
        self._source.open(lambda: call(self._more.set))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._source.close()

    async def __aiter__(self) -> AsyncIterator[FeedItem[E]]:
        """Items as they come."""
        while True:
            self._more = anyio.Event()
            is_over = self._is_over()
            if self._source.reads_log:
                self._items.extend(await anyio.to_thread.run_sync(self._source.fetch))
            else:
                self._items.extend(self._source.fetch())
            while self._items:
                yield self._items.popleft()
            if is_over:
                return
            await self._more.wait()


class SyncFeed(_Reading[E]):
    """`Feed` for programs without an event loop: iterating blocks until there is more."""

    def __enter__(self) -> Self:
        self._is_open = True
        self._more = threading.Event()
        self._source.open(self._more.set)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._source.close()

    def __iter__(self) -> Iterator[FeedItem[E]]:
        """Items as they come."""
        while True:
            self._more.clear()
            is_over = self._is_over()
            self._items.extend(self._source.fetch())
            while self._items:
                yield self._items.popleft()
            if is_over:
                return
            self._more.wait()
