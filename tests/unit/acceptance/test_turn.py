"""One agent and its model: a prompt goes in, an answer comes out, and the log has all of it."""

import anyio
import anyio.to_thread
import msgspec
import pytest

from mentra_actors import (
    ModelReply,
    ProviderError,
    RunFailed,
    TokenUsage,
    ToolError,
    ToolOutput,
    call,
    say,
    tool,
)
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.content import (
    AssistantMessage,
    ThinkingBlock,
    ToolCallBlock,
    ToolResultsMessage,
    UserMessage,
)
from mentra_actors.domain.model_call import StopReason
from mentra_actors.providers.scripted import BreaksAfter
from mentra_actors.testing.manual_clock import ManualClock

pytestmark = pytest.mark.anyio


@tool(retry="safe")
async def look() -> str:
    """Look."""
    return "a result\n"


def overloaded(retry_after_s=None):
    return ProviderError(
        "overloaded", kind="http", transient=True, status=503, retry_after_s=retry_after_s
    )


async def play_through_wait(clock, wait_s, work):
    """Run `work`, and move the clock on when somebody sleeps for so many seconds."""
    at = clock.now() + wait_s
    async with anyio.create_task_group() as group:
        group.start_soon(work)
        await anyio.to_thread.run_sync(clock.wait_for_sleeper, at)
        clock.advance(wait_s)


# --- answers ----------------------------------------------------------------------------------


async def test_a_text_turn(played):
    """The least that an agent must do: answer, show how, and rest."""
    async with played(["Hello there."], model_options={"delta_chars": 3}) as team:
        agent = await team.spawn()
        async with agent.stream("Hi") as live:
            pieces = [notice.event.text async for notice in live]
            reply = await live.result()
        state = await agent.state()
        said = [item.content for item in await agent.transcript()]

    assert len(pieces) == 4
    assert "".join(pieces) == reply.text == "Hello there."
    assert team.steps() == [
        "AgentSpawned",
        "PromptAccepted",
        "RunStarted",
        "InputPlaced",
        "ModelCallRequested",
        "ModelReplied",
        "RunFinished",
    ]
    assert [c.text for c in said if type(c).__name__ in ("Prompt", "AssistantText")] == [
        "Hi",
        "Hello there.",
    ]
    assert (state.run, state.model_call, state.calls) == (None, None, ())


async def test_usage_and_stop_reason_stand_beside_the_message(played):
    """Figures of an answer must not change what goes back to the model."""
    usage = TokenUsage(input_tokens=7, output_tokens=3, cached_input_tokens=2)
    answer = ModelReply(blocks=(say("Hello."),), stop_reason=StopReason.MAX_TOKENS, usage=usage)

    async with played([answer, "Again."]) as team:
        agent = await team.spawn()
        reply = await agent.send("Hi")
        await agent.send("And?")

    (first, _) = team.events(e.ModelReplied)
    assert (first.usage, first.stop_reason, reply.usage) == (usage, StopReason.MAX_TOKENS, usage)
    assert team.requests[1].messages[1] == AssistantMessage(blocks=(say("Hello."),))


async def test_an_empty_answer_is_an_answer(played):
    """It keeps the results of the round before, and asking again would only cost money."""
    async with played([[call("look")], [], "Done."], look) as team:
        agent = await team.spawn()
        reply = await agent.send("Look")
        assert (reply.text, len(team.requests)) == ("", 2)
        await agent.send("And?")

    kinds = [type(message) for message in team.requests[-1].messages]
    assert kinds == [UserMessage, AssistantMessage, ToolResultsMessage, UserMessage]


# --- the model fails --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked_s", "waits_s"), [(None, 0.5), (45.0, 45.0), (0.1, 0.5), (3600.0, 60.0)]
)
async def test_a_call_that_fails_once_is_made_again(played, asked_s, waits_s):
    """An overload costs a wait and not the run; the log tells what was tried."""
    clock = ManualClock()
    failing = {"fail_first": [overloaded(asked_s)]}
    async with played(["Hello."], model_options=failing, clock=clock) as team:
        agent = await team.spawn()
        await play_through_wait(clock, waits_s, lambda: agent.send("Hi"))
        state = await agent.state()
        said = [item.content for item in await agent.transcript()]

    requested = team.events(e.ModelCallRequested)
    assert [(one.round, one.attempt) for one in requested] == [(1, 1), (1, 2)]
    assert (len(team.requests), state.model_calls) == (2, 2)
    assert len(team.events(e.ModelCallFailed)) == 1
    assert [c.text for c in said if type(c).__name__ == "AssistantText"] == ["Hello."]


async def test_reasoning_of_a_broken_answer_goes_to_nobody_but_people(played):
    """Half a thought that goes back to a provider is refused there, or misleads the model."""
    clock = ManualClock()
    thoughts = iter(["half a thought", "a whole thought", "enough"])

    def turn(_request):
        return [ThinkingBlock(parts=(next(thoughts),)), say("Hello.")]

    broken = {"fail_first": [BreaksAfter(1)]}
    async with played(turn, model_options=broken, clock=clock) as team:
        shown = []
        team.runtime.on_live(shown.append)
        agent = await team.spawn()
        await play_through_wait(clock, 0.5, lambda: agent.send("Hi"))

        await agent.send("And?")

    assert shown[0].event.text == "half a thought"
    (failure,) = team.events(e.ModelCallFailed)
    assert failure.partial_thinking == "half a thought"
    asked = [msgspec.msgpack.encode(list(request.messages)) for request in team.requests]
    assert b"a whole thought" in asked[-1]
    assert not any(b"half a thought" in request for request in asked)


async def test_who_watches_sees_each_model_call_and_each_tool(played):
    """Meters and audits stand on this; a failure has cost what the provider said, here nothing."""
    failing = {"fail_first": [ProviderError("no", kind="http", transient=False, status=400)]}
    async with played([[call("look")], "Done."], look, model_options=failing) as team:
        agent = await team.spawn()
        with pytest.raises(RunFailed, match="no"):
            await agent.send("Look")
        await agent.send("Look again")

    work = ("ModelCallRequested", "ModelCallFailed", "ModelReplied", "ToolCallStarted")
    assert [step for step in team.steps() if step in (*work, "ToolCallFinished")] == [
        "ModelCallRequested",
        "ModelCallFailed",
        "ModelCallRequested",
        "ModelReplied",
        "ToolCallStarted",
        "ToolCallFinished",
        "ModelCallRequested",
        "ModelReplied",
    ]
    assert all(reply.usage.input_tokens for reply in team.events(e.ModelReplied))
    (failure,) = team.events(e.ModelCallFailed)
    assert (failure.usage, failure.cost_usd_micros) == (TokenUsage(), None)


# --- tools ------------------------------------------------------------------------------------


async def test_a_tool_round_and_then_text(played):
    """The model gets what the tool said, unchanged, and has the last word."""
    async with played([[call("look")], "I saw it."], look) as team:
        agent = await team.spawn()
        reply = await agent.send("Look")

    assert (reply.text, len(team.requests)) == ("I saw it.", 2)
    kinds = [type(message) for message in team.requests[1].messages]
    assert kinds == [UserMessage, AssistantMessage, ToolResultsMessage]
    assert team.results() == [("a result\n", False)]
    assert team.steps()[5:] == [
        "ModelReplied",
        "ToolCallsPlanned",
        "ToolCallStarted",
        "ToolCallFinished",
        "ModelCallRequested",
        "ModelReplied",
        "RunFinished",
    ]


async def test_a_tool_that_fails_is_told_to_the_model(played):
    """Raised or returned, from either kind of function, an error is one kind of result."""

    @tool
    async def raising() -> str:
        raise ToolError("no such file")

    @tool
    def raising_in_a_thread() -> str:
        raise ToolError("no such file")

    @tool
    def returning() -> ToolOutput:
        return ToolOutput(content="no such file", is_error=True)

    tools = (raising, raising_in_a_thread, returning)
    async with played([[call(one.name) for one in tools], "I see."], *tools) as team:
        agent = await team.spawn()
        reply = await agent.send("Try")

    assert team.results() == [("no such file", True)] * 3
    assert reply.text == "I see."


async def test_malformed_arguments_are_told_and_the_run_goes_on(played):
    """The model wrote them and can write them again; the call beside it is not lost."""
    broken = ToolCallBlock(call_id="", name="look", arguments='{"far": ')

    async with played([[broken, call("look")], "I see."], look) as team:
        agent = await team.spawn()
        reply = await agent.send("Look")

    (text, is_error), good = team.results()
    assert is_error
    assert "JSON arguments are invalid" in text
    assert text.endswith('{"far": ')
    assert good == ("a result\n", False)
    assert len(team.events(e.ToolCallStarted)) == 1
    assert reply.text == "I see."


async def test_parallel_tools_overlap_and_answer_in_the_order_of_the_calls(played):
    """Each waits for the other, so neither could end alone; the second one ends first."""
    met = {}

    async def meet(mine, other):
        met.setdefault(mine, anyio.Event()).set()
        await met.setdefault(other, anyio.Event()).wait()

    @tool(retry="safe", parallel=True)
    async def first() -> str:
        """First."""
        await meet("first", "second")
        await met.setdefault("second is done", anyio.Event()).wait()
        return "1"

    @tool(retry="safe", parallel=True)
    async def second() -> str:
        """Second."""
        await meet("second", "first")
        met.setdefault("second is done", anyio.Event()).set()
        return "2"

    async with played([[call("first"), call("second")], "Done."], first, second) as team:
        agent = await team.spawn()
        with anyio.fail_after(10):
            await agent.send("Go")

    assert team.results() == [("1", False), ("2", False)]


async def test_parallel_results_are_limited_one_by_one(played):
    """A flood from one call must not cut what another one said."""

    @tool(retry="safe", parallel=True)
    async def say_lines(count: int) -> str:
        """Say so many lines."""
        return "".join(f"{count}: line\n" for _ in range(count))

    calls = [call("say_lines", count=count) for count in (3_000, 2, 2_500)]
    async with played([calls, "Done."], say_lines) as team:
        agent = await team.spawn()
        await agent.send("Go")

    (first, _), (second, _), (third, _) = team.results()
    assert first.startswith("3000: line\n")
    assert "of 3000 lines" in first
    assert second == "2: line\n" * 2
    assert third.startswith("2500: line\n")
    assert "of 2500 lines" in third


async def test_details_are_for_people(played):
    """They stand on the log under their own call, and never in a request."""

    @tool(retry="safe", parallel=True)
    async def measure(place: str) -> ToolOutput:
        """Measure."""
        return ToolOutput(content={"place": place}, details={"private": f"only of {place}"})

    async with played([[call("measure", place=p) for p in "ab"], "Done."], measure) as team:
        agent = await team.spawn()
        await agent.send("Go")

    assert team.results() == [('{"place":"a"}', False), ('{"place":"b"}', False)]
    details = {one.key: one.details for one in team.events(e.ToolCallFinished)}
    assert details == {
        "tool-1.0": '{"private":"only of a"}',
        "tool-1.1": '{"private":"only of b"}',
    }
    sent = [message for request in team.requests for message in request.messages]
    assert b"place" in msgspec.msgpack.encode(sent)
    assert b"private" not in msgspec.msgpack.encode(sent)


async def test_a_tool_that_takes_too_long_is_an_error_for_the_model(played):
    """A tool that hangs costs its time limit, not the run."""

    @tool(timeout_s=0.02)
    async def hang() -> str:
        """Hang."""
        await anyio.sleep_forever()
        return "never"

    async with played([[call("hang")], "I see."], hang) as team:
        agent = await team.spawn()
        reply = await agent.send("Go")

    ((text, is_error),) = team.results()
    assert is_error
    assert "timed out after 0.02 s" in text
    assert reply.text == "I see."


# --- nothing is left behind -------------------------------------------------------------------


async def test_a_team_in_memory_writes_no_file_and_shares_nothing(played, tmp_path, monkeypatch):
    """Other people's tests run beside each other, and in directories that are not ours."""

    @tool(retry="safe")
    async def flood() -> str:
        """Say too much."""
        return "line\n" * 5_000

    monkeypatch.chdir(tmp_path)
    for name in ("HOME", "TMPDIR", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    turns = [[call("flood"), call("task_create", subject="Count")], "Done."]
    async with played(turns, flood) as one, played(["Hello."]) as other:
        agent = await one.spawn()
        await agent.send("Go")
        namesake = await other.spawn()
        await namesake.send("Hi")
        boards = [len((await team.runtime.board()).tasks) for team in (one, other)]

    assert "showing 1999 of 5000 lines: 1-1499 and 4501-5000" in one.results()[0][0]
    assert "; full output kept as blob" in one.results()[0][0]
    assert boards == [1, 0]
    assert [message.text for message in other.requests[0].messages] == ["Hi"]
    assert list(tmp_path.iterdir()) == []
