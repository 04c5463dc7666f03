"""A run that is led: what its strategy sees at each boundary, and what its decisions do."""

import pytest

from mentra_actors import (
    Continue,
    Inject,
    ProviderError,
    ReasoningOptions,
    Stop,
    call,
    tool,
)
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.effects import FinishedCall
from mentra_actors.domain.agent.profile import ProfileChanges
from mentra_actors.domain.content import UserMessage
from mentra_actors.testing.manual_clock import ManualClock

pytestmark = pytest.mark.anyio


@tool(retry="safe")
async def look() -> str:
    """Look."""
    return "a result"


@tool(retry="safe")
async def stumble() -> str:
    """Stumble."""
    raise ValueError("a stone")


class Led:
    """A strategy that takes its decisions from a list, goes on after it, and keeps what it saw."""

    def __init__(self, *decisions, name="led"):
        self.__name__ = name
        self.seen = []
        self._left = list(decisions)

    def __call__(self, context):
        self.seen.append(context)
        return self._left.pop(0) if self._left else Continue()


# --- what it sees -----------------------------------------------------------------------------


async def test_it_is_asked_after_tools_and_after_an_answer(played):
    """It decides by the results, or by the answer; what it does not see it cannot judge."""
    led = Led()
    turns = [[call("look"), call("stumble")], "Done."]
    async with played(turns, look, stumble) as team:
        agent = await team.spawn()
        await agent.send("Go", strategy=led)

    tools, answer = led.seen
    assert (tools.boundary, tools.rounds, tools.model_requests) == ("tools", 1, 1)
    assert tools.answer == ""
    assert tools.results == (
        FinishedCall(call_id="call_1_1", tool="look", is_error=False),
        FinishedCall(call_id="call_1_2", tool="stumble", is_error=True),
    )
    assert (answer.boundary, answer.rounds, answer.model_requests) == ("answer", 2, 2)
    assert (answer.answer, answer.results) == ("Done.", ())
    assert answer.tokens > tools.tokens > 0


async def test_it_sees_what_retries_have_cost(played):
    """A strategy that gives up on a bad provider counts requests, not rounds."""
    clock, led = ManualClock(), Led()
    busy = ProviderError("busy", kind="http", transient=True, status=503, retry_after_s=0.0)
    async with played(["Done."], model_options={"fail_first": [busy]}, clock=clock) as team:
        agent = await team.spawn()
        async with agent.stream("Go", strategy=led) as live:
            await team.until(e.ModelCallFailed)
            clock.advance(0.5)
            await live.result()

    (answer,) = led.seen
    assert (answer.rounds, answer.model_requests, answer.transport_retries) == (1, 2, 1)


async def test_each_run_has_its_own(played):
    """What one run counts or allows must not leak into the next."""
    first, second = Led(name="first"), Led(name="second")
    async with played([[call("look")], "One.", "Two.", "Three."], look) as team:
        agent = await team.spawn()
        replies = [
            await agent.send("1", strategy=first),
            await agent.send("2", strategy=second),
            await agent.send("3"),
        ]

    assert [one.boundary for one in first.seen] == ["tools", "answer"]
    assert [(one.boundary, one.answer) for one in second.seen] == [("answer", "Two.")]
    assert {one.run_id for one in first.seen} == {replies[0].run_id}
    assert {one.run_id for one in second.seen} == {replies[1].run_id}


# --- what it decides --------------------------------------------------------------------------


async def test_to_go_on_everywhere_is_to_have_none(played):
    """Whoever adds a strategy that only watches must not change the work by it."""
    runs = []
    for options in ({}, {"strategy": Led()}):
        async with played([[call("look")], "Done."], look) as team:
            agent = await team.spawn()
            reply = await agent.send("Go", **options)
            said = await agent.conversation.history()
        steps = [step for step in team.steps() if not step.startswith("RoundDeci")]
        runs.append((reply.text, reply.usage, team.requests, said, steps))

    assert runs[0] == runs[1]


@pytest.mark.parametrize(
    ("turns", "boundary"),
    [([[call("look")], "Better."], "tools"), (["Rash.", "Better."], "answer")],
)
async def test_what_it_injects_stands_in_the_next_request(played, turns, boundary):
    """A reviewer sends a hasty answer back; without a further round nobody would read that."""
    led = Led(Inject("Check it."))
    async with played(turns, look) as team:
        agent = await team.spawn()
        reply = await agent.send("Go", strategy=led)

    assert [one.boundary for one in led.seen] == [boundary, "answer"]
    first, second = team.requests
    assert list(second.messages[:1]) == list(first.messages)
    assert isinstance(second.messages[-1], UserMessage)
    assert second.messages[-1].text == "Check it."
    assert reply.text == "Better."


async def test_a_switch_holds_from_the_next_request_on(played):
    """A cheap model looks, a good one answers; both stay switched, for the log says so."""
    better = ProfileChanges(model="scripted:good", reasoning=ReasoningOptions(effort="high"))
    script = [[call("look")], "Done.", "Again."]
    async with played({"cheap": script, "good": script}, look) as team:
        agent = await team.spawn("cheap")
        await agent.send("Go", strategy=Led(Continue(better)))
        await agent.send("And?")
        profile = (await agent.state()).profile

    assert [request.model for request in team.requests] == ["cheap", "good", "good"]
    efforts = [request.reasoning and request.reasoning.effort for request in team.requests]
    assert efforts == [None, "high", "high"]
    assert (profile.model, profile.reasoning.effort) == ("scripted:good", "high")


async def test_to_stop_after_tools_ends_without_an_answer(played):
    """It has seen what it wanted; another request would only cost money."""
    async with played([[call("look")], "Unasked."], look) as team:
        agent = await team.spawn()
        reply = await agent.send("Go", strategy=Led(Stop()))
        kinds = [entry.kind for entry in await agent.conversation.entries()]

    assert (reply.text, reply.ending, reply.early_end) == ("", "strategy", "")
    assert kinds == ["user_turn", "assistant_turn", "tool_exchange"]
    assert len(team.requests) == 1


async def test_to_stop_or_to_go_on_after_an_answer_accepts_it(played):
    """Both mean that the answer is the answer."""
    replies = []
    for decision in (Stop(), Continue()):
        async with played(["Done.", "Unasked."]) as team:
            agent = await team.spawn()
            replies.append(await agent.send("Go", strategy=Led(decision)))
        assert len(team.requests) == 1

    assert [(reply.text, reply.ending) for reply in replies] == [("Done.", "answered")] * 2
