"""A member that stops by itself, is stopped or is removed: what becomes of all that it had."""

import anyio
import pytest
from recorded import until_recorded

from mentra_actors import CommandRejected, call
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.effects import ReportStop
from mentra_actors.domain.background import events as b
from mentra_actors.domain.inbox import Mail
from mentra_actors.domain.supervision.events import LetterKept
from mentra_actors.domain.team import BoardTold
from mentra_actors.errors import RuntimeClosed
from mentra_actors.ids import team_stream
from mentra_actors.providers.scripted import NEVER_ENDS
from mentra_actors.tools.policy import RuntimePolicy

pytestmark = pytest.mark.anyio


async def test_one_that_stops_leaves_no_task_and_no_question_behind(played):
    """Its tasks are for others, who asked hears of it, and nobody can write to it any more."""
    async with played({}) as team:
        runtime = team.runtime
        bob = await team.spawn("bob")
        sue = await runtime.members.take_seat("sue", role="boss")
        await runtime.board.create("Paint", owner=" bob ")
        asked = await sue.team.request("bob", "plan_approval", "Is it red?")
        await runtime.members.stop("bob")
        await team.until(BoardTold)
        [task] = (await runtime.board()).tasks.values()
        [letter] = await sue.read_mail()
        [request] = await runtime.members.requests()
        refused = {}
        for name, wish in {
            "mail": lambda: bob.mail("Hello?"),
            "send": lambda: bob.send("Hello?"),
            "letter": lambda: sue.team.send_mail("bob", "Hello?"),
            "claim": lambda: runtime.board.claim(owner="bob"),
            "assign": lambda: runtime.board.assign(1, "bob"),
        }.items():
            with pytest.raises(CommandRejected) as refusal:
                await wish()
            refused[name] = refusal.value.reason
        await runtime.until_idle()
        letters = await runtime.supervision.dead_letters()

    assert (task.owner, task.status) == ("", "pending")
    assert (letter.request_id, asked.request_id) == ("req-1", "req-1")
    assert "bob has stopped" in letter.body
    assert (request.status, request.reason) == ("cancelled", "bob has stopped")
    assert all("stopped" in words for words in refused.values()), refused
    assert all("spawn" in words for words in refused.values()), refused
    assert letters == ()


async def test_a_letter_that_crosses_the_end_is_a_dead_letter(played):
    """Whoever wrote it was told that it is on its way: a person must see that it never arrived."""
    async with played({}) as team:
        runtime = team.runtime
        bob = await team.spawn("bob")
        await bob.stop()
        letter = Mail(mail_id="m1", sender="host", to="bob", body="Wait!", sent_at=1.0)
        letters = runtime._operations.letters  # as if it had been asked before bob's end
        await anyio.to_thread.run_sync(letters._put(letter, None).result, 10)
        await team.until(LetterKept)
        await runtime.until_idle()
        [dead] = await runtime.supervision.dead_letters()
        health = await runtime.health()
        await runtime.supervision.redrive(dead.letter_id)
        await runtime.until_idle()
        await team.until(e.StopReported)

    assert (dead.stream_id, dead.command) == ("agent-bob", "TakeLateLetter")
    assert "'bob' has stopped" in dead.cause
    assert "m1" in dead.says
    assert "Wait!" not in dead.says, "words of a letter stay under the key of its reader"
    assert health.dead_letters == 1


async def test_an_end_that_nobody_was_told_of_is_told_by_the_next_process(played, tmp_path):
    def silent(performer):
        async def perform(order):
            if isinstance(order.effect, ReportStop):
                await anyio.sleep_forever()
            return await performer(order)

        return perform

    path = tmp_path / "team.mentra"
    async with played({}, path=path, wrap_effects=silent) as team:
        bob = await team.spawn("bob")
        await team.runtime.board.create("Paint", owner="bob")
        await bob.stop()
        assert (await team.runtime.board()).tasks[1].owner == "bob"
    async with played({}, path=path) as team:
        stream_id = team_stream("main")
        await anyio.to_thread.run_sync(until_recorded, team.runtime, stream_id, is_told)
        owner = (await team.runtime.board()).tasks[1].owner

    assert owner == ""


def is_told(events):
    return any(isinstance(event, BoardTold) for event in events)


async def test_the_jobs_of_one_that_is_removed_end_and_those_of_one_that_is_stopped_run_on(
    played, tmp_path
):
    """Whoever stops somebody may want the result of what runs; one that is removed has none."""
    job = [call("background_run", command="sleep 60")]
    policy = RuntimePolicy(allow_shell=True, allow_background=True, base_dir=tmp_path)
    turns = {"ann": [job, "Done."], "bob": [job, "Done."]}
    async with played(turns, policy=policy) as team:
        for name in ("ann", "bob"):
            await (await team.spawn(name)).send("Go")
        await team.until(b.JobStarted, count=2)
        await team.runtime.members.stop("ann", how="now")
        await team.until(e.StopReported, "agent-ann")
        await team.runtime.members.remove("bob")
        await team.until(b.JobCancelled, "background-bob")
        running = team.events(b.JobStopRequested, stream_id="background-ann")

    assert not [one for one in running if one.cause == "cancel"]


async def test_a_subagent_whose_caller_has_died_is_listed_as_interrupted(played, tmp_path):
    """It was said to work, for ever, though nobody waited for it."""
    path = tmp_path / "team.mentra"
    async with anyio.create_task_group() as group:  # noqa: SIM117 - it ends after the team
        async with played({"lead": [NEVER_ENDS]}, path=path) as team:
            lead = await team.spawn()

            async def ask():
                with pytest.raises(RuntimeClosed):
                    await lead.subagents.run("Look.", name="eye")

            group.start_soon(ask)
            await team.until(e.ModelCallRequested)
            at_work = await lead.subagents.list()
    async with played({"lead": ["Seen.", "Seen."]}, path=path) as team:
        await team.runtime.until_idle()
        lead = await team.runtime.agent("lead")
        left = await lead.subagents.list()
        seen = (await lead.snapshot()).subagents
        answer = await lead.subagents.run("Look.", name="eye")
        gone = await lead.subagents.list()

    assert [one.status for one in at_work] == ["working"]
    assert [(one.agent_id, one.status) for one in left] == [("lead.eye", "interrupted")]
    assert seen == left
    assert (answer.text, gone) == ("Seen.", ())
