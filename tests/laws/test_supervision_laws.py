"""What holds of quarantines and letters, whatever is asked in whatever order."""

from typing import get_args

from hypothesis import given as forall
from hypothesis import strategies as st

from mentra_actors.codec.command_codec import (
    COMMAND_TYPES,
    decode_command,
    encode_command,
    fault_of,
    shown_command,
)
from mentra_actors.domain.supervision.commands import ReportDeath
from mentra_actors.domain.supervision.decide import SUPERVISION
from mentra_actors.domain.supervision.events import LetterKept, SupervisionEvent
from mentra_actors.runtime.kinds import stream_kinds
from mentra_actors.store.memory_store import MemoryEventStore
from mentra_actors.testing.decider_laws import (
    check_pure,
    check_restart,
    check_snapshots,
    check_total,
)
from mentra_actors.testing.given_when_then import given, play
from mentra_actors.testing.strategies import any_history, instances
from mentra_actors.testing.supervision_strategies import supervision_histories


@forall(supervision_histories())
def test_supervision_keeps_the_laws_of_deciders(commands):
    """A stream that another process finds lifted dies again, and takes its letters along."""
    check_pure(SUPERVISION, [], commands)
    check_restart(SUPERVISION, [], commands)
    check_snapshots(SUPERVISION, [], commands)


@forall(any_history(get_args(SupervisionEvent)))
def test_no_history_makes_supervision_raise(events):
    """Supervision that cannot be loaded sets nothing aside."""
    check_total(SUPERVISION, events)


@forall(supervision_histories())
def test_every_letter_waits_is_under_way_or_was_dealt_with(commands):
    """A letter that is in no list and has no end was lost."""
    answers = play(given(SUPERVISION), commands)
    events = [event for answer in answers for event in answer.events]
    kept = [event for event in events if isinstance(event, LetterKept)]
    gone = {one.earlier for one in kept}
    for event in events:
        if getattr(event, "how", "failed") != "failed" or hasattr(event, "discarded_at"):
            gone.add(event.letter_id)
    state = answers[-1].state if answers else SUPERVISION.initial

    assert {one.letter_id for one in kept} - gone == set(state.letters)
    assert len({one.letter_id for one in kept}) == len(kept) == state.kept


@forall(supervision_histories())
def test_letters_of_a_stream_keep_their_order_and_go_one_at_a_time(commands):
    """Two deliveries at once to one stream could overtake one another."""
    for answer in play(given(SUPERVISION), commands):
        due = list(SUPERVISION.pending(answer.state).values())
        under_way = [one for one in answer.state.letters.values() if one.effect_id]
        first = {one.stream_id: one.letter_id for one in reversed(under_way)}

        assert {one.stream_id: one.letter_id for one in due} == first
        assert len(due) == len(first)


@forall(supervision_histories())
def test_a_report_is_recorded_whole_or_was_known(commands):
    """Half a report is a lost command."""
    for command, answer in zip(commands, play(given(SUPERVISION), commands), strict=True):
        if isinstance(command, ReportDeath) and answer.events:
            kept = [one for one in answer.events if isinstance(one, LetterKept)]
            assert len(kept) == len(command.letters)
            assert set(command.streams) <= answer.state.quarantined.keys()


@forall(st.sampled_from(sorted(COMMAND_TYPES)).flatmap(lambda n: instances(COMMAND_TYPES[n])))
def test_every_command_comes_back_from_a_letter_as_it_was(command):
    """A letter that says something else than what was sent is worse than none."""
    name, content = encode_command(command)

    assert decode_command(name, content) == command
    assert isinstance(shown_command(content), str)


@forall(st.text(max_size=20) | st.sampled_from(sorted(COMMAND_TYPES)), st.binary(max_size=40))
def test_whatever_a_letter_holds_it_can_be_shown(name, content):
    """Bytes of a later release, or of none."""
    assert isinstance(fault_of(name, content), str)
    assert isinstance(shown_command(content), str)


def test_every_command_of_a_stream_with_an_owner_can_be_a_letter():
    """A kind of stream that is forgotten here loses what its actors die of."""
    kinds = stream_kinds(MemoryEventStore())
    for kind in kinds.values():
        hint = kind.decider.decide.__globals__
        command = kind.decider.decide.__annotations__["command"]
        named = eval(command, hint) if isinstance(command, str) else command
        types = get_args(named) or (named,)
        assert set(types) <= set(COMMAND_TYPES.values())
