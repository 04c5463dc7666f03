"""What one run may be told: how calls are repeated, what a failure leaves, what ends it early."""

import sys
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from paced_model import history_of

import mentra_actors
from mentra_actors import (
    CommandRejected,
    ModelReply,
    ProviderError,
    RetrySchedule,
    RunFailed,
    TokenUsage,
    ToolContext,
    ToolError,
    ToolOutput,
    call,
    say,
    tool,
)
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.run_options import RunOptions, child_options
from mentra_actors.domain.content import AssistantMessage, UserMessage
from mentra_actors.domain.model_call import StopReason
from mentra_actors.providers.scripted import BreaksAfter
from mentra_actors.testing.manual_clock import ManualClock
from projections.feeds import agent_event as told

pytestmark = pytest.mark.anyio

REFUSED = ProviderError("no", kind="http", transient=False, status=400)


@tool(retry="safe")
async def look() -> str:
    """Look."""
    return "a result"


def overloaded(status=503, retry_after_s=None):
    return ProviderError(
        "try later", kind="http", transient=True, status=status, retry_after_s=retry_after_s
    )


def texts(messages):
    """What was said, without calls and results."""
    return [
        message.text if isinstance(message, UserMessage) else message.blocks[0].text
        for message in messages
    ]


# --- retries ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("failures", "schedule", "delays_s"),
    [
        ([overloaded()] * 3, None, [0.5, 1.0, 2.0]),
        ([overloaded()] * 3, RetrySchedule(base_s=2.0, max_s=6.0), [2.0, 4.0, 6.0]),
        ([overloaded(429, retry_after_s=45.0)], None, [45.0]),
        ([overloaded(429, retry_after_s=3600.0)], None, [60.0]),
    ],
    ids=["default", "own schedule", "the provider asks for more", "and for too much"],
)
async def test_each_wait_is_announced_and_then_kept(played, failures, schedule, delays_s):
    """A person who sees `attempt 2 of 5, in 4 s` waits; one who sees nothing starts over."""
    clock, options = ManualClock(), {} if schedule is None else {"retry": schedule}
    async with played(["Hello."], model_options={"fail_first": failures}, clock=clock) as team:
        agent = await team.spawn()
        async with anyio.create_task_group() as group:
            group.start_soon(lambda: agent.send("Hi", **options))
            for delay_s in delays_s:
                at = clock.now() + delay_s
                await anyio.to_thread.run_sync(clock.wait_for_sleeper, at)
                clock.advance(delay_s)
        events = await history_of(agent)

    announced = [one for one in events if isinstance(one, told.RetryAttempt)]
    assert [one.next_delay_s for one in announced] == delays_s
    assert [one.attempt for one in announced] == list(range(1, len(delays_s) + 1))
    assert {(one.max_attempts, one.error) for one in announced} == {(5, "try later")}
    assert isinstance(events[-1], told.RunFinished)


# --- what a failure leaves --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("on_failure", "kept", "last"),
    [
        ("suspend", ["Hi", "Hello.", "More"], ["RunFailed"]),
        ("rollback", ["Hi", "Hello."], ["RunFailed", "LeafMoved"]),
    ],
)
async def test_a_run_that_breaks_in_an_answer_is_kept_or_taken_back(
    played, tmp_path, on_failure, kept, last
):
    """Whoever retries by himself wants all or nothing; whoever pays wants to go on."""
    path = tmp_path / "team.mentra"
    async with played(["Hello."], path=path) as team:
        await (await team.spawn()).send("Hi")

    breaks = {"fail_first": [BreaksAfter(1)], "delta_chars": 2}
    async with played(["Hello.", "More."], path=path, model_options=breaks) as team:
        agent = await team.runtime.agent("lead")
        with pytest.raises(RunFailed, match="breaks the stream"):
            await agent.send("More", retry_budget=0, on_failure=on_failure)
        end = team.events(e.RunFailed)[-1]
        said = await agent.conversation.history()

    assert (end.kind, end.is_rolled_back) == ("transport", on_failure == "rollback")
    assert team.steps()[-len(last) - 1 :] == ["ModelCallFailed", *last]
    assert texts(said) == kept


@pytest.mark.parametrize(("on_failure", "kept"), [("suspend", ["Hi"]), ("rollback", [])])
async def test_a_failed_first_turn_is_resumed_once(played, on_failure, kept):
    """The same words go to the model again, nobody types them twice, and no third run begins."""
    async with played(["Hello."], model_options={"fail_first": [REFUSED]}) as team:
        agent = await team.spawn()
        with pytest.raises(RunFailed, match="no"):
            await agent.send("Hi", on_failure=on_failure)
        left = await agent.conversation.history()

        reply = await agent.resume()
        with pytest.raises(CommandRejected, match="no run was broken off"):
            await agent.resume()
        said = await agent.conversation.history()

    assert texts(left) == kept
    assert reply.text == "Hello."
    assert [texts(request.messages) for request in team.requests] == [["Hi"], ["Hi"]]
    assert said == [UserMessage(text="Hi"), AssistantMessage(blocks=(say("Hello."),))]


# --- ends without an answer -------------------------------------------------------------------


async def test_a_tool_that_wants_to_rest_ends_the_run_without_an_answer(played):
    """The model has nothing to say, so it is not asked to say something."""

    @tool
    async def rest(context: ToolContext) -> str:
        """Rest."""
        context.request_idle()
        return "resting"

    async with played([[call("rest")], "Unasked."], rest) as team:
        agent = await team.spawn()
        reply = await agent.send("Go")
        kinds = [entry.kind for entry in await agent.conversation.entries()]
        (_, _, results) = await agent.conversation.history()

    assert (reply.text, reply.ending, reply.early_end) == ("", "idle", "")
    assert len(team.requests) == 1
    assert kinds == ["user_turn", "assistant_turn", "tool_exchange"]
    assert [result.content for result in results.results] == ["resting"]


def calling(name, tokens):
    """An answer that calls this tool and has cost so many tokens."""
    usage = TokenUsage(input_tokens=tokens - 20, output_tokens=20)
    return ModelReply(blocks=(call(name),), stop_reason=StopReason.TOOL_USE, usage=usage)


async def test_whoever_asks_reads_why_a_run_ended_early(played, tmp_path):
    """The caller may be gone; another one, and a later process, must read the same."""
    path = tmp_path / "team.mentra"
    async with played([calling("look", 60)], look, path=path) as team:
        agent = await team.spawn()
        reply = await agent.send("Go", prompt_id="p1", token_budget=60)
        events = await history_of(agent)

    async with played([], look, path=path) as team:
        agent = await team.runtime.agent("lead")
        later = await agent.send("Go", prompt_id="p1")

    assert (reply.text, reply.ending, reply.early_end) == ("", "early", "token_budget")
    assert (events[-1].ending, events[-1].early_end) == ("early", "token_budget")
    assert later == reply


async def test_the_first_reason_for_an_early_end_stays(played):
    """A stop that comes too late must not claim an end that the budget has made."""
    async with played([calling("look", 60)], look) as team:
        agent = await team.spawn()
        await agent.send("Go", prompt_id="p1", token_budget=60)
        await agent.stop_run("too late")
        again = await agent.send("Go", prompt_id="p1")

    assert again.early_end == "token_budget"
    assert team.events(e.RunStopRequested) == []
    assert len(team.events(e.RunFinished)) == 1


async def test_the_early_end_of_a_subagent_is_its_own(played):
    """Both are charged, but a run that ended as it wanted must not be told as cut short."""

    @tool(retry="idempotent")
    async def delegate(context: ToolContext) -> ToolOutput:
        """Ask a subagent, and end with what becomes of it."""
        try:
            return ToolOutput(content=(await context.run_subagent("Look.")).text)
        except ToolError as error:
            return ToolOutput(content=str(error), terminate=True)

    def turn(request):
        return calling("look", 50) if "subagent" in request.system else calling("delegate", 60)

    async with played(turn, look, delegate) as team:
        agent = await team.spawn()
        reply = await agent.send("Go", token_budget=100)
        usage = await agent.usage()
        [of_child] = team.events(e.RunFinished, stream_id="agent-lead.tool-1.0")

    assert (of_child.ending, of_child.early_end) == ("early", "token_budget")
    assert (reply.ending, reply.early_end) == ("terminated", "")
    assert (reply.usage.total_tokens, usage.total.tokens.total_tokens) == (60, 110)


# --- names ------------------------------------------------------------------------------------


def test_a_program_can_name_what_it_configures():
    """A function that takes a runtime and a schedule needs their types in its signature."""
    names = {"Runtime", "SyncRuntime", "RetrySchedule", "RunOptions", "AgentProfile"}

    assert names <= set(mentra_actors.__all__)
    assert mentra_actors.RetrySchedule is RetrySchedule
    slow = RunOptions(retry_budget=2, retry=RetrySchedule(base_s=9.0), model_budget=3)
    child = child_options(slow, deadline_at=None, budget="")
    assert (child.retry, child.retry_budget, child.model_budget) == (slow.retry, 2, None)
