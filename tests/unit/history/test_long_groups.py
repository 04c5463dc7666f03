"""A log whose events all have one stamp and one cause: an import, say, or a generator's."""

import sys
from contextlib import closing

import msgspec
import pytest

from mentra_actors import ScriptedModel, open_runtime_sync
from mentra_actors.codec.event_codec import tag_of
from mentra_actors.domain import memory as m
from mentra_actors.envelope import RecordedEvent
from mentra_actors.ids import StreamId
from mentra_actors.runtime.replay.rebuild.tables import STREAM_RULES
from mentra_actors.runtime.replay.walk import steps_of
from mentra_actors.store.journal import Journal
from mentra_actors.store.opening import open_journal_reader

MEMORY = StreamId("memory-ann")


def with_one_stamp(events, stream_id):
    return [
        RecordedEvent(
            global_position=place,
            stream_id=stream_id,
            stream_version=place,
            event_type=tag_of(type(event)),
            event=event,
            recorded_at_ns=10**18,
        )
        for place, event in enumerate(events, start=1)
    ]


def facts_that_are_forgotten(count):
    """One append of so many events, and so many of one."""
    facts = tuple(
        m.PinFact(record_id=f"fact-{number}", content=f"It is {number}.", by="ann", now=1.0)
        for number in range(count)
    )
    commands = [
        m.PinFacts(facts=facts),
        *(m.ForgetRecord(record_id=one.record_id, by="ann", now=2.0) for one in facts),
    ]
    decider = STREAM_RULES["memory"].decider
    state, events = decider.initial, []
    for command in commands:
        decided = decider.decide(command, state)
        state = decider.fold(decided, state)
        events += decided
    return with_one_stamp(events, MEMORY)


def facts_that_nobody_owns(count):
    events = [one.event for one in facts_that_are_forgotten(count)]
    return with_one_stamp(events, StreamId("unknown-ann"))


@pytest.fixture(scope="module")
def conversation(tmp_path_factory):
    """What an agent has recorded in a hundred runs."""
    path = tmp_path_factory.mktemp("store") / "team.mentra"
    model = ScriptedModel(turns=["Yes."], repeat=True)
    with open_runtime_sync(path, providers=[model], durability="volatile") as runtime:
        lead = runtime.spawn("lead", model="scripted:x")
        for _ in range(100):
            lead.send("Are you there?", timeout_s=20)
    with closing(open_journal_reader(path)) as reader:
        return [one for one in Journal(reader).through() if one.stream_id == "agent-lead"]


def calls_of(walk):
    """How many functions were called until the end of a walk."""
    count = 0

    def counted(_frame, what, _argument):
        nonlocal count
        count += what == "call"

    before = sys.getprofile()
    sys.setprofile(counted)
    try:
        for _ in walk:
            pass
    finally:
        sys.setprofile(before)
    return count


def test_long_and_short_appends_of_one_stamp_are_told_apart():
    """What one command has given may be longer than what is looked at first."""
    steps = list(steps_of(facts_that_are_forgotten(300)))

    assert [len(one.recorded) for one in steps] == [300, *[1] * 300]
    assert all(one.is_same for one in steps)


def test_appends_of_one_stamp_are_those_of_their_own_stamps(conversation):
    apart = [one.recorded[0].stream_version for one in steps_of(conversation)]
    at_once = with_one_stamp([one.event for one in conversation], StreamId("agent-lead"))
    steps = list(steps_of(at_once))

    assert [one.recorded[0].stream_version for one in steps] == apart
    assert all(one.is_same for one in steps[1:])


@pytest.mark.parametrize("made", [facts_that_are_forgotten, facts_that_nobody_owns])
def test_four_times_as_many_events_of_one_stamp_cost_four_times_as_much(made):
    few, many = made(200), made(800)

    assert calls_of(steps_of(many)) < 6 * calls_of(steps_of(few))


def test_births_of_one_stamp_cost_what_their_number_is(conversation):
    """Each is an append of its own, and the whole group stands before the first one."""
    born = [
        msgspec.structs.replace(conversation[0], global_position=place, stream_version=place)
        for place in range(1, 801)
    ]

    assert calls_of(steps_of(born)) < 6 * calls_of(steps_of(born[:200]))
