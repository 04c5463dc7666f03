"""An answer while it comes: shown piece by piece, recorded once it is whole."""

from contextlib import asynccontextmanager

import anyio
import msgspec
import pytest

from mentra_actors import call, say, tool
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.content import Provenance, ThinkingBlock, UserMessage
from mentra_actors.providers.port import ReplyFinished
from mentra_actors.providers.scripted import ScriptedModel
from mentra_actors.runtime.awaiting import thread_safe_call
from projections.feeds import agent_event as told

pytestmark = pytest.mark.anyio


class HeldBack(ScriptedModel):
    """A model that says everything and keeps back the end of its answers until it is let go."""

    def __init__(self, turns, **options):
        super().__init__(turns, name="held", **options)
        self._is_free = False

    async def stream(self, request):
        call, gate = thread_safe_call(), anyio.Event()
        self._open_gate = lambda: call(gate.set)
        async for event in super().stream(request):
            if isinstance(event, ReplyFinished) and not self._is_free:
                await gate.wait()
            yield event

    def let_go(self):
        """From any thread, once an answer has begun."""
        self._is_free = True
        self._open_gate()


@asynccontextmanager
async def watched(agent):
    """The events of an agent's feed up to the end of a run; its reader is up to date."""
    await agent.configure(system="Be brief.")
    async with agent.events(after=0) as feed:
        items = aiter(feed)
        first = await anext(items)
        assert isinstance(first.event, told.Reconfigured)
        heard = []

        async def read():
            async for item in items:
                heard.append(item.event)
                if isinstance(item.event, told.RunFinished):
                    return

        with anyio.fail_after(10):
            async with anyio.create_task_group() as group:
                group.start_soon(read)
                yield heard


def of_kind(events, kind):
    """Those of one class."""
    return [event for event in events if isinstance(event, kind)]


async def test_an_answer_is_recorded_when_it_is_whole(played):
    """Who watches has every word at once; who reads the log never finds half an answer."""
    model = HeldBack(["Hello there."], delta_chars=5)
    async with played([], providers=[model]) as team:
        agent = await team.runtime.spawn("lead", model="held:lead")
        async with agent.stream("Hi") as live:
            seen = await agent.wait_for_snapshot(lambda now: now.current_text == "Hello there.")
            before = team.events(e.ModelReplied), await agent.conversation.history()
            model.let_go()
            reply = await live.result()
        after = await agent.snapshot()

    assert seen.status == "streaming"
    assert before == ([], [UserMessage(text="Hi")])
    assert (reply.text, after.current_text) == ("Hello there.", "")


async def test_pieces_say_where_they_begin_and_join_to_the_answer(played):
    """A watcher that comes late or misses a piece can tell, without the whole text each time."""
    async with played(["Hello there."], model_options={"delta_chars": 5}) as team:
        agent = await team.spawn()
        async with watched(agent) as heard:
            await agent.send("Hi")

    pieces = of_kind(heard, told.TextDelta)
    assert [(one.offset, one.delta) for one in pieces] == [(0, "Hello"), (5, " ther"), (10, "e.")]
    (whole,) = of_kind(heard, told.AssistantMessageCommitted)
    assert whole.blocks == (say("Hello there."),)


async def test_of_reasoning_only_its_words_are_shown(played):
    """Ciphertext on a screen helps nobody; to its provider it goes back untouched."""
    own = Provenance(provider="scripted", model="lead", wire="none")
    thought = ThinkingBlock(
        parts=("I add.",), encrypted="c2VjcmV0", signature="signed", provenance=own
    )
    async with played([[thought, say("4")], "Yes."]) as team:
        agent = await team.spawn()
        live = []
        team.runtime.on_live(live.append)
        async with watched(agent) as heard:
            await agent.send("2 + 2?")
        await agent.send("Sure?")

    deltas = of_kind(heard, told.ReasoningDelta)
    assert [(one.offset, one.delta) for one in deltas] == [(0, "I add.")]
    shown = msgspec.json.encode([notice.event for notice in live])
    assert b"I add." in shown
    assert not any(secret in shown for secret in (b"c2VjcmV0", b"signed"))
    assert team.requests[1].messages[1].blocks == (thought, say("4"))


async def test_a_call_is_shown_as_it_takes_shape_and_runs_when_the_answer_is_whole(played):
    """A person sees early what will be done; nothing is done that could still be taken back."""
    ran = []

    @tool
    async def note(text: str) -> str:
        """Note."""
        ran.append(text)
        return "noted"

    model = HeldBack([[call("note", text="milk")], "Done."], delta_chars=7)
    async with played([], note, providers=[model]) as team:
        agent = await team.runtime.spawn("lead", model="held:lead")
        async with watched(agent) as heard, agent.stream("Note milk") as live:
            shaped = await agent.wait_for_snapshot(
                lambda now: [use.arguments for use in now.pending_tool_uses] == ['{"text":"milk"}']
            )
            ran_before = list(ran)
            model.let_go()
            await live.result()

    assert (ran_before, ran, shaped.open_calls) == ([], ["milk"], ())
    pieces = [event.delta for event in of_kind(heard, told.ToolUseUpdated)]
    assert "".join(pieces) == '{"text":"milk"}'
    order = [type(event).__name__ for event in heard if type(event).__name__.startswith("Tool")]
    execution = ["ToolExecutionStarted", "ToolExecutionFinished"]
    assert order == [*(["ToolUseUpdated"] * 3), "ToolUseReady", *execution]
    (ready,) = of_kind(heard, told.ToolUseReady)
    assert (ready.key, ready.tool, ready.arguments) == ("tool-1.0", "note", '{"text":"milk"}')


async def test_an_answer_without_its_end_is_asked_for_again(played):
    """A cut connection costs one more call, and none of the calls of the half answer runs."""

    class CutOnce(ScriptedModel):
        calls = 0

        async def stream(self, request):
            self.calls += 1
            async for event in super().stream(request):
                if self.calls == 1 and isinstance(event, ReplyFinished):
                    return
                yield event

    ran = []

    @tool
    async def note() -> str:
        """Note."""
        ran.append(1)
        return "noted"

    model = CutOnce([[call("note")], "Done."], name="cut")
    async with played([], note, providers=[model]) as team:
        agent = await team.runtime.spawn("lead", model="cut:lead")
        reply = await agent.send("Go", retry={"base_s": 0.0, "max_s": 0.0})

    (failure,) = team.events(e.ModelCallFailed)
    assert (failure.kind, failure.transient) == ("malformed_stream", True)
    assert (reply.text, ran, model.calls) == ("Done.", [1], 3)
