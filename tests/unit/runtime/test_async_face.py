"""The asynchronous face: what a program that uses it may rely on."""

import contextlib
import threading

import anyio
import pytest

import mentra_actors as mentra
from mentra_actors.domain.tool_call import OutgoingMail
from mentra_actors.effects.models.live import ModelDelta, ToolProgress
from mentra_actors.errors import CommandRejected, RunFailed, RuntimeClosed, UnknownModel
from mentra_actors.providers.scripted import NEVER_ENDS, NeverEnds, position
from mentra_actors.testing.manual_clock import ManualClock

pytestmark = pytest.mark.anyio

MODEL = "scripted:m"


@contextlib.asynccontextmanager
async def team(script, *, tools=(), path=":memory:", **options):
    """A runtime with a lead that plays a script."""
    providers = [mentra.ScriptedModel(script)]
    async with mentra.open_runtime(path, providers=providers, tools=tools, **options) as runtime:
        yield runtime, await runtime.spawn("lead", model=MODEL, reuse=True)


@mentra.tool(retry="safe")
async def count(context: mentra.ToolContext, text: str) -> int:
    """Count words."""
    context.progress("counting")
    return len(text.split())


@pytest.mark.parametrize("way", ["until_idle", "wait_for_run"])
async def test_who_waits_no_more_listens_no_more(way):
    """A program that looks in now and then must not gather listeners until a run ends."""
    async with team([NEVER_ENDS], close_grace_s=0) as (runtime, _):
        worker = await runtime.spawn("worker", model=MODEL, prompt="Go.")
        wait = runtime.until_idle if way == "until_idle" else worker.wait_for_run
        trouble = runtime._operations.core.trouble
        async with anyio.create_task_group() as group:
            group.start_soon(wait)
            while not trouble.is_heard:
                await anyio.lowlevel.checkpoint()
            group.cancel_scope.cancel()

        assert not trouble.is_heard
        await worker.cancel()
        await runtime.until_idle()


async def test_a_turn_with_a_tool_ends_in_an_answer():
    """The shortest program that anybody will write."""
    script = [mentra.call("count", text="a b c"), "Three."]
    async with team(script, tools=[count]) as (_, lead):
        reply = await lead.send("How many?")
        items = await lead.transcript()

    assert reply.text == "Three."
    assert reply.usage.output_tokens > 0
    assert any("3" in str(item) for item in items)


async def test_a_stream_shows_the_pieces_and_then_the_whole():
    """People read while the model writes."""
    script = [mentra.call("count", text="a b"), "Two words."]
    async with team(script, tools=[count]) as (_, lead), lead.stream("How many?") as live:
        notices = [notice async for notice in live]
        reply = await live.result()

    text = "".join(n.event.text for n in notices if isinstance(n, ModelDelta) and _has_text(n))
    assert reply.text == "Two words."
    assert text.endswith("Two words.")
    assert [n.text for n in notices if isinstance(n, ToolProgress)] == ["counting"]


def _has_text(notice):
    return hasattr(notice.event, "text")


async def test_a_silent_model_is_cancelled_at_once():
    """Whoever presses stop must not wait for a deadline."""
    async with team([NEVER_ENDS]) as (_, lead), lead.stream("Think.") as live:
        await lead.cancel("enough")
        with pytest.raises(RunFailed, match="enough") as failed:
            await live.result()

    assert failed.value.kind == "cancelled"


async def test_a_streaming_model_is_cancelled_in_the_middle():
    """What it had said is seen, and nothing more comes."""
    async with team([NeverEnds("Well")]) as (_, lead), lead.stream("Think.") as live:
        async for notice in live:
            assert notice.event.text == "Well"
            await lead.cancel()
        with pytest.raises(RunFailed):
            await live.result()


async def test_a_wait_for_a_retry_is_cancelled_at_once():
    """The provider asked for a minute; the user does not have it."""
    clock = ManualClock()
    busy = mentra.ProviderError("busy", kind="http", transient=True, retry_after_s=60.0)
    async with team([busy], clock=clock) as (_, lead), lead.stream("Go.") as live:
        await anyio.to_thread.run_sync(clock.wait_for_sleeper, clock.now() + 60.0)
        await lead.cancel()
        with pytest.raises(RunFailed, match="cancelled"):
            await live.result()


async def test_a_running_tool_is_cancelled_at_once():
    """And the model is told, the next time, that it may or may not have happened."""
    running, ended = threading.Event(), threading.Event()

    @mentra.tool
    async def waits() -> str:
        """Wait."""
        running.set()
        try:
            await anyio.sleep_forever()
        finally:
            ended.set()

    def script(request):
        return mentra.call("waits") if position(request) == 0 else str(request.messages[2])

    async with team(script, tools=[waits]) as (_, lead):
        async with lead.stream("Go.") as live:
            assert await anyio.to_thread.run_sync(running.wait, 10.0)
            await lead.cancel()
            with pytest.raises(RunFailed):
                await live.result()
        assert await anyio.to_thread.run_sync(ended.wait, 10.0)
        again = await lead.send("What happened?")

    assert "may or may not" in again.text


async def test_a_cancel_without_a_run_does_nothing():
    """The run may have ended in the same moment."""
    async with team(["Done."]) as (_, lead):
        await lead.cancel()
        reply = await lead.send("Go.")

    assert reply.text == "Done."


async def test_a_prompt_sent_again_to_a_later_process_gets_the_first_answer(reopenable):
    """A client that lost the connection asks again; the model must not be asked again."""
    path, options = reopenable
    async with team(["First.", "Second."], path=path, **options) as (_, lead):
        first = await lead.send("Go.", prompt_id="p1")
        await lead.send("Go on.", prompt_id="p2")
    async with team([], path=path, **options) as (_, lead):
        again = await lead.send("Go.", prompt_id="p1")
        second = await lead.send("Go on.", prompt_id="p2")

    assert (again, second.text) == (first, "Second.")


async def test_a_prompt_sent_again_while_its_run_is_open_waits_for_the_same_answer():
    """Also when the run is rounds further than the prompt: its beginning lies behind."""
    reached, go_on = threading.Event(), threading.Event()

    @mentra.tool
    def waits() -> str:
        """Wait."""
        reached.set()
        go_on.wait(10.0)
        return "waited"

    replies = []
    script = [mentra.call("count", text="a"), mentra.call("waits"), "Done."]
    async with team(script, tools=[waits, count]) as (_, lead):

        async def send():
            replies.append(await lead.send("Go.", prompt_id="p1"))

        async with anyio.create_task_group() as group:
            group.start_soon(send)
            assert await anyio.to_thread.run_sync(reached.wait, 10.0)
            group.start_soon(send)
            group.start_soon(send)
            await lead.state()
            go_on.set()

    assert [reply.text for reply in replies] == ["Done."] * 3
    assert len({reply.run_id for reply in replies}) == 1


async def test_many_prompts_at_once_are_answered_each_by_its_own_run():
    """They wait for one another and nobody gets the answer of somebody else."""

    def script(request):
        return request.messages[-1].text

    replies = {}
    async with team(script) as (_, lead):

        async def send(text):
            replies[text] = await lead.send(text)

        async with anyio.create_task_group() as group:
            for number in range(30):
                group.start_soon(send, f"prompt {number}")

    assert all(reply.text == text for text, reply in replies.items())
    assert len({reply.run_id for reply in replies.values()}) == 30


async def test_a_caller_that_is_cancelled_leaves_the_run_alone():
    """A timeout of one caller is no reason to throw away the work."""
    reached, go_on = threading.Event(), threading.Event()

    @mentra.tool
    def waits() -> str:
        """Wait."""
        reached.set()
        go_on.wait(10.0)
        return "waited"

    async with team([mentra.call("waits"), "Done."], tools=[waits]) as (runtime, lead):
        async with anyio.create_task_group() as group:
            group.start_soon(lead.send, "Go.")
            assert await anyio.to_thread.run_sync(reached.wait, 10.0)
            group.cancel_scope.cancel()
        go_on.set()
        await runtime.until_idle()
        items = await lead.transcript()

    assert "Done." in str(items[-2])


async def test_names_are_taken_once():
    """Two agents under one name would get each other's mail."""
    async with team(["Done."]) as (runtime, lead):
        with pytest.raises(CommandRejected, match="already exists"):
            await runtime.spawn("lead", model=MODEL)
        same = await runtime.spawn("lead", model="scripted:other", reuse=True)

        assert same.agent_id == lead.agent_id
        assert (await same.state()).profile.model == MODEL
        with pytest.raises(CommandRejected, match="not a name"):
            await runtime.spawn("no name", model=MODEL)
        with pytest.raises(UnknownModel, match="nowhere:m"):
            await runtime.spawn("other", model="nowhere:m")
        with pytest.raises(CommandRejected, match="'nobody'; the team has lead"):
            await runtime.agent("nobody")
        assert (await runtime.agent("lead")).agent_id == lead.agent_id
        assert sorted((await runtime.team()).members) == ["lead"]
        assert (await runtime.board()).tasks is not None


@pytest.mark.parametrize(
    ("options", "error"), [({"max_rounds": "5"}, TypeError), ({"system": "\ud800"}, ValueError)]
)
async def test_a_profile_that_cannot_be_stored_is_refused(options, error):
    """Else the team's actor dies of it, or the agent is unknown after the next restart."""
    async with team(["Done."]) as (runtime, lead):
        with pytest.raises(error):
            await runtime.spawn("other", model=MODEL, **options)

        assert (await lead.send("Go.")).text == "Done."


@pytest.mark.parametrize(("text", "error"), [(5, TypeError), ("\ud800", ValueError)])
async def test_text_that_cannot_be_stored_is_refused(text, error):
    """It must cost the caller an exception, not the agent its life."""
    async with team(["Done."]) as (runtime, lead):
        for call in (lead.send, lead.cancel, lead.mail):
            with pytest.raises(error):
                await call(text)

        assert await runtime.supervision.dead_letters() == ()
        assert (await lead.send("Go.")).text == "Done."


async def test_empty_prompts_and_stopped_agents_say_so():
    """A refusal is an answer with a reason."""
    async with team(["Done."]) as (runtime, lead):
        with pytest.raises(CommandRejected, match="empty"):
            await lead.send(" ")
        await lead.stop()
        with pytest.raises(CommandRejected, match="stopped"):
            await lead.send("Go.")
        with pytest.raises(CommandRejected, match="stopped and reads nothing"):
            await lead.mail("Is anybody there?")
        await runtime.until_idle()


async def test_mail_wakes_an_agent_that_was_passivated():
    """Idle agents are not in memory; their inbox is on the log."""
    async with team(["Noted."], passivate_after_s=0.0) as (runtime, lead):
        await lead.state()
        runtime._operations.core.directory.passivate_idle(-1.0)
        await lead.mail("The report is in.")
        await runtime.until_idle()
        items = await lead.transcript()

    assert "The report is in." in str(items)
    assert "Noted." in str(items[-2])


async def test_mail_to_nobody_keeps_nobody_busy():
    """A tool may name an agent that was never made; the team must still come to rest."""

    @mentra.tool(name="post")
    async def post() -> mentra.ToolOutput:
        """Send mail to nobody."""
        letter = OutgoingMail(mail_id="m", to="nobody", body="Hello?")
        return mentra.ToolOutput(content="sent", mail=(letter,))

    async with team([mentra.call("post"), "Done."], tools=[post]) as (runtime, lead):
        await lead.send("Go.")
        with anyio.fail_after(10):
            await runtime.until_idle()


async def test_a_tool_may_ask_another_agent():
    """It runs on the loop, where waiting blocks nobody."""
    handles = {}

    @mentra.tool
    async def ask_helper(text: str) -> str:
        """Ask the helper."""
        return (await handles["helper"].send(text)).text

    def script(request):
        if request.model == "helper":
            return "Forty-two."
        return (
            mentra.call("ask_helper", text="?")
            if position(request) == 0
            else request.messages[-1].results[0].content
        )

    async with team(script, tools=[ask_helper]) as (runtime, lead):
        handles["helper"] = await runtime.spawn("helper", model="scripted:helper")
        reply = await lead.send("Ask.")

    assert reply.text == "Forty-two."


async def test_whoever_waits_hears_that_the_runtime_closes():
    """A task group around a runtime would never end otherwise."""
    errors = []
    reached = threading.Event()

    @mentra.tool
    async def waits() -> str:
        """Wait."""
        reached.set()
        await anyio.sleep_forever()

    async def expect(call):
        try:
            await call()
        except RuntimeClosed as error:
            errors.append(error)

    async with anyio.create_task_group() as group:
        script = [mentra.call("waits")]
        async with team(script, tools=[waits], close_grace_s=0.0) as (runtime, lead):
            group.start_soon(expect, lambda: lead.send("Go."))
            assert await anyio.to_thread.run_sync(reached.wait, 10.0)
            group.start_soon(expect, runtime.until_idle)
            await lead.state()
    await expect(lambda: lead.send("Go."))
    await expect(lead.state)
    await expect(runtime.until_idle)

    assert len(errors) == 5


async def test_the_faces_work_on_trio_too():
    """The runtime brings its own loop; the caller's is the caller's choice."""
    trio = pytest.importorskip("trio", reason="trio is not among the dependencies")

    async def main():
        async with team(["Done."]) as (_, lead):
            return await lead.send("Go.")

    reply = await anyio.to_thread.run_sync(trio.run, main)
    assert reply.text == "Done."


@pytest.mark.parametrize(
    "ask",
    [
        lambda lead: lead.send("Go"),
        lambda lead: lead.run_to(int, "Go"),
        lambda lead: lead.steer("Go"),
        lambda lead: lead.mail("Go"),
        lambda lead: lead.configure(model="scripted:other"),
    ],
    ids=["send", "run_to", "steer", "mail", "configure"],
)
async def test_who_is_cancelled_already_begins_nothing(ask):
    """A program that is being torn down would pay for a run that nobody waits for."""
    async with team(["Never said."]) as (runtime, lead):
        before = (await lead.snapshot()).stream_version
        with anyio.CancelScope() as scope:
            scope.cancel()
            await ask(lead)
        await runtime.until_idle()

        assert (await lead.snapshot()).stream_version == before
