"""What a run may use: when that is used up it ends in order, and what it has done stays."""

import anyio
import pytest

from mentra_actors import (
    ModelPrice,
    ModelReply,
    PriceList,
    RunFailed,
    ScriptedModel,
    TokenUsage,
    call,
    say,
    tool,
)
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.content import (
    AssistantMessage,
    ToolResultsMessage,
    UserMessage,
)
from mentra_actors.domain.model_call import StopReason

pytestmark = pytest.mark.anyio

ROUND = [UserMessage, AssistantMessage, ToolResultsMessage]
CENT = PriceList({"scripted:lead": ModelPrice(input=100.0, output=400.0)}, library=False)
"""40 tokens in and 15 out cost one cent."""


@tool(retry="safe")
async def look() -> str:
    """Look."""
    return "a result\n"


def costing(tokens, *blocks):
    """An answer of these blocks for so many tokens, of which 15 are output."""
    usage = TokenUsage(input_tokens=tokens - 15, output_tokens=15)
    return ModelReply(blocks=blocks, stop_reason=StopReason.END_TURN, usage=usage)


def looking(tokens):
    """An answer that calls `look`."""
    return costing(tokens, call("look"))


async def kinds_of(agent):
    """The classes of the messages that a model would be sent now."""
    return [type(message) for message in await agent.conversation.history()]


# --- tokens -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("budget", "end", "requests"),
    [(60, ("", "early", "token_budget"), 1), (61, ("I saw it.", "answered", ""), 2)],
)
async def test_a_token_budget_ends_the_run_once_it_is_reached(played, budget, end, requests):
    """To the token: input and output together, and no request is sent that nobody can pay."""
    async with played([looking(60), "I saw it."], look) as team:
        agent = await team.spawn()
        reply = await agent.send("Look", token_budget=budget)
        kinds = await kinds_of(agent)

    assert (reply.text, reply.ending, reply.early_end) == end
    assert len(team.requests) == requests
    assert kinds[:3] == ROUND
    assert len(kinds) == 2 + requests


async def test_work_that_a_budget_has_ended_is_what_the_next_run_goes_on_with(played):
    """What was paid for is not bought again: the next prompt finds the results."""
    async with played([looking(60), "I saw it."], look) as team:
        agent = await team.spawn()
        await agent.send("Look", token_budget=60)
        reply = await agent.send("What did you see?", token_budget=60)

    assert reply.text == "I saw it."
    assert len(team.events(e.ToolCallStarted)) == 1
    assert [type(message) for message in team.requests[1].messages] == [*ROUND, UserMessage]


async def test_without_a_budget_no_use_ends_a_run(played):
    """Limits are for those who set them."""
    async with played([looking(10**12), costing(10**12, say("Done."))], look) as team:
        agent = await team.spawn()
        reply = await agent.send("Look")

    assert (reply.text, reply.ending, reply.early_end) == ("Done.", "answered", "")
    assert reply.usage.total_tokens == 2 * 10**12


async def test_a_run_that_has_answered_was_not_ended_by_its_budget(played):
    """Whoever asks whether the work is whole must not be told that it was cut short."""
    async with played([costing(60, say("Done."))]) as team:
        agent = await team.spawn()
        reply = await agent.send("Go", token_budget=10)

    assert (reply.text, reply.ending, reply.early_end) == ("Done.", "answered", "")


async def test_an_answer_stands_although_no_request_can_carry_what_is_queued(played):
    """The words are not lost either: they wait for a run that can say them."""
    async with played([costing(60, say("Done.")), "I turn."]) as team:
        agent = await team.spawn()
        await agent.steer("Turn left")
        reply = await agent.send("Go", token_budget=60)
        waiting = await agent.snapshot()
        requests = len(team.requests)
        later = await agent.run_queued()

    assert (reply.text, reply.early_end) == ("Done.", "token_budget")
    assert (waiting.queued_steers, requests) == (1, 1)
    assert later.text == "I turn."
    assert team.requests[1].messages[-1].text == "Turn left"


# --- a stop -----------------------------------------------------------------------------------


@pytest.mark.parametrize("budget", [None, 20])
async def test_a_stop_from_a_tool_ends_the_run_after_its_round(played, budget):
    """What ran has its result and is counted; the stop is named, also beside a spent budget."""
    agents = []

    @tool
    async def enough() -> str:
        """Stop."""
        await agents[0].stop_run()
        return "stopping"

    async with played([costing(20, call("enough"), call("look"))], look, enough) as team:
        agents.append(await team.spawn())
        reply = await agents[0].send("Go", token_budget=budget)
        kinds = await kinds_of(agents[0])

    assert (reply.text, reply.ending, reply.early_end) == ("", "early", "stop_requested")
    assert reply.usage.total_tokens == 20
    assert (kinds, len(team.requests)) == (ROUND, 1)
    told = [finished.content for finished in team.events(e.ToolCallFinished)]
    assert told == ["stopping", "a result\n"]


# --- calls ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "kind", "words", "requests"),
    [
        ({"tool_budget": 1}, "tool_budget", "tool budget of the run is 1", 2),
        ({"model_budget": 1}, "model_budget", "all of its 1 model calls", 1),
    ],
)
async def test_limits_of_calls_are_hard_and_the_run_can_go_on(
    played, limits, kind, words, requests
):
    """A loop ends before it does more harm; a person who looks at it may let it go on."""
    async with played([[call("look")], [call("look")], "Done."], look) as team:
        agent = await team.spawn()
        with pytest.raises(RunFailed, match=words) as caught:
            await agent.send("Look", **limits)
        asked, looked = len(team.requests), len(team.events(e.ToolCallStarted))
        reply = await agent.resume(tool_budget=2, model_budget=None)

    assert (caught.value.kind, asked, looked) == (kind, requests, 1)
    assert (reply.text, len(team.requests)) == ("Done.", 3)


HARD = pytest.mark.parametrize(
    ("limits", "requests", "ran", "kept"),
    [
        ({"tool_budget": 0}, 1, 0, 3),
        ({"tool_budget": 1}, 2, 1, 5),
        ({"model_budget": 1}, 1, 1, 3),
    ],
)


@HARD
@pytest.mark.parametrize("on_failure", ["suspend", "rollback"])
async def test_a_run_that_a_hard_limit_ends_is_kept_or_taken_back(
    played, limits, requests, ran, kept, on_failure
):
    """Whoever pays keeps what was done; whoever wants all or nothing gets nothing."""
    async with played([[call("look")], [call("look")], "never said"], look) as team:
        agent = await team.spawn()
        with pytest.raises(RunFailed) as caught:
            await agent.send("Look", on_failure=on_failure, **limits)
        kinds = await kinds_of(agent)

    assert caught.value.kind in limits
    assert (len(team.requests), len(team.events(e.ToolCallStarted))) == (requests, ran)
    left = kept if on_failure == "suspend" else 0
    assert kinds == [*ROUND, *ROUND[1:]][:left]


# --- ends from outside ------------------------------------------------------------------------


@pytest.mark.parametrize("limits", [{"deadline_s": 0}, {"deadline_at": 1.0}])
async def test_a_run_that_is_over_before_it_begins_asks_nobody(played, limits):
    """A caller whose time is up pays nothing; what was asked stands in the conversation."""
    async with played(["never said"]) as team:
        agent = await team.spawn()
        with pytest.raises(RunFailed) as caught:
            await agent.send("Go", **limits)
        kinds = await kinds_of(agent)

    assert (caught.value.kind, team.requests) == ("deadline", [])
    assert kinds == [UserMessage]


@pytest.mark.parametrize("on_failure", ["suspend", "rollback"])
async def test_to_cancel_parallel_calls_tells_of_each_what_is_true(played, on_failure):
    """One is done, one may have happened, one never began; or all of it is as if never asked."""

    @tool(parallel=True)
    async def work(number: int) -> str:
        """Work."""
        if number == 2:
            await anyio.sleep_forever()
        return str(number)

    turns = [[call("work", number=1), call("work", number=2), call("look")]]
    async with played(turns, work, look) as team:
        agent = await team.spawn()
        async with agent.stream("Go", on_failure=on_failure) as live:
            await team.until(e.ToolCallFinished)
            await agent.cancel("enough")
            with pytest.raises(RunFailed, match="enough"):
                await live.result()
        said = await agent.conversation.history()

    told = [result.content for message in said[2:] for result in message.results]
    if on_failure == "suspend":
        assert told[0] == "1"
        assert told[1].startswith("The outcome of this call is unknown: the run was cancelled")
        assert told[2].startswith("not executed")
    else:
        assert said == []


# --- money ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("budget", "end"), [(0.01, "cost_budget"), (0.010001, "")])
async def test_a_budget_of_money_ends_the_run_once_it_is_spent(played, budget, end):
    """People think in dollars, and two models do not cost the same."""
    async with played([looking(55), "I saw it."], look, prices=CENT) as team:
        agent = await team.spawn()
        reply = await agent.send("Look", cost_budget_usd=budget)

    first = team.events(e.ModelReplied)[0]
    assert first.cost_usd_micros == 10_000
    assert (reply.ending, reply.early_end) == ("early" if end else "answered", end)
    assert len(team.requests) == (1 if end else 2)


async def test_a_budget_of_money_without_a_known_price_is_refused_in_words(played):
    """A limit that cannot be counted is none, and nobody would notice before the bill."""
    dear = ScriptedModel(["Hello."], name="dear")
    async with played([], providers=[dear], prices=PriceList(library=False)) as team:
        agent = await team.runtime.spawn("lead", model="dear:one")
        with pytest.raises(RunFailed, match="nobody knows what 'dear:one' costs") as caught:
            await agent.send("Hi", cost_budget_usd=1)
        reply = await agent.send("Hi")

    assert "prices=PriceList({model: ModelPrice(...)})" in str(caught.value)
    assert caught.value.kind == "configuration"
    assert (reply.text, reply.cost_usd_micros) == ("Hello.", None)


async def test_a_change_to_a_model_without_a_price_does_not_go_round_the_budget(played):
    """The price is looked at before each call, not only before the first."""
    dear = ScriptedModel(["Hello."], name="dear")
    agents = []

    @tool
    async def switch() -> str:
        """Change the model."""
        await agents[0].configure(model="dear:one")
        return "changed"

    async with played(
        [[call("switch")], "never said"], switch, providers=[dear], prices=CENT
    ) as team:
        agents.append(await team.spawn())
        with pytest.raises(RunFailed, match="nobody knows what 'dear:one' costs"):
            await agents[0].send("Go", cost_budget_usd=1)

    assert len(team.events(e.ModelReplied)) == 1
