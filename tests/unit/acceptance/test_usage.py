"""What it has cost: every model call with its tokens and its price, and the sums of them."""

from functools import partial

import anyio
import pytest

from mentra_actors import (
    ModelPrice,
    ModelReply,
    PriceList,
    ProviderError,
    RunFailed,
    ScriptedModel,
    TokenUsage,
    ToolContext,
    call,
    say,
    tool,
)
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.model_call import StopReason
from mentra_actors.providers.port import UsageReported
from mentra_actors.providers.scripted import NEVER_ENDS, NeverEnds, position
from projections.feeds import agent_event as told
from projections.views.usage import USAGE, Usage, agent_usage, team_usage, usage_by_round

pytestmark = pytest.mark.anyio

PRICES = PriceList(
    {
        "scripted:lead": ModelPrice(input=10.0, output=50.0, cached_input=1.0),
        "scripted:cheap": ModelPrice(input=1.0, output=5.0),
        "metered:lead": ModelPrice(input=10.0, output=50.0, cached_input=1.0),
    },
    library=False,
)
"""Dollars for a million tokens, and so millionths of a dollar for one."""
KINDS = TokenUsage(input_tokens=100, output_tokens=20, cached_input_tokens=40, reasoning_tokens=5)
COST = 60 * 10 + 40 * 1 + 20 * 50
"""Of `KINDS`, for the model `lead`."""


@tool(retry="safe")
async def look() -> str:
    """Look."""
    return "a result\n"


def answer(*blocks, usage=KINDS):
    return ModelReply(blocks=blocks, stop_reason=StopReason.END_TURN, usage=usage)


class Metered(ScriptedModel):
    """A model that says what an answer has used before it says the answer, and may then break."""

    def __init__(self, turns, *failures):
        super().__init__(turns, name="metered")
        self._failures = list(failures)
        self.has_said = anyio.Event()

    async def stream(self, request):
        yield UsageReported(usage=KINDS)
        self.has_said.set()
        if self._failures:
            raise self._failures.pop(0)
        async for event in super().stream(request):
            yield event


async def first_events(agent, kind, count):
    """So many events of one class, from the beginning of an agent's feed."""
    found = []
    with anyio.fail_after(10):
        async with agent.events(after=0) as feed:
            async for item in feed:
                found += [item.event] if isinstance(item.event, kind) else []
                if len(found) == count:
                    break
    return found


# --- calls, rounds, runs, models --------------------------------------------------------------


async def test_each_call_has_its_tokens_and_its_price(played):
    """A sum that nobody can take apart cannot be checked against the bill of a provider."""
    async with played([answer(call("look")), answer(say("Done."))], look, prices=PRICES) as team:
        agent = await team.spawn()
        reply = await agent.send("Look")
        run = await agent.usage_of_run(reply.run_id)
        reports = await first_events(agent, told.UsageReport, 2)

    assert [(one.round, one.attempt, one.how) for one in run.calls] == [
        (1, 1, "answered"),
        (2, 1, "answered"),
    ]
    assert [(one.model, one.tokens, one.cost_usd_micros) for one in run.calls] == [
        ("scripted:lead", KINDS, COST)
    ] * 2
    assert [(one.model, one.usage, one.cost_usd_micros) for one in reports] == [
        ("scripted:lead", KINDS, COST)
    ] * 2
    assert {number: one.calls for number, one in usage_by_round(run).items()} == {1: 1, 2: 1}
    assert (reply.usage, reply.cost_usd_micros) == (KINDS + KINDS, 2 * COST)
    assert run.total.cost_usd == pytest.approx(2 * COST / 1e6)


async def test_runs_and_models_are_counted_apart_and_the_agent_has_it_all(played):
    """What did this question cost, and would the small model have done?"""
    turns = [answer(say("One.")), answer(say("Two."))]
    async with played(lambda request: turns[position(request)], prices=PRICES) as team:
        agent = await team.spawn()
        first = await agent.send("One?")
        await agent.configure(model="scripted:cheap")
        second = await agent.send("Two?")
        of_agent = await agent.usage()
        runs = [await agent.usage_of_run(one.run_id) for one in (first, second)]

    cheap = 100 * 1 + 20 * 5
    assert [run.total.cost_usd_micros for run in runs] == [COST, cheap]
    assert {name: one.cost_usd_micros for name, one in of_agent.by_model.items()} == {
        "scripted:lead": COST,
        "scripted:cheap": cheap,
    }
    assert of_agent.total == runs[0].total + runs[1].total


async def test_a_run_that_is_open_shows_what_it_has_used(played):
    """Whoever watches the meter can stop before the bill comes."""
    async with played([answer(call("look")), NEVER_ENDS], look, prices=PRICES) as team:
        agent = await team.spawn()
        async with agent.stream("Go"):
            seen = await agent.wait_for_snapshot(lambda now: now.rounds == 2)
            await agent.cancel()

    assert (seen.tokens, seen.cost_usd_micros) == (120, COST)


async def test_what_was_used_is_known_after_a_restart(played, tmp_path):
    """A month has many processes and one bill."""
    path = tmp_path / "team"
    async with played([answer(say("One."))], path=path, prices=PRICES) as team:
        agent = await team.spawn()
        await agent.send("One?")
        before = await agent.usage()
    async with played([], path=path) as team:
        after = await (await team.runtime.agent("lead")).usage()

    assert before == after
    assert after.total.cost_usd_micros == COST


# --- calls that fail --------------------------------------------------------------------------


async def test_a_call_that_fails_counts_with_what_its_provider_has_said(played):
    """A broken stream is on the bill too; budgets that forget it are too large."""
    broke = ProviderError("broke", kind="transport", transient=True)
    model = Metered([answer(say("Done."))], broke)
    async with played([], providers=[model], prices=PRICES) as team:
        agent = await team.runtime.spawn("lead", model="metered:lead")
        reply = await agent.send("Go", retry={"base_s": 0.0, "max_s": 0.0})
        run = await agent.usage_of_run(reply.run_id)
        reports = await first_events(agent, told.UsageReport, 2)

    assert [(one.attempt, one.how, one.cost_usd_micros) for one in run.calls] == [
        (1, "failed", COST),
        (2, "answered", COST),
    ]
    assert (reply.usage, reply.cost_usd_micros) == (KINDS + KINDS, 2 * COST)
    assert [one.cost_usd_micros for one in reports] == [COST, COST]


async def test_a_call_that_fails_is_paid_from_the_budget(played):
    """The next attempt is only made if it can be paid as well."""
    broke = ProviderError("broke", kind="transport", transient=True)
    model = Metered(["never said"], broke)
    async with played([], providers=[model], prices=PRICES) as team:
        agent = await team.runtime.spawn("lead", model="metered:lead")
        reply = await agent.send("Go", cost_budget_usd=COST / 1e6)

    assert (reply.text, reply.early_end) == ("", "cost_budget")
    assert len(team.events(e.ModelCallRequested)) == 1


async def test_a_refused_call_counts_and_has_cost_nothing(played):
    """It was made; a provider that refuses does not say that it has used anything."""
    refused = ProviderError("no", kind="http", transient=False, status=400)
    async with played([], model_options={"fail_first": [refused]}, prices=PRICES) as team:
        agent = await team.spawn()
        with pytest.raises(RunFailed):
            await agent.send("Go")
        used = await agent.usage()

    assert used.total == Usage(calls=1, failed_calls=1)


async def test_an_answer_that_is_cancelled_counts_with_what_it_has_used(played):
    """Nobody reads the words any more, but they are paid."""
    model = Metered([NeverEnds(text="Well")])
    async with played([], providers=[model], prices=PRICES) as team:
        agent = await team.runtime.spawn("lead", model="metered:lead")
        async with agent.stream("Go"):
            await agent.wait_for_snapshot(lambda now: now.current_text == "Well")
            await agent.cancel()
        await team.until(e.AnswerAbandoned)
        used = await agent.usage()
        run = await agent.usage_of_run("lead/run-1")

    assert used.total == Usage(calls=1, failed_calls=1, tokens=KINDS, cost_usd_micros=COST)
    assert [one.how for one in run.calls] == ["abandoned"]


async def test_a_model_without_a_known_price_is_named_as_such(played):
    """A sum that leaves something out is no bill, and 0 would be a lie."""
    turns = [answer(say("One.")), answer(say("Two."))]
    dear = ScriptedModel(lambda request: turns[position(request)], name="dear")
    async with played(turns, providers=[dear], prices=PRICES) as team:
        agent = await team.spawn()
        await agent.send("One?")
        await agent.configure(model="dear:one")
        reply = await agent.send("Two?")
        used = await agent.usage()

    assert (reply.usage, reply.cost_usd_micros) == (KINDS, None)
    assert (used.total.cost_usd_micros, used.total.unpriced_calls) == (COST, 1)
    assert used.by_model["dear:one"].tokens == KINDS


# --- subagents --------------------------------------------------------------------------------


async def test_what_a_cancelled_subagent_has_used_is_paid_from_the_budget(played):
    """Two answers of 120 tokens and one of 120 that nobody has heard to its end are 360."""
    model = Metered([NeverEnds(text="Well")])

    @tool
    async def consult(context: ToolContext) -> str:
        """Ask, and then lose interest."""
        ask = partial(context.run_subagent, "Think.", model="metered:expert")
        async with anyio.create_task_group() as group:
            group.start_soon(ask)
            await model.has_said.wait()
            group.cancel_scope.cancel()
        return "never mind"

    @tool
    async def wait() -> str:
        """Wait until the answer is given up."""
        await team.until(e.AnswerAbandoned)
        return "it is gone"

    turns = [answer(call("consult")), answer(call("wait")), "never said"]
    async with played(turns, consult, wait, providers=[model]) as team:
        lead = await team.spawn()
        reply = await lead.send("Go", token_budget=360)

    assert (reply.text, reply.early_end, len(team.requests)) == ("", "token_budget", 2)


async def test_a_subagent_counts_to_who_made_it_and_a_teammate_does_not(played):
    """What a lead costs is what it has others do; a colleague has a bill of its own."""

    def turn(request):
        if "You are a subagent" in request.system:
            return answer(say("Done."), usage=TokenUsage(input_tokens=7))
        return [answer(call("task", prompt="Do it.")), answer(say("Done."))][position(request)]

    async with played(turn, prices=PRICES) as team:
        lead, mate = await team.spawn("lead"), await team.spawn("cheap")
        reply = await lead.send("Go")
        own, whole = await lead.usage(with_subagents=False), await lead.usage()
        of_mate = await mate.usage()
        parts = await team.runtime.view(USAGE)

    assert own.total.cost_usd_micros == reply.cost_usd_micros == 2 * COST
    assert of_mate.total == Usage()
    assert agent_usage(parts, "lead.tool-1.0").total.cost_usd_micros == 70
    assert team_usage(parts) == whole
    assert (whole.total.calls, whole.total.cost_usd_micros) == (3, 2 * COST + 70)
