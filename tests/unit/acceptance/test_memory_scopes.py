"""Whose a record is: an agent's, its team's, the project's; and what is remembered of runs."""

import json

import pytest

from mentra_actors import CommandRejected, Sealing, call, open_runtime, open_runtime_sync
from mentra_actors.domain.memory import MemoryForgotten, MemoryRecorded
from mentra_actors.store.sealing.offline import forget_subject
from projections.memory.lines import facts_in

pytestmark = pytest.mark.anyio

FACT = "Deploys happen on Fridays."


async def ids(memory, query="deploys"):
    return [one.record.record_id for one in await memory.search(query)]


async def test_a_run_is_one_episode_with_both_sides_and_its_calls(played):
    turns = {"lead": [[call("task_list")], "On Friday."], "bob": ["Hm."]}
    async with played(turns) as team:
        lead, bob = await team.spawn(), await team.spawn("bob")
        await lead.send("When do we deploy?")
        [episode] = await lead.memory.records()
        assert await bob.memory.records() == []
        assert team.events(MemoryRecorded) == []

    assert (episode.record_id, episode.kind) == ("episode-lead/run-1", "episode")
    assert (episode.source, episode.scope, episode.pinned) == ("auto_ingest", "agent", False)
    said = episode.content.splitlines()
    assert said[0] == "user: When do we deploy?"
    assert said[1] == "tool use task_list {}"
    assert said[2].startswith("tool result task_list: ")
    assert said[-1] == "assistant: On Friday."


async def test_a_forgotten_episode_never_comes_back(played):
    async with played(["On Friday."]) as team:
        agent, bob = await team.spawn(), await team.spawn("bob")
        await agent.send("When are the deploys?")
        [episode] = await ids(agent.memory)
        with pytest.raises(CommandRejected, match="no record"):
            await bob.memory.forget(episode)
        with pytest.raises(CommandRejected, match="no record"):
            await agent.memory.forget("episode-lead/run-2")
        await agent.memory.forget(episode)
        await agent.memory.forget(episode)

        assert await ids(agent.memory) == []
        assert len(team.events(MemoryForgotten)) == 1


async def test_the_memory_of_an_old_log_has_its_runs_also_without_a_file(tmp_path, played):
    path = tmp_path / "team"
    async with played(["On Friday."], path=path) as team:
        agent = await team.spawn()
        await agent.send("When are the deploys?")
        assert await ids(agent.memory) == ["episode-lead/run-1"]
    (path / "views-memory.sqlite").unlink()
    async with played([], path=path) as team:
        agent = await team.runtime.agent("lead")

        assert await ids(agent.memory) == ["episode-lead/run-1"]


async def test_each_scope_is_seen_by_those_that_it_is_for(tmp_path):
    """A second team in the same store sees what belongs to the project, and no more."""
    path = tmp_path / "team"
    async with open_runtime(path, durability="volatile") as runtime:
        ann = await runtime.spawn("ann", model="ollama:x")
        bob = await runtime.spawn("bob", model="ollama:x")
        await ann.memory.pin(FACT, record_id="own")
        await ann.memory.pin(f"{FACT} All of us.", record_id="ours", scope="team")
        await ann.memory.pin(f"{FACT} Everybody.", record_id="all", scope="project")

        assert set(await ids(ann.memory)) == {"own", "ours", "all"}
        assert set(await ids(bob.memory)) == set(await ids(runtime.memory)) == {"ours", "all"}
        found = {one.record.record_id: one.record.scope for one in await ann.memory.search(FACT)}
        assert found == {"own": "agent", "ours": "team", "all": "project"}
        assert [one.record_id for one in await ann.memory.records(scope="team")] == ["ours"]
        assert await bob.memory.records(scope="agent") == []
    async with open_runtime(path, durability="volatile", team="other") as runtime:
        cy = await runtime.spawn("cy", model="ollama:x")
        assert await ids(cy.memory) == ["all"]
        stranger = await runtime.agent("ann")
        assert set(await ids(stranger.memory)) == {"own", "ours", "all"}


async def test_members_forget_what_is_shared_and_it_is_gone_for_all(played):
    async with played({"bob": [[call("memory_forget", record_id="ours")], "Done."]}) as team:
        ann, bob = await team.spawn("ann"), await team.spawn("bob")
        await ann.memory.pin(FACT, record_id="ours", scope="team")
        assert await ids(ann.memory) == await ids(bob.memory) == ["ours"]
        await bob.send("Forget it")
        [gone] = team.events(MemoryForgotten)
        file = team.runtime._operations.core.memories.index

        assert (gone.record_id, gone.by) == ("ours", "bob")
        assert await ids(ann.memory) == []
        assert b"Deploys happen" not in file._file.connection.serialize()


async def test_a_model_pins_for_its_team(played):
    turns = [[call("memory_pin", content=FACT, scope="team")], "Done."]
    async with played(turns) as team:
        agent = await team.spawn()
        await agent.send("Go")
        [record] = await team.runtime.memory.records()

    assert (record.content, record.scope, record.by) == (FACT, "team", "lead")


async def test_the_team_has_no_memory_of_one_agent(played):
    async with played([]) as team:
        with pytest.raises(CommandRejected, match="no scope 'agent'"):
            await team.runtime.memory.pin(FACT, scope="agent")
        with pytest.raises(ValueError, match="a scope is one of agent, team, project"):
            await team.runtime.memory.search(FACT, scope="world")


@pytest.mark.parametrize("lines_of", [str, str.splitlines])
def test_an_export_is_taken_in_whatever_ends_a_line_within_its_facts(lines_of):
    with open_runtime_sync(":memory:") as runtime:
        ann = runtime.spawn("ann", model="ollama:x")
        ann.memory.pin("one\u2028two\u2029three\x85four\r\nfive")
        exported = ann.memory.export()
    with open_runtime_sync(":memory:") as runtime:
        ann = runtime.spawn("ann", model="ollama:x")
        assert ann.memory.import_facts(lines_of(exported)) == 1
        assert ann.memory.export() == exported


def test_a_question_is_text_and_a_limit_is_any_whole_number():
    with open_runtime_sync(":memory:") as runtime:
        ann = runtime.spawn("ann", model="ollama:x")
        ann.memory.pin(FACT)

        assert len(ann.memory.search(FACT, limit=2**70)) == 1
        assert ann.memory.search(FACT, limit=-(2**70)) == []
        for arguments in ({"query": None}, {"query": FACT, "limit": "3"}):
            with pytest.raises(TypeError, match=r"a question is|limit is"):
                ann.memory.search(**arguments)


def test_more_facts_are_taken_in_than_commands_may_wait():
    lines = [f'{{"id": "f{n}", "kind": "fact", "content": "fact {n}"}}' for n in range(700)]
    with open_runtime_sync(":memory:", mailbox_bound=300) as runtime:
        ann = runtime.spawn("ann", model="ollama:x")

        assert ann.memory.import_facts(lines) == 700


def test_facts_are_taken_over_by_their_export_once(tmp_path):
    """Into another store; runs stand on the log of their own, so they stay there."""
    with open_runtime_sync(":memory:") as runtime:
        ann = runtime.spawn("ann", model="ollama:x")
        ann.memory.pin(FACT, record_id="own")
        ann.memory.pin("The roof is new.", record_id="ours", scope="team")
        exported = ann.memory.export()
    lines = [json.loads(line) for line in exported.splitlines()]
    assert [(one["id"], one["scope"], one["why"]) for one in lines] == [
        ("own", "agent", "fact; manual"),
        ("ours", "team", "fact; manual"),
    ]
    with open_runtime_sync(":memory:") as runtime:
        ann = runtime.spawn("ann", model="ollama:x")
        episode = '{"id": "episode-ann/run-1", "kind": "episode", "content": "x"}\n\n'
        assert ann.memory.import_facts([*exported.splitlines(), episode]) == 2
        assert ann.memory.import_facts(exported.splitlines()) == 2
        assert ann.memory.export() == exported
        ann.memory.forget("own")
        assert ann.memory.import_facts(exported.splitlines()) == 1
        with pytest.raises(ValueError, match="line 2 is no record of a memory"):
            ann.memory.import_facts([exported.splitlines()[0], "{}"])
        assert [one.record_id for one in ann.memory.records()] == ["ours"]


@pytest.mark.parametrize("lines", [None, 5, b"{}", [5], [b"{}"]])
def test_an_export_is_text_or_lines_of_text(lines):
    """Bytes have lines of numbers, of which nobody would understand what is wrong."""
    with pytest.raises(TypeError, match=r"(an export|of an export) is a text"):
        facts_in(lines)


def test_a_file_that_an_editor_has_marked_is_taken_in():
    line = '{"id": "own", "kind": "fact", "content": "The roof is new."}'

    assert [one.record_id for one in facts_in(f"\ufeff{line}")] == ["own"]


async def test_nothing_is_left_of_an_agent_that_was_forgotten(tmp_path, played):
    """Its key is gone, and with it all that could be found or exported."""
    pytest.importorskip("cryptography")
    path, sealing = tmp_path / "team", Sealing(key=bytes(32))
    async with played(["It is Rumpelstilzchen."], path=path, sealing=sealing) as team:
        agent = await team.spawn()
        await agent.memory.pin("Rumpelstilzchen lives here.")
        await agent.send("My name?")
        assert len(await ids(agent.memory, "Rumpelstilzchen")) == 2
    forget_subject(path, "lead", sealing=sealing)
    async with played([], path=path, sealing=sealing) as team:
        memory = (await team.runtime.agent("lead")).memory

        assert await ids(memory, "Rumpelstilzchen") == []
        assert await memory.export() == ""
