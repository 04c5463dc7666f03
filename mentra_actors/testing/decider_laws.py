"""The laws that every decider keeps, as checks for your own deciders too.

Each takes a stream and commands (or events) from any strategy and raises AssertionError where
the law is broken.

    @given(lease_histories())
    def test_a_lease_keeps_the_laws(commands):
        check_pure(LEASE, [], commands)
        check_restart(LEASE, [], commands)
        check_snapshots(LEASE, [], commands)
"""

from collections.abc import Iterable, Sequence
from typing import TypeVar

import msgspec

from mentra_actors.codec.event_codec import CODEC
from mentra_actors.codec.snapshot_codec import SnapshotCodec
from mentra_actors.decider import AnyDecider, Decider
from mentra_actors.envelope import SkippedEvent
from mentra_actors.errors import CommandRejected
from mentra_actors.testing.given_when_then import Codec, given, play

__all__ = ["check_pure", "check_restart", "check_snapshots", "check_total"]

C = TypeVar("C")
E = TypeVar("E")
S = TypeVar("S")
F = TypeVar("F")


def check_pure(decider: Decider[C, E, S, F], history: Sequence[E], commands: Sequence[C]) -> None:
    """The same inputs give the same outputs, and stay as they were."""
    snapshots = SnapshotCodec(decider.initial)
    state = decider.fold(history)
    for command in commands:
        before = (repr(command), snapshots.encode(state))
        answers = [_answer(decider, command, state) for _ in range(2)]
        copy = snapshots.decode(snapshots.encode(state))
        assert copy is not None, f"a snapshot of {state!r} cannot be read"
        answers.append(_answer(decider, command, copy))

        assert answers[0] == answers[1] == answers[2], f"{command!r} is answered in two ways"
        assert (repr(command), snapshots.encode(state)) == before, f"{command!r} changed its input"
        if isinstance(answers[0], str):
            continue
        for event in answers[0]:
            once = decider.evolve(state, event)
            assert once == decider.evolve(state, event)
            assert snapshots.encode(state) == before[1], f"{event!r} changed the state in place"
            assert list(decider.companions(event)) == list(decider.companions(event))
            state, before = once, (before[0], snapshots.encode(once))
        assert dict(decider.pending(state)) == dict(decider.pending(state))
        assert snapshots.encode(state) == before[1]


def _answer(decider: Decider[C, E, S, F], command: C, state: S) -> list[E] | str:
    try:
        return list(decider.decide(command, state))
    except CommandRejected as rejected:
        return rejected.reason


def check_restart(
    decider: Decider[C, E, S, F],
    history: Sequence[E],
    commands: Sequence[C],
    codec: Codec = CODEC,
) -> None:
    """Folding the stored bytes gives the state of an actor that never restarted."""
    events: list[E] = list(history)
    live = decider.fold(events)
    for command in commands:
        answer = _answer(decider, command, live)
        if not isinstance(answer, str):
            events += answer
            live = decider.fold(answer, live)
    rows = [codec.encode(event) for event in events]

    assert decider.fold(event for row in rows for event in codec.decode(*row)) == live


def check_snapshots(
    decider: Decider[C, E, S, F], history: Sequence[E], commands: Sequence[C]
) -> None:
    """Each state comes back from its snapshot as it was, types included."""
    snapshots = SnapshotCodec(decider.initial)
    for answer in play(given(decider, *history), commands):
        back = snapshots.decode(snapshots.encode(answer.state))

        assert back == answer.state
        assert _typed(back) == _typed(answer.state), "a snapshot changes a type"


def _typed(value: object) -> object:
    """A value with the types of all its parts; the order in a set says nothing."""
    match value:
        case msgspec.Struct():
            fields = [getattr(value, name) for name in value.__struct_fields__]
            return type(value), [_typed(one) for one in fields]
        case dict():
            return type(value), [(_typed(key), _typed(one)) for key, one in value.items()]
        case tuple() | list():
            return type(value), [_typed(one) for one in value]
        case frozenset() | set():
            return type(value), sorted(map(repr, value))
        case _:
            return type(value), repr(value)


def check_total(decider: AnyDecider, events: Iterable[object]) -> None:
    """`evolve`, `pending` and `companions` raise for no history; unknown events change nothing."""
    state = decider.initial
    for event in events:
        after = decider.fold([event], state)
        dict(decider.pending(after))
        if isinstance(event, SkippedEvent):
            assert after == state, "a skipped event changed the state"
        else:
            list(decider.companions(event))
        state = after
