"""What an agent remembers for long: by its tools, by the program around it, over restarts."""

import json

import pytest

from mentra_actors import (
    CommandRejected,
    MemoryOptions,
    Sealing,
    ToolContext,
    call,
    open_runtime,
    open_runtime_sync,
    tool,
)
from mentra_actors.domain.content import ToolResultsMessage
from mentra_actors.domain.memory import MemoryForgotten, MemoryRecorded
from mentra_actors.runtime.memory.memories import index_file

pytestmark = pytest.mark.anyio

FACT = "Deploys happen on Fridays."


def told(team, request):
    """What the model was told of the calls before a request."""
    messages = team.requests[request].messages
    last = [one for one in messages if isinstance(one, ToolResultsMessage)][-1]
    return [(one.content, one.is_error) for one in last.results]


async def facts(agent):
    """What is pinned for the agent alone."""
    return [one for one in await agent.memory.records(scope="agent") if one.kind == "fact"]


async def test_a_pinned_fact_is_found_with_where_it_comes_from(played):
    """A model must be able to judge what it finds, and to forget it by its id."""
    turns = [
        [call("memory_pin", content=FACT)],
        [call("memory_search", query="deployed on friday?!")],
        "Done.",
    ]
    async with played(turns) as team:
        agent = await team.spawn()
        await agent.send("Go")
        [record] = await facts(agent)

    assert (record.kind, record.source, record.pinned, record.by) == (
        "fact",
        "manual_pin",
        True,
        "lead",
    )
    assert told(team, 1) == [(f"Pinned as {record.record_id}", False)]
    [(text, is_error)] = told(team, 2)
    [found] = json.loads(text)
    assert not is_error
    assert list(found) == [
        *("id", "kind", "scope", "content", "score", "timestamp", "source", "why_retrieved")
    ]
    assert (found["id"], found["content"]) == (record.record_id, FACT)
    assert (found["source"], found["timestamp"]) == ("manual_pin", int(record.recorded_at))
    assert found["why_retrieved"] == "matched deploys,fridays; fact; manual"


async def test_a_fact_is_pinned_once_and_a_forgotten_one_is_not_found(played):
    async with played([[call("memory_pin", content=f" {FACT}\n")], "Done."]) as team:
        agent = await team.spawn()
        known = await agent.memory.pin(FACT)
        await agent.send("Go")
        assert told(team, 1) == [(f"Already pinned as {known}", False)]
        await agent.memory.forget(known)
        await agent.memory.forget(known)

        assert await agent.memory.search("deploys") == []
        assert len(team.events(MemoryForgotten)) == 1
        with pytest.raises(CommandRejected, match="was forgotten"):
            await agent.memory.pin(FACT, record_id=known)


async def test_a_model_forgets_only_what_its_own_memory_has(played):
    """Another agent's record is an error, and stays where it is."""
    turns = [
        [call("memory_forget", record_id="theirs")],
        [call("memory_search", query="deploys")],
        "Done.",
    ]
    async with played(turns) as team:
        lead, bob = await team.spawn(), await team.spawn("bob")
        await lead.memory.pin(FACT, record_id="theirs")
        await bob.send("Go")

        [(text, is_error)] = told(team, 1)
        assert is_error
        assert "this memory has no record 'theirs'" in text
        assert told(team, 2) == [("[]", False)]
        assert [one.record.record_id for one in await lead.memory.search("deploys")] == ["theirs"]


async def test_a_repeated_forget_by_a_model_is_no_error(played):
    turns = [[call("memory_forget", record_id="f1"), call("memory_forget", record_id="f1")], "Ok."]
    async with played(turns) as team:
        agent = await team.spawn()
        await agent.memory.pin(FACT, record_id="f1")
        await agent.send("Go")

    assert told(team, 1) == [("Forgot f1", False)] * 2


async def test_an_agent_may_be_kept_from_writing_but_still_searches(played):
    turns = [
        [
            call("memory_pin", content="x"),
            call("memory_forget", record_id="f1"),
            call("memory_search", query="deploys"),
        ],
        "Done.",
    ]
    async with played(turns) as team:
        agent = await team.spawn(memory=MemoryOptions(write_tools_enabled=False))
        await agent.memory.pin(FACT, record_id="f1")
        await agent.send("Go")
        pin, forget, search = told(team, 1)

    for text, is_error in (pin, forget):
        assert is_error
        assert "switched off for this agent" in text
    assert not search[1]
    assert "f1" in search[0]


@pytest.mark.parametrize(
    ("asked", "configured", "count"),
    [(None, 10, 10), (3, 10, 3), (99, 10, 10), (99, 50, 10), (None, 2, 2), (0, 4, 4), (5, 0, 0)],
)
async def test_how_much_is_found_is_bounded_by_the_call_the_profile_and_ten(
    played, asked, configured, count
):
    limit = {} if asked is None else {"limit": asked}
    async with played([[call("memory_search", query="deploys", **limit)], "Done."]) as team:
        agent = await team.spawn(memory=MemoryOptions(tool_search_limit=configured))
        for number in range(12):
            await agent.memory.pin(f"{FACT} Number {number}.")
        await agent.send("Go")

    assert len(json.loads(told(team, 1)[0][0])) == count


@pytest.mark.parametrize("arguments", [{"query": " \n"}, {"query": "x", "limit": -1}])
async def test_a_search_for_nothing_is_an_error_for_the_model(played, arguments):
    async with played([[call("memory_search", **arguments)], "Done."]) as team:
        await (await team.spawn()).send("Go")

    assert told(team, 1)[0][1]


async def test_a_pinned_fact_stands_before_an_episode_of_the_same_words(played):
    async with played([FACT]) as team:
        agent = await team.spawn()
        await agent.memory.pin(FACT, record_id="fact")
        await agent.send(FACT)
        found = await agent.memory.search(FACT)

    assert [one.record.record_id for one in found] == ["fact", "episode-lead/run-1"]
    assert found[1].why == "matched deploys,fridays"


async def test_without_the_tools_models_are_told_of_none(played):
    async with played(["Hi.", "Hi."], memory_tools=False) as team:
        agent = await team.spawn()
        await agent.send("Go")
        await agent.memory.pin(FACT)

    assert not [one.name for one in team.requests[0].tools if one.name.startswith("memory")]


@tool(retry="safe", side_effects="none")
async def peek(context: ToolContext) -> str:
    """Look, and try to pin."""
    assert await context.memory.search("deploys", 1)
    await context.memory.pin("x", "y")
    return "pinned"


async def test_a_tool_that_only_looks_cannot_change_the_memory(played):
    async with played([[call("peek")], "Done."], peek) as team:
        agent = await team.spawn()
        await agent.memory.pin(FACT)
        await agent.send("Go")
        [(text, is_error)] = told(team, 1)

        assert is_error
        assert "declared without side effects" in text
        assert len(team.events(MemoryRecorded)) == 1


async def test_a_tool_of_a_program_may_use_the_memory_of_its_agent(played):
    @tool(retry="idempotent", side_effects="local_state")
    async def note(context: ToolContext, text: str) -> str:
        """Keep a note."""
        return await context.memory.pin("note-1", text)

    async with played([[call("note", text=FACT)], "Done."], note) as team:
        agent = await team.spawn()
        await agent.send("Go")
        [record] = await facts(agent)

    assert (record.record_id, record.by, told(team, 1)) == ("note-1", "lead", [("note-1", False)])


@pytest.mark.parametrize("content", ["", "x" * 16_385])
async def test_what_cannot_be_kept_is_told_to_the_model(played, content):
    async with played([[call("memory_pin", content=content)], "Done."]) as team:
        await (await team.spawn()).send("Go")
        [(text, is_error)] = told(team, 1)

    assert is_error
    assert text.startswith("Failed to pin the fact: ")


@pytest.mark.parametrize("where", ["directory", "file"])
async def test_a_memory_is_there_after_a_restart(tmp_path, where):
    """The index stands beside the log, and may be gone: it comes back from it."""
    path = tmp_path / "team" if where == "directory" else f"sqlite:{tmp_path / 'team.db'}"
    with open_runtime_sync(path, durability="volatile") as runtime:
        memory = runtime.spawn("ann", model="ollama:x").memory
        memory.pin(FACT, record_id="f1")
        memory.pin("Nobody may read this again.", record_id="f2")
        assert len(memory.search("deploys read")) == 2
        memory.forget("f2")
        file = index_file(runtime._operations.core.store, path)
    written = file.read_bytes()
    assert b"Deploys happen" in written
    assert b"Nobody may" not in written
    file.unlink()
    async with open_runtime(path, durability="volatile") as runtime:
        memory = (await runtime.agent("ann")).memory
        assert [one.record.record_id for one in await memory.search("deploys read")] == ["f1"]
    assert file.exists()


async def test_an_encrypted_store_has_no_index_on_disk(tmp_path):
    """It would be the plain text of what the key protects."""
    pytest.importorskip("cryptography")
    path, sealing = tmp_path / "team", Sealing(key=bytes(32))
    for _opening in range(2):
        async with open_runtime(path, durability="volatile", sealing=sealing) as runtime:
            agent = await runtime.spawn("ann", model="ollama:x", reuse=True)
            await agent.memory.pin(FACT)
            assert len(await agent.memory.search("deploys")) == 1
    kept = [one for one in path.rglob("*") if one.is_file()]

    assert not [one for one in kept if b"Deploys happen" in one.read_bytes()]
    assert not [one for one in kept if "memory" in one.name]
