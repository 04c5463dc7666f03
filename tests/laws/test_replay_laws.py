"""A command made of its events decides the same events: what verification of a log rests on."""

from hypothesis import given as forall
from hypothesis import strategies as st

from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.inbox import MailDelivered
from mentra_actors.envelope import RecordedEvent
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import StreamId
from mentra_actors.runtime.replay.deciding import decided_again
from mentra_actors.runtime.replay.rebuild.contract import KnownAppend, moment_in, span
from mentra_actors.runtime.replay.rebuild.tables import STREAM_RULES
from mentra_actors.testing.agent_strategies import agent_histories, agent_profiles, spawned
from mentra_actors.testing.board_strategies import board_histories
from mentra_actors.testing.schedule_strategies import schedule_histories
from mentra_actors.testing.strategies import (
    background_histories,
    inbox_histories,
    lease_histories,
    memory_histories,
)
from mentra_actors.testing.supervision_strategies import supervision_histories
from mentra_actors.testing.team_strategies import team_histories


def check_decided_again(category, history, commands):
    """From each reachable state: what a command has caused is what its rebuilt one causes."""
    rules = STREAM_RULES[category]
    state = rules.decider.fold(history)
    for command in commands:
        try:
            events = list(rules.decider.decide(command, state))
        except CommandRejected:
            continue
        if not events:
            continue
        known = KnownAppend(
            stream_id=StreamId(f"{category}-lead"),
            events=events,
            state=state,
            taken=inbox_with(command),
        )
        decision = decided_again(rules, known)

        assert decision is not None, f"no command is made of {events[0]!r}"
        assert list(decision.events) == events, f"of {command!r} was made {decision.command!r}"
        state = rules.decider.fold(events, state)


def inbox_with(command):
    """An inbox that holds what the command takes."""
    if not isinstance(command, c.TakeMail):
        return lambda *_: ()
    events = [
        *(MailDelivered(mail=mail) for mail in command.mail),
        *command.orders,
        *(MailDelivered(mail=mail) for mail in command.late),
    ]
    first = command.through_version - len(events) + 1
    recorded = [
        RecordedEvent(
            global_position=place,
            stream_id=StreamId("inbox-lead"),
            stream_version=first + place,
            event_type="",
            event=event,
            recorded_at_ns=0,
        )
        for place, event in enumerate(events)
    ]
    return lambda *_: recorded


@st.composite
def lives(draw):
    start = spawned(draw(agent_profiles()))
    return start, draw(agent_histories(start))


@forall(lives())
def test_every_append_of_an_agent_is_decided_again_from_its_events(life):
    start, commands = life
    check_decided_again("agent", [start], commands)


@forall(board_histories())
def test_every_append_of_a_board_is_decided_again_from_its_events(commands):
    check_decided_again("board", [], commands)


@forall(team_histories())
def test_every_append_of_a_team_is_decided_again_from_its_events(commands):
    check_decided_again("team", [], commands)


@forall(schedule_histories())
def test_every_append_of_schedules_is_decided_again_from_its_events(commands):
    check_decided_again("schedule", [], commands)


@forall(supervision_histories())
def test_every_append_of_supervision_is_decided_again_from_its_events(commands):
    check_decided_again("supervision", [], commands)


@forall(background_histories())
def test_every_append_of_background_jobs_is_decided_again_from_its_events(commands):
    check_decided_again("background", [], commands)


@forall(
    st.one_of(
        memory_histories().map(lambda all_: ("memory", all_)),
        lease_histories().map(lambda all_: ("lease", all_)),
        inbox_histories().map(lambda all_: ("inbox", all_)),
    )
)
def test_every_append_of_memories_leases_and_inboxes_is_decided_again(history):
    category, commands = history
    check_decided_again(category, [], commands)


@forall(st.floats(0, 2e9), st.floats(0, 1e6))
def test_a_span_leads_exactly_to_the_later_time(earlier, seconds):
    """A wait that is off by one bit is another `not_before`, so another decision."""
    later = earlier + seconds

    assert earlier + span(later, earlier) == later


def test_an_event_without_a_time_tells_none():
    assert moment_in([]) == 0.0
