"""What members ask of each other, how they leave, and persons among them."""

import json

import anyio
import pytest

from mentra_actors import (
    CommandRejected,
    ProviderError,
    ScriptedModel,
    call,
    open_runtime,
    tool,
)
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.inbox import MailDelivered
from mentra_actors.domain.team import BoardTold, MemberJoined, RequestOpened, RequestResolved
from mentra_actors.providers.scripted import NEVER_ENDS, position
from mentra_actors.testing.manual_clock import ManualClock
from mentra_actors.tools.builtin.teammates import LEAD_TOOLS

pytestmark = pytest.mark.anyio


def told_of(team, name):
    """What models were told by the calls of a tool, in the order of the log."""
    recorded = sorted(team.recorded, key=lambda one: one.global_position)
    calls = {
        (one.stream_id, one.event.key)
        for one in recorded
        if isinstance(one.event, e.ToolCallStarted) and one.event.tool == name
    }
    return [
        one.event.content
        for one in recorded
        if isinstance(one.event, e.ToolCallFinished) and (one.stream_id, one.event.key) in calls
    ]


def script(**turns):
    """Turns by the name in the system prompt; whoever is not a teammate plays `lead`."""

    def turn(request):
        name = next((one for one in turns if f"teammate '{one}'" in request.system), "lead")
        return turns[name][position(request)]

    return turn


PLAN = call("team_request", to="lead", protocol="plan_approval", content="I delete it all.")


async def test_a_plan_waits_for_its_approval_and_the_teammate_lives_on(played):
    """Its run ends with the question, and the answer is what wakes it."""
    turns = script(
        lead=[
            [call("team_spawn", name="bob", role="cleaner", prompt="Clean up.")],
            "OK.",
            [call("team_respond", request_id="req-1", approve=True, reason="Go on.")],
            "Told.",
        ],
        bob=[[PLAN], "I clean up.", "Again?"],
    )
    async with played(turns) as team:
        lead = await team.spawn()
        await lead.send("Get help")
        await team.runtime.until_idle()
        bob = await team.runtime.agent("bob")
        ends = [one.ending for one in team.events(e.RunFinished, stream_id="agent-bob")]
        await bob.mail("Are you there?")
        await team.runtime.until_idle()
        snapshot = await bob.snapshot()

    assert ends == ["idle", "answered"]
    (asked,) = told_of(team, "team_request")
    assert asked.startswith(
        "Created team request 'req-1' for 'lead' using protocol 'plan_approval'"
    )
    assert told_of(team, "team_respond") == ["Approved team request 'req-1' (plan_approval)"]
    bobs = [request for request in team.requests if "teammate 'bob'" in request.system]
    seen = " ".join(getattr(m, "text", "") for m in bobs[1].messages)
    assert '"type":"response","from":"lead","content":"Go on."' in seen
    assert '"approve":true' in seen
    assert snapshot.status == "idle"


async def test_a_plan_that_is_rejected_leaves_the_teammate_alive(played):
    """It hears why, and makes another plan."""
    refuse = call("team_respond", request_id="req-1", approve=False, reason="Not all of it.")
    turns = script(
        lead=[[call("team_spawn", name="bob", role="cleaner", prompt="Clean up.")], "OK."]
        + [[refuse], "Told.", "Good."],
        bob=[[PLAN], [call("team_send", to="lead", content="A half, then.")], "Done."],
    )
    async with played(turns) as team:
        await (await team.spawn()).send("Get help")
        await team.runtime.until_idle()
        (request,) = await team.runtime.members.requests()
        bob = await (await team.runtime.agent("bob")).snapshot()

    answer = next(one for one in team.events(MailDelivered) if one.mail.kind == "response").mail
    assert (answer.approve, answer.body) == (False, "Not all of it.")
    assert (request.status, bob.status) == ("rejected", "idle")
    assert "A half, then." in [one.mail.body for one in team.events(MailDelivered)]


async def test_an_approved_shutdown_stops_the_teammate_after_what_it_has_begun(played):
    """A teammate that agrees to go still says what it has to say."""
    turns = script(
        lead=[
            [
                call("team_spawn", name="bob", role="helper"),
                call("team_request", to="bob", protocol="shutdown", content="We are done."),
            ],
            "OK.",
            "Goodbye, bob.",
            "Noted.",
        ],
        bob=[
            [
                call("team_respond", request_id="req-1", approve=True),
                call("team_send", to="lead", content="My notes."),
            ],
            "Goodbye.",
        ],
    )
    async with played(turns) as team:
        await (await team.spawn()).send("Finish")
        await team.runtime.until_idle()
        listed = {one.name: one.status for one in await team.runtime.members.list()}

    assert team.steps("agent-bob")[-3:] == ["RunFinished", "AgentStopped", "StopReported"]
    assert "My notes." in [mail.mail.body for mail in team.events(MailDelivered)]
    assert listed == {"lead": "idle", "bob": "stopped"}


async def test_requests_and_answers_are_found_by_both_sides(played):
    """A model that lost count of what it asked can look."""
    async with played({"ann": [], "bob": [], "cy": []}) as team:
        ann, bob, _cy = [await team.spawn(n, wake_on_mail=False) for n in ("ann", "bob", "cy")]
        first = await ann.team.request("bob", "review", "Is it right?")
        second = await ann.team.request("cy", "review", "And this?")
        await bob.team.respond(first.request_id, approve=False, reason="No.")
        letters = await ann.wait_for_mail()
        own = await bob.team.requests()
        everything = await team.runtime.members.requests()
        with pytest.raises(CommandRejected, match="cannot respond"):
            await bob.team.respond(second.request_id, approve=True)

    assert first.request_id != second.request_id
    (letter,) = letters
    assert (letter.kind, letter.request_id, letter.approve) == ("response", "req-1", False)
    assert [(one.request_id, one.status, one.reason) for one in own] == [
        ("req-1", "rejected", "No.")
    ]
    assert [one.status for one in everything] == ["rejected", "pending"]


async def test_a_list_of_requests_is_filtered(played):
    """All filters count together, and only own requests are seen."""
    lists = [
        call("team_list_requests"),
        call("team_list_requests", direction="inbound"),
        call("team_list_requests", direction="outbound", status="pending"),
        call("team_list_requests", protocol="odd", counterparty="cy"),
        call("team_list_requests", counterparty="bob", status="rejected"),
    ]
    async with played({"ann": [lists, "Done."], "bob": [], "cy": []}) as team:
        ann, bob, cy = [await team.spawn(n, wake_on_mail=False) for n in ("ann", "bob", "cy")]
        await ann.team.request("bob", "even", "1")
        await ann.team.request("cy", "odd", "2")
        await bob.team.request("ann", "even", "3")
        await cy.team.request("bob", "even", "4")
        await bob.team.respond("req-1", approve=False, reason="no")
        await ann.send("Look")

    found = [[one["request_id"] for one in json.loads(text)] for text, _ in team.results()]
    lists = [["req-1", "req-2", "req-3"], ["req-3"], ["req-2"], ["req-2"], ["req-1"]]
    assert sorted(found) == sorted(lists)  # calls of one answer end in any order
    first = next(json.loads(text)[0] for text, _ in team.results() if "req-1" in text)
    assert (first["from"], first["to"], first["resolution_reason"]) == ("ann", "bob", "no")


async def test_a_request_that_nobody_answers_expires_by_the_clock(played):
    """Also for a team in which nothing else happens."""
    clock = ManualClock()
    async with played({"ann": [], "bob": []}, clock=clock) as team:
        ann, _bob = [await team.spawn(n, wake_on_mail=False) for n in ("ann", "bob")]
        await ann.team.request("bob", "review", "Is it right?", expires_in_s=60)
        clock.advance(59)
        assert [one.status for one in await ann.team.requests()] == ["pending"]
        clock.advance(2)
        (letter,) = await ann.wait_for_mail()
        (request,) = await ann.team.requests()

    assert (letter.sender, letter.approve) == ("team", None)
    assert "has not answered" in letter.body
    assert request.status == "expired"


async def test_a_request_that_is_taken_back_is_told(played):
    """By the tool, as by the program."""
    turns = {
        "ann": [
            [call("team_request", to="bob", protocol="x", content="Well?")],
            [call("team_cancel_request", request_id="req-1", reason="found it")],
            "Done.",
        ],
        "bob": [],
    }
    async with played(turns) as team:
        ann, bob = [await team.spawn(n, wake_on_mail=False) for n in ("ann", "bob")]
        await ann.send("Ask")
        letters = [one.body for one in await bob.wait_for_mail()]
        letters += [one.body for one in await bob.read_mail()]

    assert letters[0] == "Well?"
    assert "found it" in letters[1]


# --- mail and failures --------------------------------------------------------------------------


async def test_an_agent_reads_in_the_middle_of_a_run_what_has_come_and_is_not_shown_it_again(
    played,
):
    """Else it would answer each letter twice."""
    agents = {}

    @tool(side_effects="local_state")
    async def wait() -> str:
        """Let a letter come."""
        await agents["ann"].mail("Psst.")
        await agents["ann"].wait_for_snapshot(lambda one: one.waiting_mail == 1)
        return "It is there."

    read = call("team_read_inbox")
    async with played([[call("wait"), read, read], "Done."], wait) as team:
        agents["ann"] = ann = await team.spawn("ann", wake_on_mail=False)
        await ann.send("Read")
        snapshot = await ann.snapshot()

    told = [json.loads(text) for text in told_of(team, "team_read_inbox")]
    assert told == [[{"type": "message", "from": "host", "content": "Psst."}], []]
    assert [m for m in team.requests[-1].messages if getattr(m, "source", "") == "mail"] == []
    assert snapshot.waiting_mail == 0


async def test_a_failed_run_keeps_the_request_and_the_next_letter_goes_on(played):
    """An answer that was lost with a run would leave the other side waiting for ever."""
    failing = {"fail_first": [ProviderError("no", kind="http", transient=False, status=400)]}
    answers = [[call("team_respond", request_id="req-1", approve=True)], "Done."]
    async with played({"ann": [], "bob": answers}, model_options=failing) as team:
        ann = await team.spawn("ann", wake_on_mail=False)
        bob = await team.spawn("bob")
        await ann.team.request("bob", "review", "Is it right?")
        await team.runtime.until_idle()
        (before,) = await ann.team.requests()
        statuses = {one.name: one.status for one in await team.runtime.members.list()}
        await bob.mail("Once more.")
        await team.runtime.until_idle()
        (after,) = await ann.team.requests()

    assert (before.status, after.status) == ("pending", "approved")
    assert statuses["bob"] == "failed"
    ends = [step for step in team.steps("agent-bob") if step in ("RunFailed", "RunFinished")]
    assert ends == ["RunFailed", "RunFinished"]


# --- names and ends -----------------------------------------------------------------------------


async def test_teammates_and_requests_are_there_after_a_restart(played, tmp_path):
    """Everything of a team is on the log, an agreed stop too."""
    path = tmp_path / "team.mentra"
    async with played({"lead": [NEVER_ENDS]}, path=path) as team:  # bob may have begun to answer
        lead = await team.spawn(wake_on_mail=False)
        await lead.team.spawn_teammate("bob", "helper")
        await lead.team.request("bob", "shutdown", "We are done.")

    model = ScriptedModel([[call("team_respond", request_id="req-1", approve=True)], "Bye."])
    async with open_runtime(path, providers=[model], durability="volatile") as runtime:
        await runtime.until_idle()
        listed = {one.name: (one.status, one.lead) for one in await runtime.members.list()}
        (request,) = await runtime.members.requests()
        await (await runtime.agent("lead")).team.spawn_teammate("bob", "helper")
        again = {one.name: one for one in await runtime.members.list()}

    assert listed == {"lead": ("idle", ""), "bob": ("stopped", "lead")}
    assert request.status == "approved"
    assert (again["bob"].agent_id, again["bob"].status) == ("bob:2", "idle")


async def test_a_lead_spawns_a_stopped_name_again_by_its_tool(played):
    """A new agent under the name that everybody knows; the old log stays."""
    turns = script(
        lead=[
            [call("team_spawn", name="bob", role="helper"), call("team_stop", name="bob")],
            "OK.",
            [call("team_spawn", name="bob", role="helper", prompt="Hello."), call("team_list")],
            "OK.",
            "OK.",
        ],
        bob=["Hello."],
    )
    async with played(turns) as team:
        lead = await team.spawn()
        await lead.send("Get help")
        await team.runtime.until_idle()
        await lead.send("Again")
        await team.runtime.until_idle()

    joined = [(one.profile.agent_id, one.replaces) for one in team.events(MemberJoined)]
    assert joined == [("lead", ""), ("bob", ""), ("bob:2", "bob")]
    assert team.steps("agent-bob")[-2:] == ["AgentStopped", "StopReported"]
    assert told_of(team, "team_stop") == ["Teammate 'bob' stops when it is done"]
    (listed,) = [json.loads(text) for text in told_of(team, "team_list")]
    assert [(one["name"], one.get("lead")) for one in listed] == [("bob", "lead"), ("lead", None)]
    assert listed[0]["status"] in ("idle", "working")


async def test_a_name_that_lives_and_the_name_of_the_lead_are_not_given(played):
    """Nothing is made before the name is known to be free."""
    turns = [
        [
            call("team_spawn", name="bob", role="helper"),
            call("team_spawn", name="bob", role="other"),
            call("team_spawn", name="lead", role="other"),
        ],
        "Done.",
    ]
    async with played(turns) as team:
        await (await team.spawn()).send("Get help")

    told = [text for text, _ in team.results()]
    assert told[0] == "Spawned persistent teammate 'bob' (role: helper, status: idle)"
    assert told[1].endswith("Team member 'bob' already exists")
    assert told[2] == "Teammate name must differ from the current agent"
    assert len(team.events(MemberJoined)) == 2


async def test_a_teammate_is_not_offered_what_only_leads_may(played):
    """It cannot stop, remove or rename anybody."""
    spawn = call("team_spawn", name="bob", role="helper", prompt="Wait.")
    async with played(script(lead=[[spawn], "OK."], bob=["OK."])) as team:
        await (await team.spawn()).send("Get help")
        await team.runtime.until_idle()

    bobs = next(request for request in team.requests if "teammate 'bob'" in request.system)
    offered = {spec.name for spec in bobs.tools}
    kept = {"team_spawn", "team_stop", "team_remove", "team_rename", "team_broadcast"}
    assert {"task_create", *kept} <= set(LEAD_TOOLS)
    assert not offered & set(LEAD_TOOLS)
    assert {"team_request", "team_respond", "team_read_inbox", "idle"} <= offered
    assert "plan_approval" in bobs.system


async def test_tasks_follow_a_new_name_and_are_free_when_their_owner_is_removed(played):
    """A board that knows an old name only would keep its tasks for ever."""
    turns = script(
        lead=[
            [
                call("task_create", subject="Count"),
                call("team_spawn", name="bob", role="helper", prompt="Claim."),
            ],
            "OK.",
            [call("team_rename", name="bob", new_name="bea")],
            "OK.",
            [call("team_remove", name="bea", reason="too slow")],
            "OK.",
        ],
        bob=[[call("task_claim")], "Mine."],
    )
    async with played(turns) as team:
        lead = await team.spawn()
        await lead.send("Begin")
        await team.runtime.until_idle()
        assert (await team.runtime.board()).tasks[1].owner == "bob"
        await lead.send("Rename")
        await team.until(BoardTold)
        assert (await team.runtime.board()).tasks[1].owner == "bea"
        await lead.send("Remove")
        await team.until(BoardTold, count=2)
        await team.until(e.AgentStopped)
        task = (await team.runtime.board()).tasks[1]
        names = [one.name for one in await team.runtime.members.list()]

    assert (task.owner, task.status) == ("", "pending")
    assert names == ["lead"]
    assert told_of(team, "team_rename") == ["Teammate 'bob' is called 'bea' now"]
    assert told_of(team, "team_remove") == ["Removed teammate 'bea' from the team"]


async def test_the_program_stops_renames_and_removes_members(played):
    """Whoever runs the team has the last word."""
    async with played({"ann": [], "bob": []}) as team:
        for name in ("ann", "bob"):
            await team.spawn(name)
        await team.runtime.members.rename("ann", "amy")
        await team.until(e.AgentRenamed)
        await team.runtime.members.stop("amy", how="now", reason="late")
        await team.runtime.members.remove("bob")
        await team.until(e.AgentStopped, count=2)
        listed = [(one.name, one.status) for one in await team.runtime.members.list()]
        with pytest.raises(CommandRejected, match="no member is named 'bob'; the team has amy"):
            await team.runtime.members.stop("bob")

    assert listed == [("amy", "stopped")]


# --- persons ------------------------------------------------------------------------------------


async def test_a_person_is_asked_and_answers_and_no_model_speaks_for_them(played):
    """A seat is a member like any other, but for the model."""
    turns = {
        "lead": [
            [call("team_request", to="sue", protocol="plan_approval", content="May I?")],
            "I may.",
        ]
    }
    async with played(turns) as team:
        lead = await team.spawn()
        sue = await team.runtime.members.take_seat("sue", role="reviewer")
        again = await team.runtime.members.take_seat("sue", role="reviewer")
        reply = await lead.send("Ask")
        letters = await sue.wait_for_mail()
        await sue.team.respond(letters[0].request_id, approve=True, reason="Do it.")
        await team.until(e.RunFinished, count=2)
        listed = {one.name: one.status for one in await team.runtime.members.list()}
        with pytest.raises(CommandRejected, match="is a person"):
            await sue.send("Hello")

    assert again.agent_id == sue.agent_id
    assert reply.ending == "idle"
    assert "Do it." in team.requests[-1].messages[-1].text
    assert listed == {"lead": "idle", "sue": "person"}
    assert {request.model for request in team.requests} == {"lead"}
    assert [type(one) for one in team.events(RequestOpened, RequestResolved)] == [
        RequestOpened,
        RequestResolved,
    ]


async def test_a_seat_is_not_given_under_the_name_of_an_agent(played):
    """Else the letters of one would be read by the other."""
    async with played({"ann": []}) as team:
        await team.spawn("ann")
        with pytest.raises(CommandRejected, match="already exists"):
            await team.runtime.members.take_seat("ann", role="reviewer")


async def test_who_writes_to_a_member_that_has_stopped_hears_it(played):
    """A letter that nobody will read must not look like one that was sent."""
    tries = [
        call("team_send", to="bob", content="Hello?"),
        call("team_request", to="bob", protocol="plan_approval", content="May I?"),
    ]
    async with played({"ann": [tries, "Nobody is there."], "bob": []}) as team:
        ann, bob = [await team.spawn(name) for name in ("ann", "bob")]
        await bob.stop()
        await ann.send("Write to bob")

    assert [is_error for _, is_error in team.results()] == [True, True]
    assert all("has stopped and reads nothing any more" in text for text, _ in team.results())


async def test_a_seat_that_was_stopped_is_taken_anew(played):
    async with played({}) as team:
        first = await team.runtime.members.take_seat("sue", role="editor")
        same = await team.runtime.members.take_seat("sue", role="editor")
        await team.runtime.members.stop("sue", how="now")
        await team.runtime.until_idle()
        await first.wait_for_snapshot(lambda snapshot: snapshot.status == "stopped")
        again = await team.runtime.members.take_seat("sue", role="judge")
        (sue,) = await team.runtime.members.list()

    assert same.agent_id == first.agent_id
    assert (again.agent_id, sue.role, sue.status) == ("sue:2", "judge", "person")


async def test_a_snapshot_shows_the_team_and_what_waits_for_an_answer(played):
    """A screen shows who is there and who waits for whom, also when that changes."""
    async with played([], path=":memory:") as team:
        lead = await team.runtime.spawn("lead", model="scripted:x")
        alone = await lead.snapshot()
        sue = await team.runtime.members.take_seat("sue", role="reviewer")
        await lead.team.spawn_teammate("bob", "helper")
        await lead.wait_for_snapshot(lambda one: len(one.teammates) == 2)
        request = await lead.team.request("sue", "review", "Is it good?")
        asked, hers = await lead.snapshot(), await sue.snapshot()
        await sue.team.respond(request.request_id, approve=True)
        answered = await lead.wait_for_snapshot(lambda one: not one.pending_requests)

    assert (alone.teammates, alone.pending_requests) == ((), ())
    shown = [(one.name, one.role, one.is_led, one.is_person) for one in asked.teammates]
    assert shown == [("sue", "reviewer", False, True), ("bob", "helper", True, False)]
    assert [one.request_id for one in asked.pending_requests] == ["req-1"]
    assert [one.name for one in hers.teammates] == ["lead", "bob"]
    assert hers.pending_requests == asked.pending_requests
    assert len(answered.teammates) == 2


async def test_whoever_waits_for_a_snapshot_hears_of_a_new_teammate(played):
    """Nothing happens to the agent itself when somebody joins its team."""
    async with played([]) as team:
        lead = await team.runtime.spawn("lead", model="scripted:x")
        looked = anyio.Event()

        def has_company(snapshot):
            looked.set()
            return bool(snapshot.teammates)

        async with anyio.create_task_group() as group:

            async def sit_down():
                await looked.wait()
                await team.runtime.members.take_seat("sue", role="reviewer")

            group.start_soon(sit_down)
            with anyio.fail_after(10):
                found = await lead.wait_for_snapshot(has_company)

    assert [one.name for one in found.teammates] == ["sue"]
