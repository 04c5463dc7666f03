"""Why something happened, and what came of it: the log walked by its causes.

Backwards each event has one cause that tells most: for a tool call the answer that asked for it,
for an answer its request, for what an agent was told the letter, for a letter the call that sent
it. So the walk crosses agents, and ends where a program, a person or a timer began.
"""

from collections.abc import Iterator, Sequence
from typing import Literal, TypeAlias

import msgspec

from mentra_actors.domain.agent.events import AgentRecovered, InputPlaced, RunStarted
from mentra_actors.domain.inbox import MailDelivered
from mentra_actors.domain.schedules.events import ScheduleFired
from mentra_actors.envelope import RecordedEvent
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import StreamId
from mentra_actors.runtime.history.appends import append_at, appends_in
from mentra_actors.runtime.history.pages import KeptPages
from mentra_actors.runtime.plain_arguments import require_whole
from mentra_actors.store.journal import Journal
from projections.views.cause_names import CauseName, given_names, needed_names, trigger_names
from projections.views.timeline import TimelineLine, line_of

__all__ = ["Beginning", "CauseChain", "Effect", "Effects", "causes_of", "effects_of"]

Beginning: TypeAlias = Literal["command", "timer", "recovery"]
"""Where a walk ends: a program or a person gave a command, a schedule came due, or a process
that had died was there again."""

_Recorded: TypeAlias = RecordedEvent[object]


class CauseChain(msgspec.Struct, frozen=True, kw_only=True):
    """From an event back to what began it. The first step is the event, the last the beginning.

    `command` names what a program or a person asked for there, if it was one.
    """

    steps: tuple[TimelineLine, ...]
    beginning: Beginning
    command: str = ""


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """An event that came of another one, at the position `cause`; `depth` steps from the first."""

    line: TimelineLine
    cause: int
    depth: int


class Effects(msgspec.Struct, frozen=True, kw_only=True):
    """All that came of an event, in the order of the log; `is_cut` if there is more."""

    of: TimelineLine
    effects: tuple[Effect, ...]
    is_cut: bool = False


def causes_of(journal: Journal, position: int) -> CauseChain:
    """Walk from an event to what began it.

    Raises:
        CommandRejected: there is no such position.
    """
    walk = _Backwards(journal)
    steps = [_required(journal, position)]
    is_of_timer = False
    while (cause := walk.cause_of(steps[-1])) is not None:
        steps.append(cause)
        if isinstance(steps[-2].event, ScheduleFired):
            is_of_timer = True
            break
    return CauseChain(
        steps=tuple(line_of(one) for one in steps),
        beginning=_beginning(steps[-1], is_of_timer=is_of_timer),
        command=steps[-1].causation,
    )


def effects_of(journal: Journal, position: int, *, limit: int) -> Effects:
    """Walk from an event to all that came of it, up to `limit` events.

    Raises:
        CommandRejected: there is no such position, or the limit is not above 0.
    """
    require_whole(limit, "a limit")
    if limit < 1:
        raise CommandRejected(f"a limit is at least 1, not {limit}")
    first = _required(journal, position)
    found: list[Effect] = []
    for effect in _Forwards(journal, first).effects():
        if len(found) == limit:
            return Effects(of=line_of(first), effects=tuple(found), is_cut=True)
        found.append(effect)
    return Effects(of=line_of(first), effects=tuple(found))


def _required(journal: Journal, position: int) -> _Recorded:
    require_whole(position, "a position")
    found = journal.event_at(position)
    if found is None:
        last = journal.last_position()
        raise CommandRejected(f"the log has positions 1 to {last}; {position} is not there")
    return found


def _beginning(recorded: _Recorded, *, is_of_timer: bool) -> Beginning:
    if is_of_timer or isinstance(recorded.event, ScheduleFired):
        return "timer"
    is_after_death = recorded.causation == "recovery" or isinstance(recorded.event, AgentRecovered)
    return "recovery" if is_after_death else "command"


def _asked_names(recorded: _Recorded, append: Sequence[_Recorded]) -> list[CauseName]:
    """A run came of its first input, which stands right after it."""
    names = needed_names(recorded)
    if not names and isinstance(recorded.event, RunStarted):
        names = [
            name
            for one in append
            if isinstance(one.event, InputPlaced) and one.stream_id == recorded.stream_id
            for name in needed_names(one)
        ]
    return names


def _neighbour(recorded: _Recorded, append: Sequence[_Recorded]) -> _Recorded | None:
    """What an event that is not the first of its append follows from."""
    before = [one for one in append if one.global_position < recorded.global_position]
    if not before:
        return None
    if isinstance(recorded.event, MailDelivered):
        return next((one for one in before if _brings(one, recorded.event)), before[0])
    own = [one for one in before if one.stream_id == recorded.stream_id]
    return own[-1] if own else before[0]


def _brings(recorded: _Recorded, delivered: MailDelivered) -> bool:
    letters = (getattr(recorded.event, one, None) for one in ("mail", "notice", "first_mail"))
    return any(getattr(one, "mail_id", None) == delivered.mail.mail_id for one in letters)


class _Backwards:
    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._pages = KeptPages(journal)

    def cause_of(self, recorded: _Recorded) -> _Recorded | None:
        """The event before that tells most, or None for a beginning."""
        append = append_at(self._pages, recorded)
        asked = self._first_given(_asked_names(recorded, append), recorded)
        if asked is not None:
            return asked
        neighbour = _neighbour(recorded, append)
        if neighbour is not None:
            return neighbour
        return self._first_given(trigger_names(recorded), recorded)

    def _first_given(self, names: Sequence[CauseName], recorded: _Recorded) -> _Recorded | None:
        for name in names:
            found = self._giver(name, recorded)
            if found is not None:
                return found
        return None

    def _giver(self, name: CauseName, recorded: _Recorded) -> _Recorded | None:
        """The last event before `recorded` that gives this name."""
        through: int = self._version_before(name.stream_id, recorded)
        earlier = self._pages.last_in_stream(name.stream_id, through)
        return next((one for one in earlier if name in given_names(one)), None)

    def _version_before(self, stream_id: StreamId, recorded: _Recorded) -> int:
        """Version of the last event of a stream before another event."""
        if stream_id == recorded.stream_id:
            return recorded.stream_version - 1
        return self._journal.version_at(stream_id, recorded.global_position - 1)


class _Forwards:
    """One pass over the log from an event on; it knows the names that the reached ones give."""

    def __init__(self, journal: Journal, first: _Recorded) -> None:
        self._journal = journal
        self._backwards = _Backwards(journal)
        self._first_append = append_at(journal, first)
        self._first = first
        self._depths = {first.global_position: 0}
        self._givers = dict.fromkeys(given_names(first), first.global_position)

    def effects(self) -> Iterator[Effect]:
        """Those that came of the first one, as they are found."""
        for append in self._appends():
            for recorded in append:
                if recorded.global_position <= self._first.global_position:
                    continue
                cause = self._cause_of(recorded, append)
                if cause:
                    depth = self._depths[recorded.global_position] = self._depths[cause] + 1
                    yield Effect(line=line_of(recorded), cause=cause, depth=depth)
                self._note(recorded, is_reached=cause > 0)

    def _appends(self) -> Iterator[list[_Recorded]]:
        yield list(self._first_append)
        after = self._first_append[-1].global_position
        yield from appends_in(self._journal.between(after, self._journal.last_position()))

    def _cause_of(self, recorded: _Recorded, append: Sequence[_Recorded]) -> int:
        """Position of its cause if that is reached, else 0. The rule is that of the way back."""
        asked = _asked_names(recorded, append)
        given = [self._givers[name] for name in asked if name in self._givers]
        if given:
            return given[0]
        neighbour = _neighbour(recorded, append)
        if neighbour is None:
            names = trigger_names(recorded)
            return next((self._givers[name] for name in names if name in self._givers), 0)
        if asked and neighbour.global_position in self._depths:
            neighbour = self._backwards.cause_of(recorded) or neighbour
        at = neighbour.global_position
        return at if at in self._depths else 0

    def _note(self, recorded: _Recorded, *, is_reached: bool) -> None:
        for name in given_names(recorded):
            if is_reached:
                self._givers[name] = recorded.global_position
            else:
                self._givers.pop(name, None)
