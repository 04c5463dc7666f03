"""Answers while they are being heard: for whoever looks, and for the next process.

What has come of an answer is kept in memory, and every tick one row with the new text of all live
answers goes to the store, beside the log (its *tick journal*). So a crash loses at most one tick
of text, and costs a hundredth of an event per piece. Rows go when no live answer needs them.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

import msgspec

from mentra_actors.domain.agent.commands import PartialAnswer
from mentra_actors.domain.model_call import TokenUsage, usage_fault
from mentra_actors.domain.request_view import RequestView
from mentra_actors.domain.storable import encodable
from mentra_actors.ids import EffectId, StreamId
from mentra_actors.providers.port import (
    ModelEvent,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    UsageReported,
)

__all__ = ["LiveAnswer", "LiveAnswers", "LivePiece", "TickStore"]

_log = logging.getLogger(__name__)

FORGET_LEFT_S = 60.0
"""What an earlier process has left is forgotten after so long, if nobody asks for it."""


class LivePiece(msgspec.Struct, frozen=True, omit_defaults=True):
    """New text of one answer, as it is kept in a tick."""

    text: str = ""
    thinking: str = ""


class TickStore(Protocol):
    """Where ticks are kept. Safe from any thread; neither blocks nor raises."""

    def save(
        self, number: int, pieces: Sequence[tuple[StreamId, EffectId, bytes]], drop_below: int
    ) -> None:
        """Keep one tick, and let go of those with a lower number than `drop_below`."""
        ...

    def load(self) -> Iterable[tuple[int, Sequence[tuple[StreamId, EffectId, bytes]]]]:
        """All ticks that are kept, by number. Blocks; before the loop runs."""
        ...


class _Pieces(list[str]):
    """The pieces of a text, in order, and how many characters the first of them have."""

    __slots__ = ("_chars", "_counted")

    def __init__(self) -> None:
        super().__init__()
        self._chars = self._counted = 0

    def begin_of_last(self) -> int:
        """Where the last piece begins (characters)."""
        last = len(self) - 1
        while self._counted < last:
            self._chars += len(self[self._counted])
            self._counted += 1
        return self._chars


class LiveAnswer:
    """What has come of one answer so far. Filled on the loop; looked at from any thread.

    A piece costs as little as can be: answers come in thousands of them, for many agents at once.
    """

    def __init__(
        self, stream_id: StreamId, effect_id: EffectId, on_new: Callable[[], None] = lambda: None
    ) -> None:
        """`on_new` is called for the first text after each call of `new_piece`."""
        self.stream_id = stream_id
        self.effect_id = effect_id
        self.usage = TokenUsage()
        self.queued_s = 0.0
        """How long its call had waited for its turn at the provider."""
        self.view = RequestView()
        """How its request showed the conversation."""
        self.first_tick = 0
        """The first tick that has some of it; 0 for none."""
        self._text = _Pieces()
        self._thinking = _Pieces()
        self._calls: dict[int, tuple[ToolCallDelta, list[str]]] = {}
        self._on_new = on_new
        self._has_new = False
        self._ticked = (0, 0)

    def take(self, event: ModelEvent) -> None:
        """Add one event."""
        if isinstance(event, TextDelta):
            self._text.append(str(event.text))
        elif isinstance(event, ThinkingDelta):
            self._thinking.append(str(event.text))
        else:
            self._take_other(event)
            return
        if not self._has_new:
            self._has_new = True
            self._on_new()

    def _take_other(self, event: ModelEvent) -> None:
        match event:
            case ToolCallDelta():
                _, arguments = self._calls.get(event.block_index, (event, []))
                arguments.append(event.arguments)
                self._calls[event.block_index] = (event, arguments)
            case UsageReported(usage=TokenUsage() as usage) if not usage_fault(usage):
                self.usage = usage
            case _:
                pass

    def offset_of(self, event: ModelEvent) -> int:
        """Where the text of the event that was taken last begins (characters); 0 if it has none.

        On the loop. Pieces are counted when somebody asks, each once.
        """
        if isinstance(event, TextDelta):
            return self._text.begin_of_last()
        return self._thinking.begin_of_last() if isinstance(event, ThinkingDelta) else 0

    @property
    def has_begun(self) -> bool:
        """True if anything has come."""
        return bool(self._text or self._thinking or self._calls)

    @property
    def partial(self) -> PartialAnswer:
        """All text so far, storable."""
        return PartialAnswer(
            text=encodable("".join(self._text)), thinking=encodable("".join(self._thinking))
        )

    @property
    def calls(self) -> Sequence[ToolCallDelta]:
        """Calls that are taking shape, in order, each with all of its arguments so far."""
        return [
            msgspec.structs.replace(call, arguments="".join(pieces))
            for _, (call, pieces) in sorted(self._calls.items())
        ]

    def new_piece(self) -> LivePiece | None:
        """Text since the piece before; None if there is none."""
        if not self._has_new:
            return None
        self._has_new = False
        texts, thoughts = self._ticked
        self._ticked = (len(self._text), len(self._thinking))
        piece = LivePiece(
            text=encodable("".join(self._text[texts:])),
            thinking=encodable("".join(self._thinking[thoughts:])),
        )
        return piece if piece.text or piece.thinking else None


class LiveAnswers:
    """The answers that this process is hearing, and what earlier ones have left of theirs."""

    def __init__(
        self,
        ticks: TickStore,
        call_later: Callable[[float, Callable[[], None]], None],
        *,
        tick_s: float = 0.1,
    ) -> None:
        """`call_later(seconds, call)` runs a call on the loop; `tick_s` is the time of a tick."""
        self._ticks = ticks
        self._call_later = call_later
        self._tick_s = tick_s
        self._live: dict[StreamId, LiveAnswer] = {}
        self._is_due = False
        self._is_closed = False
        self._lock = threading.Lock()
        """Guards what earlier processes have left."""
        self._left: dict[tuple[StreamId, EffectId], PartialAnswer] = {}
        self._first_left = 0
        self._number = self._load()
        self._saved = self._number > 0

    def _load(self) -> int:
        number = 0
        pieces: dict[tuple[StreamId, EffectId], list[LivePiece]] = {}
        for number, row in self._ticks.load():
            self._first_left = self._first_left or number
            for stream_id, effect_id, payload in row:
                piece = _decoded(payload)
                if piece is not None:
                    pieces.setdefault((stream_id, effect_id), []).append(piece)
        self._left = {
            key: PartialAnswer(
                text="".join(piece.text for piece in of_answer),
                thinking="".join(piece.thinking for piece in of_answer),
            )
            for key, of_answer in pieces.items()
        }
        return number

    # --- what is left of answers ----------------------------------------------------------

    def left(self, stream_id: StreamId) -> Mapping[EffectId, PartialAnswer]:
        """What earlier processes have left of answers for a stream, by effect. From any thread."""
        with self._lock:
            return {key[1]: partial for key, partial in self._left.items() if key[0] == stream_id}

    def forget(self, stream_id: StreamId, effect_id: EffectId) -> None:
        """It stands on the log now. From any thread."""
        with self._lock:
            if self._left.pop((stream_id, effect_id), None) is None:
                return
        self._call_later(self._tick_s, self._tick)

    def forget_left(self) -> None:
        """Nobody has asked for what is left; let it go. From any thread."""
        with self._lock:
            self._left.clear()
        self._call_later(0.0, self._tick)

    # --- what comes -----------------------------------------------------------------------

    def begin(self, stream_id: StreamId, effect_id: EffectId) -> LiveAnswer:
        """An answer begins to be heard. On the loop."""
        answer = self._live[stream_id] = LiveAnswer(stream_id, effect_id, self._tick_later)
        return answer

    def end(self, answer: LiveAnswer) -> None:
        """It is whole, or it broke off. On the loop."""
        if self._live.get(answer.stream_id) is answer:
            del self._live[answer.stream_id]
        if self._saved:
            self._tick_later()

    def close(self) -> None:
        """This process ends: what is kept of open answers stays for the next. From any thread."""
        self._is_closed = True

    def heard(self, stream_id: StreamId) -> LiveAnswer | None:
        """What has come of the answer that a stream is waiting for. From any thread."""
        return self._live.get(stream_id)

    def _tick_later(self) -> None:
        if not self._is_due:
            self._is_due = True
            self._call_later(self._tick_s, self._tick)

    def _tick(self) -> None:
        """One row for all; or none, if nothing is new and nothing can go."""
        self._is_due = False
        if self._is_closed:
            return
        pieces = []
        for answer in list(self._live.values()):
            piece = answer.new_piece()
            if piece is not None:
                answer.first_tick = answer.first_tick or self._number + 1
                payload = msgspec.msgpack.encode(piece)
                pieces.append((answer.stream_id, answer.effect_id, payload))
        number = self._number + 1 if pieces else self._number
        drop_below = self._oldest_needed(number)
        if pieces or (self._saved and drop_below > number):
            self._ticks.save(number, pieces, drop_below)
            self._number, self._saved = number, bool(pieces)

    def _oldest_needed(self, number: int) -> int:
        with self._lock:
            if not self._left:
                self._first_left = 0
            firsts = [self._first_left] if self._first_left else []
        firsts += [one.first_tick for one in self._live.values() if one.first_tick]
        return min(firsts, default=number + 1)


def _decoded(payload: bytes) -> LivePiece | None:
    try:
        return msgspec.msgpack.decode(payload, type=LivePiece)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        _log.warning("a piece of an answer cannot be read: %s", error)
        return None
