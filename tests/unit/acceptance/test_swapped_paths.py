"""Paths that lead elsewhere when a call runs than when it was allowed."""

import dataclasses

import pytest

from mentra_actors import Allow, RuntimePolicy, call, file_tools
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.profile import Workspace
from mentra_actors.tools.builtin.background import background_tools
from mentra_actors.tools.builtin.files import workspace_file_tools
from mentra_actors.tools.builtin.shell import shell_tool

pytestmark = pytest.mark.anyio


async def allow(_call):
    """The authorizer has nothing against what it is shown."""
    return Allow()


def swapping(tool, link):
    """The tool, where a link leads to `open` while it is looked at, and to `closed` afterwards."""

    def preview(arguments, workplace):
        _lead(link, "open")
        told = tool.preview(arguments, workplace)
        _lead(link, "closed")
        return told

    return dataclasses.replace(tool, preview=preview)


def _lead(link, target):
    link.unlink(missing_ok=True)
    link.symlink_to(target)


@pytest.fixture
def ws(tmp_path):
    for name in ("open", "closed"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "f").write_text(name)
    return tmp_path


CALLS = [
    call("read", path="pub/f"),
    call("ls", path="pub"),
    call("grep", pattern="o", path="pub"),
    call("glob", pattern="*", path="pub"),
    call("write", path="pub/f", content="new"),
    call("edit", path="pub/f", old_string="closed", new_string="new"),
    call("files", operations=[{"op": "read", "path": "pub/f"}]),
    call("files", operations=[{"op": "set", "path": "pub/f", "content": "new"}]),
    call("files", operations=[{"op": "move", "from": "pub/f", "to": "pub/g"}]),
    call("files", operations=[{"op": "delete", "path": "f"}], working_directory="pub"),
]


@pytest.mark.parametrize("is_fixed", [True, False], ids=["one root", "the place of the agent"])
@pytest.mark.parametrize("one", CALLS, ids=lambda one: one.name)
async def test_a_file_tool_opens_the_paths_that_were_allowed(played, ws, one, is_fixed):
    made = file_tools(ws, profile="both") if is_fixed else workspace_file_tools("both")
    tools = [swapping(tool, ws / "pub") for tool in made]
    async with played([[one], "Done."], *tools, authorizer=allow) as team:
        agent = await team.spawn(workspace=Workspace(base_dir=str(ws)))
        await agent.send("Go")
        (finished,) = team.events(e.ToolCallFinished)

    assert finished.is_error
    assert (ws / "closed/f").read_text() == "closed"
    assert (ws / "open/f").read_text() == "open"


@pytest.mark.parametrize("name", ["shell", "background_run"])
async def test_a_command_starts_where_it_was_allowed_to(played, ws, name):
    (made,) = [one for one in (shell_tool(), *background_tools()) if one.name == name]
    tool = dataclasses.replace(swapping(made, ws / "pub"), name="run")
    policy = RuntimePolicy(allow_shell=True, allow_background=True)
    one = call("run", command="touch here", workingDirectory="pub")
    played_with = {"policy": policy, "file_profile": "none", "authorizer": allow}
    async with played([[one], "Done."], tool, **played_with) as team:
        agent = await team.spawn(workspace=Workspace(base_dir=str(ws)))
        await agent.send("Go")
        (finished,) = team.events(e.ToolCallFinished)

    assert finished.is_error
    assert "leads elsewhere" in finished.content
    assert not (ws / "closed/here").exists()
