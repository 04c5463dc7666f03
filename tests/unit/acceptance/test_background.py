"""Commands in the background: started, looked at, stopped, counted, and ended with the runtime."""

import re
import zlib
from pathlib import Path

import anyio
import pytest
from other_processes import until_there

from mentra_actors import call
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.background import events as b
from mentra_actors.domain.content import ToolResultsMessage
from mentra_actors.errors import CommandRejected
from mentra_actors.providers.scripted import position
from mentra_actors.tools.executors.port import Captured, CommandOutput
from mentra_actors.tools.executors.process_names import process_name_of
from mentra_actors.tools.policy import RuntimePolicy
from mentra_actors.tools.review import Deny
from mentra_actors.tools.tool_errors import ToolError

pytestmark = pytest.mark.anyio

ENDS = (b.JobFinished, b.JobFailed, b.JobTimedOut, b.JobCancelled, b.JobInterrupted)
ID = re.compile(r"bg-[a-z2-7]{10}")


@pytest.fixture
def team_of(played, tmp_path):
    """`async with team_of(*turns, **policy)`: a turn may be a function of the ids of all jobs."""
    home = tmp_path / "home"
    home.mkdir()

    def open_team(*turns, targets=None, authorizer=None, path=":memory:", **policy):
        def script(request):
            own = turns[0][request.model] if isinstance(turns[0], dict) else turns
            turn = own[position(request)]
            ids = list(dict.fromkeys(ID.findall(repr(request.messages))))
            return turn(*ids) if callable(turn) else turn

        rules = {"allow_shell": True, "allow_background": True, "base_dir": home} | policy
        return played(
            script,
            path=path,
            policy=RuntimePolicy(**rules),
            targets=targets or {},
            authorizer=authorizer,
        )

    open_team.home = home
    return open_team


@pytest.fixture
def nap(request):
    """A command that sleeps, and that no other test on this machine runs."""
    return f"sleep {7000 + zlib.crc32(request.node.nodeid.encode()) % 1000}"


def run(command, **arguments):
    return call("background_run", command=command, **arguments)


def is_running(pid):
    return process_name_of(pid) is not None


async def until_ended(team, count):
    await team.until(ENDS, count=count, within_s=30)


async def until_told(team, count):
    """Until the agent has taken so many letters: then the next request begins with them."""
    while sum(len(event.mail) for event in team.events(e.MailTaken)) < count:
        await team.until(e.MailTaken, count=len(team.events(e.MailTaken)) + 1)


async def test_a_job_is_started_and_the_turn_goes_on(team_of, nap):
    """BG1: a server runs for as long as the agent works with it."""
    async with team_of([run(nap, justification="to test")], "It runs.") as team:
        agent = await team.spawn()
        reply = await agent.send("Go")
        (asked,) = team.events(b.JobRequested)
        (job,) = await team.runtime.background_jobs()

        assert reply.text == "It runs."
        assert team.results() == [
            (f"Started background task {asked.job_id} in {team_of.home} for `{nap}`", False)
        ]
        assert (asked.justification, job.agent_id) == ("to test", "lead")
        assert job.job.is_open


async def test_a_close_ends_what_runs_and_the_log_says_so(team_of, nap, tmp_path):
    """Nobody wants servers left by a program that has ended, nor jobs that end without a word."""
    store = tmp_path / "store"
    async with team_of([run(nap)], "It runs.", path=store) as team:
        agent = await team.spawn()
        await agent.send("Go")
        await team.until(b.JobStarted)
        (started,) = team.events(b.JobStarted)
        assert is_running(started.pid)
        assert Path(started.directory).is_relative_to(tmp_path / "store.jobs")

    assert not is_running(started.pid)
    assert not (tmp_path / "store.jobs").exists()
    (end,) = team.events(*ENDS)
    assert end == b.JobInterrupted(
        job_id=started.job_id,
        reason="the runtime was closed",
        ended_at=end.ended_at,
        exit_code=143,
        notice=end.notice,
    )
    async with team_of("unused", path=store) as team:
        assert team.runtime.resumed == ("agent-lead",)  # there is a letter for it
        (job,) = await team.runtime.background_jobs()
        assert (job.job.status, job.job.problem) == ("interrupted", "the runtime was closed")


async def test_jobs_are_checked_one_by_one_or_all_together(team_of):
    """BG6; failed builds are told by their end, where the error stands."""
    noise = "for i in $(seq 300); do echo compiling $i; done"
    async with team_of(
        [call("check_background")],
        [run("echo out; echo err >&2")],
        "Started.",
        [run(f"{noise}; echo the error >&2; exit 2")],
        "Started.",
        lambda first, second: [
            call("check_background"),
            call("check_background", task_id=first),
            call("check_background", task_id=second),
            call("check_background", task_id="bg-x"),
        ],
        "Done.",
    ) as team:
        agent = await team.spawn()
        await agent.send("Go")
        assert team.asked("lead")[1].messages[-1].results[0].content == "No background tasks."
        await team.until(b.JobFinished)
        await agent.send("And build")
        await until_told(team, 2)
        await agent.send("How are they?")
        first, second = (event.job_id for event in team.events(b.JobRequested))
        (listed, one, other, unknown) = (text for text, _ in team.results())
        home = team_of.home

        assert listed.splitlines() == [
            f"{first}: [finished] cwd={home} echo out; echo err >&2",
            f"{second}: [failed, exit code 2] cwd={home} {noise}; echo the error >&2; exit 2",
        ]
        assert one == f"[finished] cwd={home}\necho out; echo err >&2\nout err"
        preview = other.splitlines()[-1]
        assert preview.startswith("compiling 1 compiling 2 ")
        assert preview.endswith("compiling 300 the error")
        assert len(preview) <= 510
        assert unknown == "Unknown background task bg-x"


async def test_the_last_lines_can_be_read_while_it_runs_and_later(team_of, nap):
    async with team_of(
        [run(f"for i in $(seq 99); do echo line $i; done; touch ready; {nap}")],
        "Started.",
        lambda job: [call("tail_background", task_id=job, lines=2)],
        "Read.",
        lambda job: [call("cancel_background", task_id=job, reason="seen enough")],
        "Stopped.",
        lambda job: [
            call("tail_background", task_id=job, lines=1),
            call("check_background", task_id=job),
            call("cancel_background", task_id=job),
            call("tail_background", task_id=job, lines=0),
        ],
        "Done.",
    ) as team:
        agent = await team.spawn()
        await agent.send("Go")
        await until_there(team_of.home / "ready")
        await agent.send("Read")
        home = team_of.home
        assert team.results() == [(f"[running] cwd={home}\nline 98\nline 99", False)]
        await agent.send("Stop it")
        await team.until(b.JobCancelled)
        (stop,), (end,) = team.events(b.JobStopRequested), team.events(b.JobCancelled)
        await agent.send("And now?")
        tail, detail, again, none = (text for text, _ in team.results())

        assert (stop.cause, stop.by, stop.reason) == ("cancel", "lead", "seen enough")
        assert end.exit_code == 143
        assert tail == f"[cancelled, exit code 143] cwd={home}\nline 99"
        assert detail.endswith(" line 98 line 99")
        assert again.endswith("has ended already: [cancelled, exit code 143] cwd=" + str(home))
        assert none == "lines is from 1 to 1000, not 0"


async def test_no_more_jobs_run_than_the_policy_allows(team_of, nap):
    """The limit counts what the log says is open; a job that has ended leaves its place."""
    async with team_of(
        [run(nap), run("echo two")],
        "Hm.",
        lambda job: [call("cancel_background", task_id=job)],
        "Stopped.",
        [run("echo three")],
        "Done.",
        max_background=1,
    ) as team:
        agent = await team.spawn()
        await agent.send("Go")
        assert team.results()[1] == ("Background task limit of 1 reached", True)
        assert [one.limit for one in team.events(b.JobRejected)] == [1]
        refused = [one.denied for one in team.events(e.ToolCallFinished)]
        assert refused == ["", "background_limit"]
        await agent.send("Stop it")
        await team.until(b.JobCancelled)
        await agent.send("Once more")
        await team.until(b.JobFinished)


async def test_a_job_has_the_time_that_the_policy_gives_it(team_of, nap):
    async with team_of([run(f"echo begun; {nap}")], "Ok.", max_background_timeout_s=0.5) as team:
        agent = await team.spawn()
        await agent.send("Go")
        await team.until(b.JobTimedOut)
        (end,) = team.events(*ENDS)

        assert end.output.preview in ("begun", "")
        (job,) = await team.runtime.background_jobs()
        assert (job.job.status, job.job.timeout_s) == ("timed_out", 0.5)


@pytest.mark.parametrize(
    ("policy", "told", "action"),
    [
        (
            {"allow_background": False},
            "Background command execution is disabled by the runtime policy.",
            "background_command",
        ),
        (
            {"allow_shell": False},
            "Shell command execution is disabled by the runtime policy.",
            "background_command",
        ),
        (
            {"shell_validation": "enforce"},
            "Command blocked by the runtime policy",
            "background_shell_validation",
        ),
    ],
)
async def test_what_the_policy_forbids_is_not_started(team_of, policy, told, action):
    """The background is no way around the policy of commands; it needs both switches."""
    async with team_of([run("rm -rf /")], "Hm.", **policy) as team:
        agent = await team.spawn()
        await agent.send("Go")
        ((text, is_error),) = team.results()

        assert text.startswith(told)
        assert is_error
        assert [one.denied for one in team.events(e.ToolCallFinished)] == [action]
        assert not team.events(b.JobRequested)
        offered = {tool.name for tool in team.requests[0].tools}
        assert ("background_run" in offered) == ("tail_background" in offered)
        assert ("background_run" in offered) == (action == "background_shell_validation")


async def test_an_authorizer_sees_what_would_run_and_may_deny_it(team_of):
    seen = []

    def authorizer(preview):
        seen.append(preview.structured)
        return Deny("not here")

    async with team_of([run("echo x")], "Hm.", authorizer=authorizer) as team:
        agent = await team.spawn()
        await agent.send("Go")
        ((text, _),) = team.results()

        assert "not here" in text
        assert not team.events(b.JobRequested)
    assert (seen[0]["kind"], seen[0]["background"], seen[0]["timeout_ms"]) == (
        "background_run",
        True,
        None,
    )


@pytest.mark.parametrize("path", [":memory:", "store", "sqlite:team.db"])
async def test_each_agent_has_jobs_of_its_own(team_of, tmp_path, monkeypatch, path):
    """BG8, whichever the store is; who opens it again finds the same jobs."""
    monkeypatch.chdir(tmp_path)
    turns = {
        "lead": [[run("echo x; exit 1")], "Ok.", [call("check_background")], "Done."],
        "helper": [[run("echo y")], "Ok.", [call("check_background")], "Done."],
    }
    told, views = [], []
    async with team_of(turns, path=path) as team:
        for name in turns:
            await (await team.spawn(name)).send("Go")
        await until_ended(team, 2)
        for name in turns:
            agent = await team.runtime.agent(name)
            await agent.send("And?")
            told.append(team.results()[0][0].rpartition(f"cwd={team_of.home} ")[2])
            views.append(await team.runtime.background_jobs(agent))
        everybody = await team.runtime.background_jobs()

        assert told == ["echo x; exit 1", "echo y"]
        assert [[one.job.status for one in view] for view in views] == [["failed"], ["finished"]]
        assert everybody == (*views[0], *views[1])
    if path != ":memory:":
        async with team_of("unused", path=path) as team:
            assert await team.runtime.background_jobs() == everybody


async def test_the_host_sees_all_jobs_and_may_stop_them(team_of, nap):
    async with team_of([run(nap)], "Ok.") as team:
        agent = await team.spawn()
        await agent.send("Go")
        (job,) = await team.runtime.background_jobs()
        stopped = await team.runtime.cancel_background(job.job.job_id, "enough")
        await team.until(b.JobCancelled)

        assert (stopped.stop, stopped.stopped_by, stopped.stop_reason) == (
            "cancel",
            "host",
            "enough",
        )
        (job,) = await team.runtime.background_jobs()
        assert 0 < job.position < job.ended_position
        with pytest.raises(CommandRejected, match="Unknown background task bg-x"):
            await team.runtime.cancel_background("bg-x")


class Elsewhere:
    """Another machine: its commands print what the test wants, and end when it says so."""

    name = "elsewhere"
    process = None

    def __init__(self, *, fault=""):
        self.fault = fault
        self.ended = anyio.Event()
        self.requests = []
        self.exit_code = 0

    async def start(self, request, on_output):
        if self.fault:
            raise ToolError(self.fault)
        self.requests.append(request)
        self.on_output = on_output
        on_output("stdout", b"hello from there\n")
        return self

    async def run(self, request, on_output):
        raise AssertionError("a background job is started, not run")

    async def wait(self):
        await self.ended.wait()
        return CommandOutput(stdout=Captured(), stderr=Captured(), exit_code=self.exit_code)

    async def stop(self, *, grace_s):
        self.exit_code = 137
        self.ended.set()


async def test_a_job_on_another_machine_tells_us_its_output(team_of):
    there = Elsewhere()
    async with team_of(
        [run("make", target="there")],
        "Started.",
        lambda job: [call("tail_background", task_id=job)],
        lambda job: [call("cancel_background", task_id=job)],
        "Stopped.",
        targets={"there": there},
    ) as team:
        agent = await team.spawn()
        await agent.send("Go")
        await team.until(b.JobStarted)
        await agent.send("Look, and stop it")
        await team.until(b.JobCancelled)
        told = [one for one in team.requests[3].messages if isinstance(one, ToolResultsMessage)]
        ((tail, _),) = [(r.content, r.is_error) for r in told[-1].results]
        (end,) = team.events(*ENDS)

        assert tail.endswith("hello from there")
        assert (end.exit_code, end.output.preview) == (137, "hello from there")
        assert there.requests[0].target == "there"


async def test_a_job_that_cannot_be_started_has_failed(team_of):
    there = Elsewhere(fault="the machine is off")
    async with team_of(
        [run("make", target="there")],
        "Started.",
        lambda job: [call("check_background", task_id=job)],
        "Oh.",
        targets={"there": there},
    ) as team:
        agent = await team.spawn()
        await agent.send("Go")
        await team.until(b.JobFailed)
        await agent.send("How is it?")
        ((text, _),) = team.results()

        assert text == f"[failed] cwd={team_of.home}\nmake\nthe machine is off"
