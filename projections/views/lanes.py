"""A team's work by lanes: who was at what from when to when, and which letters went between.

A lane is an agent, by its stream. Bars are runs, model calls and calls of tools; one without an
end was going on when the events ended.
"""

from collections.abc import Container, Iterable, Mapping
from typing import Any, Literal, TypeAlias

import msgspec

from mentra_actors.domain.agent import events as e
from mentra_actors.domain.inbox import MailDelivered
from mentra_actors.envelope import RecordedEvent
from mentra_actors.ids import StreamId, agent_stream, category_of
from projections.views.sentence_words import clipped

__all__ = ["BarKind", "LaneBar", "LaneLetter", "LaneMark", "TeamLanes", "only_lanes", "team_lanes"]

BarKind: TypeAlias = Literal["run", "model", "tool", "permission"]
"""`permission` is the wait for a person to allow a call."""
_BarKey: TypeAlias = tuple[StreamId, BarKind, str]


class LaneBar(msgspec.Struct, frozen=True, kw_only=True):
    """Something an agent did for a while; Unix seconds, `end` None while it lasts."""

    stream_id: StreamId
    kind: BarKind
    words: str
    begin: float
    end: float | None = None
    is_failed: bool = False


class LaneLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A letter; `sender` is empty if it came from outside. `taken_at` None: not read yet."""

    mail_id: str
    sender: StreamId
    receiver: StreamId
    words: str
    sent_at: float
    taken_at: float | None = None


class LaneMark(msgspec.Struct, frozen=True, kw_only=True):
    """A moment of a lane: what a person said, or something on the board."""

    stream_id: StreamId
    kind: Literal["prompt", "board"]
    words: str
    at: float


class TeamLanes(msgspec.Struct, frozen=True, kw_only=True):
    """Lanes in the order in which they were first seen; `first` and `last` are Unix seconds."""

    lanes: tuple[StreamId, ...] = ()
    bars: tuple[LaneBar, ...] = ()
    letters: tuple[LaneLetter, ...] = ()
    marks: tuple[LaneMark, ...] = ()
    first: float = 0.0
    last: float = 0.0


def team_lanes(events: Iterable[RecordedEvent[object]]) -> TeamLanes:
    """The lanes of these events, which are neighbours on the log and may begin anywhere.

    What had begun before the first of them is known by nothing but its end, and has no bar.
    """
    drawing = _Drawing()
    for recorded in events:
        drawing.add(recorded)
    return drawing.done()


def only_lanes(drawn: TeamLanes, chosen: Container[StreamId]) -> TeamLanes:
    """Without the lanes of other agents; marks of a board are those of a chosen one."""
    return msgspec.structs.replace(
        drawn,
        lanes=tuple(one for one in drawn.lanes if one in chosen),
        bars=tuple(one for one in drawn.bars if one.stream_id in chosen),
        letters=tuple(one for one in drawn.letters if one.receiver in chosen),
        marks=tuple(one for one in drawn.marks if one.stream_id in chosen),
    )


class _Drawing:
    """Bars that are open by their keys; all that is drawn, in order."""

    def __init__(self) -> None:
        self._lanes: dict[StreamId, None] = {}
        self._bars: list[LaneBar] = []
        self._open: dict[_BarKey, int] = {}
        self._letters: dict[str, LaneLetter] = {}
        self._marks: list[LaneMark] = []
        self._times: tuple[float, float] | None = None

    def add(self, recorded: RecordedEvent[object]) -> None:
        at = recorded.recorded_at_ns / 1e9
        first, last = self._times or (at, at)
        self._times = (min(first, at), max(last, at))
        category = category_of(recorded.stream_id)
        if category == "agent":
            self._lanes[recorded.stream_id] = None
            self._bar(recorded, at)
            self._taken(recorded, at)
        elif category == "inbox":
            self._letter(recorded.event, at)
        elif category == "board":
            self._mark(recorded.stream_id, "board", recorded.event_type, at)

    def done(self) -> TeamLanes:
        first, last = self._times or (0.0, 0.0)
        return TeamLanes(
            lanes=tuple(self._lanes),
            bars=tuple(self._bars),
            letters=tuple(self._letters.values()),
            marks=tuple(self._marks),
            first=first,
            last=last,
        )

    def _mark(self, stream_id: StreamId, kind: Any, words: str, at: float) -> None:
        self._marks.append(LaneMark(stream_id=stream_id, kind=kind, words=words, at=at))

    def _bar(self, recorded: RecordedEvent[object], at: float) -> None:
        stream_id, event = recorded.stream_id, recorded.event
        if isinstance(event, e.PromptAccepted):
            self._mark(stream_id, "prompt", clipped(event.text), at)
        begin = _BEGINS.get(type(event))
        if begin is not None:
            kind, attribute, words = begin
            key = (stream_id, kind, getattr(event, attribute))
            self._open[key] = len(self._bars)
            shown = str(getattr(event, words, "")) or kind
            self._bars.append(LaneBar(stream_id=stream_id, kind=kind, words=shown, begin=at))
        end = _ENDS.get(type(event))
        if end is not None:
            kind, attribute, is_failed = end
            failed = is_failed or bool(getattr(event, "is_error", False))
            self._end((stream_id, kind, getattr(event, attribute)), at, is_failed=failed)

    def _end(self, key: _BarKey, at: float, *, is_failed: bool) -> None:
        place = self._open.pop(key, None)
        if place is None:
            return
        bar = self._bars[place]
        self._bars[place] = msgspec.structs.replace(bar, end=at, is_failed=is_failed)
        if key[1] == "run":  # whatever it was at has ended with it
            for other in [one for one in self._open if one[0] == key[0]]:
                self._end(other, at, is_failed=is_failed)

    def _letter(self, event: object, at: float) -> None:
        if not isinstance(event, MailDelivered):
            return
        mail = event.mail
        self._letters[mail.mail_id] = LaneLetter(
            mail_id=mail.mail_id,
            sender=agent_stream(mail.sender_id) if mail.sender_id else StreamId(""),
            receiver=agent_stream(mail.to),
            words=clipped(mail.body),
            sent_at=at,
        )

    def _taken(self, recorded: RecordedEvent[object], at: float) -> None:
        if not isinstance(recorded.event, e.MailTaken):
            return
        for mail in recorded.event.mail:
            letter = self._letters.get(mail.mail_id)
            if letter is not None:
                self._letters[mail.mail_id] = msgspec.structs.replace(letter, taken_at=at)


_BEGINS: Mapping[type[object], tuple[BarKind, str, str]] = {
    e.RunStarted: ("run", "run_id", "run_id"),
    e.ModelCallRequested: ("model", "effect_id", ""),
    e.ToolCallStarted: ("tool", "key", "tool"),
    e.PermissionRequested: ("permission", "key", "tool"),
}
"""By what begins a bar: its kind, the attribute that names it, the one that is shown."""

_ENDS: Mapping[type[object], tuple[BarKind, str, bool]] = {
    e.RunFinished: ("run", "run_id", False),
    e.RunFailed: ("run", "run_id", True),
    e.RunCancelled: ("run", "run_id", True),
    e.ModelReplied: ("model", "effect_id", False),
    e.ModelCallFailed: ("model", "effect_id", True),
    e.ToolCallFinished: ("tool", "key", False),
    e.ToolCallOutcomeUnknown: ("tool", "key", True),
    e.PermissionResolved: ("permission", "key", False),
    e.PermissionExpired: ("permission", "key", True),
}
"""By what ends one: its kind, the attribute that names it, and whether that is a failure."""
