"""How an agent is set up: what it is offered, what is on without being asked for, what lasts."""

import msgspec
import pytest

from mentra_actors import (
    AgentProfile,
    NamedTool,
    ReasoningOptions,
    ToolResultPaging,
    call,
    tool,
)
from mentra_actors.domain.agent.profile import (
    Autonomy,
    CompactionOptions,
    MemoryOptions,
    ProfileChanges,
    Workspace,
    changed_profile,
)
from mentra_actors.domain.agent.run_options import RunOptions
from mentra_actors.domain.model_call import ProviderOptions

pytestmark = pytest.mark.anyio

LEAD = AgentProfile(agent_id="lead", name="lead", team_id="main", role="lead", model="scripted:m")


@tool(retry="safe")
async def look() -> str:
    """Look."""
    return "a result"


@tool
async def change() -> str:
    """Change."""
    return "changed"


def offered(request):
    """The tools of this file in a request, without those that every runtime has."""
    return [spec.name for spec in request.tools if spec.name in {look.name, change.name}]


async def test_everything_that_a_team_keeps_is_under_the_path_that_it_was_given(
    played, tmp_path, monkeypatch
):
    """Files that appear elsewhere are found by nobody, and removed by nobody."""
    home, path = tmp_path / "home", tmp_path / "given" / "team.mentra"
    home.mkdir()
    monkeypatch.chdir(home)
    for name in ("HOME", "TMPDIR", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(home))
    turns = [[call("look"), call("task_create", subject="Count")], "Done."]
    async with played(turns, look, path=path) as team:
        await (await team.spawn()).send("Go")

    assert list(home.iterdir()) == []
    assert [found.name for found in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({}, ["look", "change"]),
        ({"tools": ["look"]}, ["look"]),
        ({"hidden_tools": ["change"]}, ["look"]),
        ({"tools": ["look", "change"], "hidden_tools": ["look"]}, ["change"]),
        ({"tools": []}, []),
    ],
    ids=["all", "only", "hidden", "hidden wins", "none"],
)
async def test_a_profile_says_which_tools_a_model_is_offered(played, options, names):
    """A tool that is not offered cannot be called, whatever the model writes."""
    async with played([[call("look")], "Done."], look, change) as team:
        agent = await team.spawn(**options)
        await agent.send("Go")

    assert offered(team.requests[0]) == names
    ((text, is_error),) = team.results()
    assert is_error == ("look" not in names)
    assert (text == "a result") == ("look" in names)


async def test_a_forced_tool_that_is_not_offered_forces_nothing(played):
    """A provider would refuse the request, and the agent would be stuck with its options."""
    async with played(["1", "2"], look) as team:
        agent = await team.spawn(tool_choice=NamedTool(name="look"))
        await agent.send("Go")
        await agent.configure(hidden_tools=["look"])
        await agent.send("Go on")

    assert [request.tool_choice for request in team.requests] == [NamedTool(name="look"), "auto"]


@pytest.mark.parametrize(
    ("name", "default"),
    [
        ("tools", None),
        ("hidden_tools", ()),
        ("tool_choice", "auto"),
        ("max_output_tokens", 8192),
        ("provider", ProviderOptions()),
        ("reasoning", None),
        ("memory", MemoryOptions()),
        ("compaction", CompactionOptions()),
        ("workspace", Workspace()),
        ("autonomy", Autonomy()),
        ("paging", None),
        ("run", RunOptions()),
    ],
)
def test_a_profile_of_an_older_log_means_the_defaults(name, default):
    """An option that came later must not make old teams unreadable, or behave otherwise."""
    stored = msgspec.to_builtins(LEAD) | {
        field.name: msgspec.to_builtins(getattr(LEAD, field.name))
        for field in msgspec.structs.fields(AgentProfile)
    }
    del stored[name]
    stored["of_a_later_release"] = 1

    read = msgspec.msgpack.decode(msgspec.msgpack.encode(stored), type=AgentProfile)
    assert getattr(read, name) == default
    assert read == LEAD


def test_paging_is_off_and_has_its_sizes_when_it_is_switched_on():
    """A model that reads windows needs a tool for it: nobody gets that without asking."""
    assert LEAD.paging is None
    assert not LEAD.offers("read_tool_result")

    paged = changed_profile(LEAD, ProfileChanges(paging=ToolResultPaging()))
    assert (paged.paging.threshold_bytes, paged.paging.page_bytes) == (65_536, 32_768)
    assert paged.offers("read_tool_result")


async def test_how_to_think_lasts_until_it_is_changed(played, tmp_path):
    """Effort is money: a restart must neither forget it nor bring it back."""
    path, high = tmp_path / "team.mentra", ReasoningOptions(effort="high", summary="auto")
    async with played(["1", "2"], path=path) as team:
        agent = await team.spawn(reasoning=high)
        await agent.send("Go")
    before = team.requests

    async with played(["1", "2", "3"], path=path) as team:
        agent = await team.runtime.agent("lead")
        await agent.send("Go on")
        await agent.configure(reasoning=None)
    async with played(["1", "2", "3"], path=path) as later:
        await (await later.runtime.agent("lead")).send("And now?")

    asked = [request.reasoning for request in (*before, *team.requests, *later.requests)]
    assert asked == [high, high, None]


async def test_the_tools_of_a_runtime_can_be_looked_up(played):
    """A screen that lets people choose tools must know which there are, and what they say."""
    async with played([], look, change) as team:
        tools = team.runtime.tools

        assert list(tools)[:2] == ["look", "change"]
        assert tools["look"].description == "Look."
        assert tools["look"].retry == "safe"
        assert tools.get("jump") is None
