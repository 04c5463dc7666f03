"""What a program is told of arguments of a wrong kind: in words, before anything begins."""

import pytest

from mentra_actors import RetrySchedule, RunOptions, ScriptedModel, open_runtime_sync, say, tool
from mentra_actors.domain.agent.profile import ProfileChanges
from mentra_actors.domain.storable import as_stored
from mentra_actors.errors import UnknownModel


@tool(retry="safe")
def look() -> str:
    """Look around."""
    return "Nothing."


@pytest.fixture
def team():
    """A runtime with an agent that has answered once; what is refused changes neither."""
    model = ScriptedModel(lambda _request: say("Yes."))
    with open_runtime_sync(":memory:", providers=[model], tools=[look]) as runtime:
        lead = runtime.spawn("lead", model="scripted:x")
        lead.send("Is it?", timeout_s=20)
        yield runtime, lead


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"model": 5}, "`model` must be a string, found a whole number"),
        ({"tools": [5]}, r"`tools\[0\]` must be a string, found a whole number"),
        ({"hidden_tools": 5}, "`hidden_tools` must be a list, found a whole number"),
        ({"temperature": "hot"}, "`temperature` must be a number or None, found a string"),
        ({"temperature": True}, "`temperature` must be a number or None, found a flag"),
        ({"wake_on_mail": None}, "`wake_on_mail` must be True or False, found None"),
        ({"reasoning": "high"}, "`reasoning` must be ReasoningOptions or None, found a string"),
        ({"tool_choice": "al"}, "must be 'any' or 'auto' or 'none' or NamedTool, found 'al'"),
        ({"metadata": {5: "a"}}, "a name in `metadata` must be a string, found a whole number"),
        ({"metadata": {"a": b""}}, r"`metadata\[\.\.\.\]` must be a string"),
        ({"metadata": {"a": 1j}}, "what a log cannot keep is in it: .*complex"),
    ],
    ids=str,
)
def test_what_a_log_refuses_is_told_by_its_place_and_in_words(changes, told):
    """The words of the library that reads and writes logs say nothing to who gave a value."""
    with pytest.raises(TypeError, match=told) as refused:
        as_stored(ProfileChanges(**changes), ProfileChanges, "configure")
    assert "Expected" not in str(refused.value)


def test_a_field_in_a_field_is_told_with_the_whole_way_to_it():
    options = RunOptions(retry=RetrySchedule(base_s="soon"))
    with pytest.raises(TypeError, match=r"a run: `retry.base_s` must be a number, found a string"):
        as_stored(options, RunOptions, "a run")


WRONG = {
    "the name of an agent is a plain string": lambda runtime, _: runtime.spawn(5, model="a:b"),
    "a model is a plain string": lambda runtime, _: runtime.spawn("bob", model=None),
    "tools are a list of names": lambda runtime, _: runtime.spawn("bob", model="a:b", tools=5),
    "and look is none: open the": lambda _, lead: lead.configure(tools=[look]),
    "and look is none: a subagent": lambda _, lead: lead.subagents.run("Look.", tools=[look]),
    "a position is a whole": lambda runtime, _: runtime.approvals(at_position=b"x"),
    "an attachment is an image or": lambda runtime, _: runtime.content_of(5),
    "a directory of skills is": lambda runtime, _: runtime.register_skills_dir(5),
    "the name of a skill is": lambda runtime, _: runtime.skill_body({}),
    "the id of a task is": lambda runtime, _: runtime.board.get({}),
    "the name of a person is": lambda runtime, _: runtime.members.take_seat(5, role="r"),
    "a role is a plain string": lambda runtime, _: runtime.members.take_seat("ann", role=5),
    "a name is a plain string": lambda runtime, _: runtime.history.replay({}),
    "agents are a list of names": lambda runtime, _: runtime.history.replay_all(5),
    "deciders are a mapping": lambda runtime, _: runtime.history.verify(deciders=5),
    "a version is a whole number": lambda _, lead: lead.context.at(b"x"),
    "a version is a whole number, not b": lambda _, lead: lead.transcript(at_version=b"x"),
    "a model call has a number": lambda _, lead: lead.context.of_call(b"x"),
    "the id of a run is": lambda _, lead: lead.usage_of_run(5),
    "attachments are a list of": lambda _, lead: lead.send("Hi", attachments=5),
    "what `image` or `document` gives": lambda _, lead: lead.send("Hi", attachments=["a"]),
    "timeout_s is a number of seconds": lambda _, lead: lead.send("Hi", timeout_s=b"x"),
}


@pytest.mark.parametrize("told", WRONG)
def test_a_wrong_kind_is_told_where_it_is_given(team, told):
    """And nothing has begun: a prompt with a wrong limit would be paid for all the same."""
    before = team[1].snapshot().stream_version

    with pytest.raises(TypeError, match=told):
        WRONG[told](*team)

    assert team[1].snapshot().stream_version == before


@pytest.mark.parametrize("timeout_s", [10.0**30, float("inf"), None])
def test_a_time_that_no_clock_can_count_is_without_end(team, timeout_s):
    assert team[1].send("Is it?", timeout_s=timeout_s).text == "Yes."


def test_a_provider_that_is_no_name_is_not_there(team):
    with pytest.raises(UnknownModel, match="a provider has a name, and"):
        team[0].models({})
