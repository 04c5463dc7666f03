"""Names where an agent is meant, and names of tools that there are not."""

import logging

import pytest

from mentra_actors import ScriptedModel, open_runtime, open_runtime_sync, tool

pytestmark = pytest.mark.anyio


@tool
def pay() -> str:
    """Pay."""
    return "paid"


@pytest.fixture
def options():
    return {"providers": [ScriptedModel(turns=[])], "durability": "volatile"}


def test_the_name_of_an_agent_is_no_agent(options):
    with open_runtime_sync(":memory:", **options) as runtime:
        runtime.spawn("lead", model="scripted:m")
        for attempt in (
            lambda: runtime.background_jobs("lead"),
            lambda: runtime.register_tool(pay, agent="lead"),
            lambda: runtime.remember_rule("pay", allow=True, agent="lead"),
            lambda: runtime.clear_rules("session", agent="lead"),
        ):
            with pytest.raises(TypeError, match="agent is an Agent, as `spawn` and `agent"):
                attempt()


async def test_the_asynchronous_face_says_the_same(options):
    async with open_runtime(":memory:", **options) as runtime:
        with pytest.raises(TypeError, match="agent is an Agent"):
            await runtime.background_jobs("lead")
        with pytest.raises(TypeError, match="agent is an Agent"):
            runtime.register_tool(pay, agent="lead")


def test_a_hidden_tool_that_there_is_not_is_warned_of(options, caplog):
    """A typo hides nothing: the tool that was meant runs."""
    with (
        caplog.at_level(logging.WARNING),
        open_runtime_sync(":memory:", tools=[pay], **options) as runtime,
    ):
        lead = runtime.spawn("lead", model="scripted:m", hidden_tools=["pey"], tools=["pay"])
        lead.configure(hidden_tools=["pay"], tools=["pai"])

    assert [one.getMessage() for one in caplog.records] == [
        "hidden_tools of agent lead: no tool is named 'pey' now",
        "tools of agent lead: no tool is named 'pai' now",
    ]
