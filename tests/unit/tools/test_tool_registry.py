"""Names of tools are unique, valid for providers, and looked up in words for a model."""

import dataclasses
from concurrent.futures import ThreadPoolExecutor

import pytest

from mentra_actors.errors import InvalidTool
from mentra_actors.ids import AgentId
from mentra_actors.tools.contract import PolicyDenied, ToolError
from mentra_actors.tools.functions.decorator import tool
from mentra_actors.tools.policy import RuntimePolicy
from mentra_actors.tools.registry import RegisteredTools, ToolRegistry, require_valid_name
from mentra_actors.tools.traits import ToolTraits


@tool
def first(text: str) -> str:
    """Say it."""
    return text


@tool
def second() -> str:
    """Say nothing."""
    return ""


def test_two_tools_of_one_name_are_refused():
    """Silently losing one of two tools is found out by users, weeks later."""
    with pytest.raises(InvalidTool, match="two tools are named 'first'"):
        ToolRegistry([first, second, first])


def test_an_undecorated_function_is_refused():
    """Forgetting the decorator is the commonest mistake, and the message has the cure."""
    with pytest.raises(InvalidTool, match="decorate the function with @tool"):
        ToolRegistry([len])  # type: ignore[list-item]


def test_an_unknown_tool_is_told_to_the_model():
    """A model that invents a name must hear it and go on, not end the run."""
    with pytest.raises(ToolError, match=r"^Tool not found$"):
        ToolRegistry([first]).find("frist")


def test_specs_keep_order_and_hide_what_is_not_allowed():
    """The order of tools is part of a cached prompt; a hidden tool must not be offered."""
    reader = dataclasses.replace(first, traits=ToolTraits(side_effects="none"))
    policy = RuntimePolicy(is_read_only=True, base_dir_access="read")

    assert [spec.name for spec in ToolRegistry([second, first]).specs()] == ["second", "first"]
    narrow = ToolRegistry([second, reader], policy=policy)
    assert [spec.name for spec in narrow.specs()] == ["first"]
    assert narrow.find("second") is second
    with pytest.raises(PolicyDenied, match="lets nothing change"):
        narrow.require_allowed(second)


def test_a_registry_is_a_mapping_that_never_changes():
    """Agents share one registry between threads, so adding makes another one."""
    registry = ToolRegistry([first])
    larger = registry.including(second)

    assert (list(registry), list(larger)) == (["first"], ["first", "second"])
    assert larger["second"] is larger.find("second") is second
    with pytest.raises(TypeError):
        registry["second"] = second  # type: ignore[index]


@pytest.mark.parametrize("name", ["", "two words", "a.b", "ä", "x" * 65, "line\n"])
def test_a_name_that_some_provider_refuses_is_refused_at_once(name):
    """Such a name would fail each request, far from the line that chose it."""
    with pytest.raises(InvalidTool, match="64 ASCII"):
        require_valid_name(name)


# --- registered while the runtime runs --------------------------------------------------------

ANN, BOB = AgentId("ann"), AgentId("bob")


def test_an_agents_own_tool_comes_before_one_for_all_until_it_is_removed():
    """The exact agent is the narrowest audience, whatever was registered first."""
    own = dataclasses.replace(first, description="Ann's own.")
    tools = RegisteredTools([first, second])

    registration = tools.register(own, audience=ANN)

    assert list(tools.of(ANN)) == ["second", "first"]
    assert (tools.of(ANN)["first"], tools.of(BOB)["first"]) == (own, first)
    assert tools.for_all["first"] is first
    registration.remove()
    assert tools.of(ANN)["first"] is first
    assert not tools._own


def test_what_is_registered_for_all_reaches_agents_with_tools_of_their_own():
    tools = RegisteredTools([])
    tools.register(second, audience=ANN)
    before = tools.of(ANN)

    with tools.register(first):
        assert list(tools.of(ANN)) == ["first", "second"]
        assert list(tools.of(BOB)) == ["first"]

    assert list(before) == list(tools.of(ANN)) == ["second"]
    assert list(tools.of(BOB)) == []


def test_a_name_is_given_once_for_each_audience():
    """Replacing one tool by another in silence would give calls to the wrong function."""
    tools = RegisteredTools([first])
    tools.register(first, audience=ANN)
    tools.register(first, audience=BOB)

    with pytest.raises(InvalidTool, match="two tools are named 'first'"):
        tools.register(first)
    with pytest.raises(InvalidTool, match="two tools are named 'first'"):
        tools.register(first, audience=ANN)
    with pytest.raises(InvalidTool, match="decorate the function"):
        tools.register(len, audience=ANN)
    assert list(tools.of(ANN)) == ["first"]


def test_a_registration_takes_away_its_own_tool_only():
    """The same name, even the same tool, may have been registered anew in between."""
    tools = RegisteredTools([])
    old = tools.register(first)
    old.remove()
    new = tools.register(first)

    old.remove()

    assert list(tools.for_all) == ["first"]
    assert (old.is_active, new.is_active) == (False, True)


def test_a_policy_hides_what_is_registered_later_too():
    tools = RegisteredTools([], policy=RuntimePolicy.read_only("."))
    tools.register(first)
    tools.register(second, audience=ANN)

    assert list(tools.of(ANN)) == ["first", "second"]
    assert tools.of(ANN).offered == ()
    assert tools.of(ANN).policy is tools.of(BOB).policy is not None


def test_tools_are_registered_and_looked_at_from_many_threads():
    """Nothing is lost, nothing is registered twice, and no look sees half a change."""
    tools = RegisteredTools([first])
    refused = []

    def work(number: int) -> None:
        mine = dataclasses.replace(second, name=f"tool_{number}")
        with tools.register(mine, audience=ANN):
            assert mine.name in tools.of(ANN)
            assert "first" in tools.of(ANN)
        tools.register(mine)
        try:
            tools.register(dataclasses.replace(second, name="contested"))
        except InvalidTool:
            refused.append(number)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(64)))

    assert sorted(tools.for_all) == sorted(
        ["contested", "first", *map("tool_{}".format, range(64))]
    )
    assert len(refused) == 63
    assert tools.of(ANN) is tools.for_all
