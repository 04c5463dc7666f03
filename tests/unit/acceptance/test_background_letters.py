"""What agents hear of their jobs when these have ended."""

import anyio
import pytest

from mentra_actors import call
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.background import events as b
from mentra_actors.domain.content import UserMessage
from mentra_actors.errors import ProviderError, RunFailed
from mentra_actors.providers.scripted import position
from mentra_actors.tools.policy import RuntimePolicy

pytestmark = pytest.mark.anyio

ENDS = (b.JobFinished, b.JobFailed, b.JobTimedOut, b.JobCancelled, b.JobInterrupted)


@pytest.fixture
def working(played, tmp_path):
    """`async with working(turns)`: a team that may run commands in `tmp_path`."""

    def open_team(turns, **options):
        policy = RuntimePolicy(allow_shell=True, allow_background=True, base_dir=tmp_path)
        return played(turns, policy=policy, **options)

    return open_team


def run(command):
    return call("background_run", command=command)


def letters(request):
    """What a request says of jobs, in its order."""
    said = [one.text for one in request.messages if isinstance(one, UserMessage)]
    return [text for text in said if text.startswith("<background-results>")]


def letter(event, status, command, output):
    line = f'[bg:{event.job_id}] status={status} command="{command}" output="{output}"'
    return f"<background-results>\n{line}\n</background-results>"


async def until_told(agent, letters):
    with anyio.fail_after(10):
        return await agent.wait_for_snapshot(lambda seen: seen.waiting_mail == letters)


async def test_jobs_that_have_ended_are_told_before_the_next_call_in_the_order_of_their_ends(
    working, tmp_path
):
    """BG2, BG3, BG4: one that failed like one that did well; a lead is not woken for them."""
    slow, quick = "while [ ! -e done ]; do sleep 0.02; done; echo slow", "echo no; exit 3"
    async with working([[run(slow), run(quick)], "Started.", "Seen."]) as team:
        agent = await team.spawn()
        await agent.send("Go")
        await until_told(agent, 1)
        (tmp_path / "done").touch()
        seen = await until_told(agent, 2)
        await agent.send("And?")
        failed, done = team.events(*ENDS)

        assert letters(team.requests[-1]) == [
            letter(failed, "failed", quick, "no"),
            letter(done, "finished", slow, "slow"),
        ]
        assert [job.status for job in seen.background_jobs] == ["finished", "failed"]
        assert len(team.events(e.RunStarted)) == 2


async def test_the_snapshot_shows_a_job_while_it_runs_and_how_it_ended(working, tmp_path):
    """BG9."""
    async with working(
        [[run("while [ ! -e done ]; do sleep 0.02; done; echo built")], "Started."]
    ) as team:
        agent = await team.spawn()
        before = await agent.snapshot()
        await agent.send("Go")
        await team.until(b.JobStarted)
        running = await agent.snapshot()
        (tmp_path / "done").touch()
        after = await until_told(agent, 1)

        assert before.background_jobs == ()
        assert [job.status for job in running.background_jobs] == ["running"]
        assert [(job.status, job.output.preview) for job in after.background_jobs] == [
            ("finished", "built")
        ]


async def test_a_run_that_is_taken_back_gives_its_letters_back(working):
    """BG5: the next run is told of the job again."""
    failures = [ProviderError("no", kind="bad_request", transient=False)]

    def script(request):
        if position(request) == 2 and failures:
            return failures.pop()
        return [[run("echo x")], "Started.", "Seen."][position(request)]

    async with working(script) as team:
        agent = await team.spawn()
        await agent.send("Go")
        await until_told(agent, 1)
        with pytest.raises(RunFailed):
            await agent.send("And?", on_failure="rollback")
        returned = await agent.snapshot()
        await agent.send("Again?")

        assert returned.waiting_mail == 1
        told = [letters(request) for request in team.requests]
        assert [len(one) for one in told] == [0, 0, 1, 1]
        assert told[2] == told[3]


async def test_a_teammate_is_woken_by_the_end_of_its_job_and_a_lead_only_if_it_wants(working):
    """BG7."""
    turns = {
        "lead": [[call("team_spawn", name="mate", role="builder", prompt="Build")], "Ok."],
        "mate": [[run("echo built")], "Started.", "It is built."],
    }

    def script(request):
        name = "mate" if "teammate 'mate'" in request.system else "lead"
        return turns[name][position(request)]

    async with working(script) as team:
        await (await team.spawn()).send("Go")
        await team.until(e.RunFinished, stream_id="agent-mate", count=2)
        await team.runtime.until_idle()

        (told,) = letters(team.requests[-1])
        assert told.endswith('output="built"\n</background-results>')

    async with working([[run("echo x")], "Started.", "Woken."]) as team:
        await (await team.spawn(wake_on_background=True)).send("Go")
        await team.until(e.RunFinished, count=2)


async def test_what_waits_is_told_in_its_order_after_what_a_person_says(working):
    """All that comes by itself lies in one inbox: a request tells it as it came."""
    async with working([[run("echo built")], "Started.", "Seen."]) as team:
        agent = await team.spawn(wake_on_mail=False)
        await agent.send("Go")
        await until_told(agent, 1)
        await agent.mail("a letter")
        await until_told(agent, 2)
        await agent.steer("Left.")
        await agent.run_queued()
        said = [one.text for one in team.requests[-1].messages if isinstance(one, UserMessage)]

        assert said[:2] == ["Go", "Left."]
        assert said[2].startswith("<background-results>")
        assert '"content":"a letter"' in said[3]
        assert len(said) == 4
