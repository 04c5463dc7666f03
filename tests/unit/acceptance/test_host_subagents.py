"""Subagents that the program gives an agent: made, asked, seen, ended."""

import anyio
import pytest

from mentra_actors import CommandRejected, RunFailed, ScriptedModel, call, open_runtime_sync, tool
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.content import UserMessage
from mentra_actors.providers.scripted import NEVER_ENDS

pytestmark = pytest.mark.anyio


@tool(retry="safe")
async def look(place: str) -> str:
    """Look at a place."""
    return f"{place} is fine"


async def test_a_program_hands_a_task_to_a_subagent_of_an_agent(played):
    """It begins with nothing but its task, as one like its agent, and is no member of the team."""
    async with played([[call("look", place="x")], "All is fine."], look) as team:
        lead = await team.spawn(system="Be brief.")
        answer = await lead.subagents.run("Look at x.", system="You look.", model="scripted:eye")
        left = await lead.subagents.list()
        members = (await team.runtime.team()).members
        listed = await team.runtime.agent(answer.agent_id)
        state = await listed.state()

    first = team.requests[0]
    assert answer.text == "All is fine."
    assert (first.model, first.system) == ("eye", "Be brief.\n\nYou look.")
    assert list(first.messages) == [UserMessage(text="Look at x.")]
    assert not {spec.name for spec in first.tools} & {"task", "team_spawn", "team_send"}
    assert (left, list(members), state.stopped) == ((), ["lead"], True)
    assert team.steps() == ["AgentSpawned", "SubagentSpawned", "SubagentFinished"]


async def test_a_subagent_may_load_the_skills_of_its_agent(played, tmp_path):
    """Who is sent to do a thing as it is done here must be able to read how."""
    (tmp_path / "cooking").mkdir()
    skill = "---\nname: cooking\ndescription: How we cook.\n---\nSlowly."
    (tmp_path / "cooking" / "SKILL.md").write_text(skill)
    turns = [[call("load_skill", name="cooking")], "Done."]
    async with played(turns, skills_dirs=[tmp_path]) as team:
        lead = await team.spawn()
        await lead.subagents.run("Cook.")

    [(content, is_error)] = team.results()
    assert ("Slowly." in content, is_error) == (True, False)


async def test_a_subagent_has_the_limits_that_it_was_given(played):
    """A program may let one look around for long and another one answer at once."""
    async with played([[call("look", place="x")]] * 5, look) as team:
        lead = await team.spawn()
        with pytest.raises(RunFailed, match="2 model calls"):
            await lead.subagents.run("Look at x.", model_budget=2)
        with pytest.raises(RunFailed, match="3 rounds"):
            await lead.subagents.run("Look at x.", max_rounds=3)
        left = await lead.subagents.list()

    assert [one.how for one in team.events(e.SubagentFinished)] == ["failed", "failed"]
    assert left == ()


async def test_several_work_at_once_and_are_seen_and_end_with_their_agent(played):
    """Nobody who stops an agent must find parts of it at work later."""
    async with played([NEVER_ENDS]) as team, anyio.create_task_group() as tasks:
        lead = await team.spawn()
        failed = []

        async def delegate(name):
            try:
                await lead.subagents.run("Wait.", name=name)
            except RunFailed as error:
                failed.append(error.kind)

        tasks.start_soon(delegate, "one")
        tasks.start_soon(delegate, "two")
        await team.until(e.ModelCallRequested, count=2)
        seen = await lead.subagents.list()
        await lead.cancel()
        still = await lead.subagents.list()
        await lead.stop()

    assert {one.agent_id for one in seen} == {"lead.one", "lead.two"}
    assert still == seen
    assert failed == ["cancelled", "cancelled"]


async def test_a_named_subagent_is_asked_once(played, tmp_path):
    """A program that was killed while it waited asks again, and nothing is done twice."""
    for turns in (["Found it."], []):
        async with played(turns, path=tmp_path / "store") as team:
            lead = await team.runtime.spawn("lead", model="scripted:lead", reuse=True)
            answer = await lead.subagents.run("Find it.", name="scout")
            assert (answer.agent_id, answer.text) == ("lead.scout", "Found it.")

    async with played([], path=tmp_path / "store") as team:
        lead = await team.runtime.agent("lead")
        with pytest.raises(CommandRejected, match="stopped"):
            await lead.subagents.run("Find something else.", name="scout")


async def test_a_name_of_another_agent_is_refused(played):
    """The task would be in the conversation of somebody whom it does not concern."""
    async with played([]) as team:
        lead = await team.spawn()
        await team.spawn("lead.scout")
        with pytest.raises(CommandRejected, match="taken by another agent"):
            await lead.subagents.run("Find it.", name="scout")


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"names": ["x"]}, TypeError),
        ({"tools": "look"}, TypeError),
        ({"name": "a b"}, ValueError),
        ({"token_budget": -1}, ValueError),
    ],
)
async def test_what_no_subagent_can_have_is_refused(played, options, error):
    """A typing mistake must not become an agent with other limits."""
    async with played([]) as team:
        lead = await team.spawn()
        with pytest.raises(error):
            await lead.subagents.run("Go.", **options)

    assert team.steps() == ["AgentSpawned"]


def test_the_blocking_face_has_subagents_too():
    """A script has no event loop."""
    with open_runtime_sync(":memory:", providers=[ScriptedModel(["Done."])]) as runtime:
        lead = runtime.spawn("lead", model="scripted:x")
        assert lead.subagents.run("Go.").text == "Done."
        assert lead.subagents.list() == ()
