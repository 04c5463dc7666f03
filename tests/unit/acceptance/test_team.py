"""Agents together: who joins, who writes to whom, and the board that they share."""

import json

import anyio
import pytest

from mentra_actors import ProviderError, call
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.board.commands import ClaimTask, CreateTask, SetTaskStatus
from mentra_actors.domain.board.decider import BOARD
from mentra_actors.domain.inbox import MailDelivered
from mentra_actors.domain.team import MemberJoined
from mentra_actors.providers.scripted import position
from mentra_actors.testing.given_when_then import given, play
from mentra_actors.tools.builtin.team import LEAD_TOOLS

pytestmark = pytest.mark.anyio


def script(**turns):
    """Turns by the name in the system prompt; whoever is not a teammate plays `lead`."""

    def turn(request):
        name = next((one for one in turns if f"teammate '{one}'" in request.system), "lead")
        return turns[name][position(request)]

    return turn


# --- members and mail -------------------------------------------------------------------------


async def test_a_spawned_teammate_rests_and_is_made_like_its_lead(played):
    """It may not use more than its lead, nor lead itself, and does nothing unasked."""
    spawn = call("team_spawn", name="bob", role="counts things")
    async with played([spawn, "Done."]) as team:
        agent = await team.spawn(
            system="Be brief.", hidden_tools=["task_claim"], temperature=0.5, max_output_tokens=9
        )
        await agent.send("Get help")
        await team.runtime.until_idle()
        bob = await (await team.runtime.agent("bob")).state()

    assert [joined.profile.name for joined in team.events(MemberJoined)] == ["lead", "bob"]
    assert team.steps("agent-bob") == ["AgentSpawned"]
    assert (bob.profile.role, bob.profile.lead, bob.run) == ("counts things", "lead", None)
    assert (bob.profile.model, bob.profile.temperature) == ("scripted:lead", 0.5)
    assert bob.profile.max_output_tokens == 9
    assert set(bob.profile.hidden_tools) == {"task_claim", *LEAD_TOOLS}
    assert bob.profile.system.startswith("Be brief.\n\nYou are teammate 'bob'")


async def test_a_teammate_works_on_its_mail_and_its_lead_reads_the_answer(played):
    """The shortest conversation of a team, without a host that carries letters."""
    turns = script(
        lead=[[call("team_spawn", name="bob", role="helper", prompt="Count.")], "OK.", "Thanks."],
        bob=[[call("team_send", to="lead", content="It is 3.")], "Done."],
    )
    async with played(turns) as team:
        agent = await team.spawn()
        await agent.send("How many?")
        await team.runtime.until_idle()

    bobs = [request for request in team.requests if "teammate 'bob'" in request.system]
    assert "Count." in bobs[0].messages[0].text
    assert not {spec.name for spec in bobs[0].tools} & set(LEAD_TOOLS)
    leads = [request for request in team.requests if request not in bobs]
    (letter,) = [m for m in leads[-1].messages if getattr(m, "source", "") == "mail"]
    assert '"from":"bob","content":"It is 3."' in letter.text


async def test_a_broadcast_reaches_everybody_else(played):
    """One sentence to the team must not become one call per member."""
    turns = {
        "lead": [[call("team_broadcast", content="Stop.")], "Done."],
        **{name: ["Yes."] for name in ("ann", "bob")},
    }
    async with played(turns) as team:
        agent = await team.spawn("lead")
        for name in ("ann", "bob"):
            await team.spawn(name)
        await agent.send("Tell them")
        await team.runtime.until_idle()

    letters = [delivered.mail for delivered in team.events(MailDelivered)]
    assert sorted((mail.to, mail.body) for mail in letters) == [("ann", "Stop."), ("bob", "Stop.")]
    for name in ("ann", "bob"):
        assert "Stop." in team.asked(name)[0].messages[-1].text


async def test_an_agent_whose_run_failed_goes_on_with_the_next_letter(played):
    """One bad answer of a provider must not take a member out of the team."""
    failing = {"fail_first": [ProviderError("no", kind="http", transient=False, status=400)]}
    async with played(["I have both."], model_options=failing) as team:
        bob = await team.spawn("bob")
        await bob.mail("one")
        await team.runtime.until_idle()
        await bob.mail("two")
        await team.runtime.until_idle()

    ends = [step for step in team.steps("agent-bob") if step in ("RunFailed", "RunFinished")]
    assert ends == ["RunFailed", "RunFinished"]
    texts = [message.text for message in team.requests[-1].messages]
    assert ["one" in texts[0], "two" in texts[1], len(texts)] == [True, True, 2]


# --- the board --------------------------------------------------------------------------------


async def test_what_a_tool_changes_on_the_board_all_see(played):
    """The host and agents that come later look at the same board."""
    turns = {
        "lead": [[call("task_create", subject="Count")], "Done."],
        "ann": [[call("task_list")], "I see."],
    }
    async with played(turns) as team:
        lead = await team.spawn("lead")
        await lead.send("Plan")
        board = await team.runtime.board()
        ann = await team.spawn("ann")
        await ann.send("What is there?")

    assert [(task.task_id, task.subject) for task in board.tasks.values()] == [(1, "Count")]
    ((text, _),) = team.results()
    assert [task["subject"] for task in json.loads(text)["tasks"]] == ["Count"]


@pytest.mark.parametrize("kind", ["memory", "disk"])
async def test_tasks_that_many_create_at_once_are_numbered_one_after_the_other(
    played, tmp_path, kind
):
    """Two tasks under one number would be claimed, and finished, as one."""
    names = [f"agent-{number}" for number in range(8)]
    turns = {name: [[call("task_create", subject=name)], "Done."] for name in names}
    path = ":memory:" if kind == "memory" else tmp_path / "team.mentra"
    async with played(turns, path=path) as team:
        agents = [await team.spawn(name) for name in names]
        async with anyio.create_task_group() as group:
            for agent in agents:
                group.start_soon(agent.send, "Plan")
        board = await team.runtime.board()

    assert sorted(board.tasks) == list(range(1, 9))
    assert sorted(task.subject for task in board.tasks.values()) == names


async def test_a_list_of_tasks_says_what_can_be_done(played):
    """Completing a task frees what waited for it, and reopening it blocks that again."""
    rounds = [
        [call("task_create", subject="a"), call("task_create", subject="b", blockedBy=[1])],
        [call("task_create", subject="c"), call("task_update", taskId=3, status="in_progress")],
        [call("task_list")],
        [call("task_update", taskId=1, status="completed"), call("task_list")],
        [call("task_update", taskId=3, addBlockedBy=[1]), call("task_list")],
        [call("task_update", taskId=3, status="pending")],
        [call("task_update", taskId=1, status="pending"), call("task_list")],
        "Done.",
    ]
    async with played(rounds) as team:
        agent = await team.spawn()
        await agent.send("Plan")

    seen = [
        json.loads(one.content)
        for one in team.events(e.ToolCallFinished)
        if '"inProgress"' in one.content
    ]
    groups = [(one["ready"], one["blocked"], one["inProgress"], one["completed"]) for one in seen]
    assert groups == [
        ([1], [2], [3], []),
        ([2], [], [3], [1]),
        ([2], [], [3], [1]),
        ([1], [2, 3], [], []),
    ]
    assert [task["blockedBy"] for task in seen[2]["tasks"]] == [[], [], []]


def test_a_task_in_progress_cannot_be_claimed():
    """Somebody works on it, whoever that is."""
    create = CreateTask(command_id="1", subject="a", created_by="lead", now=1.0)
    begin = SetTaskStatus(
        command_id="2",
        task_id=1,
        status="in_progress",
        changed_by="lead",
        may_change_any=True,
        now=1.0,
    )
    begun = play(given(BOARD), [create, begin])[-1].after

    named = ClaimTask(command_id="3", claimant="ann", now=1.0, task_id=1)
    any_task = ClaimTask(command_id="3", claimant="ann", now=1.0)
    assert begun.when(named).rejects("is in_progress")
    assert begun.when(any_task).rejects("No ready")


async def test_a_teammate_rests_when_nothing_is_left_to_do(played):
    """Its run ends with the round; a lead has nobody to rest for, and is not offered the tool."""
    spawn = call("team_spawn", name="bob", role="helper", prompt="Wait.")

    def play(request):
        if "bob" in request.system:
            return [call("idle")]
        return [[spawn], "Done."][position(request)]

    async with played(play) as team:
        await (await team.spawn()).send("Get help")
        await team.runtime.until_idle()
        ends = team.events(e.RunFinished, stream_id="agent-bob")

    asked = [request for request in team.requests if "bob" in request.system]
    assert len(asked) == 1
    assert [end.ending for end in ends] == ["idle"]
    assert "idle" in {spec.name for spec in asked[0].tools}
    assert "idle" not in {spec.name for spec in team.requests[0].tools}
