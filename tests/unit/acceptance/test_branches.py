"""The conversation as a tree: it may go on from anything that was ever said, and loses nothing."""

import base64
import json
from functools import reduce
from pathlib import Path

import anyio
import msgspec
import pytest

from mentra_actors import CommandRejected, ToolOutput, call, say, tool
from mentra_actors.codec.event_codec import CODEC
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.content import AssistantMessage, ToolResultsMessage, UserMessage
from mentra_actors.domain.transcript import Transcript, apply
from mentra_actors.providers.scripted import NEVER_ENDS
from projections.feeds import agent_event as told

pytestmark = pytest.mark.anyio

FIRST_RELEASE = Path(__file__).parents[2] / "golden" / "journals" / "0.1.0.jsonl"


def echo(request):
    """Says what it was told last."""
    return f"You said {request.messages[-1].text}"


def measured(request):
    """Calls a tool after a prompt, and ends the turn after its results."""
    is_told = isinstance(request.messages[-1], ToolResultsMessage)
    return "Done." if is_told else [call("measure")]


@tool(retry="safe")
async def measure() -> ToolOutput:
    """Measure."""
    return ToolOutput(content="7", details={"unit": "m"})


async def talked(agent, *prompts):
    """A turn for each of these prompts."""
    for prompt in prompts:
        await agent.send(prompt)
    return agent.conversation


def texts(request_or_messages):
    """What was said on a path, without the echo."""
    messages = getattr(request_or_messages, "messages", request_or_messages)
    return [message.text for message in messages if isinstance(message, UserMessage)]


def links(entries):
    """Each entry with the one before it."""
    return [(entry.entry_id, entry.parent) for entry in entries]


async def test_each_message_hangs_from_the_one_before_it(played):
    """Who knows an entry knows the conversation that led to it."""
    async with played(echo) as team:
        agent = await team.spawn()
        conversation = agent.conversation
        before = (await conversation.entries(), await conversation.path())
        await talked(agent, "one", "two")
        entries = await conversation.entries()
        path, leaf = await conversation.path(), await conversation.leaf()

    assert before == ([], [])
    assert links(entries) == [(1, 0), (2, 1), (3, 2), (4, 3)]
    assert [entry.kind for entry in entries] == ["user_turn", "assistant_turn"] * 2
    assert (path, leaf) == ([1, 2, 3, 4], 4)
    assert entries[3].message == AssistantMessage(blocks=(say("You said two"),))


async def test_a_branch_says_how_much_it_leaves_and_deletes_nothing(played):
    """A person who goes back must be able to come back; what was left can still be read."""
    async with played(echo) as team:
        agent = await team.spawn()
        conversation = await talked(agent, "one", "two")
        before = await conversation.entries()
        left = await conversation.move_to(2)
        entries, path = await conversation.entries(), await conversation.path()
        snapshot = await agent.snapshot()

    assert (left, path) == (2, [1, 2])
    assert entries == before
    assert entries[3].message.blocks[0].text == "You said two"
    assert (snapshot.leaf, snapshot.entries) == (2, 4)


async def test_the_next_turn_stands_beside_what_was_left(played):
    """The model answers to the path alone: nothing of the other branch reaches it."""
    async with played(echo) as team:
        agent = await team.spawn()
        conversation = await talked(agent, "one", "two")
        await conversation.move_to(2)
        await agent.send("three")
        siblings = await conversation.children(2)
        history = await conversation.history()

    assert links(siblings) == [(3, 2), (5, 2)]
    assert [entry.message.text for entry in siblings] == ["two", "three"]
    assert texts(team.requests[-1]) == ["one", "three"]
    assert texts(history) == ["one", "three"]


@pytest.mark.parametrize("entry_id", [3, -1, 10**30])
async def test_an_entry_that_there_is_not_is_refused(played, entry_id):
    """A wrong number must not lead to some place; the conversation stays where it is."""
    async with played(echo) as team:
        conversation = await talked(await team.spawn(), "one")
        with pytest.raises(CommandRejected, match=f"there is no entry {entry_id}"):
            await conversation.move_to(entry_id)
        with pytest.raises(CommandRejected, match=f"there is no entry {entry_id}"):
            await conversation.label(entry_id, "here")
        path = await conversation.path()

    assert path == [1, 2]
    assert team.events(e.LeafMoved, e.EntryLabelled) == []


async def test_going_where_one_is_records_nothing(played):
    """A program may say where it wants to be without looking first."""
    async with played(echo) as team:
        conversation = await talked(await team.spawn(), "one")
        left = await conversation.move_to(2)

    assert left == 0
    assert team.events(e.LeafMoved) == []


async def test_an_open_run_owns_the_conversation(played):
    """Its answer would hang from an entry that its prompt does not."""
    async with played([NEVER_ENDS]) as team:
        agent = await team.spawn()
        await agent.mail("go")
        await team.until(e.ModelCallRequested)
        with pytest.raises(CommandRejected, match="lead/run-1 is open"):
            await agent.conversation.move_to(0)
        path = await agent.conversation.path()

    assert path == [1]


async def test_the_whole_tree_is_there_after_a_restart(played, tmp_path):
    """Branches and names are of the log, not of the process that made them."""
    path = tmp_path / "team.mentra"
    async with played(echo, path=path) as team:
        conversation = await talked(await team.spawn(), "one", "two")
        await conversation.move_to(2)
        await conversation.label(4, "the long way")
        before = (await conversation.entries(), await conversation.path())

    async with played(echo, path=path) as team:
        agent = await team.runtime.agent("lead")
        after = (await agent.conversation.entries(), await agent.conversation.path())
        labels = await agent.conversation.labels()
        await agent.send("three")

    assert after == before
    assert labels == {4: "the long way"}
    assert texts(team.requests[-1]) == ["one", "three"]


def test_a_log_from_before_there_were_branches_is_one_branch():
    """Conversations of the first release can be branched like any other."""
    lines = [json.loads(line) for line in FIRST_RELEASE.read_text(encoding="utf-8").splitlines()]
    trees = {}
    for line in lines:
        before = trees.get(line["stream"], Transcript())
        events = CODEC.decode(line["tag"], base64.b64decode(line["payload"]))
        trees[line["stream"]] = reduce(apply, events, before)

    agents = {name: tree for name, tree in trees.items() if name.startswith("agent-")}
    assert all(tree.entries for tree in agents.values())
    assert sum(len(tree.entries) for tree in agents.values()) > 10
    for tree in agents.values():
        assert links(tree.entries) == [(n, n - 1) for n in range(1, len(tree.entries) + 1)]
        assert list(tree.path) == [entry.entry_id for entry in tree.entries]


async def test_coming_back_restores_the_whole_path(played):
    """What was left is exactly what one comes back to, in its order."""
    async with played(echo) as team:
        agent = await team.spawn()
        conversation = await talked(agent, "one", "two", "three")
        old = await conversation.history()
        await conversation.move_to(2)
        await agent.send("four")
        left = await conversation.move_to(6)
        path, history = await conversation.path(), await conversation.history()
        await agent.send("five")

    assert (left, path) == (2, [1, 2, 3, 4, 5, 6])
    assert history == old
    assert texts(team.requests[-1]) == ["one", "two", "three", "five"]


async def test_going_to_and_fro_makes_no_entries(played):
    """A person who compares two branches must not fill the log with copies of them."""
    async with played(echo) as team:
        agent = await team.spawn()
        conversation = await talked(agent, "one", "two")
        await conversation.move_to(2)
        await agent.send("three")
        before = await conversation.entries()
        left = [await conversation.move_to(leaf) for leaf in (4, 6) * 5]
        after = await conversation.entries()

    assert left == [2] * 10
    assert after == before


async def test_children_on_other_branches_can_be_gone_to(played):
    """A tree is drawn by asking for children, and each that is drawn can be clicked."""
    async with played(echo) as team:
        agent = await team.spawn()
        conversation = await talked(agent, "one")
        await conversation.move_to(0)
        await agent.send("two")
        first, second = await conversation.children(0)
        paths = []
        for entry in (first, second):
            await conversation.move_to(entry.entry_id)
            paths.append(await conversation.path())
        (answer,) = await conversation.children(first.entry_id)
        nothing = await conversation.children(answer.entry_id)

    assert paths == [[1], [3]]
    assert (answer.entry_id, nothing) == (2, [])


@pytest.mark.parametrize(("entry_id", "path"), [(1, [1]), (2, [1, 2, 3]), (3, [1, 2, 3])])
async def test_a_branch_never_parts_a_call_from_its_result(played, entry_id, path):
    """Providers refuse such a conversation, for good."""
    async with played(measured, measure) as team:
        agent = await team.spawn()
        conversation = await talked(agent, "one")
        await conversation.move_to(entry_id)
        moved = await conversation.path()
        await agent.send("two")

    assert moved == path
    kinds = [type(message) for message in team.requests[2].messages]
    first_turn = [UserMessage, AssistantMessage, ToolResultsMessage][: len(path)]
    assert kinds == [*first_turn, UserMessage]


async def test_details_stand_at_the_entry_of_their_call(played, tmp_path):
    """People look up what a tool noted, on any branch and any day; a model never sees it."""
    path = tmp_path / "team.mentra"
    async with played(measured, measure, path=path) as team:
        agent = await team.spawn()
        conversation = await talked(agent, "one")
        await conversation.move_to(0)

    async with played(measured, measure, path=path) as team:
        agent = await team.runtime.agent("lead")
        await agent.conversation.move_to(4)
        entries = await agent.conversation.entries()
        await agent.send("two")

    assert [dict(entry.details) for entry in entries] == [{}, {}, {"tool-1.0": '{"unit":"m"}'}, {}]
    assert b"unit" not in msgspec.msgpack.encode(list(team.requests[-1].messages))


def test_a_result_without_details_is_stored_as_before_there_were_any():
    """Logs do not grow by what nobody has said, and old ones are read as they are."""
    plain = e.ToolCallFinished(key="tool-1.0", content="7")
    tag, payload = CODEC.encode(plain)

    assert "details" not in msgspec.msgpack.decode(payload)
    assert CODEC.decode(tag, payload) == (plain,)


async def test_a_feed_tells_of_a_branch(played):
    """A chat window has to redraw when somebody else goes back."""
    async with played(echo) as team:
        agent = await team.spawn()
        conversation = await talked(agent, "one")
        async with agent.events() as feed, agent.session_events() as session:
            await conversation.move_to(1)
            with anyio.fail_after(10):
                seen = [(await anext(aiter(one))).event for one in (feed, session)]

    assert seen == [told.Branched(entry_id=1, from_entry=2, reason="branch")] * 2
