"""What holds of a team whoever joins, leaves, asks and answers."""

from hypothesis import given as forall

from mentra_actors.domain.inbox import MailDelivered, RenameOrdered, StopOrdered
from mentra_actors.domain.team import (
    TEAM,
    MemberJoined,
    MemberRemoved,
    MemberRenamed,
    MemberStopOrdered,
    MemberStopped,
    RequestCancelled,
    RequestExpired,
    RequestOpened,
    RequestResolved,
    ResolveRequest,
    leads_of,
    name_in,
)
from mentra_actors.ids import agent_stream, category_of, inbox_stream
from mentra_actors.testing.decider_laws import (
    check_pure,
    check_restart,
    check_snapshots,
    check_total,
)
from mentra_actors.testing.given_when_then import given, play
from mentra_actors.testing.strategies import any_history
from mentra_actors.testing.team_strategies import joining_histories, team_histories

ENDS = RequestResolved | RequestCancelled | RequestExpired


@forall(team_histories(max_size=30))
def test_a_team_keeps_the_laws_of_deciders(commands):
    """Who belongs to a team must not depend on when its process restarted."""
    check_pure(TEAM, [], commands)
    check_restart(TEAM, [], commands)
    check_snapshots(TEAM, [], commands)


@forall(any_history(sorted(TEAM.event_types, key=lambda kind: kind.__name__)))
def test_no_history_makes_a_team_raise(events):
    """A team that does not open takes all of its agents with it."""
    check_total(TEAM, events)


@forall(team_histories(max_size=30))
def test_a_name_and_an_id_belong_to_one_member(commands):
    """Mail is addressed by name; two of one name would get each other's."""
    answers = play(given(TEAM), commands)
    born = [
        event.profile.agent_id
        for answer in answers
        for event in answer.events
        if isinstance(event, MemberJoined)
    ]

    assert len(born) == len(set(born))
    for answer in answers:
        members = answer.state.members
        ids = [member.agent_id for member in members.values()]
        assert len(ids) == len(set(ids))
        assert not set(ids) & set(answer.state.former)
        assert [name_in(answer.state, agent_id) for agent_id in ids] == list(members)


@forall(joining_histories())
def test_members_stand_in_the_order_in_which_they_joined(commands):
    """Whoever lists a team lists it the same way each time."""
    for answer in play(given(TEAM), [c for c in commands if not c.replaces]):
        joined = [event.profile.name for event in answer.after.events]
        assert list(answer.state.members) == joined


@forall(team_histories())
def test_a_command_again_records_nothing(commands):
    """A spawn or an answer that is retried after a crash must find what it has done."""
    answers = play(given(TEAM), commands)
    for command, answer in zip(commands, answers, strict=True):
        if answer.events:
            assert answer.when(command) == []
            assert answers[-1].when(command) == []


@forall(team_histories())
def test_each_member_is_born_in_the_same_append(commands):
    """No half-made member: the new stream must be new, and its first mail is in its inbox."""
    for answer in play(given(TEAM), commands):
        for event in answer.events:
            if not isinstance(event, MemberJoined):
                continue
            birth, *mail = TEAM.companions(event)
            agent_id = event.profile.agent_id

            assert birth.must_be_new
            assert birth.stream_id == agent_stream(agent_id)
            assert [born.profile for born in birth.events] == [event.profile]
            letters = [letter.mail for delivery in mail for letter in delivery.events]
            assert letters == ([event.first_mail] if event.first_mail else [])
            assert all(d.stream_id == inbox_stream(agent_id) for d in mail)
            assert not any(d.must_be_new for d in mail)


@forall(team_histories(max_size=40))
def test_a_request_ends_once_and_only_the_member_that_was_asked_answers_it(commands):
    """Two answers to one plan, or one by somebody else, would be no approval at all."""
    start = given(TEAM)
    opened, ended = {}, []
    for command in commands:
        before, answer = start.state, start.when(command)
        start = answer.after
        for event in answer.events:
            if isinstance(event, RequestOpened):
                assert event.request_id not in opened
                opened[event.request_id] = event
            elif isinstance(event, ENDS):
                assert before.requests[event.request_id].status == "pending"
                ended.append(event.request_id)
            if isinstance(event, RequestResolved):
                assert isinstance(command, ResolveRequest)
                assert command.by == opened[event.request_id].to == event.to
    assert len(ended) == len(set(ended))
    assert set(ended) <= set(opened)
    left = {one.request_id for one in start.state.requests.values() if one.status == "pending"}
    assert left == set(opened) - set(ended)


@forall(team_histories(max_size=30))
def test_whoever_must_know_is_told_in_the_same_append(commands):
    """What came by a second write would be lost by a crash between the two."""
    for answer in play(given(TEAM), commands):
        for event in answer.events:
            inboxes = {
                one.stream_id: one.events
                for one in TEAM.companions(event)
                if category_of(one.stream_id) == "inbox"
            }
            told = {kind for events in inboxes.values() for kind in map(type, events)}
            match event:
                case MemberRemoved() | MemberStopOrdered():
                    how = getattr(event, "how", "now")
                    (order,) = inboxes[inbox_stream(event.agent_id)]
                    assert isinstance(order, StopOrdered)
                    assert order.how == how
                case MemberRenamed():
                    assert inboxes == {
                        inbox_stream(event.agent_id): (RenameOrdered(name=event.new),)
                    }
                case RequestResolved(protocol="shutdown", approve=True):
                    assert told == {MailDelivered, StopOrdered}
                    (order,) = inboxes[inbox_stream(event.to)]
                    assert order.how == "when_done"
                case RequestOpened() | RequestResolved() | RequestCancelled() | RequestExpired():
                    assert told == {MailDelivered}


@forall(team_histories(max_size=40))
def test_nobody_asks_a_lead_to_shut_down_and_nobody_stops_whom_it_does_not_lead(commands):
    """A teammate that could end its lead could end the team."""
    start = given(TEAM)
    for command in commands:
        before, answer = start.state, start.when(command)
        start = answer.after
        for event in answer.events:
            match event:
                case RequestOpened(protocol="shutdown"):
                    assert event.to not in leads_of(before, event.sender)
                case MemberRemoved() | MemberRenamed() | MemberStopOrdered() if command.by:
                    assert command.by in leads_of(before, event.agent_id)


@forall(team_histories(max_size=30))
def test_the_board_is_told_of_each_leaving_and_each_new_name(commands):
    """Tasks of one who has gone would be held for ever."""
    answers = play(given(TEAM), commands)
    caused = [
        event.command_id
        for answer in answers
        for event in answer.events
        if isinstance(event, MemberRemoved | MemberRenamed | MemberStopped)
    ]
    told = [
        event.command_id
        for answer in answers
        for event in answer.events
        if type(event).__name__ == "BoardTold"
    ]
    left = [work.command_id for work in answers[-1].state.board_work] if answers else []
    assert told + left == caused
