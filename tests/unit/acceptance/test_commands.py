"""Agents run commands: what the policy lets through, what models and people are told of it."""

import json

import anyio
import pytest
from commands_of_agents import DESTRUCTIVE, OPEN, Elsewhere, denied, details, shell, with_review
from other_processes import until_there

from mentra_actors import (
    Allow,
    ResultLimits,
    RunFailed,
    RuntimePolicy,
    SandboxExecutor,
    ToolContext,
    call,
    tool,
)
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.profile import Workspace
from mentra_actors.effects.models.live import ToolProgress
from mentra_actors.providers.scripted import position
from mentra_actors.tools.executors.sandbox import sandbox_fault

pytestmark = pytest.mark.anyio


# --- what comes of a command ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "told", "is_error"),
    [
        ("echo out; echo err >&2", "out\n", False),
        ("echo err >&2", "err\n", False),
        ("true", "(no output)", False),
        ("echo err >&2; exit 3", "err\n\nCommand exited with status 3", True),
        ("echo out; exit 3", "out\n\nCommand exited with status 3", True),
        (
            "echo out; echo err >&2; exit 3",
            "stdout:\nout\n\nstderr:\nerr\n\nCommand exited with status 3",
            True,
        ),
        ("exit 3", "Command exited with status 3", True),
        ("kill -9 $$", "Command exited with status 137", True),
    ],
)
async def test_the_model_is_told_what_was_printed_and_how_a_failure_ended(
    ran, command, told, is_error
):
    assert (await ran(shell(command))).results() == [(told, is_error)]


async def test_a_command_takes_no_longer_than_the_policy_lets_it(ran, tmp_path):
    """EX3: the model may ask for less, and not for more."""
    calls = shell("echo a; sleep 600"), shell("exec sleep 600", timeoutMs=600_000)
    for limit_s in (0.2, 2.0, 20.0):  # on a busy machine a shell takes its time to begin
        policy = RuntimePolicy(
            allow_shell=True, default_command_timeout_s=limit_s, max_command_timeout_s=2 * limit_s
        )
        team = await ran(*calls, policy=policy)
        if team.results()[0][0].startswith("a"):
            break

    assert team.results() == [
        (f"a\n\nCommand timed out after the configured limit ({limit_s:g} s)", True),
        (f"Command timed out after the configured limit ({2 * limit_s:g} s)", True),
    ]
    first, _ = details(team)
    assert first.pop("duration_s") >= limit_s
    assert first == {
        "exit_code": 124,
        "timed_out": True,
        "truncated": False,
        "cwd": str(tmp_path),
    }


async def test_the_end_of_a_long_output_is_not_lost(ran):
    """A build says at its end why it has failed."""
    policy = RuntimePolicy(allow_shell=True, max_output_bytes=1000)
    team = await ran(shell("seq 1 10000; echo the reason; exit 1"), policy=policy)

    [(text, _)] = team.results()
    assert text.startswith("1\n2\n3\n")
    assert text.endswith("10000\nthe reason\n\nCommand exited with status 1")
    assert "bytes left out" in text
    assert details(team)[0]["truncated"] is True


async def test_lines_are_shown_while_the_command_runs(played, tmp_path):
    """EX6: it goes on only when somebody has seen its first line; a failure shows both streams."""
    seen = []

    def on_progress(notice):
        if isinstance(notice, ToolProgress):
            seen.append(notice.text)
            if notice.text == "stdout: first":
                (tmp_path / "go-on").touch()

    command = "echo first; until [ -e go-on ]; do sleep 0.01; done; printf 'bad\\nend' >&2; exit 1"
    async with played([shell(command), "Done."], policy=OPEN) as team:
        team.runtime.on_live(on_progress)
        agent = await team.spawn(workspace=Workspace(base_dir=str(tmp_path)))
        await agent.send("Go")

    assert seen == ["stdout: first", "stderr: bad", "stderr: end"]


async def test_a_command_sees_the_variables_of_the_policy_and_no_other(ran, monkeypatch):
    """EX2."""
    monkeypatch.setenv("SHOWN", "yes")
    monkeypatch.setenv("SECRET", "no")
    policy = RuntimePolicy(allow_shell=True, env=("PATH", "SHOWN", "NOT_SET"))
    team = await ran(shell("env | cut -d= -f1 | sort"), policy=policy)

    names = set(team.results()[0][0].split())
    assert {"PATH", "SHOWN"} <= names <= {"PATH", "SHOWN", "PWD", "OLDPWD", "SHLVL", "_"}


async def test_arguments_are_those_that_models_know(ran):
    team = await ran(
        shell("true", working_directory="x"), call("shell", command=3), call("shell"), shell(" ")
    )
    [spec] = [one for one in team.requests[0].tools if one.name == "shell"]
    schema = json.loads(spec.input_schema)

    assert list(schema["properties"]) == [
        "command",
        "workingDirectory",
        "justification",
        "timeoutMs",
    ]
    assert schema["required"] == ["command"]
    assert [is_error for _, is_error in team.results()] == [True] * 4
    assert team.results()[3] == ("Command is required", True)


async def test_a_result_has_fifty_kilobytes_and_two_thousand_lines_unless_it_is_chosen(ran):
    """PO4."""
    many = shell("seq 1 5000")
    usual = await ran(many)
    small = await ran(many, result_limits=ResultLimits(max_bytes=2000, max_lines=20))

    assert (ResultLimits().max_bytes, ResultLimits().max_lines) == (50 * 1024, 2000)
    assert usual.results()[0][0].count("\n") == 2000
    assert len(small.results()[0][0].splitlines()) == 20


# --- targets ----------------------------------------------------------------------------------


async def test_a_named_target_reaches_its_executor(ran, tmp_path):
    """EX4: unchanged, and with the same checks."""
    here, there = Elsewhere("here"), Elsewhere("there")
    team = await ran(
        shell("make", target="build-host"),
        shell("make"),
        shell("make", target="build-host", workingDirectory="/"),
        policy=RuntimePolicy(allow_shell=True, env=()),
        executor=here,
        targets={"build-host": there},
    )

    assert [text for text, _ in team.results()][:2] == ["there", "here"]
    assert team.results()[2][1]
    assert [(one.command, one.target, one.cwd) for one in there.asked] == [
        ("make", "build-host", str(tmp_path))
    ]
    assert [(one.command, one.target) for one in here.asked] == [("make", "")]
    assert details(team)[0]["target"] == "build-host"


async def test_a_target_is_offered_only_where_there_is_one(ran):
    plain = await ran(shell("true", target="build-host"))
    aimed = await ran(
        shell("true", target="nowhere"), targets={"b": Elsewhere(), "a": Elsewhere()}
    )

    assert plain.results()[0][1]
    assert aimed.results()[0][1]
    [spec] = [one for one in aimed.requests[0].tools if one.name == "shell"]
    assert json.loads(spec.input_schema)["properties"]["target"]["enum"] == ["a", "b"]


@tool
async def deploy(context: ToolContext, target: str) -> str:
    """Deploy."""
    output = await context.workplace.run_command("deploy", target=target)
    return output.stdout.text


async def test_a_tool_of_the_program_runs_commands_under_the_same_policy(ran):
    there = Elsewhere()
    calls = [call("deploy", target=name) for name in ("build-host", "nowhere")]
    team = await ran(*calls, tools=[deploy], targets={"build-host": there})
    closed = await ran(
        calls[0], tools=[deploy], policy=RuntimePolicy(), targets={"build-host": there}
    )
    blocked = await ran(
        call("wipe"),
        tools=[wipe],
        policy=with_review("enforce"),
    )

    assert team.results() == [
        ("there", False),
        ("no executor serves target `nowhere`; there are: 'build-host'", True),
    ]
    assert [action for action, _ in denied(closed)] == ["shell_command"]
    assert [action for action, _ in denied(blocked)] == ["shell_validation"]
    assert len(there.asked) == 1


@tool
async def wipe(context: ToolContext) -> str:
    """Wipe."""
    return (await context.workplace.run_command(DESTRUCTIVE)).stdout.text


# --- where teammates work ---------------------------------------------------------------------


@pytest.fixture
def routed(played, tmp_path):
    """A lead makes tasks with directories, and bob does them, one call after the other."""
    for name in ("base", "base/one", "base/two"):
        (tmp_path / name).mkdir()

    async def run(tasks, *calls, auto_route_shell=True):
        made = [
            call("task_create", subject=f"task {place}", workingDirectory=place) for place in tasks
        ]
        claims = [call("task_claim") for _ in tasks]
        lead = [[*made, call("team_spawn", name="bob", role="does it")], "Done.", "Done."]
        bob = [claims, list(calls), "Done."] if claims else [list(calls), "Done."]

        def script(request):
            turns = bob if "teammate 'bob'" in request.system else lead
            return turns[position(request)]

        async with played(script, policy=OPEN) as team:
            agent = await team.spawn(
                workspace=Workspace(
                    base_dir=str(tmp_path / "base"), auto_route_shell=auto_route_shell
                )
            )
            await agent.send("Go")
            await (await team.runtime.agent("bob")).send("Work")
        finished = team.events(e.ToolCallFinished, stream_id="agent-bob")
        return [one.content.removesuffix("\n") for one in finished][len(claims) :]

    return run


async def test_commands_of_a_teammate_run_where_its_task_is(routed, tmp_path):
    """EX7: and where it says itself, if it does."""
    base = tmp_path / "base"

    assert await routed(["one"], shell("pwd"), shell("pwd", workingDirectory="two")) == [
        str(base / "one"),
        str(base / "two"),
    ]


async def test_without_a_directory_of_a_task_they_run_in_its_base_directory(routed, tmp_path):
    assert await routed([""], shell("pwd")) == [str(tmp_path / "base")]
    assert await routed([], shell("pwd")) == [str(tmp_path / "base")]


async def test_the_same_directory_twice_is_one(routed, tmp_path):
    assert await routed(["one", "one"], shell("pwd")) == [str(tmp_path / "base" / "one")]


async def test_of_two_directories_none_is_chosen(routed, tmp_path):
    told = "Multiple owned task directories are active. Pass workingDirectory explicitly."
    base = tmp_path / "base"

    assert await routed(["one", "two"], shell("pwd"), shell("pwd", workingDirectory="two")) == [
        told,
        str(base / "two"),
    ]


async def test_a_completed_task_leads_nowhere(routed, tmp_path):
    answers = await routed(
        ["one", "two"], call("task_update", taskId=1, status="completed"), shell("pwd")
    )

    assert answers[1] == str(tmp_path / "base" / "two")


async def test_a_task_can_be_moved(routed, tmp_path):
    moved, where = await routed(
        ["one"], call("task_update", taskId=1, workingDirectory="two"), shell("pwd")
    )

    assert json.loads(moved)["task"]["workingDirectory"] == "two"
    assert where == str(tmp_path / "base" / "two")


async def test_the_way_of_the_tasks_can_be_left(routed, tmp_path):
    assert await routed(["one"], shell("pwd"), auto_route_shell=False) == [str(tmp_path / "base")]


async def test_a_task_does_not_lead_out_of_the_policy(routed):
    [told] = await routed(["/"], shell("pwd"))

    assert told == "Working directory '/' is outside the runtime policy roots"


# --- the end of a runtime ---------------------------------------------------------------------


async def test_a_closed_runtime_leaves_no_command_and_says_later_what_is_not_known(
    played, tmp_path
):
    """It is not run again by itself: nobody can say what it has done."""
    store, begun, ended = (tmp_path / name for name in ("team.mentra", "begun", "ended"))
    command = f"trap 'touch {ended}; exit' TERM; touch {begun}; while :; do sleep 0.02; done"
    turns = [[shell(command)], "Done."]
    async with played(turns, policy=OPEN, path=store, close_grace_s=0) as team:
        agent = await team.spawn(workspace=Workspace(base_dir=str(tmp_path)))
        async with anyio.create_task_group() as group:
            group.start_soon(_abandoned, agent)
            await until_there(begun)
            group.cancel_scope.cancel()
    assert ended.exists()
    begun.unlink()

    async with played(turns, policy=OPEN, path=store) as team:
        await team.runtime.until_idle()
        told = team.results()
    assert not begun.exists()
    assert "may or may not" in told[0][0]


async def _abandoned(agent):
    await agent.send("Go")


@pytest.mark.skipif(bool(sandbox_fault()), reason=f"no sandbox here: {sandbox_fault()}")
async def test_a_sandboxed_agent_works_in_its_directory_and_sees_no_store(ran, tmp_path):
    """The usual place of a store is the directory of the project."""
    store = tmp_path / "team.mentra"
    (tmp_path / "book").write_text("text")
    (tmp_path / ".git").mkdir()
    team = await ran(
        shell("cat book; echo new >made; ls team.mentra; rm -rf team.mentra"),
        shell("touch .git/hook"),
        shell("ls /root /home"),
        policy=RuntimePolicy(allow_shell=True, denied_write_roots=(".git",)),
        executor=SandboxExecutor(),
        path=store,
    )

    [(work, _), (hook, hook_failed), (homes, homes_failed)] = team.results()
    assert work.startswith("stdout:\ntext\n\nstderr:\nrm: ")
    assert (tmp_path / "made").read_text() == "new\n"
    assert ("Read-only file system" in hook, hook_failed) == (True, True)
    assert ("No such file" in homes, homes_failed) == (True, True)
    assert list(store.iterdir())


# --- secrets ----------------------------------------------------------------------------------


async def test_a_secret_of_our_environment_goes_nowhere(played, tmp_path, monkeypatch):
    """Neither to a command, nor into the log, nor into what models and people are told."""
    monkeypatch.setenv("API_KEY", "canary-91c5")
    monkeypatch.setenv("PATH_WITH_canary", "canary-91c5")
    seen = []
    calls = [
        shell("env"),
        shell("cat /proc/self/environ /proc/$PPID/environ | tr '\\0' '\\n' | grep canary"),
        shell("echo $API_KEY >&2; exit 3"),
        shell("no-such-program-here"),
        shell("true", workingDirectory="nowhere"),
    ]
    store = tmp_path / "team.mentra"
    async with played([calls, "Done."], policy=OPEN, path=store, authorizer=_allow) as team:
        team.runtime.on_live(lambda notice: seen.append(repr(notice)))
        agent = await team.spawn(workspace=Workspace(base_dir=str(tmp_path)))
        await agent.send("Go")
        told = repr(team.results())

    stored = b"".join(path.read_bytes() for path in sorted(store.rglob("*")) if path.is_file())
    assert b"no-such-program-here" in stored
    assert b"canary-91c5" not in stored
    assert "canary-91c5" not in told
    assert "canary-91c5" not in "".join(seen)


async def _allow(_preview):
    return Allow()


async def test_a_stop_ends_the_command(played, tmp_path):
    """Nobody waits for it any more."""
    command = "trap 'touch ended; exit' TERM; touch begun; while :; do sleep 0.02; done"
    async with played([shell(command)], policy=OPEN) as team:
        agent = await team.spawn(workspace=Workspace(base_dir=str(tmp_path)))
        async with anyio.create_task_group() as group:
            group.start_soon(_sent, agent)
            await until_there(tmp_path / "begun")
            await agent.cancel()
            await until_there(tmp_path / "ended")


async def _sent(agent):
    with pytest.raises(RunFailed):
        await agent.send("Go")
