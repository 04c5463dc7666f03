"""Plans of calls: found, offered, sound, and in which lane, before anything is written."""

import msgspec
import pytest

from mentra_actors.domain.agent.events import AgentProfile
from mentra_actors.domain.agent.run_options import RunOptions, TerminalOutput
from mentra_actors.domain.content import TextBlock, ToolCallBlock
from mentra_actors.domain.model_call import ModelReply, StopReason
from mentra_actors.effects.calls.call_plans import CallPlanner
from mentra_actors.tools.contract import Tool
from mentra_actors.tools.functions.decorator import tool
from mentra_actors.tools.registry import ToolRegistry

PROFILE = AgentProfile(agent_id="a", name="a", team_id="main", role="r", model="scripted:m")


PLANNER = CallPlanner(ToolRegistry(), reviews=False)


@tool(retry="safe", parallel=True)
async def look(place: str = "here") -> str:
    """Look at a place."""
    return place


@tool(compensate=lambda call: None)
async def hidden() -> str:
    """Not for this agent."""
    return ""


def planned(
    name, arguments, profile=PROFILE, tools=(look, hidden), options=RunOptions(), reviews=False
):
    block = ToolCallBlock(call_id="c", name=name, arguments=arguments)
    reply = ModelReply(blocks=(block,), stop_reason=StopReason.TOOL_USE)
    planner = CallPlanner(ToolRegistry(tools), reviews=reviews)
    (plan,) = planner.plans("model-1", reply, profile, options)
    assert plan.key == "tool-1.0"
    return plan


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("{", "invalid"),
        ("[1]", "expected a JSON object, found list"),
        ('{"place": NaN}', "NaN is not JSON"),
        ('{"place": "\\ud800"}', "surrogates"),
        ('{"place": ' + "9" * 5000 + "}", "invalid"),
        ("[" * 100_000, "invalid"),
    ],
    ids=["cut", "list", "NaN", "half a character", "huge number", "deep"],
)
def test_arguments_that_are_no_json_object_are_refused_with_a_reason(arguments, told):
    """The model can only mend what it is told."""
    plan = planned("look", arguments)

    assert "was not executed" in plan.refusal
    assert told in plan.refusal
    assert len(plan.refusal) < 1000


def test_empty_arguments_are_none():
    """Some models send nothing for a tool without parameters."""
    assert planned("look", "  ").refusal == ""
    assert planned("look", '{"place": "\\ud83d\\ude00"}').refusal == ""


def test_a_tool_that_is_not_offered_is_refused():
    """Hiding it from the list does not keep a model from guessing its name."""
    profile = AgentProfile(
        agent_id="a", name="a", team_id="main", role="r", model="m", tools=("look",)
    )

    assert "not available" in planned("hidden", "{}", profile).refusal


def test_a_tool_that_cannot_say_runs_alone():
    """Running beside others is a promise; without it the safe way is one at a time."""
    shy = Tool(
        name="shy",
        description="",
        input_schema="{}",
        run=look.run,
        is_parallel=lambda arguments: arguments["missing"],
    )
    plan = planned("shy", "{}", tools=[shy])

    assert (plan.refusal, plan.parallel) == ("", False)


def test_arguments_of_another_shape_are_refused_before_anything_runs():
    """All that is wrong is said at once, and what the tool takes."""
    plan = planned("look", '{"place": 1, "plase": "x"}')

    assert "Invalid arguments for tool 'look'" in plan.refusal
    assert "Nothing was run." in plan.refusal


def test_a_review_checks_the_arguments_itself():
    """A hook may mend them first."""
    plan = planned("look", '{"place": 1}', reviews=True)

    assert (plan.refusal, plan.needs_review) == ("", True)
    assert planned("nobody", "{}", reviews=True).refusal == "Tool not found"


def test_a_tool_that_can_undo_its_calls_is_marked():
    """So that the log knows which calls can be undone, also in a later process."""
    assert planned("hidden", "{}").can_compensate
    assert not planned("look", "{}").can_compensate


SCHEMA = '{"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}'
BY_TOOL = RunOptions(output=TerminalOutput(tool_name="hand_over", schema=SCHEMA))
NATIVE = TerminalOutput(tool_name="", schema=SCHEMA, mode="native")


@pytest.mark.parametrize(
    ("arguments", "refused"), [('{"n": 1}', ""), ('{"n": "x"}', "`n`"), ("{", "invalid")]
)
def test_the_call_that_hands_over_the_value_is_checked(arguments, refused):
    """The schema of the value is that of its type."""
    plan = planned("hand_over", arguments, options=BY_TOOL)

    assert plan.is_output
    assert (refused in plan.refusal) if refused else not plan.refusal


def test_the_name_of_that_tool_means_nothing_in_other_runs():
    """It is offered in one run, and known in no other."""
    assert planned("hand_over", '{"n": 1}').refusal == "Tool not found"


@pytest.mark.parametrize(
    ("text", "is_value", "fault"),
    [
        (' {"n": 1} ', True, ""),
        ('{"n": "x"}', False, "`n`"),
        ("no", False, "Expecting value"),
        ("", False, "the answer is empty"),
    ],
)
def test_a_native_answer_is_checked_as_the_value(text, is_value, fault):
    """What a provider promises is looked at all the same."""
    reply = ModelReply(blocks=(TextBlock(text=text),), stop_reason=StopReason.END_TURN)
    found, said = PLANNER.output_verdict(reply, NATIVE)

    assert found == is_value
    assert (fault in said) if fault else not said


def test_an_answer_with_calls_is_no_value_yet():
    """The run goes on with the calls."""
    call = ToolCallBlock(call_id="c", name="look")
    reply = ModelReply(blocks=(TextBlock(text="no"), call), stop_reason=StopReason.TOOL_USE)

    assert PLANNER.output_verdict(reply, NATIVE) == (False, "")
    assert PLANNER.output_verdict(reply, None) == (False, "")


def test_a_type_may_say_more_than_its_schema():
    """Its text goes to the model, as the faults of its schema do."""
    checks = {"hand_over": lambda value: "" if value["n"] > 1 else "n is too small"}
    planner = CallPlanner(ToolRegistry(), reviews=False, output_checks=checks)
    block = ToolCallBlock(call_id="c", name="hand_over", arguments='{"n": 1}')
    reply = ModelReply(blocks=(block,), stop_reason=StopReason.TOOL_USE)
    named = msgspec.structs.replace(NATIVE, tool_name="hand_over")
    text = ModelReply(blocks=(TextBlock(text='{"n": 1}'),), stop_reason=StopReason.END_TURN)

    (plan,) = planner.plans("model-1", reply, PROFILE, BY_TOOL)

    assert plan.refusal == "n is too small"
    assert planner.output_verdict(text, named) == (False, "n is too small")
