"""Who is in a store, and whose open work goes on when it is opened."""

import pytest

from mentra_actors import StoreError, list_agents, open_runtime
from mentra_actors.domain.agent import events as e
from mentra_actors.errors import CommandRejected, StoreLocked
from mentra_actors.providers.scripted import NEVER_ENDS, call

pytestmark = pytest.mark.anyio


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store"


async def broken_off(played, path, name, **options):
    """A runtime that is closed while an agent of this name waits for its model."""
    async with played([NEVER_ENDS], path=path, resume="none", **options) as team:
        agent = await team.spawn(name)
        await agent.mail("Go on.")
        await team.until(e.ModelCallRequested)


async def test_agents_are_listed_without_waking_anybody(played, path):
    """A program that only wants to show who is there must not set a team to work."""
    spawn = [call("team_spawn", name="bob", role="reader")]
    async with played([spawn, "Done."], path=path) as team:
        lead = await team.spawn()
        await lead.send("Get help.")
        await team.spawn("ann", role="writer")
        listed = await team.runtime.agents()
        beside = list_agents(path)

    await broken_off(played, path, "cy")
    after = list_agents(path)
    async with played([], path=path, resume="none") as team:
        again = await team.runtime.agents()
        live = team.runtime._operations.core.directory.live()

    assert [(one.name, one.role, one.lead) for one in listed] == [
        ("lead", "lead", ""),
        ("bob", "reader", "lead"),
        ("ann", "writer", ""),
    ]
    assert beside == listed
    assert [(one.name, one.status) for one in after][2:] == [("ann", "idle"), ("cy", "working")]
    assert again == after
    assert live == ("lease-writer",)


async def test_agents_of_all_teams_are_listed(played, path):
    """Several programs may keep their teams in one store, one after the other."""
    for team_id in ("main", "night"):
        async with played([], path=path, team=team_id) as team:
            await team.spawn("lead")
            assert [one.agent_id for one in await team.runtime.agents()] == [
                {"main": "lead", "night": "night.lead"}[team_id]
            ]

    assert [one.team_id for one in list_agents(path, team=None)] == ["main", "night"]
    assert [one.agent_id for one in list_agents(path, team="night")] == ["night.lead"]
    with pytest.raises(StoreError):
        list_agents(path / "nowhere")


async def test_the_open_work_of_one_team_goes_on_and_that_of_others_stays(played, path):
    """A program has the tools and the models of its own team, not those of others."""
    await broken_off(played, path, "day")
    await broken_off(played, path, "owl", team="night")

    async with played(["Done."], path=path, team="night", resume="team") as team:
        assert team.runtime.resumed == ("agent-night.owl",)
        await team.runtime.until_idle()

    async with played(["Done."], path=path) as team:
        assert team.runtime.resumed == ("agent-day",)
        await team.runtime.until_idle()

    assert [one.status for one in list_agents(path, team=None)] == ["idle", "idle"]


async def test_nothing_goes_on_until_somebody_wants_it(played, path):
    """Who opens a store to look, or to change something first, must be able to."""
    await broken_off(played, path, "ann")
    await broken_off(played, path, "bob")

    async with played(["Done."], path=path, resume="none") as team:
        assert team.runtime.resumed == ()
        await team.runtime.until_idle()
        assert team.requests == []

        ann = await team.runtime.resume_agent("ann")
        await team.runtime.until_idle()
        assert (await ann.snapshot()).last_ending == "finished"
        assert {one.name: one.status for one in await team.runtime.agents()} == {
            "ann": "idle",
            "bob": "working",
        }

        assert "agent-bob" in await team.runtime.resume_all()
        await team.runtime.until_idle()
        assert await team.runtime.resume_all() == ()
        with pytest.raises(CommandRejected, match="the team has ann, bob"):
            await team.runtime.resume_agent("cy")


async def test_two_runtimes_of_one_process_have_two_stores(played, path, tmp_path):
    """What one closes or loses is nothing to the other; a store has one of them."""
    async with played(["One."], path=path) as one:
        async with played(["Two."], path=tmp_path / "other") as other:
            assert (await (await one.spawn()).send("Go.")).text == "One."
            assert (await (await other.spawn()).send("Go.")).text == "Two."
            with pytest.raises(StoreLocked, match="this process"):
                async with open_runtime(path):
                    pass
        assert (await (await one.spawn("next")).send("Go.")).text == "One."


@pytest.mark.parametrize("resume", ["", "everything", None])
async def test_a_word_that_says_nothing_of_whose_work_goes_on_is_refused(resume):
    """A typing mistake must not leave a team asleep."""
    with pytest.raises(ValueError, match="resume is all, team or none"):
        async with open_runtime(":memory:", resume=resume):
            pass
