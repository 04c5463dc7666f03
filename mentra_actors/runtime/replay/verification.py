"""Where the code of today decides otherwise than a log says; pure.

Only what was recorded can be decided again: that a command was refused, or recorded nothing, is on
no log.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from mentra_actors.envelope import RecordedEvent
from mentra_actors.ids import StreamId
from mentra_actors.runtime.replay.forgotten import can_be_said_by
from mentra_actors.runtime.replay.known_changes import KnownChange, known_changes
from mentra_actors.runtime.replay.rebuild.tables import STREAM_RULES, StreamRules
from mentra_actors.runtime.replay.releases import ReleaseOf
from mentra_actors.runtime.replay.walk import Step, steps_of

__all__ = [
    "FieldDifference",
    "OtherDecision",
    "Verification",
    "difference_of",
    "difference_to",
    "field_differences",
    "verified",
]

_NOTHING = "(nothing)"


class _Absent:
    def __repr__(self) -> str:
        return _NOTHING


_ABSENT = _Absent()


class FieldDifference(msgspec.Struct, frozen=True, kw_only=True):
    """One place where two events differ: `1.options.retry_budget` of the second event."""

    place: str
    recorded: str
    decided: str


class OtherDecision(msgspec.Struct, frozen=True, kw_only=True):
    """An append that is decided otherwise today.

    `recorded` and `decided` name the events, in order; `fields` say where they differ, events in
    other streams among them. With a `refusal` the command is refused now, or deciding it breaks.
    `changes` are those of releases since the one that recorded it, if they explain all of it.
    """

    position: int
    stream_id: StreamId
    command: str
    recorded: tuple[str, ...]
    decided: tuple[str, ...]
    fields: tuple[FieldDifference, ...] = ()
    refusal: str = ""
    changes: tuple[KnownChange, ...] = ()


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """What came of deciding a log again, through `position`.

    `appends` were decided; `untold` counts events that were not, by their class and by why.
    `differences` are news; what releases are known to decide otherwise than the older one that
    has recorded it is in `known`.
    """

    position: int
    events: int
    appends: int
    differences: tuple[OtherDecision, ...] = ()
    untold: Mapping[str, int] = {}
    known: tuple[OtherDecision, ...] = ()

    @property
    def is_same(self) -> bool:
        """Whether today's code decides all of it as it was, but for what is known."""
        return not self.differences


def verified(
    recorded: Iterable[RecordedEvent[object]],
    rules: Mapping[str, StreamRules] = STREAM_RULES,
    *,
    streams: Collection[StreamId] = (),
    release_of: ReleaseOf | None = None,
) -> Verification:
    """Decide each append again; the events are those of a log from its first one on.

    With `streams` only what their owners have decided; see `Walk` for what the log may lack then.
    """
    position = events = appends = 0
    differences: list[OtherDecision] = []
    known: list[OtherDecision] = []
    untold: Counter[str] = Counter()
    for step in steps_of(recorded, rules, streams=streams, release_of=release_of):
        position = max(position, step.position + len(step.recorded) + len(step.beside) - 1)
        events += len(step.recorded) + len(step.beside)
        if step.untold:
            untold[f"{type(step.recorded[0].event).__name__}: {step.untold}"] += len(step.recorded)
            continue
        appends += 1
        if not step.is_same:
            found = difference_of(step)
            (known if found.changes else differences).append(found)
    return Verification(
        position=position,
        events=events,
        appends=appends,
        differences=tuple(differences),
        untold=dict(untold),
        known=tuple(known),
    )


def difference_of(step: Step) -> OtherDecision:
    """What is otherwise in an append that was decided again."""
    decision = step.decision
    events = decision.events if decision else ()
    decided = [*((step.stream_id, one) for one in events), *step.decided_beside]
    return difference_to(step, decided, decision.refusal if decision else "")


def difference_to(
    step: Step, decided: Sequence[tuple[StreamId, object]], refusal: str = ""
) -> OtherDecision:
    """What is otherwise if an append had these events, each with its stream; or none, and why."""
    recorded = [(one.stream_id, one.event) for one in (*step.recorded, *step.beside)]
    found = OtherDecision(
        position=step.position,
        stream_id=step.stream_id,
        command=_command_of(step),
        recorded=tuple(_named(one, step.stream_id) for one in recorded),
        decided=tuple(_named(one, step.stream_id) for one in decided),
        fields=() if refusal else tuple(_differing(recorded, decided)),
        refusal=refusal,
    )
    return msgspec.structs.replace(found, changes=known_changes(step, found))


def _command_of(step: Step) -> str:
    command = step.decision.command if step.decision else None
    return "" if command is None else type(command).__name__


def _named(told: tuple[StreamId, object], own: StreamId) -> str:
    stream_id, event = told
    name = type(event).__name__
    return name if stream_id == own else f"{name} → {stream_id}"


def _differing(
    recorded: Sequence[tuple[StreamId, object]], decided: Sequence[tuple[StreamId, object]]
) -> Iterable[FieldDifference]:
    for number in range(max(len(recorded), len(decided))):
        old = recorded[number] if number < len(recorded) else None
        new = decided[number] if number < len(decided) else None
        if old and new and old[0] == new[0] and can_be_said_by(old[1], new[1]):
            continue
        if old is None or new is None or type(old[1]) is not type(new[1]) or old[0] != new[0]:
            own = (recorded or decided)[0][0]
            told = [_NOTHING if one is None else _named(one, own) for one in (old, new)]
            yield FieldDifference(place=str(number), recorded=told[0], decided=told[1])
            continue
        yield from field_differences(old[1], new[1], str(number))


def field_differences(old: object, new: object, place: str = "") -> Iterable[FieldDifference]:
    """The places where two values of one kind differ, `place` in front of each."""
    if isinstance(old, msgspec.Struct) and type(old) is type(new):
        for name in old.__struct_fields__:
            inner = f"{place}.{name}" if place else name
            yield from field_differences(getattr(old, name), getattr(new, name), inner)
    elif isinstance(old, tuple) and isinstance(new, tuple) and len(old) == len(new):
        for number, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from field_differences(one, other, f"{place}.{number}")
    elif isinstance(old, dict) and isinstance(new, dict):
        for key in {**old, **new}:
            inner = f"{place}.{key}" if place else str(key)
            yield from field_differences(old.get(key, _ABSENT), new.get(key, _ABSENT), inner)
    elif old != new or type(old) is not type(new):
        yield FieldDifference(place=place, recorded=repr(old), decided=repr(new))
