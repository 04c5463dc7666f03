"""File tools of the program under the policy of its runtime: whose roots hold, whose names."""

import pytest

from mentra_actors import RuntimePolicy, call, file_tools, tool
from mentra_actors.errors import InvalidTool

pytestmark = pytest.mark.anyio


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A workspace, inside of the directory that the program gives to its own tools."""
    (tmp_path / "project").mkdir()
    (tmp_path / "notes.txt").write_text("beside the workspace")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "project"


async def results(played, policy, *calls, **options):
    """What the calls of one answer have come to, with the program's own split tools."""
    tools = file_tools(".", profile="split", **options)
    turns = [list(calls), "Done."]
    async with played(turns, *tools, policy=policy, file_profile="none") as team:
        await (await team.spawn()).send("Go")
        return team.results()


async def test_own_file_tools_keep_to_their_own_root(played, project):
    """The program has named this root itself; the roots of the policy bind its own tools."""
    (read, is_error), (write, _) = await results(
        played,
        RuntimePolicy.workspace_bounded(project),
        call("read", path="notes.txt"),
        call("write", path="new.txt", content="x"),
    )
    assert "beside the workspace" in read
    assert not is_error
    assert write == "Wrote 1 byte(s) to new.txt"


async def test_a_path_outside_of_an_own_root_is_not_blamed_on_the_policy(played, project):
    (project / "part").mkdir()
    told = await results(
        played,
        RuntimePolicy.permissive(),
        call("read", path="../x"),
        call("write", path="/x", content="x"),
        call("write", path="new.txt", content="x"),
        write_root="project/part",
    )
    outside = "is outside of the root directory"
    part = ", or of 'project/part/', its part for writing"
    assert told == [
        (f"Path '../x' {outside}", True),
        (f"Path '/x' {outside}{part}", True),
        (f"Path 'new.txt' {outside}{part}", True),
    ]


async def test_a_read_only_policy_refuses_the_writers_of_the_program_too(played, project):
    before = sorted(project.parent.rglob("*"))
    (_, is_error), *refused = await results(
        played,
        RuntimePolicy.read_only(project),
        call("read", path="notes.txt"),
        call("write", path="new.txt", content="x"),
        call("edit", path="notes.txt", old_string="beside", new_string="in"),
    )
    assert not is_error
    assert [text for text, _ in refused] == [
        f"Tool '{name}' is not available: the runtime policy lets nothing change"
        for name in ("write", "edit")
    ]
    assert sorted(project.parent.rglob("*")) == before


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("files", "the policy adds the other, file_profile='none' leaves it out"),
        ("shell", "the policy adds the other"),
        ("team_send", "team_tools=False leaves out the other"),
        ("memory_search", "memory_tools=False leaves out the other"),
    ],
)
async def test_a_name_that_the_runtime_has_taken_is_told_with_a_way_out(
    played, project, name, advice
):
    @tool(name=name)
    def own() -> str:
        """Own."""
        return ""

    policy = RuntimePolicy.workspace_bounded(project)
    with pytest.raises(InvalidTool) as told:
        async with played(["never"], own, policy=policy):
            pass
    expected = f"two tools are named '{name}': {advice}; or give yours another name="
    assert str(told.value) == expected
