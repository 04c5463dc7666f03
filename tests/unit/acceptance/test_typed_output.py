"""A run that is to end with a typed value: the model hands it over by a call made for it."""

import sys
from pathlib import Path

import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from invoices import (
    ACME,
    KEEPS_TOOLS,
    Invoice,
    handing_over,
    kinds_of,
    look,
    names_in,
    outputs_in,
    value,
)

from mentra_actors import ModelReply, NamedTool, NoOutput, TokenUsage, call, tool
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.content import AssistantMessage, ToolResultsMessage, UserMessage
from mentra_actors.domain.model_call import StopReason
from mentra_actors.runtime.agents.typed_output import terminal_output

pytestmark = pytest.mark.anyio


# --- what is offered --------------------------------------------------------------------------


async def test_one_round_gives_the_value(played):
    """Shaping an answer costs one request: nothing else is offered, and the call is forced."""
    async with played(handing_over((value(ACME),)), look) as team:
        agent = await team.spawn()
        invoice = await agent.run_to(Invoice, "What does this letter ask for?")

    assert invoice == ACME
    (request,) = team.requests
    assert names_in(request) == outputs_in(request)
    assert request.tool_choice == NamedTool(name=outputs_in(request)[0])
    (spec,) = request.tools
    assert spec.description == "What a letter asks for."
    assert msgspec.json.decode(spec.input_schema)["required"] == ["payee", "cents"]


async def test_a_working_run_keeps_its_tools(played):
    """It may look before it answers, and must be free to do so whatever is configured."""
    turns = handing_over([call("look")], (value(ACME),))
    async with played(turns, look) as team:
        agent = await team.spawn(tools=["look"], tool_choice=NamedTool(name="look"))
        invoice = await agent.run_to(Invoice, "Look first", output=KEEPS_TOOLS)

    assert invoice == ACME
    assert [names_in(request) for request in team.requests] == [
        ["look", *outputs_in(team.requests[0])]
    ] * 2
    assert [request.tool_choice for request in team.requests] == ["auto", "auto"]
    assert team.events(e.ToolCallFinished)[0].content == "a result\n"


async def test_the_next_run_has_its_own_tools_and_choice_back(played):
    """A typed question must not change how the agent works afterwards."""
    turns = handing_over((value(ACME),), "Gladly.")
    async with played(turns, look) as team:
        agent = await team.spawn(tools=["look"], tool_choice="any")
        await agent.run_to(Invoice, "What does this letter ask for?")
        await agent.send("Thanks")

    assert (names_in(team.requests[1]), team.requests[1].tool_choice) == (["look"], "any")


async def test_the_way_to_hand_over_belongs_to_its_run(played):
    """No other agent sees it, no later run has it, and no profile of tools can hide it."""
    name = terminal_output(Invoice).tool_name
    turns = {
        "lead": [[call(name, **value(ACME))], [call(name, **value(ACME))], "I see."],
        "other": [[call(name, **value(ACME))], "I see."],
    }
    async with played(turns, look) as team:
        lead = await team.spawn("lead", tools=["look"], hidden_tools=[name])
        other = await team.spawn("other", tools=["look"])
        await lead.steer("Turn left")
        assert await lead.run_to(Invoice, "What does this letter ask for?") == ACME
        waiting = await lead.snapshot()
        await lead.clear_queue("steer")
        told = []
        for agent in (lead, other):
            await agent.send("Go on")
            told += team.results()

    assert waiting.queued_steers == 1
    assert told == [("Tool not found", True)] * 2
    assert [names_in(request) for request in team.requests] == [[name], *([["look"]] * 4)]


# --- runs that end without a value ------------------------------------------------------------


@pytest.mark.parametrize(("turn", "text"), [("I'd rather talk.", "I'd rather talk."), ([], "")])
@pytest.mark.parametrize("output", [None, KEEPS_TOOLS])
async def test_prose_is_no_value(played, turn, text, output):
    """The program gets an error that says so and has the words; the conversation keeps them."""
    async with played([turn]) as team:
        agent = await team.spawn()
        with pytest.raises(NoOutput, match="ended without its Invoice") as caught:
            await agent.run_to(Invoice, "What does this letter ask for?", output=output)
        said = await agent.conversation.history()

    assert (caught.value.text, caught.value.ending) == (text, "answered")
    assert caught.value.run_id == "lead/run-1"
    assert kinds_of(said) == ([UserMessage, AssistantMessage] if text else [UserMessage])


@pytest.mark.parametrize("why", ["stop_requested", "token_budget"])
async def test_a_run_that_is_ended_early_has_no_value(played, why):
    """The reason is named, and the round that was paid for is kept."""
    agents = []

    @tool
    async def work() -> str:
        """Work."""
        if why == "stop_requested":
            await agents[0].stop_run()
        return "done"

    usage = TokenUsage(input_tokens=60)
    turn = ModelReply(blocks=(call("work"),), stop_reason=StopReason.TOOL_USE, usage=usage)
    limits = {"token_budget": 60} if why == "token_budget" else {}
    async with played([turn], work) as team:
        agents.append(await team.spawn())
        with pytest.raises(NoOutput, match=why.replace("_", " ")) as caught:
            await agents[0].run_to(Invoice, "Work first", output=KEEPS_TOOLS, **limits)
        said = await agents[0].conversation.history()

    assert (caught.value.ending, len(team.requests)) == ("early", 1)
    assert kinds_of(said) == [UserMessage, AssistantMessage, ToolResultsMessage]
    assert team.events(e.RunFinished)[0].early_end == why


async def test_a_value_of_another_type_is_not_the_one_that_was_asked_for(played):
    """The name of an earlier question is known no more, and the run goes on."""
    earlier = terminal_output(Invoice).tool_name
    turns = handing_over((value(ACME),), [call(earlier, **value(ACME))], ({"value": 7},))
    async with played(turns) as team:
        agent = await team.spawn()
        await agent.run_to(Invoice, "What does this letter ask for?")
        assert await agent.run_to(int, "How many pages has it?") == 7

    assert team.results() == [("Tool not found", True)]


async def test_the_value_of_an_earlier_run_counts_for_no_later_one(played):
    """The way to hand over has the same name each time; an old value must not pass for new."""
    async with played(handing_over((value(ACME),), "The same again.")) as team:
        agent = await team.spawn()
        assert await agent.run_to(Invoice, "What does this letter ask for?") == ACME
        with pytest.raises(NoOutput) as caught:
            await agent.run_to(Invoice, "And this one?")

    assert outputs_in(team.requests[0]) == outputs_in(team.requests[1])
    assert caught.value.text == "The same again."


# --- several calls in one answer --------------------------------------------------------------


async def test_calls_before_the_value_run_and_calls_after_it_do_not(played):
    """What comes first may be needed, what comes after the end is not done; each is answered."""
    turns = handing_over((call("look"), value(ACME), call("look")))
    async with played(turns, look) as team:
        agent = await team.spawn()
        assert await agent.run_to(Invoice, "Go", output=KEEPS_TOOLS) == ACME
        said = await agent.conversation.history()

    name = terminal_output(Invoice).tool_name
    assert [(one.name, one.content, one.is_error) for one in said[-1].results] == [
        ("look", "a result\n", False),
        (name, "The output was taken.", False),
        ("look", f"not executed: run terminated by '{name}'", True),
    ]
    assert [one.tool for one in team.events(e.ToolCallStarted)] == ["look"]


async def test_the_value_waits_for_the_parallel_calls_before_it(played):
    """It is the end of the run, so nothing may still be running, and nothing may begin."""
    done = []

    @tool(parallel=True)
    async def work(number: int) -> str:
        """Work."""
        done.append(number)
        return str(number)

    works = [call("work", number=number) for number in range(3)]
    turns = handing_over((works[0], works[1], value(ACME), works[2]))
    async with played(turns, work) as team:
        agent = await team.spawn()
        assert await agent.run_to(Invoice, "Go", output=KEEPS_TOOLS) == ACME

    assert sorted(done) == [0, 1]
    steps = [step for step in team.steps() if step.startswith("ToolCall")]
    assert steps == [
        "ToolCallsPlanned",
        *(["ToolCallStarted"] * 2),
        *(["ToolCallFinished"] * 3),
        "ToolCallSkipped",
    ]
    assert team.events(e.ToolCallFinished)[-1].key == "tool-1.2"


async def test_of_two_values_the_first_counts(played):
    """Two answers to one question are no choice that a program could make."""
    other = {"payee": "Other", "cents": 1}
    async with played(handing_over((value(ACME), other))) as team:
        agent = await team.spawn()
        assert await agent.run_to(Invoice, "Go") == ACME
        said = await agent.conversation.history()

    assert [one.is_error for one in said[-1].results] == [False, True]
    assert said[-1].results[1].content.startswith("not executed: run terminated by")
