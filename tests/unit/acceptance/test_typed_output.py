"""A run that is to end with a typed value: the model hands it over by a call made for it."""

import re
from dataclasses import dataclass
from typing import Literal, TypedDict

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mentra_actors import (
    ConfigurationError,
    ModelReply,
    NamedTool,
    NoOutput,
    RunFailed,
    RunOptions,
    TokenUsage,
    call,
    output_of,
    tool,
)
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.content import AssistantMessage, ToolResultsMessage, UserMessage
from mentra_actors.domain.model_call import StopReason
from mentra_actors.providers.scripted import position
from mentra_actors.runtime.typed_output import terminal_output

pytestmark = pytest.mark.anyio

KEEPS_TOOLS = {"keeps_tools": True}


class Invoice(msgspec.Struct):
    """What a letter asks for."""

    payee: str
    cents: int

    def __post_init__(self):
        if self.cents < 0:
            raise ValueError("cents must not be negative")


ACME = Invoice(payee="ACME", cents=1250)


@tool(retry="safe")
async def look() -> str:
    """Look."""
    return "a result\n"


def outputs_in(request):
    """Names of the tools of a request that hand over a value."""
    return [spec.name for spec in request.tools if spec.name.startswith("final_")]


def names_in(request):
    return [spec.name for spec in request.tools]


def handing_over(*turns):
    """A script in which `(value, …)` stands for calls that hand over these values."""

    def script(request):
        turn = turns[position(request)]
        if not isinstance(turn, tuple):
            return turn
        (name,) = outputs_in(request)
        return [one if hasattr(one, "call_id") else call(name, **one) for one in turn]

    return script


def value(invoice):
    return msgspec.to_builtins(invoice)


def kinds_of(messages):
    return [type(message) for message in messages]


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
        with pytest.raises(NoOutput, match="without handing over Invoice") as caught:
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
        with pytest.raises(NoOutput, match=why) as caught:
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


# --- values that do not fit -------------------------------------------------------------------


async def test_a_value_that_does_not_fit_is_sent_back_and_never_accepted(played):
    """The model is told what is wrong, by the schema and by the type's own code."""
    wrong = {"payee": "ACME", "cents": "12.50"}
    negative = {"payee": "ACME", "cents": -1}
    turns = handing_over((wrong,), (negative,), (value(ACME),))
    async with played(turns) as team:
        agent = await team.spawn()
        invoice = await agent.run_to(Invoice, "What does this letter ask for?")

    assert invoice == ACME
    told = [request.messages[-1].results[0] for request in team.requests[1:]]
    assert [one.is_error for one in told] == [True, True]
    assert "`cents`" in told[0].content
    assert told[1].content == "The value does not fit: cents must not be negative"
    assert len([one for one in team.events(e.ToolCallFinished) if one.terminate]) == 1


async def test_a_wrong_value_beside_a_right_one_does_not_spoil_it(played):
    """A model that corrects itself within one answer has answered."""
    wrong = {"payee": "ACME"}
    async with played(handing_over((wrong, value(ACME)))) as team:
        agent = await team.spawn()
        assert await agent.run_to(Invoice, "Go") == ACME

    assert len(team.requests) == 1


async def test_a_native_answer_is_checked_and_asked_for_once_more(played):
    """What a provider promises is looked at all the same, and only accepted if it fits."""
    turns = ['{"payee": "ACME"}', '{"payee": "ACME", "cents": 1250}']
    async with played(turns, look) as team:
        agent = await team.spawn(tools=["look"])
        invoice = await agent.run_to(Invoice, "Read this", output={"mode": "native"})

    assert invoice == ACME
    assert [request.output.name for request in team.requests] == [
        terminal_output(Invoice).tool_name
    ] * 2
    told = team.requests[1].messages[-1].text
    assert told.startswith("Your answer does not match the requested format: ")
    assert "`cents`" in told


async def test_a_native_answer_that_never_fits_is_no_value(played):
    """Asking for ever costs money; the program hears what was said instead."""
    async with played(["no", "no", "no"]) as team:
        agent = await team.spawn()
        with pytest.raises(NoOutput) as caught:
            await agent.run_to(Invoice, "Read this", output={"mode": "native", "retries": 1})

    assert (caught.value.text, len(team.requests)) == ("no", 2)


# --- types ------------------------------------------------------------------------------------


@dataclass
class Point:
    x: int
    y: float = 0.0


class Options(TypedDict):
    mode: Literal["fast", "slow"]


@pytest.mark.parametrize(
    ("kind", "handed", "expected"),
    [
        (int, {"value": 7}, 7),
        (list[str], {"value": ["a", "b"]}, ["a", "b"]),
        (int | None, {"value": None}, None),
        (dict[str, int], {"value": {"a": 1}}, {"a": 1}),
        (Point, {"x": 1, "y": 2}, Point(x=1, y=2.0)),
        (Options, {"mode": "slow"}, {"mode": "slow"}),
    ],
)
async def test_any_type_that_json_can_carry_may_be_asked_for(played, kind, handed, expected):
    """Not only records: a number or a list is asked for as the one field of an object."""
    async with played(handing_over((handed,))) as team:
        agent = await team.spawn()
        assert await agent.run_to(kind, "Go") == expected


async def test_a_type_that_json_cannot_carry_is_refused_before_anything_is_sent(played):
    """The program is wrong, not the model: it hears so at once and pays nothing."""
    async with played([]) as team:
        agent = await team.spawn()
        with pytest.raises(ConfigurationError, match="complex cannot be a typed output"):
            await agent.run_to(complex, "Go")

    assert (team.requests, team.steps()) == ([], ["AgentSpawned"])


WORDS = st.text("aZ09_- .", min_size=1, max_size=200)
NAMES = WORDS | st.text(min_size=1, max_size=50).filter(lambda name: "\0" not in name)


@given(NAMES, st.sampled_from([int, str, list[bool]]))
def test_the_name_is_one_that_every_provider_takes_and_the_same_each_time(name, kind):
    """Caches of prompts hold as long as requests begin alike; two types never share a name."""
    first, again = (
        terminal_output(msgspec.defstruct(name, [("field", kind)])).tool_name for _ in range(2)
    )
    other = terminal_output(msgspec.defstruct(name, [("other", kind)])).tool_name

    assert re.fullmatch(r"[A-Za-z0-9_]{1,64}", first)
    assert first == again
    assert first != other


# --- beyond one process -----------------------------------------------------------------------


async def test_the_value_of_a_prompt_survives_a_restart(played, tmp_path):
    """A program that asks the same again gets the value that was paid for, and no new one."""
    ask = {"prompt_id": "letter-7"}
    async with played(handing_over((value(ACME),)), path=tmp_path / "team") as team:
        agent = await team.spawn()
        first = await agent.run_to(Invoice, "What does this letter ask for?", **ask)
    async with played([], path=tmp_path / "team") as team:
        agent = await team.runtime.agent("lead")
        again = await agent.run_to(Invoice, "What does this letter ask for?", **ask)
        reply = await agent.send("What does this letter ask for?", **ask)
        requests = len(team.requests)

    assert first == again == output_of(reply, Invoice) == ACME
    assert requests == 0


async def test_a_typed_run_has_the_limits_of_its_agent(played):
    """A wish for a type must not lift the budget that the agent was given."""
    turns = handing_over([call("look")], (value(ACME),))
    async with played(turns, look) as team:
        agent = await team.spawn(run=RunOptions(tool_budget=0))
        with pytest.raises(RunFailed, match="may make 0 tool calls"):
            await agent.run_to(Invoice, "Look first", output=KEEPS_TOOLS)

    assert team.events(e.ToolCallStarted) == []


async def test_a_typed_run_that_is_resumed_still_ends_with_its_value(played):
    """What stopped it is lifted; what it was asked for stays."""
    turns = handing_over([call("look")], (value(ACME),))
    async with played(turns, look) as team:
        agent = await team.spawn()
        with pytest.raises(RunFailed):
            await agent.run_to(Invoice, "Look", output=KEEPS_TOOLS, model_budget=1)
        reply = await agent.resume(model_budget=9)

    assert output_of(reply, Invoice) == ACME
