"""What an agent does at this moment, and waiting for what it does next."""

import sys
from pathlib import Path

import anyio
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from paced_model import Gate, PacedModel, agent_with, tool_at

from mentra_actors import call
from projections.feeds import agent_event as told

pytestmark = pytest.mark.anyio


# --- snapshots --------------------------------------------------------------------------------


async def test_an_answer_grows_in_the_snapshot_and_leaves_it_when_it_is_whole():
    """A screen that is opened in the middle of an answer shows all of it so far."""
    model = PacedModel(["One two three."], delta_chars=5)
    async with agent_with(model) as agent, agent.stream("Go") as live:
        shown = []
        for _ in range(3):
            await model.gate.reached()
            snapshot = await agent.snapshot()
            shown.append((snapshot.status, snapshot.current_text))
            model.gate.let_go()
        await live.result()
        after = await agent.snapshot()

    assert shown == [("streaming", text) for text in ("One t", "One two th", "One two three.")]
    assert (after.status, after.last_ending, after.entries) == ("idle", "finished", 2)
    assert (after.current_text, after.pending_tool_uses) == ("", ())


async def test_a_call_that_takes_shape_is_in_the_snapshot():
    """Long arguments are written for a while; a screen that shows nothing looks dead."""
    gate = Gate()
    model = PacedModel([[call("look", place="here")], "Done."], delta_chars=9)
    async with agent_with(model, tool_at(gate)) as agent, agent.stream("Go") as live:
        await model.gate.reached()
        (taking_shape,) = (await agent.snapshot()).pending_tool_uses
        model.gate.let_go()
        await model.gate.reached()
        model.gate.let_go()
        await gate.reached()
        running = await agent.snapshot()
        gate.let_go()
        await live.result()
        after = await agent.snapshot()

    assert (taking_shape.name, taking_shape.arguments) == ("look", '{"place":')
    assert (running.status, running.pending_tool_uses) == ("executing_tool", ())
    assert [(one.tool, one.arguments) for one in running.open_calls] == [
        ("look", '{"place":"here"}')
    ]
    assert (after.status, after.open_calls) == ("idle", ())


async def test_a_feed_tells_a_turn_from_its_start_to_its_finish():
    """A program that shows a chat needs nothing else, and misses nothing of what it shows."""
    model = PacedModel(["One two three."], delta_chars=5)
    events = []
    async with (
        agent_with(model) as agent,
        agent.events() as feed,
        anyio.create_task_group() as group,
    ):
        group.start_soon(agent.send, "Go")
        with anyio.fail_after(10):
            async for item in feed:
                events.append(item.event)
                if isinstance(item.event, told.TextDelta):
                    model.gate.let_go()
                if isinstance(item.event, told.RunFinished):
                    break

    pieces = [one for one in events if isinstance(one, told.TextDelta)]
    assert [(one.offset, one.delta) for one in pieces] == [
        (0, "One t"),
        (5, "wo th"),
        (10, "ree."),
    ]
    recorded = [type(one).__name__ for one in events if one not in pieces]
    assert recorded == [
        "InputAdded",
        "RunStarted",
        "AssistantMessageCommitted",
        "UsageReport",
        "RunFinished",
    ]


# --- waits ------------------------------------------------------------------------------------


async def test_a_wait_for_a_run_means_the_open_one_or_the_next():
    """A program beside the one that sends must not be told of a run that is long over."""
    model = PacedModel(["1", "2"], held_answers=2)
    replies = {}

    async def wait(name, agent):
        replies[name] = await agent.wait_for_run()

    async with agent_with(model) as agent, anyio.create_task_group() as group:
        group.start_soon(wait, "before", agent)
        await anyio.wait_all_tasks_blocked()
        group.start_soon(agent.send, "Go")
        await model.gate.reached()
        group.start_soon(wait, "during", agent)
        group.start_soon(agent.send, "Go on")
        await agent.wait_for_snapshot(lambda snapshot: snapshot.waiting_prompts == 1)
        model.gate.let_go()
        await model.gate.reached()
        second = await agent.snapshot()
        group.start_soon(wait, "after", agent)
        await anyio.wait_all_tasks_blocked()
        model.gate.let_go()

    assert {name: reply.text for name, reply in replies.items()} == {
        "before": "1",
        "during": "1",
        "after": "2",
    }
    assert replies["during"] == replies["before"]
    assert (second.run_generation, second.run_id) == (2, replies["after"].run_id)


async def test_waiting_for_mail_takes_it_each_time(played):
    """A host that reads an agent's letters gets each of them once, and no model sees it."""
    got = []

    async def take(agent):
        got.append([letter.body for letter in await agent.wait_for_mail()])

    async with played(["Nothing."]) as team:
        agent = await team.spawn(wake_on_mail=False)
        for body in ("one", "two"):
            async with anyio.create_task_group() as group:
                group.start_soon(take, agent)
                await anyio.wait_all_tasks_blocked()
                await agent.mail(body)
            assert (await agent.snapshot()).waiting_mail == 0
        await agent.send("What was there?")

    assert got == [["one"], ["two"]]
    assert [message.text for message in team.requests[0].messages] == ["What was there?"]


async def test_replies_of_a_teammate_are_waited_for_one_after_the_other(played):
    """A host that plays the lead itself asks, waits, and asks again."""
    script = {
        "bob": [
            [call("team_send", to="lead", content="It is 3.")],
            "Sent.",
            [call("team_send", to="lead", content="It is 4.")],
            "Sent.",
        ]
    }
    got = []
    async with played(script) as team:
        lead = await team.spawn("lead", wake_on_mail=False)
        bob = await team.spawn("bob")
        for question in ("How many?", "And now?"):
            await bob.send(question)
            await lead.wait_for_snapshot(lambda snapshot: snapshot.waiting_mail == 1)
            got += [(letter.sender, letter.body) for letter in await lead.wait_for_mail()]
            assert (await lead.snapshot()).waiting_mail == 0

    assert got == [("bob", "It is 3."), ("bob", "It is 4.")]
    assert team.asked("lead") == []
