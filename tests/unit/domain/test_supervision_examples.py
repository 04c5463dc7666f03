"""Quarantines and letters: what is refused, what is counted, what is bounded."""

import pytest

from mentra_actors.domain.supervision import commands as s
from mentra_actors.domain.supervision import events as ev
from mentra_actors.domain.supervision import state as supervision_state
from mentra_actors.domain.supervision.decide import SUPERVISION
from mentra_actors.errors import CommandRejected
from mentra_actors.testing.given_when_then import given


def letter(stream_id="agent-a", **fields):
    return s.Letter(
        stream_id=stream_id, command="AcceptPrompt", content=b"\x80", deliveries=3, **fields
    )


def death(*letters, streams=(), command_id="d1"):
    return s.ReportDeath(
        command_id=command_id, cause="a bug", now=1.0, streams=streams, letters=letters
    )


def after(*commands):
    state = SUPERVISION.initial
    for command in commands:
        state = SUPERVISION.fold(SUPERVISION.decide(command, state), state)
    return state


def redrive(letter_id, command_id="r1"):
    return s.RedriveLetter(letter_id=letter_id, command_id=command_id, now=2.0)


def test_a_report_is_recorded_once_with_all_that_it_leaves():
    """A report that is sent again after a doubtful append must not double the letters."""
    report = death(letter(), letter("agent-b"), streams=("agent-a", "agent-b"))
    state = after(report)

    assert list(state.letters) == ["L1", "L2"]
    assert state.quarantined["agent-b"].because_of == "agent-a"
    assert state.quarantined["agent-a"].because_of == ""
    assert SUPERVISION.decide(report, state) == []


def test_one_letter_of_a_stream_is_delivered_at_a_time():
    """Two at once could overtake one another."""
    state = after(death(letter(), letter(), letter("agent-b")))
    state = SUPERVISION.fold([*SUPERVISION.decide(redrive("L2"), state)], state)
    state = SUPERVISION.fold([*SUPERVISION.decide(redrive("L1", "r2"), state)], state)
    state = SUPERVISION.fold([*SUPERVISION.decide(redrive("L3", "r3"), state)], state)

    assert [one.letter_id for one in SUPERVISION.pending(state).values()] == ["L1", "L3"]


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (redrive("L9"), "no dead letter 'L9'"),
        (redrive("L1"), "agent-a is set aside: lift it first"),
        (s.LiftQuarantine(stream_id="agent-b", command_id="x", now=2.0), "agent-b is not set"),
        (s.RedriveStream(stream_id="agent-c", command_id="x", now=2.0), "no dead letter of it"),
        (s.DiscardLetter(letter_id="agent-a", command_id="x", now=2.0), "no dead letter"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_what_cannot_be_done_is_refused_with_what_there_is(command, words):
    """Whoever mistypes a name at three in the morning needs the names."""
    state = after(death(letter(), streams=("agent-a",)))
    with pytest.raises(CommandRejected, match=words):
        SUPERVISION.decide(command, state)


def test_a_letter_under_way_is_neither_sent_twice_nor_discarded():
    """The delivery decides what becomes of it."""
    state = after(death(letter()), redrive("L1"))
    for command in (
        redrive("L1", "r2"),
        s.DiscardLetter(letter_id="L1", command_id="x", now=2.0),
    ):
        with pytest.raises(CommandRejected, match="just now"):
            SUPERVISION.decide(command, state)


def test_a_failed_delivery_leaves_the_letter_and_says_why():
    """It waits for a person again; the next delivery is another effect."""
    end = s.RecordRedriveEnd(
        effect_id="redrive-L1.1", letter_id="L1", how="failed", now=3.0, words="full"
    )
    state = after(death(letter()), redrive("L1"), end)
    assert state.letters["L1"].problem == "full"
    assert SUPERVISION.pending(state) == {}
    state = SUPERVISION.fold(SUPERVISION.decide(redrive("L1", "r2"), state), state)

    assert list(SUPERVISION.pending(state)) == ["redrive-L1.2"]
    assert SUPERVISION.decide(end, state) == []


def test_what_is_delivered_or_discarded_is_gone():
    """What a person has dealt with must not call for another."""
    discard = s.DiscardLetter(letter_id="L2", command_id="x", now=2.0, by="ann", reason="too late")
    end = s.RecordRedriveEnd(effect_id="redrive-L1.1", letter_id="L1", how="accepted", now=3.0)
    state = after(death(letter(), letter()), redrive("L1"), end, discard)

    assert state.letters == {}


def test_a_stream_that_is_set_aside_again_takes_its_deliveries_back():
    """They would be refused one after the other, and each look as if it had been tried."""
    again = death(letter(earlier="L1"), streams=("agent-a",), command_id="d2")
    state = after(death(letter(), letter()), redrive("L1"), redrive("L2", "r2"), again)

    assert SUPERVISION.pending(state) == {}
    assert [(one.letter_id, one.redrives) for one in state.letters.values()] == [
        ("L2", 0),
        ("L3", 1),
    ]


def test_a_redrive_of_a_stream_lifts_it_and_takes_all_its_letters():
    """One word of a person is enough."""
    command = s.RedriveStream(stream_id="agent-a", command_id="x", now=2.0, by="ann")
    report = death(letter(), letter("agent-b"), letter(), streams=("agent-a",))

    assert given(SUPERVISION, *SUPERVISION.decide(report, SUPERVISION.initial)).when(command) == [
        ev.QuarantineLifted(stream_id="agent-a", lifted_at=2.0, lifted_by="ann", command_id="x"),
        *(
            ev.LetterRedriven(
                letter_id=name,
                effect_id=f"redrive-{name}.1",
                redriven_at=2.0,
                redriven_by="ann",
                command_id="x",
            )
            for name in ("L1", "L3")
        ),
    ]


def test_a_flood_of_letters_is_bounded_in_the_state(monkeypatch):
    """An agent that dies of everything must not fill the memory; the log has all."""
    monkeypatch.setattr(supervision_state, "MOST_LETTERS", 3)
    state = after(death(letter(), letter()), redrive("L1"), death(*[letter()] * 4, command_id="2"))

    assert list(state.letters) == ["L1", "L5", "L6"]
    assert (state.kept, state.left_out) == (6, 3)


@pytest.mark.parametrize(
    ("name", "number"),
    [("L17", 17), ("L", 0), ("L-1", 0), ("L1x", 0), ("agent-lead", 0), ("L" + "9" * 99, 0)],
)
def test_what_a_letter_is_named(name, number):
    """A stream must not be taken for a letter."""
    assert ev.letter_number(name) == number
