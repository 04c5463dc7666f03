"""Arguments of a wrong type or size: refused where they are given, before an actor sees them."""

import math

import pytest

import mentra_actors as mentra

WAIT_S = 10.0
HALF_A_PAIR = "\ud800"


@pytest.fixture
def lead():
    """An agent that has answered once."""
    model = mentra.ScriptedModel(lambda _request: "done")
    with mentra.open_runtime_sync(":memory:", providers=[model]) as runtime:
        agent = runtime.spawn("lead", model="scripted:x")
        agent.send("first", timeout_s=WAIT_S)
        yield agent


@pytest.mark.parametrize("entry", [1.5, 1.0, True, "1", None])
@pytest.mark.parametrize("way", ["label", "move_to"])
def test_an_entry_is_named_by_a_whole_number(lead, way, entry):
    """A slip in a number must not end the agent."""
    arguments = ("x",) if way == "label" else ()
    with pytest.raises(TypeError, match="an entry is a whole number, not "):
        getattr(lead.conversation, way)(entry, *arguments)

    assert lead.send("go on", timeout_s=WAIT_S).text == "done"


@pytest.mark.parametrize(
    ("output", "error"),
    [
        ({"description": 5}, TypeError),
        ({"description": 0}, TypeError),
        ({"description": HALF_A_PAIR}, ValueError),
        ({"retries": 1.5}, TypeError),
        ({"retries": True}, TypeError),
        ({"retries": "2"}, TypeError),
        ({"retries": 2**70}, ValueError),
        ({"retries": -1}, ValueError),
        ({"keeps_tools": "yes"}, TypeError),
    ],
)
def test_how_a_value_is_asked_for_is_checked_first(lead, output, error):
    """What could not be stored with the prompt must not reach the actor."""
    [option] = output
    with pytest.raises(error, match=option):
        lead.run_to(int, "How many?", output=output, timeout_s=WAIT_S)

    assert lead.send("go on", timeout_s=WAIT_S).text == "done"


@pytest.mark.parametrize(
    ("grace_s", "error"),
    [
        ("x", TypeError),
        (True, TypeError),
        (math.nan, ValueError),
        (math.inf, ValueError),
        (-1, ValueError),
        (10**400, ValueError),
    ],
)
def test_a_time_of_grace_is_a_number_of_seconds(lead, grace_s, error):
    """A slip would break off at once what was to be finished."""
    with pytest.raises(error, match="grace_s"):
        lead.stop_run(grace_s=grace_s)
