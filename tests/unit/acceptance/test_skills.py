"""Skills of a running team: offered, loaded, changed, taken away."""

import pytest

from mentra_actors import ConfigurationError, call
from mentra_actors.errors import InvalidTool, UnknownSkill
from mentra_actors.tools.functions.decorator import tool
from mentra_actors.tools.policy import RuntimePolicy

pytestmark = pytest.mark.anyio

GUIDE = (
    "Skills available:\n  - tidy: Tidies up.\n"
    "Use the load_skill tool only when one of these skills is relevant to the task."
)


@pytest.fixture
def skills(tmp_path):
    """A directory with one skill."""
    root = tmp_path / "skills"
    write(root, "tidy", "Tidies up.", "Begin with the desk.")
    return root


def write(root, name, description, body):
    path = root / name / "SKILL.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"---\nname: {name}\ndescription: {description}\n---\n{body}\n")


async def test_a_model_loads_a_skill_that_it_was_told_of(played, skills):
    """It reads one line of each, and the body of the one that it needs."""
    turns = [call("load_skill", name="tidy"), "Tidy."]
    async with played(turns, skills_dirs=[skills], team_tools=False, memory_tools=False) as team:
        agent = await team.spawn(system="You are neat.")
        await agent.send("Tidy up")

    first, second = team.requests
    assert first.system == f"You are neat.\n\n{GUIDE}"
    assert second.system == first.system
    assert [spec.name for spec in first.tools] == ["load_skill"]
    assert team.results() == [
        ('<skill name="tidy">\nBegin with the desk.\n</skill>', False),
    ]


async def test_an_agent_without_the_tool_is_told_of_no_skill(played, skills):
    """Words about a tool that is not there would only confuse."""
    async with played(["One.", "Two."], skills_dirs=[skills]) as team:
        hidden = await team.spawn("a", system="Mine.", hidden_tools=["load_skill"])
        bare = await team.spawn("b", tools=[])
        await hidden.send("Hi")
        await bare.send("Hi")

    assert [request.system for request in team.requests] == ["Mine.", ""]


async def test_a_policy_under_which_nothing_may_change_lets_skills_be_loaded(
    played, skills, tmp_path
):
    """Reading is looking."""
    policy = RuntimePolicy.read_only(tmp_path)
    async with played([call("load_skill", name="tidy"), "Ok."], skills_dirs=[skills],
                      policy=policy) as team:  # fmt: skip
        await (await team.spawn()).send("Tidy up")

    assert team.results()[0][1] is False


async def test_skills_come_and_go_while_the_team_runs(played, skills, tmp_path):
    """Each request has the skills of its moment."""
    more = tmp_path / "more"
    write(more, "cook", "Cooks.", "Boil water.")
    async with played(["."] * 9, team_tools=False, memory_tools=False) as team:
        agent = await team.spawn()

        async def told():
            await agent.send("Hi")
            request = team.requests[-1]
            return [line for line in request.system.splitlines() if line.startswith("  - ")], [
                spec.name for spec in request.tools if spec.name == "load_skill"
            ]

        assert await told() == ([], [])
        with await team.runtime.register_skills_dir(skills):
            added = await team.runtime.register_skills_dir(more)
            assert await told() == (["  - cook: Cooks.", "  - tidy: Tidies up."], ["load_skill"])
            added.remove()
            assert await told() == (["  - tidy: Tidies up."], ["load_skill"])
        assert await told() == ([], [])


async def test_a_change_is_seen_after_a_reload(played, skills):
    """The prompt stays the same until somebody says that the directories have changed."""
    async with played(["."] * 9, skills_dirs=[skills]) as team:
        agent = await team.spawn()
        await agent.send("Hi")
        write(skills, "tidy", "Tidies more.", "Begin with the floor.")
        write(skills, "cook", "Cooks.", "Boil water.")
        await agent.send("Hi")
        await team.runtime.reload_skills()
        await agent.send("Hi")
        assert [one.name for one in team.runtime.skills()] == ["cook", "tidy"]

    first, second, third = (request.system for request in team.requests)
    assert first == second == GUIDE
    assert "  - cook: Cooks.\n  - tidy: Tidies more.\n" in third


async def test_a_directory_that_is_gone_is_a_fault_and_the_others_stay(played, skills, tmp_path):
    """Nobody wants a reload to break what works."""
    more = tmp_path / "more"
    write(more, "cook", "Cooks.", "Boil water.")
    async with played([], skills_dirs=[skills, more]) as team:
        runtime = team.runtime
        more.rename(tmp_path / "elsewhere")
        await runtime.reload_skills()
        (fault,) = runtime.skill_faults()

        assert [one.name for one in runtime.skills()] == ["tidy"]
        assert (fault.path, "not a directory" in fault.reason) == (more, True)


async def test_a_program_sees_all_skills_and_reads_their_bodies(played, skills):
    """Also those that are not for models; a list of skills has no bodies."""
    own = skills / "own" / "SKILL.md"
    own.parent.mkdir()
    own.write_text("---\nname: own\ndisable-model-invocation: true\n---\nFor people.")
    async with played([], skills_dirs=[skills]) as team:
        runtime = team.runtime
        found = {one.name: one for one in runtime.skills()}

        assert await runtime.skill_body("own") == "For people."
        assert await runtime.skill_body("tidy") == "Begin with the desk."
        with pytest.raises(UnknownSkill, match="no skill is named 'x'; there are own, tidy"):
            await runtime.skill_body("x")
        own.unlink()
        with pytest.raises(UnknownSkill, match="does not exist"):
            await runtime.skill_body("own")

    assert (found["own"].model_invocable, found["tidy"].model_invocable) == (False, True)
    assert (found["own"].path, found["own"].root) == (own, skills)
    assert not any("desk" in str(one) for one in found.values())


async def test_a_directory_that_cannot_be_registered_leaves_the_others(played, skills, tmp_path):
    """An error is no reason to lose what was there."""
    async with played([], skills_dirs=[skills]) as team:
        runtime = team.runtime
        with pytest.raises(ConfigurationError, match="not a directory"):
            await runtime.register_skills_dir(tmp_path / "nowhere")
        with pytest.raises(ConfigurationError, match="registered already"):
            await runtime.register_skills_dir(skills)

        assert [one.name for one in runtime.skills()] == ["tidy"]


async def test_without_a_directory_there_are_no_skills(played):
    """And no tool for them."""
    async with played([]) as team:
        assert (team.runtime.skills(), team.runtime.skill_faults()) == ((), ())
        assert "load_skill" not in team.runtime.tools


async def test_a_program_with_a_tool_of_this_name_is_told(played, skills):
    """One of the two must go."""

    @tool(name="load_skill")
    def own(name: str) -> str:
        """Mine."""
        return name

    with pytest.raises(InvalidTool, match="two tools are named 'load_skill'"):
        async with played([], own, skills_dirs=[skills]):
            pass


async def test_one_path_is_no_list_of_directories(played, skills):
    """Each of its letters would be one."""
    with pytest.raises(TypeError, match="not one path"):
        async with played([], skills_dirs=str(skills)):
            pass
