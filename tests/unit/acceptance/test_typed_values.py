"""The typed value of a run: checked before it is taken, of any type, and there after a restart."""

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypedDict

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
from invoices import ACME, KEEPS_TOOLS, Invoice, handing_over, look, value

from mentra_actors import (
    ConfigurationError,
    NoOutput,
    RunFailed,
    RunOptions,
    call,
    output_of,
)
from mentra_actors.domain.agent import events as e
from mentra_actors.runtime.agents.typed_output import terminal_output

pytestmark = pytest.mark.anyio


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
    assert told.startswith("Your answer does not match the requested format: missing")
    assert "`cents`" in told
    assert "tool" not in told
    assert [request.tools for request in team.requests] == [()] * 2


async def test_a_native_answer_that_never_fits_is_no_value(played):
    """Asking for ever costs money; the program hears what was said instead."""
    async with played(["no", "no", "no"]) as team:
        agent = await team.spawn()
        with pytest.raises(NoOutput) as caught:
            await agent.run_to(Invoice, "Read this", output={"mode": "native", "retries": 1})

    assert (caught.value.text, len(team.requests)) == ("no", 2)


async def test_a_value_that_never_fits_is_not_asked_for_for_ever(played):
    """Fifty rounds of the same mistake are fifty bills."""
    wrong = {"payee": "ACME"}
    async with played(handing_over(*[(wrong,)] * 9)) as team:
        agent = await team.spawn()
        with pytest.raises(NoOutput, match="nothing came that fits"):
            await agent.run_to(Invoice, "Read this", output={"retries": 1})
        with pytest.raises(TypeError, match="an output has no 'keep_tools'; there are"):
            await agent.run_to(Invoice, "Read this", output={"keep_tools": True})
        with pytest.raises(TypeError, match="output is a dict like"):
            await agent.run_to(Invoice, "Read this", output="native")

    assert len(team.requests) == 2
    assert team.events(e.RunFinished)[0].output == ""


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
        with pytest.raises(RunFailed, match="tool budget of the run is 0"):
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
