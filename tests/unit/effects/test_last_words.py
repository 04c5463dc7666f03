"""Whatever breaks while an effect is performed, the effect has an outcome and the run an end."""

from typing import get_args

import anyio
import msgspec
import pytest

from mentra_actors import (
    Allow,
    Ask,
    Deny,
    Modify,
    NoOutput,
    RunFailed,
    ScriptedModel,
    ToolHook,
    call,
    open_runtime,
    tool,
)
from mentra_actors.domain.agent.effects import AgentEffect, ClaimReadyTask
from mentra_actors.domain.background.jobs import BackgroundEffect
from mentra_actors.domain.model_call import ModelReply, StopReason, TokenUsage
from mentra_actors.domain.schedules.schedules import AwaitMoment
from mentra_actors.domain.supervision.state import DeliverLetter
from mentra_actors.domain.timer import WaitUntil
from mentra_actors.effects.last_words import LAST_WORDS
from mentra_actors.effects.models import model_calls
from mentra_actors.providers.port import ReplyFinished, UsageReported
from mentra_actors.tools.contract import Tool

pytestmark = pytest.mark.anyio

ASKS = [[call("look")], "I see."]


class Unspeakable:
    def __repr__(self):
        raise ZeroDivisionError("no words")


def raising(error):
    def fail(*_arguments):
        raise error

    return fail


def looking(**fields):
    async def run(_context, _arguments):
        return "looked"

    defaults = {"name": "look", "description": "Look.", "input_schema": '{"type": "object"}'}
    return Tool(**defaults, run=run, **fields)


async def result_of(a_tool, **options):
    """What the model is told of its call."""
    async with open_runtime(
        ":memory:", providers=[ScriptedModel(ASKS)], tools=[a_tool], **options
    ) as runtime:
        lead = await runtime.spawn("lead", model="scripted:x")
        assert (await lead.send("Go")).text == "I see."
        [told] = [one for one in await lead.conversation.history() if hasattr(one, "results")]
        return told.results[0].content


@pytest.mark.parametrize("reviewed", [False, True])
@pytest.mark.parametrize(
    ("check", "said"),
    [
        (raising(RuntimeError("broken")), "could not check its arguments: broken"),
        (raising(SystemExit(1)), "could not check its arguments: 1"),
        (lambda _: None, "its check returned NoneType, not a text"),
        (lambda _: "half \ud800", "half ?"),
    ],
    ids=["raises", "exits", "says nothing", "says no text"],
)
async def test_a_check_that_breaks_refuses_the_call(check, said, reviewed):
    """The answer was paid for: it is recorded, and not asked for again in every new process."""
    options = {"authorizer": lambda _call: Allow()} if reviewed else {}

    assert said in await result_of(looking(check=check), **options)


async def test_a_tool_that_cannot_say_how_it_runs_runs_alone():
    """Also where it raises what ends programs."""
    assert await result_of(looking(is_parallel=raising(SystemExit(1)))) == "looked"


@pytest.mark.parametrize(
    "verdict",
    [Ask(5), Ask(None), Deny(Unspeakable()), Unspeakable()],
    ids=["a number", "nothing", "no words", "no verdict"],
)
async def test_a_verdict_without_words_refuses_the_call(verdict):
    """Nobody could answer it, and the run would wait for ever."""
    told = await result_of(looking(), authorizer=lambda _call: verdict)

    assert told.startswith("Tool execution")


async def test_a_hook_that_gives_no_reason_that_can_be_written_refuses_the_call():
    """Hooks are code of others: whatever they answer, the run goes on."""

    class Strange(ToolHook):
        async def before(self, _call):
            return Modify({}, reason=Unspeakable())

    assert (await result_of(looking(), hooks=[Strange()])).startswith("Tool execution blocked")


@pytest.mark.parametrize(
    "error", [GeneratorExit(), StopIteration(), SystemExit(3)], ids=lambda one: type(one).__name__
)
async def test_a_function_that_raises_what_ends_loops_ends_only_its_call(error):
    """One tool of one agent must not end the loop on which all agents wait."""

    @tool(name="look")
    def broken() -> str:
        """Look."""
        raise error

    assert type(error).__name__ in await result_of(broken)
    assert await result_of(looking()) == "looked"


@pytest.mark.parametrize(
    "usage",
    [
        TokenUsage(input_tokens=-5),
        TokenUsage(input_tokens=2**70),
        TokenUsage(input_tokens="12"),
        TokenUsage(input_tokens=None),
        TokenUsage(input_tokens=1.5),
    ],
    ids=["negative", "huge", "text", "nothing", "half"],
)
async def test_counts_that_no_answer_has_do_not_count(usage):
    """A provider that counts wrong must neither end an agent nor give its budget back."""

    class Miscounting:
        name = "odd"
        counted = usage if isinstance(usage.input_tokens, int) else TokenUsage()

        async def stream(self, _request):
            yield UsageReported(usage)
            yield ReplyFinished(
                ModelReply(blocks=(), stop_reason=StopReason.END_TURN, usage=self.counted)
            )

        async def aclose(self):
            """Nothing to close."""

    async with open_runtime(":memory:", providers=[Miscounting()]) as runtime:
        lead = await runtime.spawn("lead", model="odd:x")
        if usage.input_tokens == 2**70:  # the whole answer cannot be stored
            with pytest.raises(RunFailed, match="cannot be stored"):
                await lead.send("Go")
        else:
            assert (await lead.send("Go")).usage == TokenUsage()
        assert (await lead.usage()).total.tokens == TokenUsage()


async def test_a_performer_that_breaks_fails_the_run_under_a_name(monkeypatch):
    """A mistake of ours must not leave a run open that nobody can end."""
    monkeypatch.setattr(model_calls, "_checked_chars", raising(ZeroDivisionError("ours")))
    async with open_runtime(":memory:", providers=[ScriptedModel(ASKS)]) as runtime:
        lead = await runtime.spawn("lead", model="scripted:x")
        with pytest.raises(
            RunFailed, match="the answer could not be taken: ZeroDivisionError: ours"
        ) as it:
            await lead.send("Go and look at all that there is to see.")

        counted = (await lead.usage()).total.tokens.total_tokens

    assert it.value.kind == "internal"
    assert counted > 0, "it was paid for"


async def test_what_is_raised_need_not_be_text_that_can_be_stored():
    """A file name of another age in an error must not end the agent."""

    class Strict(msgspec.Struct):
        name: str

        def __post_init__(self):
            raise ValueError("no such file \udcff")

    def hands_over(request):
        return [call(request.tools[0].name, name="x")] if request.tools else "Done."

    async with open_runtime(":memory:", providers=[ScriptedModel(hands_over)]) as runtime:
        lead = await runtime.spawn("lead", model="scripted:x")
        with pytest.raises(NoOutput):
            await lead.run_to(Strict, "Go")
        assert (await lead.snapshot()).status == "idle"


async def test_a_call_that_has_run_is_undone_whatever_became_of_its_result():
    """A booking is made though its receipt is lost, refused by a hook, or too late."""
    booked = []

    class Refusing(ToolHook):
        async def after(self, call, outcome):
            if call.arguments["way"] != "hook":
                return outcome
            return msgspec.structs.replace(outcome, content="no", is_error=True)

    @tool(timeout_s=0.05, compensate=lambda undo: booked.remove(undo.arguments["way"]))
    async def book(way: str) -> object:
        """Book."""
        booked.append(way)
        if way == "late":
            await anyio.sleep_forever()
        return object() if way == "lost" else "booked"

    turns = [[call("book", way=way) for way in ("lost", "hook", "late")], ValueError("down")]
    async with open_runtime(
        ":memory:", providers=[ScriptedModel(turns)], tools=[book], hooks=[Refusing()]
    ) as runtime:
        lead = await runtime.spawn("lead", model="scripted:x")
        with pytest.raises(RunFailed, match="down"):
            await lead.send("Go", on_failure="rollback")
        await runtime.until_idle()

    assert booked == []


def test_every_effect_but_a_wait_has_last_words():
    """One without would stay open for ever when what performs it breaks.

    Who looks for a task looks again when it is woken: nothing waits for the end of that.
    """
    waits = {WaitUntil, ClaimReadyTask}
    effects = {*get_args(AgentEffect), *get_args(BackgroundEffect), AwaitMoment} - waits

    assert set(LAST_WORDS) == effects | {DeliverLetter}
