"""How members leave, take new names, ask each other and answer, by example."""

import pytest

from mentra_actors.decider import Delivery
from mentra_actors.domain.agent.events import AgentProfile
from mentra_actors.domain.inbox import Mail, MailDelivered, RenameOrdered, StopOrdered
from mentra_actors.domain.team import (
    TEAM,
    AddMember,
    BoardTold,
    CancelRequest,
    ExpireRequest,
    LettersSent,
    MemberRemoved,
    MemberRenamed,
    OpenRequest,
    RecordBoardTold,
    ReleaseTasks,
    RemoveMember,
    RenameMember,
    RenameOnBoard,
    RequestCancelled,
    RequestExpired,
    ResolveRequest,
    SendLetters,
    StopMember,
    new_agent_id,
    request_id_of,
)
from mentra_actors.domain.team.evolve import REMEMBERED_REQUESTS, requests_after
from mentra_actors.domain.team.requests import MAX_OPEN_REQUESTS
from mentra_actors.domain.timer import WaitUntil
from mentra_actors.testing.given_when_then import given


def joining(
    name, *, lead="", is_person=False, replaces="", agent_id=None, command_id="", role="r", **more
):
    profile = AgentProfile(
        agent_id=agent_id or name,
        name=name,
        team_id="main",
        role=role,
        model="" if is_person else "a:b",
        lead=lead,
        is_person=is_person,
    )
    return AddMember(
        command_id=command_id or f"join {profile.agent_id}",
        profile=profile,
        now=1.0,
        replaces=replaces,
        **more,
    )


@pytest.fixture
def team():
    """`lead` leads `ann` and `bob`, and `sue` is a person."""
    answer = given(TEAM)
    for command in (
        joining("lead"),
        joining("ann", lead="lead"),
        joining("bob", lead="lead"),
        joining("sue", is_person=True),
    ):
        answer = answer.when(command)
        assert answer.events
    return answer.after


def asking(sender="ann", to="lead", protocol="plan_approval", *, command_id="ask", **fields):
    known = {"content": "May I?", "now": 2.0, **fields}
    return OpenRequest(command_id=command_id, sender=sender, to=to, protocol=protocol, **known)


def answering(by="lead", *, request_id="req-1", approve=True, command_id="answer", **fields):
    return ResolveRequest(
        command_id=command_id, request_id=request_id, by=by, approve=approve, now=3.0, **fields
    )


def letters(answer):
    """What is delivered beside the events, by inbox."""
    return {one.stream_id: one.events for one in answer.companions}


# --- names ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["host", "team", "background", "board", "timer", "schedule"])
def test_what_letters_come_from_is_no_name_of_a_member(name):
    """A member called `host` could write in the name of the program."""
    assert given(TEAM).when(joining(name)).rejects("no name for a member")


def test_a_stopped_member_gives_its_name_to_a_new_agent(team):
    """The old stream stays as it is, so the new agent has an id of its own."""
    agent_id = new_agent_id(team.state, "main", "ann")
    again = team.when(joining("ann", lead="lead", agent_id=agent_id, replaces="ann"))

    assert agent_id == "ann:2"
    assert again.state.members["ann"].agent_id == "ann:2"
    assert list(again.state.former) == ["ann"]
    assert new_agent_id(again.state, "main", "ann") == "ann:3"
    assert again.when(joining("ann", agent_id="ann:3", replaces="ann")).rejects("already exists")


def test_whoever_follows_a_lead_leads_its_teammates(team):
    """Else nobody but the program could stop them."""
    again = team.when(joining("lead", agent_id="lead:2", replaces="lead"))

    assert again.state.members["bob"].lead == "lead:2"


def test_a_lead_that_was_renamed_leads_whom_it_has_made_under_its_old_name(team):
    """The agent learns its new name later; by then somebody else may have the old one."""
    renamed = team.when(RenameMember(command_id="1", agent_id="lead", name="boss", now=2.0))
    other = renamed.when(RenameMember(command_id="2", agent_id="bob", name="lead", now=2.0))
    for before in (renamed, other):
        made = before.when(joining("cy", lead="lead", lead_id="lead"))
        assert made.events[0].lead_id == "lead"
        assert made.state.members["cy"].lead == "lead"


def test_whoever_has_left_or_is_the_new_member_leads_nobody(team):
    """A name that stands in a profile is no proof that its owner is there."""
    removed = team.when(RemoveMember(command_id="x", agent_id="lead", now=2.0))
    taken = removed.when(joining("lead", agent_id="lead:2"))
    assert taken.when(joining("cy", lead="lead", lead_id="lead")).state.members["cy"].lead == ""
    assert team.when(joining("cy", lead="cy", lead_id="cy")).state.members["cy"].lead == ""


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (joining("cy", role="r" * 16_001), "a role has at most 16,000 characters, found 16,001"),
        (
            joining("cy", first_mail=Mail(mail_id="1", sender="lead", to="cy", body="x" * 256_001,
                                          sent_at=1.0)),
            "over the limit",
        ),
        (
            RemoveMember(command_id="x", agent_id="ann", now=2.0, reason="x" * 16_001),
            "a reason has at most",
        ),
        (
            StopMember(command_id="x", agent_id="ann", how="now", now=2.0, reason="x" * 16_001),
            "a reason has at most",
        ),
    ],
)  # fmt: skip
def test_what_members_are_told_is_no_longer_than_a_letter(team, command, reason):
    """A tool that writes straight to the team keeps the same limits as its program."""
    assert team.when(command).rejects(reason)


def test_a_removed_member_is_stopped_and_its_name_is_free(team):
    """The board hears of it too: what it held is free again."""
    removed = team.when(RemoveMember(command_id="x", agent_id="ann", now=2.0, reason="done"))

    assert [type(event) for event in removed.events] == [MemberRemoved]
    assert letters(removed) == {
        "inbox-ann": (StopOrdered(how="now", reason="done", ordered_by=""),)
    }
    assert removed.pending == {
        "board-x": ReleaseTasks(command_id="x", owner="ann", agent_id="ann", ends_jobs=True)
    }
    assert removed.when(joining("ann", command_id="again")).rejects("is taken")
    assert removed.when(joining("ann", agent_id="ann:2")).events


def test_a_renamed_member_keeps_its_id_and_its_place(team):
    """The board is told after it, and of one thing after the other."""
    renamed = team.when(RenameMember(command_id="1", agent_id="ann", name="amy", now=2.0))
    again = renamed.when(RenameMember(command_id="2", agent_id="ann", name="ada", now=2.0))

    assert letters(renamed) == {"inbox-ann": (RenameOrdered(name="amy"),)}
    assert list(again.state.members) == ["lead", "ada", "bob", "sue"]
    assert again.pending == {
        "board-1": RenameOnBoard(command_id="1", old="ann", new="amy", agent_id="ann")
    }
    told = again.when(RecordBoardTold(command_id="1", now=3.0))
    assert told == [BoardTold(command_id="1", told_at=3.0)]
    assert list(told.pending) == ["board-2"]
    assert told.when(RecordBoardTold(command_id="1", now=3.0)) == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("bob", "exists"),
        ("a b", "is not a name"),
        ("ann", "has this name already"),
        ("host", "no name for a member"),
    ],
)
def test_a_new_name_keeps_the_rules_of_names(team, name, reason):
    """A name that is taken by renaming would be no better than one taken by joining."""
    wish = RenameMember(command_id="1", agent_id="ann", name=name, now=2.0)
    assert team.when(wish).rejects(reason)


def test_an_order_to_stop_is_given_once_and_may_become_stricter(team):
    """Two orders of one kind would be two letters for one thing."""
    first = team.when(StopMember(command_id="1", agent_id="ann", how="when_done", now=2.0))

    assert first.events[0].how == "when_done"
    again = StopMember(command_id="2", agent_id="ann", how="when_done", now=2.0)
    assert first.when(again) == []
    stricter = first.when(StopMember(command_id="3", agent_id="ann", how="now", now=2.0))
    assert [event.how for event in stricter.events] == ["now"]
    later = StopMember(command_id="4", agent_id="ann", how="when_done", now=2.0)
    assert stricter.when(later) == []


@pytest.mark.parametrize(
    ("by", "agent_id"), [("ann", "lead"), ("ann", "bob"), ("ann", "ann"), ("lead", "lead"),
                         ("sue", "ann"), ("lead", "sue")],
)  # fmt: skip
def test_only_its_lead_or_the_program_stops_removes_or_renames_a_member(team, by, agent_id):
    """A model that was talked into it could end the whole team."""
    for wish in (
        StopMember(command_id="1", agent_id=agent_id, how="now", by=by, now=2.0),
        RemoveMember(command_id="1", agent_id=agent_id, by=by, now=2.0),
        RenameMember(command_id="1", agent_id=agent_id, name="new", by=by, now=2.0),
    ):
        assert team.when(wish).rejects("only its lead can")


# --- requests ---------------------------------------------------------------------------------


def test_a_request_and_its_answer_are_letters_of_the_same_append(team):
    """Neither side waits for something that a crash has taken."""
    asked = team.when(asking())
    answered = asked.when(answering(approve=False, reason=" Too dear. "))

    question = Mail(
        mail_id="req-1/opened",
        sender="ann",
        sender_id="ann",
        to="lead",
        body="May I?",
        sent_at=2.0,
        kind="request",
        request_id="req-1",
        protocol="plan_approval",
    )
    assert letters(asked) == {"inbox-lead": (MailDelivered(mail=question),)}
    reply = Mail(
        mail_id="req-1/answered",
        sender="lead",
        sender_id="lead",
        to="ann",
        body="Too dear.",
        sent_at=3.0,
        kind="response",
        request_id="req-1",
        protocol="plan_approval",
        approve=False,
    )
    assert letters(answered) == {"inbox-ann": (MailDelivered(mail=reply),)}
    request = answered.state.requests["req-1"]
    assert (request.status, request.reason, request.ended_at) == ("rejected", "Too dear.", 3.0)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (answering(by="bob"), "Agent 'bob' cannot respond to request 'req-1'"),
        (answering(by="ann"), "Agent 'ann' cannot respond to request 'req-1'"),
        (answering(by="nobody"), "no member"),
        (answering(request_id="req-9"), "Unknown team request 'req-9'"),
    ],
)
def test_only_the_member_that_was_asked_can_answer(team, answer, reason):
    """Whoever approves its own plan has no approval."""
    assert team.when(asking()).when(answer).rejects(reason)


def test_an_answer_is_final(team):
    """Whoever has begun because of a yes must not find a no."""
    answered = team.when(asking()).when(answering())

    later = answering(approve=False, command_id="later")
    assert answered.when(later).rejects("Team request 'req-1' is already resolved")
    take_back = CancelRequest(command_id="c", request_id="req-1", by="ann", now=4.0)
    assert answered.when(take_back).rejects("already resolved")


def test_an_approved_shutdown_stops_the_one_who_approved_when_it_is_done(team):
    """The order is on the log with the answer, so no restart forgets it."""
    asked = team.when(asking("lead", "ann", "shutdown"))
    approved = asked.when(answering("ann"))
    refused = asked.when(answering("ann", approve=False))

    order = StopOrdered(how="when_done", reason="shutdown approved (req-1)", ordered_by="lead")
    assert letters(approved)["inbox-ann"] == (order,)
    assert approved.state.members["ann"].stopping == "when_done"
    assert list(letters(refused)) == ["inbox-lead"]
    assert refused.state.members["ann"].stopping == ""


def test_a_teammate_cannot_ask_a_lead_to_shut_down(team):
    """Whoever is led must not end whoever leads: nobody would be left to tell."""
    assert team.when(asking(protocol="shutdown")).rejects("cannot ask its lead to shut down")
    assert team.when(asking("ann", "bob", "shutdown")).events
    other = team.when(joining("boss")).when(asking("ann", "boss", "shutdown"))
    assert other.rejects("cannot ask its lead to shut down")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"to": "ann"}, "cannot ask itself"),
        ({"to": "nobody"}, "Unknown team recipient 'nobody'. Members are: ann, bob, lead, sue"),
        ({"sender": "nobody"}, "'nobody' is no member of the team"),
        ({"protocol": " "}, "a protocol is a word"),
        ({"protocol": "p" * 101}, "a protocol is a word"),
        ({"protocol": "plan\napproved: yes"}, "printable"),
        ({"protocol": "plan\x1b[2J"}, "printable"),
        ({"content": "\n"}, "must not be empty"),
        ({"content": "x" * 256_001}, "over the limit"),
        ({"expires_at": 2.0}, "expires later than it is made"),
        ({"expires_at": float("nan")}, "expires later than it is made"),
        ({"expires_at": float("inf")}, "s later at most"),
        ({"expires_at": 1e300}, "s later at most"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_the_reason(team, fields, reason):
    """Whoever asks learns it, not the one who is asked."""
    assert team.when(asking(**fields)).rejects(reason)


def test_a_request_that_nobody_answers_in_time_expires(team):
    """Its sender is told, and does not wait for ever."""
    asked = team.when(asking(expires_at=10.0))

    assert asked.pending == {"expire-req-1": WaitUntil(at=10.0, then="expire-request:req-1")}
    assert asked.when(ExpireRequest(request_id="req-1", now=9.0)) == []
    expired = asked.when(ExpireRequest(request_id="req-1", now=10.0))
    assert [type(event) for event in expired.events] == [RequestExpired]
    ((inbox, (delivered,)),) = letters(expired).items()
    assert (inbox, delivered.mail.sender, delivered.mail.approve) == ("inbox-ann", "team", None)
    assert expired.pending == {}
    assert expired.when(answering()).rejects("was expired")
    assert expired.when(ExpireRequest(request_id="req-1", now=11.0)) == []


def test_a_request_is_taken_back_by_its_sender(team):
    """The one who was asked is told, so that it does no work for nothing."""
    asked = team.when(asking())
    by_other = CancelRequest(command_id="c", request_id="req-1", by="bob", now=3.0)
    assert asked.when(by_other).rejects("'ann' has made it")
    long = CancelRequest(
        command_id="c", request_id="req-1", by="ann", now=3.0, reason="x" * 16_001
    )
    assert asked.when(long).rejects("a reason has at most 16,000 characters")

    cancelled = asked.when(
        CancelRequest(command_id="c", request_id="req-1", by="ann", now=3.0, reason="done")
    )
    ((inbox, (delivered,)),) = letters(cancelled).items()
    assert (inbox, delivered.mail.sender) == ("inbox-lead", "ann")
    assert "was cancelled and wants no answer any more: done" in delivered.mail.body
    assert cancelled.when(answering()).rejects("was cancelled")


def test_requests_of_one_who_leaves_are_taken_back_and_the_others_are_told(team):
    """What was asked of somebody who has gone is answered by nobody."""
    asked = team.when(asking("ann", "bob")).when(asking("lead", "ann", command_id="ask-2"))
    removed = asked.when(RemoveMember(command_id="x", agent_id="ann", now=4.0))

    assert [type(event) for event in removed.events] == [
        RequestCancelled,
        RequestCancelled,
        MemberRemoved,
    ]
    assert set(letters(removed)) == {"inbox-bob", "inbox-lead", "inbox-ann"}
    assert {one.status for one in removed.state.requests.values()} == {"cancelled"}


def test_ids_of_requests_are_never_given_twice(team):
    """An answer to an old request must not be one to a new one."""
    answer = team.when(asking())
    for number in range(2, 5):
        answer = answer.when(answering(request_id=f"req-{number - 1}", command_id=f"a{number}"))
        answer = answer.when(asking(command_id=f"q{number}"))

    assert list(answer.state.requests) == ["req-1", "req-2", "req-3", "req-4"]


def test_requests_that_have_ended_leave_the_state_after_a_thousand(team):
    """The log has them; a team that lives for years must not carry them."""
    current = team
    for number in range(1, REMEMBERED_REQUESTS + 3):
        current = current.when(asking(command_id=f"q{number}")).after
        answer = answering(request_id=f"req-{number}", command_id=f"a{number}")
        current = current.when(answer).after

    assert len(current.state.requests) == REMEMBERED_REQUESTS
    assert "req-2" not in current.state.requests
    assert current.state.requests_opened == REMEMBERED_REQUESTS + 2


def test_a_team_has_only_so_many_open_requests(team):
    """Members that ask in a circle fill a bound and not the memory."""
    current = team
    for number in range(MAX_OPEN_REQUESTS):
        current = current.when(asking(command_id=f"q{number}")).after

    assert current.when(asking(command_id="one more")).rejects("wait for an answer")


# --- letters from outside of runs ---------------------------------------------------------------


def test_a_letter_to_all_goes_to_whoever_is_a_member_now(team):
    """Who joins later has not been meant."""
    sent = team.when(SendLetters(command_id="s", sender="sue", to=None, body="Hello.", now=2.0))

    (event,) = sent.events
    assert isinstance(event, LettersSent)
    assert (event.to, event.kind) == (("ann", "bob", "lead"), "broadcast")
    mails = [delivered.mail for (delivered,) in letters(sent).values()]
    assert {(m.sender, m.sender_id, m.kind) for m in mails} == {("sue", "sue", "broadcast")}


def test_from_outside_a_person_speaks_for_themselves_only(team):
    """A command line must not write in the name of an agent."""
    for sender, by_person in (("ann", True), ("nobody", False)):
        wish = SendLetters(
            command_id="s", sender=sender, to="lead", body="x", now=2.0, by_person=by_person
        )
        assert team.when(wish).rejects("no person" if by_person else "no member")
    asked = team.when(asking())
    assert asked.when(answering(by_person=True)).rejects("nobody else speaks for it")
    to_sue = team.when(asking(to="sue"))
    assert to_sue.when(answering("sue", by_person=True)).events


def test_a_renamed_member_writes_under_its_new_name(team):
    """Else nobody could answer it."""
    renamed = team.when(RenameMember(command_id="1", agent_id="ann", name="amy", now=2.0))
    assert isinstance(renamed.events[0], MemberRenamed)
    asked = renamed.when(asking())

    assert asked.events[0].sender_name == "amy"
    back = Delivery("inbox-ann", ())
    assert asked.when(answering()).companions[0].stream_id == back.stream_id


def test_a_request_names_its_members_as_they_are_called_now(team):
    """Whoever reads the list looks for them under these names; so does the view."""
    renaming = RenameMember(command_id="name", agent_id="ann", name="anna", now=3.0)
    asked = team.when(asking("ann", "bob")).after.when(asking("bob", "lead", command_id="b")).after
    renamed = asked.when(renaming)

    requests = renamed.after.state.requests
    assert [(one.sender_name, one.to_name) for one in requests.values()] == [
        ("anna", "bob"),
        ("bob", "lead"),
    ]
    view = requests_after(asked.state.requests, renamed.events[0])
    assert view == requests


@pytest.mark.parametrize("said", ["1", "#1", " req-1 ", "01"])
def test_a_number_names_a_request(team, said):
    """People and models leave out what every id begins with."""
    asked = team.when(asking()).after
    answered = asked.when(answering(request_id=said))
    assert [one.request_id for one in answered.events] == ["req-1"]
    assert request_id_of(said) == "req-1"


def test_who_names_no_request_is_told_which_wait(team):
    words = "Unknown team request '7'; those that wait are req-1"
    assert team.when(asking()).after.when(answering(request_id="7")).rejects(words)
    assert team.when(answering(request_id="7")).rejects("none waits for an answer")
