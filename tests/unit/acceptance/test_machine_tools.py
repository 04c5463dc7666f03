"""The tools that touch this machine, in a whole runtime: which there are, and who sees what."""

import json

import anyio
import pytest

from mentra_actors import Allow, Ask, ConfigurationError, Deny, RuntimePolicy, call
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.profile import Workspace

pytestmark = pytest.mark.anyio

FILE_TOOLS = {"files", "read", "ls", "grep", "glob", "write", "edit"}
SPLIT = FILE_TOOLS - {"files"}


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({}, {"files"}),
        ({"file_profile": "split"}, SPLIT),
        ({"file_profile": "both"}, FILE_TOOLS),
        ({"file_profile": "none"}, set()),
    ],
    ids=["by default", "split", "both", "none"],
)
async def test_the_file_tools_are_chosen(played, tmp_path, options, names):
    policy = RuntimePolicy.workspace_bounded(tmp_path)
    async with played(["Done."], policy=policy, **options) as team:
        await (await team.spawn()).send("Go")

    assert {spec.name for spec in team.requests[0].tools} & FILE_TOOLS == names


async def test_a_profile_of_file_tools_that_there_is_not_is_refused(played, tmp_path):
    with pytest.raises(ConfigurationError, match="batched, split"):
        async with played([], policy=RuntimePolicy(), file_profile="slpit"):
            pass


async def test_file_tools_work_in_the_directory_of_their_agent(played, tmp_path):
    """Two agents under one policy do not work in each other's files by a relative path."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "theirs").mkdir()
    turns = [[call("write", path="note", content="mine"), call("ls")], "Done."]
    policy = RuntimePolicy()
    async with played(turns, policy=policy, file_profile="split") as team:
        agent = await team.spawn(workspace=Workspace(base_dir=str(tmp_path / "mine")))
        await agent.send("Go")

    assert (tmp_path / "mine" / "note").read_text() == "mine"
    assert [one.is_error for one in team.events(e.ToolCallFinished)] == [False, False]


async def test_what_an_edit_has_changed_is_told_to_people_only(played, tmp_path):
    """The model has written it itself: it need not read it again."""
    (tmp_path / "note").write_text("one\ntwo\n")
    change = call("edit", path="note", old="two", new="2")
    policy = RuntimePolicy.workspace_bounded(tmp_path)
    async with played([[change], "Done."], policy=policy, file_profile="split") as team:
        agent = await team.spawn(workspace=Workspace(base_dir=str(tmp_path)))
        await agent.send("Go")

    (finished,) = team.events(e.ToolCallFinished)
    assert team.results() == [("Replaced 1 block(s) in note", False)]
    assert set(json.loads(finished.details)) == {"diff", "patch", "first_changed_line"}
    assert "@@" not in str(team.requests[-1].messages)


OUTSIDE = ["../secret", "/etc/passwd", "link/secret", "deeper/../../secret", "\0"]


@pytest.mark.parametrize("path", OUTSIDE)
async def test_no_path_leads_out_of_the_policy(played, tmp_path, path):
    """The model is told which way is closed, and the log has what was denied."""
    work = tmp_path / "work"
    (work / "deeper").mkdir(parents=True)
    (tmp_path / "secret").write_text("canary")
    (work / "link").symlink_to(tmp_path)
    turns = [[call("read", path=path), call("write", path=path, content="x")], "Done."]
    policy = RuntimePolicy.workspace_bounded(work)
    async with played(turns, policy=policy, file_profile="split") as team:
        await (await team.spawn()).send("Go")

    finished = team.events(e.ToolCallFinished)
    assert [one.is_error for one in finished] == [True, True]
    assert "canary" not in "".join(one.content for one in finished)
    assert (tmp_path / "secret").read_text() == "canary"
    if path != "\0":
        assert [one.denied for one in finished] == ["files_read", "files_write"]


async def test_an_authorizer_sees_what_a_batch_of_files_would_touch(played, tmp_path):
    """Where the paths really lead, and what would stand there then."""
    (tmp_path / "alias").symlink_to("real")
    (tmp_path / "real").mkdir()
    seen = []
    batch = [
        {"op": "create", "path": "alias/new", "content": "SECRET"},
        {"op": "read", "path": "alias/new"},
    ]

    def authorizer(one):
        seen.append(one)
        return Allow()

    policy = RuntimePolicy.workspace_bounded(tmp_path)
    turns = [[call("files", operations=batch)], "Done."]
    async with played(turns, policy=policy, authorizer=authorizer) as team:
        await (await team.spawn()).send("Go")

    [one] = seen
    shown = one.structured
    assert (shown["kind"], shown["working_directory"]) == ("files", str(tmp_path))
    resolved = str(tmp_path / "real" / "new")
    assert [op["op"] for op in shown["operations"]] == ["create", "read"]
    assert all(resolved in json.dumps(op) for op in shown["operations"])
    assert "SECRET" in json.dumps(shown)
    assert (one.traits.approval, one.parallel) == ("filesystem", False)
    assert (tmp_path / "real" / "new").read_text() == "SECRET"


async def test_commands_are_put_before_a_person_and_jobs_are_refused(played, tmp_path):
    """The shell waits until somebody allows it; the background is closed by the authorizer."""
    seen = []

    def authorizer(one):
        seen.append((one.tool, one.structured.get("background")))
        return Ask("a command") if one.tool == "shell" else Deny("no jobs here")

    turns = [
        [call("shell", command="echo hello"), call("background_run", command="sleep 60")],
        "Done.",
    ]
    policy = RuntimePolicy.permissive()
    async with played(turns, policy=policy, authorizer=authorizer) as team:
        agent = await team.spawn(workspace=Workspace(base_dir=str(tmp_path)))
        await agent.mail("Go")
        with anyio.fail_after(20):
            snapshot = await agent.wait_for_snapshot(lambda one: one.permissions)
            await agent.allow(snapshot.permissions[0].request_id)
            await team.runtime.until_idle()
        jobs = await team.runtime.background_jobs()

    assert sorted(seen) == [("background_run", True), ("shell", False)]
    assert team.results() == [
        ("hello\n", False),
        ("Tool execution denied: no jobs here", True),
    ]
    assert jobs == {} or not any(jobs)


async def test_a_file_that_is_too_long_is_shown_in_part(played, tmp_path):
    """As every result: head and tail, and where the whole is."""
    (tmp_path / "long").write_text("".join(f"line {n} {'x' * 60}\n" for n in range(3_000)))
    turns = [[call("read", path="long", limit=3_000)], "Done."]
    policy = RuntimePolicy.workspace_bounded(tmp_path)
    async with played(turns, policy=policy, file_profile="split") as team:
        await (await team.spawn()).send("Go")

    [finished] = team.events(e.ToolCallFinished)
    assert len(finished.content.encode()) <= 51 * 1024
    assert "[truncated: showing" in finished.content
    assert finished.spilled is not None
